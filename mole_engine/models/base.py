"""The base of everything that is trained: steps, losses and metrics of an epoch, as Lightning wants them."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from mole_engine.models.clipping import ClippedModule

if TYPE_CHECKING:
    from mole_engine.data.batching import MolBatch

FREEZABLE = ("none", "embeddings", "layers", "encoder")


def _as_they_are(targets: Tensor) -> Tensor:
    return targets


@dataclass
class Learning:
    """What a model needs to learn; given from outside, since losses and metrics stand above the models.

    Attributes
    ----------
    criterion
        (logits, targets, target_mask, weights) -> scalar; masked, finite even when nothing is labelled.
    metrics
        (outputs, targets, target_mask) -> values by name, over a whole epoch at once, in the user's units.
    outputs_of
        Logits -> user's units or probabilities.
    optimisers
        Model -> what Lightning's `configure_optimizers` returns.
    targets_of
        Targets as the criterion sees them -> user's units.
    """

    criterion: Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]
    metrics: Callable[[Tensor, Tensor, Tensor], dict[str, float]]
    outputs_of: Callable[[Tensor], Tensor]
    optimisers: Callable[[Model], Any]
    targets_of: Callable[[Tensor], Tensor] = _as_they_are


def fixed_of(model: nn.Module) -> dict[str, Tensor]:
    """Return the parameters that do not learn, by name."""
    return {name: value.detach() for name, value in model.named_parameters() if not value.requires_grad}


@dataclass
class _Epoch:
    """Logits and labels of one pass, left on their device until the pass ends: a copy per step would hold up a GPU."""

    index: list[Tensor]
    logits: list[Tensor]
    targets: list[Tensor]
    masks: list[Tensor]
    weights: list[Tensor]

    @classmethod
    def empty(cls) -> _Epoch:
        return cls([], [], [], [], [])

    def add(self, batch: MolBatch, logits: Tensor) -> None:
        for store, values in zip(
            (self.index, self.logits, self.targets, self.masks, self.weights),
            (batch.index, logits.detach().float(), batch.targets, batch.target_mask, batch.weights),
            strict=True,
        ):
            store.append(values)

    def joined(self) -> list[Tensor]:
        """Return index, logits, targets, mask, weights of the epoch; of all processes, each molecule once."""
        parts = [torch.cat(store).cpu() for store in (self.index, self.logits, self.targets, self.masks, self.weights)]
        if torch.distributed.is_available() and torch.distributed.is_initialized():
            gathered: list[Any] = [None] * torch.distributed.get_world_size()
            torch.distributed.all_gather_object(gathered, parts)
            parts = [torch.cat(same) for same in zip(*gathered, strict=True)]
            # Distributed samplers repeat a few molecules to give every process equally many.
            _, first = _first_of_each(parts[0])
            parts = [values[first] for values in parts]
        return parts


def _first_of_each(index: Tensor) -> tuple[Tensor, Tensor]:
    values, order = torch.sort(index, stable=True)
    is_first = torch.ones_like(values, dtype=torch.bool)
    is_first[1:] = values[1:] != values[:-1]
    return values[is_first], order[is_first]


class Model(ClippedModule, ABC):
    """A network with its training, validation, test and prediction steps.

    Attributes
    ----------
    learning
        Loss, metrics and optimisers; None for a model that only predicts.
    """

    def __init__(self) -> None:
        super().__init__()
        self.learning: Learning | None = None
        self._epochs: dict[str, _Epoch] = {}

    @abstractmethod
    def predict_batch(self, batch: MolBatch) -> Tensor:
        """Return the (B, outputs) logits of a batch."""

    @abstractmethod
    def parts(self) -> Iterator[tuple[str, nn.Module]]:
        """Yield the parts from bottom to top, "embeddings" first and "head" last."""

    def training_step(self, batch: MolBatch, batch_idx: int) -> Tensor:
        """Return the loss of a batch and remember its outputs for the epoch's metrics."""
        logits = self.predict_batch(batch)
        self._epochs.setdefault("train", _Epoch.empty()).add(batch, logits)
        # Whoever wants the loss of a step finds it in what is returned; logging it costs a small step several percent.
        return self._taught().criterion(logits, batch.targets, batch.target_mask, batch.weights)

    def validation_step(self, batch: MolBatch, batch_idx: int) -> None:
        """Remember the outputs of a validation batch."""
        self._epochs.setdefault("val", _Epoch.empty()).add(batch, self.predict_batch(batch))

    def test_step(self, batch: MolBatch, batch_idx: int) -> None:
        """Remember the outputs of a test batch."""
        self._epochs.setdefault("test", _Epoch.empty()).add(batch, self.predict_batch(batch))

    def predict_step(self, batch: MolBatch, batch_idx: int) -> Tensor:
        """Return the outputs of a batch in the user's units (logits where there is no `learning`)."""
        logits = self.predict_batch(batch)
        return logits if self.learning is None else self.learning.outputs_of(logits)

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Add the weights that do not learn, which a checkpoint may leave out."""
        checkpoint["state_dict"] = {**fixed_of(self), **checkpoint["state_dict"]}

    def on_train_epoch_start(self) -> None:
        """Forget the epoch before."""
        self._epochs.pop("train", None)

    def on_validation_epoch_start(self) -> None:
        """Forget the epoch before."""
        self._epochs.pop("val", None)

    def on_test_epoch_start(self) -> None:
        """Forget the epoch before."""
        self._epochs.pop("test", None)

    def on_train_epoch_end(self) -> None:
        """Log `train_loss` and `train/<metric>` of the epoch."""
        self._log_epoch("train")

    def on_validation_epoch_end(self) -> None:
        """Log `val_loss` and `val/<metric>` of the epoch."""
        self._log_epoch("val")

    def on_test_epoch_end(self) -> None:
        """Log `test_loss` and `test/<metric>` of the epoch."""
        self._log_epoch("test")

    def configure_optimizers(self) -> Any:
        """Return what `learning.optimisers` builds."""
        return self._taught().optimisers(self)

    def _taught(self) -> Learning:
        if self.learning is None:
            raise RuntimeError("model.learning must be set before training or testing")
        return self.learning

    def _log_epoch(self, part: str) -> None:
        epoch = self._epochs.pop(part, None)
        if epoch is None or not epoch.logits:
            return
        learning = self._taught()
        _, logits, targets, mask, weights = epoch.joined()
        with torch.no_grad():
            # The whole epoch at once: neither a short last batch nor an unlabelled one weighs too much.
            loss = learning.criterion(*(values.to(self.device) for values in (logits, targets, mask, weights)))
            values = learning.metrics(learning.outputs_of(logits), learning.targets_of(targets), mask)
        self.log(f"{part}_loss", float(loss), rank_zero_only=False)
        self.log_dict({f"{part}/{name}": float(value) for name, value in values.items()})

    def frozen_parts(self, freeze: str, layers: int = 0) -> list[nn.Module]:
        """Return the parts that stay fixed.

        Parameters
        ----------
        freeze
            "none", "embeddings", "layers" (embeddings and the first `layers` layers) or "encoder" (all but the head).

        Raises
        ------
        ValueError
            For another word.
        """
        if freeze not in FREEZABLE:
            raise ValueError(f"freeze must be one of {', '.join(FREEZABLE)}, got {freeze!r}")
        below = {"none": 0, "embeddings": 1, "layers": 1 + layers, "encoder": math.inf}[freeze]
        return [part for index, (name, part) in enumerate(self.parts()) if index < below and name != "head"]

    def freeze_parts(self, freeze: str, layers: int = 0) -> None:
        """Stop the gradients of the parts that `frozen_parts` names, and let all others learn. Raises ValueError."""
        frozen = self.frozen_parts(freeze, layers)
        self.requires_grad_(True)
        for part in frozen:
            part.requires_grad_(False)
