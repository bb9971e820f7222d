"""What the logits mean: which columns belong to which task, and how they become values in the user's units."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from mole_engine.contracts.dataset import TaskKind, TaskSpec
from mole_engine.data.scaling import LARGEST_EXPONENT, TargetScaler, TaskScale

LN10 = 2.302585092994046
SMALL = 1e-8


class OutputLayout:
    """Which columns of the logits belong to which task.

    Attributes
    ----------
    columns
        One slice a task, in task order.
    size
        Number of columns: 1 for regression and two classes, k for k > 2 classes.
    """

    def __init__(self, tasks: Sequence[TaskSpec]) -> None:
        self.tasks = tuple(tasks)
        ends = [0]
        for task in self.tasks:
            ends.append(ends[-1] + task.outputs)
        self.columns = tuple(slice(start, end) for start, end in pairwise(ends))
        self.size = ends[-1]

    def first_columns(self, kind: TaskKind) -> list[int]:
        """First column of each task of one kind."""
        return [part.start for task, part in zip(self.tasks, self.columns, strict=True) if task.kind is kind]

    def positions(self, kind: TaskKind) -> list[int]:
        """Position of each task of one kind among all tasks."""
        return [position for position, task in enumerate(self.tasks) if task.kind is kind]


class TensorScaler(nn.Module):
    """A `TargetScaler` on tensors: the same numbers, on any device.

    Parameters
    ----------
    scales
        Of the T columns, in order.
    """

    mean: Tensor
    std: Tensor
    low: Tensor
    high: Tensor
    exponent: Tensor

    def __init__(self, scales: Sequence[TaskScale]) -> None:
        super().__init__()
        for name in ("mean", "std", "low", "high", "exponent"):
            values = torch.tensor([getattr(scale, name) for scale in scales], dtype=torch.float64)
            self.register_buffer(name, values.to(torch.float32), persistent=False)
        # Buffers rather than lists: indexing a GPU tensor with a list makes the CPU wait for the GPU.
        self.transforms = sorted({scale.transform for scale in scales} - {"none"})
        for transform in self.transforms:
            places = [place for place, scale in enumerate(scales) if scale.transform == transform]
            self.register_buffer(_places(transform), torch.tensor(places), persistent=False)

    def forward(self, values: Tensor) -> Tensor:
        """Scale (B, T) values in the user's units."""
        changed = values.clamp(self.low, self.high) if self.transforms else values
        for transform in self.transforms:
            columns = self.get_buffer(_places(transform))
            part = changed.index_select(1, columns)
            if transform == "log10":
                part = part.log10()
            elif transform == "logit":
                part = part.logit()
            else:
                power = self.exponent[columns]
                safe = torch.where(power.abs() < SMALL, torch.ones_like(power), power)
                part = torch.where(power.abs() < SMALL, part.log(), (part**safe - 1) / safe)
            changed = changed.index_copy(1, columns, part)
        return (changed - self.mean) / self.std

    def inverse(self, scaled: Tensor) -> Tensor:
        """Bring (B, T) scaled values back to the user's units."""
        values = scaled * self.std + self.mean
        for transform in self.transforms:
            columns = self.get_buffer(_places(transform))
            part = values.index_select(1, columns)
            if transform == "log10":
                part = 10.0 ** part.clamp(-LARGEST_EXPONENT, LARGEST_EXPONENT)
            elif transform == "logit":
                part = part.sigmoid()
            else:
                part = _inverse_box_cox(part, self.exponent[columns])
            values = values.index_copy(1, columns, part)
        return values


def _places(transform: str) -> str:
    return f"places_{transform.replace('-', '_')}"


def _inverse_box_cox(values: Tensor, power: Tensor) -> Tensor:
    largest = LARGEST_EXPONENT * LN10
    safe = torch.where(power.abs() < SMALL, torch.ones_like(power), power)
    # Beyond the pole of Box-Cox there is no value: the closest one is taken.
    logarithm = (values * safe + 1).clamp_min(torch.finfo(torch.float32).tiny).log() / safe
    return torch.where(power.abs() < SMALL, values, logarithm).clamp(-largest, largest).exp()


class Readout(nn.Module):
    """From logits to what a user reads: values in units, probabilities.

    Parameters
    ----------
    tasks
        What the model predicts.
    scaler
        Of the regression targets; None: their logits are values already.
    """

    def __init__(self, tasks: Sequence[TaskSpec], scaler: TargetScaler | None = None) -> None:
        super().__init__()
        self.layout = OutputLayout(tasks)
        self.regression = self.layout.first_columns(TaskKind.REGRESSION)
        self.binary = self.layout.first_columns(TaskKind.CLASSIFICATION)
        self.several = [
            part for task, part in zip(tasks, self.layout.columns, strict=True) if task.kind is TaskKind.MULTICLASS
        ]
        scales = [scale or TaskScale() for scale in scaler.scales] if scaler else [TaskScale() for _ in tasks]
        self.scaler = TensorScaler([scales[place] for place in self.layout.positions(TaskKind.REGRESSION)])

    def forward(self, logits: Tensor) -> Tensor:
        """Return (B, outputs) float32: regression in the user's units, probabilities for classes.

        Parameters
        ----------
        logits
            (B, outputs) of the network.
        """
        if self.scaler.mean.device != logits.device:
            self.to(logits.device)
        outputs = logits.float()
        if self.binary:
            outputs = _with_columns(outputs, self.binary, outputs[:, self.binary].sigmoid())
        for part in self.several:
            columns = list(range(part.start, part.stop))
            outputs = _with_columns(outputs, columns, outputs[:, columns].softmax(dim=1))
        if self.regression:
            outputs = _with_columns(outputs, self.regression, self.scaler.inverse(outputs[:, self.regression]))
        return outputs


def _with_columns(values: Tensor, columns: list[int], part: Tensor) -> Tensor:
    return values.index_copy(1, torch.tensor(columns, device=values.device), part)
