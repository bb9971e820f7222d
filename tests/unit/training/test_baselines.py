"""Simple models: what they see, what they never see, and that the numbers are those of the metrics."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from mole_engine.contracts.dataset import Split, TaskKind, TaskSpec
from mole_engine.contracts.errors import Cancelled, InputError
from mole_engine.training import baselines
from mole_engine.training.baselines import BASELINES, fit_baseline
from mole_engine.training.metrics import compute_metrics


@pytest.fixture(autouse=True)
def few_trees(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the trees few: these tests are about what they are given."""
    monkeypatch.setattr(baselines, "TREES", 10)
    monkeypatch.setattr(baselines, "ROUNDS", 10)


@pytest.fixture
def split() -> Split:
    """Every third molecule judges."""
    places = np.arange(60)
    return Split(
        tuple(places[places % 3 > 0]), tuple(places[places % 6 == 0]), tuple(places[places % 6 == 3]), method="given"
    )


@pytest.mark.parametrize("name", BASELINES)
def test_never_sees_a_label_outside_of_the_training_part(name: str, helpers: Any, split: Split) -> None:
    targets = helpers.sizes(60)
    honest = fit_baseline(name, helpers.dataset(targets), split)
    other = targets.copy()
    other[list(split.test)] = -1000.0
    other[list(split.validation)] = 1000.0
    spied = fit_baseline(name, helpers.dataset(other), split)
    np.testing.assert_array_equal(honest.test_outputs, spied.test_outputs)
    np.testing.assert_array_equal(honest.validation_outputs, spied.validation_outputs)
    assert honest.test_metrics["rmse"] < 5 < spied.test_metrics["rmse"]


@pytest.mark.parametrize("name", BASELINES)
def test_it_learns_from_validation_molecules_for_the_test_part_where_its_rival_does(
    name: str, helpers: Any, split: Split
) -> None:
    targets = helpers.sizes(60)
    whole = Split(tuple(sorted((*split.train, *split.validation))), (), split.test, method="given")
    rival = fit_baseline(name, helpers.dataset(targets), split, refit=True)
    np.testing.assert_allclose(rival.test_outputs, fit_baseline(name, helpers.dataset(targets), whole).test_outputs)
    # What it says of the validation molecules is still said without having seen them.
    plain = fit_baseline(name, helpers.dataset(targets), split)
    np.testing.assert_array_equal(rival.validation_outputs, plain.validation_outputs)
    other = targets.copy()
    other[list(split.test)] = -1000.0
    spied = fit_baseline(name, helpers.dataset(other), split, refit=True)
    np.testing.assert_array_equal(rival.test_outputs, spied.test_outputs)


def test_the_mean_is_beaten_by_descriptors_and_metrics_are_those_of_its_outputs(helpers: Any, split: Split) -> None:
    dataset = helpers.dataset(helpers.sizes(60))
    mean, trees = (fit_baseline(name, dataset, split) for name in ("mean", "descriptors"))
    assert trees.test_metrics["rmse"] < 0.7 * mean.test_metrics["rmse"]
    truth = dataset.targets[list(split.test)]
    assert trees.test_metrics == compute_metrics(trees.test_outputs, truth, ~np.isnan(truth), dataset.tasks)
    np.testing.assert_allclose(mean.test_outputs, dataset.targets[list(split.train)].mean())


@pytest.mark.parametrize("name", BASELINES)
def test_several_kinds_with_gaps_and_a_class_that_only_the_test_part_has(name: str, helpers: Any, split: Split) -> None:
    tasks = (
        TaskSpec("size", TaskKind.REGRESSION),
        TaskSpec("ring", TaskKind.CLASSIFICATION, classes=("no", "yes")),
        TaskSpec("kind", TaskKind.MULTICLASS, classes=("a", "b", "c", "d")),
    )
    sizes = 10.0 ** helpers.sizes(60)[:, 0]
    kind = (np.arange(60) % 3).astype(float)
    kind[split.test[0]] = 3
    targets = np.column_stack([sizes, [float("c1" in text) for text in helpers.molecules], kind])
    targets[list(split.train)[::4], 0] = np.nan
    targets[list(split.train)[1::4], 1] = np.nan
    result = fit_baseline(name, helpers.dataset(targets, tasks), split)
    assert result.test_outputs.shape == (len(split.test), 6)
    probabilities = result.test_outputs[:, 1:]
    assert ((probabilities >= 0) & (probabilities <= 1)).all()
    np.testing.assert_allclose(probabilities[:, 1:].sum(axis=1), 1.0)
    assert (result.test_outputs[:, 0] > 0).all()
    assert set(result.test_metrics) >= {"rmse/size", "auroc/ring", "macro_f1/kind"}


def test_a_large_training_part_is_sampled_and_says_so(
    helpers: Any, split: Split, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(baselines, "MAX_MOLECULES", 10)
    result = fit_baseline("fingerprints", helpers.dataset(helpers.sizes(60)), split)
    assert result.note == "fitted on 10 of 40 training molecules"


@pytest.mark.parametrize("name", ["fingerprints", "descriptors", "boosting"])
def test_features_are_made_only_of_molecules_that_are_used(
    name: str, helpers: Any, split: Split, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[int] = []

    def watched(function: Callable[..., Any]) -> Callable[..., Any]:
        return lambda smiles, *rest, **more: made.append(len(smiles)) or function(smiles, *rest, **more)

    for maker in ("small_count_table", "descriptor_table"):
        monkeypatch.setattr(baselines, maker, watched(getattr(baselines, maker)))
    monkeypatch.setattr(baselines, "MAX_MOLECULES", 10)
    few = replace(split, validation=split.validation[:4], test=split.test[:4])
    result = fit_baseline(name, helpers.dataset(helpers.sizes(60)), few)
    assert made == [18]
    assert len(result.test_outputs) == 4
    assert np.isfinite(result.test_outputs).all()


@pytest.mark.parametrize("name", BASELINES)
def test_molecules_judged_in_blocks_are_the_same(
    name: str, helpers: Any, split: Split, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = fit_baseline(name, helpers.dataset(helpers.sizes(60)), split)
    monkeypatch.setattr(baselines, "ROWS_AT_A_TIME", 3)
    blocks = fit_baseline(name, helpers.dataset(helpers.sizes(60)), split)
    np.testing.assert_array_equal(blocks.test_outputs, whole.test_outputs)
    np.testing.assert_array_equal(blocks.validation_outputs, whole.validation_outputs)


def test_cancelling_leaves_between_trees(helpers: Any, split: Split) -> None:
    calls = []

    def progress(stage: str, done: int, total: int) -> None:
        calls.append(stage)
        if stage == baselines.STAGE:
            raise Cancelled

    with pytest.raises(Cancelled):
        fit_baseline("descriptors", helpers.dataset(helpers.sizes(60)), split, on_progress=progress)
    assert calls[-1] == baselines.STAGE


def test_an_unknown_name_lists_the_known(helpers: Any, split: Split) -> None:
    with pytest.raises(InputError, match="descriptors, boosting"):
        fit_baseline("oracle", helpers.dataset(helpers.sizes(60)), split)
