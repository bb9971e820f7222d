"""The base model's steps: an epoch is judged as a whole."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from mole_engine.data.batching import MolBatch
from mole_engine.models.base import Learning, Model, _first_of_each


class Line(Model):
    """Predicts a factor times the first token."""

    def __init__(self) -> None:
        super().__init__()
        self.factor = nn.Parameter(torch.tensor(2.0))
        self.logged: dict[str, float] = {}

    def predict_batch(self, batch: MolBatch) -> Tensor:
        return batch.tokens[:, :1].float() * self.factor

    def parts(self) -> Iterator[tuple[str, nn.Module]]:
        yield "head", self

    def log(self, name: str, value: Any, **options: Any) -> None:
        self.logged[name] = float(value)

    def log_dict(self, dictionary: Any, **options: Any) -> None:
        self.logged |= {name: float(value) for name, value in dictionary.items()}


def batch(values: list[int], targets: list[float], start: int = 0) -> MolBatch:
    labels = torch.tensor(targets).unsqueeze(1)
    known = ~labels.isnan()
    return MolBatch(
        tokens=torch.tensor(values).unsqueeze(1),
        distances=torch.zeros(len(values), 1, 1, dtype=torch.uint8),
        mask=torch.ones(len(values), 1, dtype=torch.bool),
        targets=labels.where(known, torch.zeros_like(labels)),
        target_mask=known,
        weights=torch.ones(len(values)),
        index=torch.arange(start, start + len(values)),
    )


def masked_mse(logits: Tensor, targets: Tensor, mask: Tensor, weights: Tensor) -> Tensor:
    return ((logits - targets).square() * mask).sum() / mask.sum().clamp(min=1)


@pytest.fixture
def line() -> Line:
    model = Line()
    model.learning = Learning(
        criterion=masked_mse,
        metrics=lambda outputs, targets, mask: {"mean": float(outputs.mean()), "count": float(mask.sum())},
        outputs_of=lambda logits: logits + 100,
        optimisers=lambda model: torch.optim.SGD(model.parameters(), lr=1.0),
    )
    return model


def test_the_epoch_counts_every_label_once_however_it_is_cut(line: Line) -> None:
    line.on_validation_epoch_start()
    line.validation_step(batch([1, 2, 3], [0.0, 0.0, 0.0]), 0)
    line.validation_step(batch([4], [float("nan")], 3), 1)
    line.validation_step(batch([5], [0.0], 4), 2)
    line.on_validation_epoch_end()
    assert line.logged["val_loss"] == pytest.approx((4 + 16 + 36 + 100) / 4)
    assert line.logged["val/mean"] == pytest.approx(106.0)
    assert line.logged["val/count"] == 4


def test_training_validation_and_test_are_kept_apart(line: Line) -> None:
    loss = line.training_step(batch([1], [0.0]), 0)
    line.validation_step(batch([2], [0.0]), 0)
    line.test_step(batch([3], [0.0]), 0)
    line.on_validation_epoch_end()
    line.on_train_epoch_end()
    line.on_test_epoch_end()
    assert loss.requires_grad
    assert [line.logged[f"{part}_loss"] for part in ("train", "val", "test")] == [4.0, 16.0, 36.0]


def test_a_new_epoch_forgets_an_unfinished_one(line: Line) -> None:
    line.validation_step(batch([9], [0.0]), 0)
    line.on_validation_epoch_start()
    line.validation_step(batch([1], [0.0]), 0)
    line.on_validation_epoch_end()
    assert line.logged["val_loss"] == 4.0


def test_an_epoch_without_batches_logs_nothing(line: Line) -> None:
    line.on_validation_epoch_end()
    assert not line.logged


def test_an_epoch_without_labels_is_finite(line: Line) -> None:
    line.validation_step(batch([1], [float("nan")]), 0)
    line.on_validation_epoch_end()
    assert line.logged["val_loss"] == 0.0


def test_predictions_come_in_the_users_units(line: Line) -> None:
    assert line.predict_step(batch([1], [0.0]), 0).tolist() == [[102.0]]
    line.learning = None
    assert line.predict_step(batch([1], [0.0]), 0).tolist() == [[2.0]]


def test_learning_is_needed_to_train(line: Line) -> None:
    assert isinstance(line.configure_optimizers(), torch.optim.SGD)
    line.learning = None
    with pytest.raises(RuntimeError, match="learning"):
        line.training_step(batch([1], [0.0]), 0)


def test_repeated_molecules_of_several_processes_count_once() -> None:
    values, first = _first_of_each(torch.tensor([4, 0, 2, 0, 4, 9]))
    assert values.tolist() == [0, 2, 4, 9]
    assert first.tolist() == [1, 2, 0, 5]
