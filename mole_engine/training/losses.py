"""Losses over labels of which some are missing.

Every loss is a sum over the labels there are, divided by their number: a label counts the same in whatever task and
batch it stands, so tasks with many labels weigh more than tasks with few. Sample weights (scaled to a mean of 1 over
the training part) and class weights multiply the terms, not the divisor.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional

from mole_engine.contracts.config import TrainingConfig
from mole_engine.contracts.dataset import TaskKind, TaskSpec
from mole_engine.contracts.errors import InputError
from mole_engine.data.scaling import TargetScaler, TaskScale
from mole_engine.training.outputs import OutputLayout, TensorScaler

FOCAL_GAMMA = 2.0

ClassWeights = Sequence[npt.NDArray[np.float64] | None]
"""For each task (k,) weights of its classes, or None (regression, or unweighted)."""

REGRESSION_LOSSES: dict[str, Callable[..., Tensor]] = {
    "mse": functional.mse_loss,
    "mae": functional.l1_loss,
    "huber": functional.huber_loss,
}
FITTING: dict[TaskKind, tuple[str, ...]] = {
    TaskKind.REGRESSION: ("mse", "mae", "huber"),
    TaskKind.CLASSIFICATION: ("bce", "focal"),
    TaskKind.MULTICLASS: ("ce", "focal"),
}
"""Losses that fit each kind of task; the first is the default."""


class Criterion(nn.Module):
    """The training loss of all tasks together.

    Parameters
    ----------
    tasks
        What is predicted.
    losses
        Name of the loss for each kind of task.
    class_weights
        See `ClassWeights`; copied, never changed.
    scaler
        Scales regression targets before they are compared with the logits.
    """

    positive_weight: Tensor
    negative_weight: Tensor

    def __init__(
        self,
        tasks: Sequence[TaskSpec],
        losses: dict[TaskKind, str],
        class_weights: ClassWeights | None = None,
        scaler: TargetScaler | None = None,
    ) -> None:
        super().__init__()
        self.layout = OutputLayout(tasks)
        self.losses = dict(losses)
        self.positions = {kind: self.layout.positions(kind) for kind in TaskKind}
        for kind in TaskKind:
            # Buffers rather than lists: indexing a GPU tensor with a list makes the CPU wait for the GPU.
            self.register_buffer(f"places_{kind}", torch.tensor(self.positions[kind]), persistent=False)
            columns = torch.tensor(self.layout.first_columns(kind))
            self.register_buffer(f"columns_{kind}", columns, persistent=False)
        weights = list(class_weights) if class_weights is not None else [None] * len(tasks)
        scales = list(scaler.scales) if scaler else [None] * len(tasks)
        self.scaler = TensorScaler([scales[place] or TaskScale() for place in self.positions[TaskKind.REGRESSION]])
        pairs = [weights[place] for place in self.positions[TaskKind.CLASSIFICATION]]
        for name, side in (("negative_weight", 0), ("positive_weight", 1)):
            values = [1.0 if pair is None else float(pair[side]) for pair in pairs]
            self.register_buffer(name, torch.tensor(values), persistent=False)
        for place in self.positions[TaskKind.MULTICLASS]:
            own = weights[place]
            values = [1.0] * tasks[place].outputs if own is None else [float(value) for value in own]
            self.register_buffer(f"class_weight_{place}", torch.tensor(values), persistent=False)

    def forward(self, logits: Tensor, targets: Tensor, target_mask: Tensor, weights: Tensor | None = None) -> Tensor:
        """Return the mean loss over the labels there are.

        Parameters
        ----------
        logits
            (B, outputs).
        targets
            (B, T) in the user's units, classes as 0..k-1; anything (NaN too) where there is no label.
        target_mask
            (B, T) bool, true where there is a label.
        weights
            (B,) sample weights; None: all 1.

        Returns
        -------
        Tensor
            Scalar. Zero, with zero gradients, where there is no label at all. With several processes it is scaled so
            that the average over processes is the mean over all their labels.
        """
        terms = self.elementwise(logits, targets, target_mask)
        if weights is not None:
            terms = terms * weights[:, None]
        return terms.sum() / self._divisor(target_mask)

    def elementwise(self, logits: Tensor, targets: Tensor, target_mask: Tensor) -> Tensor:
        """Return the (B, T) unweighted-by-sample loss terms, 0 where there is no label."""
        if self.scaler.mean.device != logits.device:
            self.to(logits.device)
        logits = logits.float()
        terms = torch.zeros(target_mask.shape, dtype=logits.dtype, device=logits.device)
        for kind, places in self.positions.items():
            if places:
                chosen = self.get_buffer(f"places_{kind}")
                known = target_mask.index_select(1, chosen)
                values = torch.where(known, targets.index_select(1, chosen).float(), self._filler(kind))
                part = torch.where(known, self._terms(kind, logits, values), 0.0)
                terms = terms.index_copy(1, chosen, part)
        return terms

    def _filler(self, kind: TaskKind) -> float | Tensor:
        # A value that every transform can take; its term is dropped afterwards.
        return self.scaler.inverse(torch.zeros_like(self.scaler.mean)[None]) if kind is TaskKind.REGRESSION else 0.0

    def _terms(self, kind: TaskKind, logits: Tensor, values: Tensor) -> Tensor:
        if kind is not TaskKind.MULTICLASS:
            chosen = logits.index_select(1, self.get_buffer(f"columns_{kind}"))
            if kind is TaskKind.CLASSIFICATION:
                return self._binary(chosen, values)
            return REGRESSION_LOSSES[self.losses[kind]](chosen, self.scaler(values), reduction="none")
        return torch.stack(
            [self._several(place, logits, values[:, row]) for row, place in enumerate(self.positions[kind])], dim=1
        )

    def _binary(self, logits: Tensor, values: Tensor) -> Tensor:
        terms = functional.binary_cross_entropy_with_logits(logits, values, reduction="none")
        if self.losses[TaskKind.CLASSIFICATION] == "focal":
            terms = _focal(terms)
        return terms * torch.where(values > 0.5, self.positive_weight, self.negative_weight)

    def _several(self, place: int, logits: Tensor, values: Tensor) -> Tensor:
        labels = values.long()
        terms = functional.cross_entropy(logits[:, self.layout.columns[place]], labels, reduction="none")
        if self.losses[TaskKind.MULTICLASS] == "focal":
            terms = _focal(terms)
        class_weights: Tensor = self.get_buffer(f"class_weight_{place}")
        return terms * class_weights[labels]

    @staticmethod
    def _divisor(target_mask: Tensor) -> Tensor:
        count = target_mask.sum().float()
        if torch.is_grad_enabled() and torch.distributed.is_available() and torch.distributed.is_initialized():
            torch.distributed.all_reduce(count)
            count = count / torch.distributed.get_world_size()
            return count.clamp_min(1.0 / torch.distributed.get_world_size())
        return count.clamp_min(1.0)


def build_criterion(
    tasks: Sequence[TaskSpec],
    config: TrainingConfig,
    class_weights: ClassWeights | None = None,
    scaler: TargetScaler | None = None,
) -> Criterion:
    """Return the loss that the configuration asks for.

    A loss that is named applies to the kinds of task it fits; other kinds keep their default.

    Raises
    ------
    InputError
        When the named loss fits none of the tasks.
    """
    kinds = {task.kind for task in tasks}
    losses = {kind: names[0] for kind, names in FITTING.items()}
    if config.loss != "auto":
        fitting = [kind for kind in kinds if config.loss in FITTING[kind]]
        if not fitting:
            raise InputError(
                f"The loss {config.loss} does not fit the targets.",
                f"They ask for {' and '.join(sorted(kind.value for kind in kinds))}.",
                f"Choose auto, or one of: {', '.join(sorted({name for kind in kinds for name in FITTING[kind]}))}.",
            )
        losses.update(dict.fromkeys(fitting, config.loss))
    return Criterion(tasks, losses, class_weights, scaler)


def balanced_class_weights(
    targets: npt.NDArray[np.floating], tasks: Sequence[TaskSpec], molecules: npt.NDArray[np.float64] | None = None
) -> list[npt.NDArray[np.float64] | None]:
    """Return weights that give every class the same say: labels / (classes x labels of the class).

    Parameters
    ----------
    targets
        (n, T) of the training part, NaN where a label is missing.
    tasks
        The T tasks. A class without labels gets weight 1.
    molecules
        (n,) sample weights above 0, by which labels are counted; None: all count the same.
    """
    weights: list[npt.NDArray[np.float64] | None] = []
    for column, task in zip(targets.T, tasks, strict=True):
        if task.kind is TaskKind.REGRESSION:
            weights.append(None)
            continue
        known = ~np.isnan(column)
        labels, much = column[known].astype(np.int64), None if molecules is None else molecules[known]
        counts = np.bincount(labels, much, minlength=max(2, len(task.classes))).astype(np.float64)
        present = np.count_nonzero(counts)
        share = counts.sum() / (max(1, present) * np.where(counts > 0, counts, 1.0))
        weights.append(np.where(counts > 0, share, 1.0))
    return weights


def _focal(cross_entropy: Tensor) -> Tensor:
    """Turn cross-entropies into focal losses (Lin et al. 2017): easy examples count less."""
    return (1 - torch.exp(-cross_entropy)) ** FOCAL_GAMMA * cross_entropy
