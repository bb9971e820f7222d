"""Columns of texts, and rows of one structure, without an object for each of a million rows."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from mole_engine.data import texts as texts_module
from mole_engine.data.duplicates import Molecules, group_rows
from mole_engine.data.texts import Texts

WORDS = ["", "CCO", "µ-Wert", "c1ccccc1", "日本", "CCO", "x" * 300, " "]


@pytest.mark.parametrize(
    "cells",
    [
        WORDS,
        tuple(WORDS),
        pd.Series(WORDS, dtype="str"),
        pd.Series(WORDS, dtype=object),
        pd.Series(["cut", *WORDS, "off"], dtype="str").iloc[1:-1],
        pd.concat([pd.Series(WORDS[:3], dtype="str"), pd.Series(WORDS[3:], dtype="str")]),
        pd.Series([None, *WORDS[1:]], dtype="str"),
    ],
    ids=["list", "tuple", "arrow", "objects", "part of a column", "two chunks", "missing cell"],
)
def test_texts_are_a_sequence_like_any_other(cells, monkeypatch):
    monkeypatch.setattr(texts_module, "_PIECE", 3)
    seen = Texts(cells)
    assert list(seen) == WORDS
    assert [seen[place] for place in range(-8, 8)] == WORDS * 2
    for part in (slice(None), slice(2, 5), slice(5, 2), slice(-3, None), slice(None, None, -1), slice(1, 7, 3)):
        assert seen[part] == WORDS[part]
    assert ("CCO" in seen, seen.index("c1ccccc1"), seen.count("CCO")) == (True, 3, 2)
    for outside in (8, -9):
        with pytest.raises(IndexError):
            seen[outside]


@pytest.mark.parametrize("nothing", [[], pd.Series([], dtype="str")], ids=["list", "column"])
def test_no_texts_are_no_texts(nothing):
    assert (len(Texts(nothing)), list(Texts(nothing)), Texts(nothing)[:5]) == (0, [], [])


def test_rows_of_one_structure_are_found_in_order_of_appearance():
    keys = ["a", "b", "a", "c", "b", "a"]
    assert group_rows([0, 1, 2, 3, 4, 5], keys, None) == ([0, 1, 3], {0: [0, 2, 5], 1: [1, 4]})
    assert group_rows([1, 3, 4], keys, None) == ([1, 3], {0: [1, 4]})
    # The test part's "a" is not the training part's.
    assert group_rows(range(6), keys, ["train"] * 5 + ["test"]) == ([0, 1, 3, 5], {0: [0, 2], 1: [1, 4]})


def test_every_row_knows_the_molecule_that_it_went_into():
    molecules = Molecules(np.array([0, 3]), np.zeros((2, 1)), {0: [0, 2, 5]})
    assert molecules.of_rows(6).tolist() == [0, -1, 0, 1, -1, 0]
