"""What the most similar training molecules say of a molecule."""

from __future__ import annotations

import numpy as np
import pytest

from mole_engine.chem.fingerprints import similarities
from mole_engine.contracts.dataset import TaskKind, TaskSpec
from mole_engine.data.fingerprints import fingerprints_of
from mole_engine.training import neighbours
from mole_engine.training.neighbours import read_across, said_of

ACIDS = ["CCC(=O)O", "CCCC(=O)O", "CCCCC(=O)O", "CCCCCC(=O)O", "CCCCCCC(=O)O"]
RINGS = ["c1ccccc1", "Cc1ccccc1", "CCc1ccccc1", "CCCc1ccccc1", "CCCCc1ccccc1"]
SIZE = TaskSpec("y", TaskKind.REGRESSION)


def said(labels, asked, task=SIZE, weights=None, known=(*ACIDS, *RINGS)):
    known, asked = fingerprints_of(known), fingerprints_of(asked)
    return read_across(known, [said_of(np.array(labels, dtype=float), task)], asked, weights, lambda: None)


def test_a_molecule_is_told_by_those_most_like_it():
    labels = [1.0] * 5 + [9.0] * 5
    acid, ring = said(labels, ["CCCCCCCC(=O)O", "CCCCCc1ccccc1"])[:, 0]
    assert (acid, ring > 8) == (1.0, True), "one of the ring's five neighbours is an acid, the least like it"
    # Of five neighbours, all that there are, the more similar one counts more.
    mixed = said([0, 0, 0, 0, 1], ["CCCCCCC(=O)O"], known=ACIDS)[0, 0]
    assert 0.2 < mixed < 0.6


def test_what_is_like_nothing_gets_the_mean_of_all_with_its_weights():
    assert said([0.0] * 5 + [10.0] * 5, ["[Xe]"])[0, 0] == 5.0
    weighted = said([0.0] * 5 + [10.0] * 5, ["[Xe]"], weights=np.array([3.0] * 5 + [1.0] * 5))
    assert weighted[0, 0] == 2.5


def test_classes_get_the_shares_of_the_neighbours():
    two = TaskSpec("y", TaskKind.CLASSIFICATION, classes=("no", "yes"))
    several = TaskSpec("y", TaskKind.MULTICLASS, classes=("a", "b", "c"))
    labels = [0] * 5 + [1] * 5
    assert said(labels, ["CCCCCc1ccccc1"], two)[0, 0] > 0.8
    shares = said(labels, ["CCCCCc1ccccc1"], several)
    assert shares.shape == (1, 3)
    assert shares.sum() == pytest.approx(1.0)
    assert shares[0].argmax() == 1


def test_blocks_say_the_same(monkeypatch):
    labels = list(range(10))
    whole = said(labels, [*ACIDS, *RINGS])
    monkeypatch.setattr(neighbours, "_ROWS_AT_A_TIME", 3)
    np.testing.assert_array_equal(said(labels, [*ACIDS, *RINGS]), whole)


def test_many_tasks_with_gaps_cost_one_look_and_are_told_as_each_alone(monkeypatch):
    counted = []
    monkeypatch.setattr(neighbours, "similarities", lambda *prints: counted.append(prints) or similarities(*prints))
    # Few of the nearest have a label: the others are looked for.
    monkeypatch.setattr(neighbours, "_LOOKED_AT", 6)
    several = TaskSpec("y", TaskKind.MULTICLASS, classes=("a", "b", "c"))
    generator = np.random.default_rng(0)
    tasks, labels = [SIZE, several, SIZE, several], generator.integers(0, 3, (4, 10)).astype(float)
    labels[:, ::3] = np.nan
    labels[1, :7] = np.nan
    labels[2] = np.nan
    weights = generator.random(10) + 0.5
    known, asked = fingerprints_of([*ACIDS, *RINGS]), fingerprints_of(["CCCCCCCC(=O)O", "CCCCCc1ccccc1", "[Xe]"])
    values = [said_of(own, task) for own, task in zip(labels, tasks, strict=True)]
    together = read_across(known, values, asked, weights, lambda: None)
    assert len(counted) == 1
    assert together.shape == (3, 1 + 3 + 1 + 3)
    assert not together[:, 4].any(), "nobody has a label of the third task"
    for own, task, columns in zip(labels, tasks, ([0], [1, 2, 3], [4], [5, 6, 7]), strict=True):
        there = ~np.isnan(own)
        if there.any():
            alone = read_across(known[there], [said_of(own[there], task)], asked, weights[there], lambda: None)
            np.testing.assert_allclose(together[:, columns], alone)
    assert read_across(known, values, asked[:0], None, lambda: None).shape == (0, 8)
