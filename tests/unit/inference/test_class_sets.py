"""Classes that cannot be ruled out: the promise holds for rare and frequent ones, in the table, card and report."""

from __future__ import annotations

import numpy as np
import pytest

from mole_engine.contracts.dataset import TaskKind, TaskSpec
from mole_engine.data.scaling import TargetScaler
from mole_engine.inference.columns import PredictionColumns
from mole_engine.inference.diagnostics import uncertainty
from mole_engine.inference.results import read_results
from mole_engine.inference.uncertainty import class_sets, conformal_least, measure_uncertainty
from mole_engine.store.card import TaskUncertainty

TOXIC = TaskSpec("toxic", TaskKind.CLASSIFICATION, classes=("no", "yes"))
PHASE = TaskSpec("phase", TaskKind.MULTICLASS, classes=("gas", "liquid", "solid"))


def molecules(generator, count, share):
    """Return probabilities (count, 2) of a model that leans to the frequent class, and what the molecules are."""
    truth = (generator.random(count) < share).astype(np.int64)
    logit = 1.5 * truth - 2.5 + generator.normal(size=count)
    positive = 1 / (1 + np.exp(-logit))
    return np.stack([1 - positive, positive], axis=1), truth


def test_a_rare_class_is_kept_as_often_as_a_frequent_one():
    generator = np.random.default_rng(0)
    kept = {0: [], 1: []}
    for _ in range(60):
        least = conformal_least(*molecules(generator, 400, 0.1))
        probabilities, truth = molecules(generator, 400, 0.1)
        inside = class_sets(probabilities, least, probabilities.argmax(axis=1))
        for kind, shares in kept.items():
            shares.append(inside[truth == kind, kind].mean())
    assert np.mean(kept[0]) > 0.88
    # The more probable class alone would find a few in a hundred of the rare one.
    assert 0.88 < np.mean(kept[1]) < 0.95


def test_nothing_is_said_where_a_class_has_too_few_molecules():
    probabilities, truth = np.tile([0.9, 0.1], (34, 1)), np.array([0] * 25 + [1] * 9)
    assert conformal_least(probabilities, truth) == pytest.approx((0.9, 0.1))
    assert conformal_least(probabilities[:-1], truth[:-1]) == ()


def test_the_most_probable_class_is_never_ruled_out_and_without_a_prediction_none_is_named():
    inside = class_sets(np.array([[0.5, 0.3, 0.2], [np.nan] * 3]), (0.9, 0.9, 0.9), np.array([0, 0]))
    assert inside.tolist() == [[True, False, False], [False, False, False]]


def test_missing_labels_and_molecules_that_do_not_count_are_left_out():
    logits = np.array([[4.0]] * 10 + [[-4.0]] * 12)
    targets = np.array([[1.0]] * 10 + [[0.0]] * 10 + [[np.nan], [1.0]])
    counts = np.arange(22) < 21
    known = measure_uncertainty(logits, targets, (TOXIC,), TargetScaler((None,)), counts=counts)["toxic"]
    assert known.count == 20
    assert known.least == pytest.approx((0.982, 0.982), abs=1e-3)


def test_the_table_names_what_is_not_ruled_out():
    known = {"toxic": TaskUncertainty(count=40, least=(0.3, 0.2)), "phase": TaskUncertainty(count=9)}
    columns = PredictionColumns((TOXIC, PHASE), TargetScaler((None, None)), known, has_domain=False)
    outputs = np.array([[0.1, 0.2, 0.3, 0.5], [0.4, 0.2, 0.3, 0.5], [0.75, 0.2, 0.3, 0.5], [np.nan] * 4])
    table = columns.values(outputs, outputs)
    assert table["toxic_set"] == ["no", "no | yes", "yes", None]
    assert "phase_set" not in table
    assert columns.names()[:3] == ["toxic_pred", "toxic_class", "toxic_set"]


def test_a_set_names_the_class_that_is_said_also_where_both_are_as_likely():
    known = {"toxic": TaskUncertainty(count=40, least=(0.4, 0.6))}
    columns = PredictionColumns((TOXIC,), TargetScaler((None,)), known, has_domain=False)
    table = columns.values(np.array([[0.5]]), np.array([[0.0]]))
    assert (table["toxic_class"], table["toxic_set"]) == (["yes"], ["no | yes"])


def test_names_that_hold_the_mark_between_names_have_no_sets():
    task = TaskSpec("kind", TaskKind.CLASSIFICATION, classes=("a", "a | b"))
    known = {"kind": TaskUncertainty(count=40, least=(0.4, 0.6))}
    columns = PredictionColumns((task,), TargetScaler((None,)), known, has_domain=False)
    assert columns.names()[:2] == ["kind_pred", "kind_class"]
    assert "kind_set" not in columns.names()


def test_bounds_survive_the_card_and_older_cards_have_none():
    known = TaskUncertainty(count=40, least=(0.25, 0.5))
    # NaN equals nothing, so that their words are compared.
    assert repr(TaskUncertainty.from_dict(known.to_dict())) == repr(known)
    assert TaskUncertainty.from_dict({"count": 4}).least == ()


def test_a_finished_run_says_how_often_the_sets_held(tmp_path):
    rows = ["CC,test,no,0.1,no,no", "CO,test,yes,0.4,no,no | yes", "CN,test,yes,0.2,no,no", "CF,train,no,0.1,no,no"]
    table = tmp_path / "predictions.csv"
    head = "smiles,part,toxic_true,toxic_pred,toxic_class,toxic_set\n"
    table.write_text(head + "\n".join(rows) + "\n", encoding="utf-8")
    known = uncertainty(read_results(table, tmp_path / "none.csv", (TOXIC,))[0])
    assert known is not None
    assert (known.held, known.known, known.single) == (2, 3, 2)
