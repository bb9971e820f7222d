"""A run that goes on has the folds with which it began, whatever version began it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mole_engine.chem.vocabulary import Vocabulary
from mole_engine.training import folds, kept_folds
from mole_engine.training.folds import Fold, make_folds
from mole_engine.training.members import member_folder
from mole_engine.training.setup import prepare_model
from tests.unit.training.conftest import make_dataset, split_of, tiny_config

PAIRS = [f"C[{mark}H](O)C{'C' * size}N" for size in range(20) for mark in ("C@", "C@@")]
CONFIG = tiny_config().updated({"ensemble": {"kind": "folds", "members": 5}})


@pytest.fixture(scope="module")
def data():
    dataset = make_dataset(np.arange(40, dtype=float), smiles=PAIRS)
    return prepare_model(CONFIG, dataset, split_of(30, 10), Vocabulary.load()).data


def held(made: list[Fold]) -> list[list[int]]:
    return [fold.held.tolist() for fold in made]


def divided(made: list[Fold]) -> int:
    """Count the pairs of mirror images that are not left out together."""
    return sum((fold.held[fold.held % 2 == 0] + 1).tolist() != fold.held[fold.held % 2 == 1].tolist() for fold in made)


def test_a_run_that_goes_on_has_the_folds_with_which_it_began(tmp_path: Path, data, monkeypatch) -> None:
    began = kept_folds.kept_folds(CONFIG, data, tmp_path)
    assert held(began) == held(make_folds(CONFIG, data))
    assert not divided(began)
    # As another version might divide.
    monkeypatch.setattr(folds, "fold_numbers", lambda *_args, **_words: np.arange(40) % 5)
    member_folder(tmp_path, 0).mkdir()
    again = kept_folds.kept_folds(CONFIG, data, tmp_path)
    assert held(again) == held(began)
    assert [fold.number for fold in again] == [0, 1, 2, 3, 4]
    assert all(sorted([*fold.train, *fold.held]) == list(range(40)) for fold in again)


def test_networks_of_a_version_that_kept_no_folds_go_on_with_its_own(tmp_path: Path, data) -> None:
    """That divided mirror images: a finished network would be judged by molecules that it has learnt from."""
    member_folder(tmp_path, 0).mkdir(parents=True)
    assert divided(kept_folds.kept_folds(CONFIG, data, tmp_path))
    assert divided(kept_folds.kept_folds(CONFIG, data, tmp_path))


@pytest.mark.parametrize("text", ["", "[0, 1]", "{}", "[[0]]", '["a"]', str([-1] * 40)])
def test_folds_that_cannot_be_read_are_made_anew(tmp_path: Path, data, text: str) -> None:
    member_folder(tmp_path, 0).mkdir(parents=True)
    (tmp_path / "checkpoints" / kept_folds.FOLDS).write_text(text, encoding="utf-8")
    assert held(kept_folds.kept_folds(CONFIG, data, tmp_path)) == held(make_folds(CONFIG, data))
