"""AdamW with parameter groups: what decays, what learns slower, what stays fixed."""

from __future__ import annotations

from typing import Any

from torch import nn
from torch.optim import AdamW

from mole_engine.contracts.config import TrainingConfig
from mole_engine.models.base import Model
from mole_engine.training.schedulers import build_schedule, warmup_steps


def freeze(model: Model, config: TrainingConfig) -> None:
    """Fix the part of the network that the configuration names.

    Fixed modules are also put into evaluation mode: dropout in front of weights that cannot adapt is only noise.
    Lightning keeps the mode that each module has when the fit starts.
    """
    model.train()
    model.freeze_parts(config.freeze, config.freeze_layers)
    for part in model.frozen_parts(config.freeze, config.freeze_layers):
        part.eval()


def parameter_groups(model: Model, config: TrainingConfig) -> list[dict[str, Any]]:
    """Divide the trainable parameters into groups of like learning rate and decay.

    The rate of a layer is the peak rate times `layer_decay` for each layer above it; embeddings stand below the first
    layer; the head has its own peak rate. Weight decay acts on matrices only: biases and the scales of layer norms set
    offsets and ranges that have no reason to be near zero. Embedding matrices do decay, as in BERT and DeBERTa: a layer
    norm follows them, so that only their direction matters.
    """
    parts = [part for _, part in model.parts()]
    top = len(parts) - 1
    depth = {id(parameter): place for place, part in enumerate(parts) for parameter in part.parameters()}
    groups: dict[tuple[float, float, bool], list[nn.Parameter]] = {}
    for parameter in model.parameters():
        if not parameter.requires_grad:
            continue
        place = depth.get(id(parameter), top)
        rate = config.learning_rate * config.layer_decay ** (top - 1 - place)
        if place == top:
            rate = config.head_learning_rate or config.learning_rate
        decay = config.weight_decay if parameter.ndim >= 2 else 0.0
        # Where the head starts alone, its group must be its own.
        groups.setdefault((rate, decay, bool(config.head_epochs) and place == top), []).append(parameter)
    return [{"params": members, "lr": rate, "weight_decay": decay} for (rate, decay, _), members in groups.items()]


def build_optimisers(
    model: Model, config: TrainingConfig, total_steps: int, *, head_steps: int = 0, fused: bool = False
) -> dict[str, Any]:
    """Return optimiser and schedule as `LightningModule.configure_optimizers` does.

    Parameters
    ----------
    model, config
        What learns, and how.
    total_steps
        Optimiser steps of the whole training.
    head_steps
        First steps in which all but the head stand still; then they warm up. A new head's first gradients are of no
        use to an encoder that knows more than it.
    fused
        Do a whole update in one kernel: on a CPU, a quarter of the time of the plain update.
    """
    optimiser = AdamW(parameter_groups(model, config), lr=config.learning_rate, eps=config.adam_eps, fused=fused)
    head = {id(parameter) for parameter in list(model.parts())[-1][1].parameters()}
    waits = [0 if id(group["params"][0]) in head else head_steps for group in optimiser.param_groups]
    schedule = build_schedule(
        optimiser, config.schedule, total_steps, warmup_steps(total_steps, config.warmup_fraction), waits
    )
    return {"optimizer": optimiser, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}
