"""Simple models of a blend and their weights: classes, gaps, saving, and the pull towards equal weights."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from mole_engine.contracts.dataset import TaskKind, TaskSpec
from mole_engine.training.blend import NETWORK, Blend, in_words, to_logits, to_values
from mole_engine.training.parts import PARTS, fit_part, part_from_arrays

TASKS = (
    TaskSpec("size", TaskKind.REGRESSION),
    TaskSpec("ring", TaskKind.CLASSIFICATION, classes=("no", "yes")),
    TaskSpec("kind", TaskKind.MULTICLASS, classes=("a", "b", "c", "d")),
)


@pytest.fixture
def tables() -> dict[str, np.ndarray]:
    generator = np.random.default_rng(0)
    numbers = generator.normal(size=(90, 5)).astype(np.float32)
    numbers[::7, 4] = np.nan
    counts = generator.poisson(0.4, size=(90, 30)).astype(np.float32)
    # Fingerprints say a little of the first number, and nothing of the others.
    counts[:, :3] = np.round(3 + 2 * numbers[:, :1]).clip(0, 8)
    return {"descriptors": numbers, "counts": counts}


@pytest.fixture
def labels(tables: dict[str, np.ndarray]) -> np.ndarray:
    numbers = tables["descriptors"]
    kind = np.digitize(numbers[:, 2], [-0.4, 0.4]).astype(float)
    whole = np.column_stack([numbers[:, 0], numbers[:, 1] > 0, kind])
    whole[::5, 0] = np.nan
    whole[1::5, 1] = np.nan
    return whole


@pytest.mark.parametrize("name", PARTS)
def test_a_part_learns_all_kinds_and_comes_back_from_its_arrays(name: str, tables: Any, labels: Any) -> None:
    train = {key: table[:70] for key, table in tables.items()}
    part = fit_part(name, train, labels[:70], TASKS, trees=60)
    values = part.predict(tables)
    assert values.shape == (90, 6)
    np.testing.assert_allclose(values[:, 2:].sum(axis=1), 1.0, atol=1e-5)
    assert ((values[:, 1:] >= 0) & (values[:, 1:] <= 1)).all()
    held = slice(70, 90)
    known = ~np.isnan(labels[held, 0])
    assert np.corrcoef(values[held, 0][known], labels[held, 0][known])[0, 1] > 0.3
    back = part_from_arrays(name, part.to_arrays("p."), "p.", TASKS)
    np.testing.assert_allclose(back.predict(tables), values, atol=1e-3)


def test_a_forest_asks_nothing_of_counts_that_few_molecules_have(tables: Any, labels: Any) -> None:
    rare = slice(10, 20)
    tables["counts"][:, rare] = 0
    tables["counts"][:7, rare] = 1
    part = fit_part("random", tables, labels, TASKS, trees=60)
    asked = np.unique(np.concatenate([trees.feature for trees in part.trees if trees is not None]))
    # Behind five descriptors.
    assert not set(asked) & set(range(15, 25))
    assert max(asked) > 25
    changed = {**tables, "counts": tables["counts"].copy()}
    changed["counts"][:, rare] = 3
    np.testing.assert_array_equal(part.predict(changed), part.predict(tables))


def test_a_task_with_one_label_is_predicted_by_it(tables: Any, labels: Any) -> None:
    labels[:, 1] = 1.0
    for name in PARTS:
        assert (fit_part(name, tables, labels, TASKS, trees=5).predict(tables)[:, 1] > 0.999).all()


@pytest.mark.parametrize("name", PARTS)
def test_a_task_without_labels_is_left_open(name: str, tables: Any, labels: Any) -> None:
    gaps = np.full_like(labels, np.nan)
    gaps[:, 0] = labels[:, 0]
    values = fit_part(name, tables, gaps, TASKS, trees=5).predict(tables)
    np.testing.assert_allclose(values[:, 1:], [[0.5, 0.25, 0.25, 0.25, 0.25]] * 90, atol=1e-6)


# Extra trees give every molecule a leaf of its own, whatever it weighs.
@pytest.mark.parametrize("name", [name for name in PARTS if name != "extra"])
def test_what_counts_little_is_hardly_learnt(name: str, tables: Any, labels: Any) -> None:
    train = {key: table[:70] for key, table in tables.items()}
    absurd = labels[:70].copy()
    absurd[40:] = [30.0, 0.0, 3.0]
    weights = np.where(np.arange(70) < 40, 1.0, 1e-9)
    some = fit_part(name, {key: table[:40] for key, table in tables.items()}, labels[:40], TASKS, trees=20)
    heard = fit_part(name, train, absurd, TASKS, trees=20, weights=weights / weights.mean())
    obeyed = fit_part(name, train, absurd, TASKS, trees=20)
    wanted, far, near = (part.predict(tables)[70:] for part in (some, obeyed, heard))
    assert np.abs(near - wanted).mean() < 0.5 * np.abs(far - wanted).mean()


def test_averages_are_read_out_like_logits() -> None:
    logits = np.random.default_rng(0).normal(size=(10, 6))
    values = to_values(logits, TASKS)
    back = to_logits(values, TASKS)
    np.testing.assert_allclose(back[:, :2], logits[:, :2], atol=1e-6)
    np.testing.assert_allclose(to_values(back, TASKS), values, atol=1e-6)


def test_a_blend_with_an_unknown_part_is_refused() -> None:
    with pytest.raises(ValueError, match="not known"):
        Blend.load({"weights": {NETWORK: 0.5, "oracle": 0.5}}, {}, TASKS)


def test_shares_are_told_without_those_that_count_for_nothing() -> None:
    shares = {NETWORK: 0.0, "tuned": 0.75, "kernel": 0.25}
    assert in_words(shares) == "fine-tuned network 75%, Gaussian process 25%"
