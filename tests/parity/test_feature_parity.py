"""With the original's vocabulary, molecules become the same tokens and distances; what it refuses, we refuse too."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rdkit import Chem

from mole_engine.chem.distances import relative_positions
from mole_engine.chem.molecules import UnreadableMolecule, parse_smiles
from mole_engine.chem.vocabulary import Vocabulary
from mole_engine.store.reference_vocabulary import read_reference_vocabulary

GOLDEN = Path(__file__).parents[1] / "data" / "golden"
FEATURES: dict[str, Any] = json.loads((GOLDEN / "features.json").read_text())
ITEMS = FEATURES["items"]
READABLE = [place for place, item in enumerate(ITEMS) if item["error"] is None]
REFUSED = [item["smiles"] for item in ITEMS if item["error"] is not None]


def molecule(smiles: str) -> Chem.Mol:
    """Read a SMILES; an empty cell, which we refuse, is a molecule without atoms for the original."""
    return parse_smiles(smiles) if smiles else Chem.Mol()


@pytest.fixture(scope="module")
def vocabulary() -> Vocabulary:
    return read_reference_vocabulary(GOLDEN / "features.json")


@pytest.fixture(scope="module")
def distances() -> dict[str, np.ndarray]:
    with np.load(GOLDEN / "features_distances.npz") as stored:
        return dict(stored)


def test_all_items_are_there() -> None:
    assert len(READABLE) + len(REFUSED) == 186


def test_special_tokens_agree(vocabulary: Vocabulary) -> None:
    found = {"PAD": vocabulary.pad_id, "MASK": vocabulary.mask_id, "UNK": vocabulary.unk_id, "CLS": vocabulary.cls_id}
    assert found == FEATURES["special"]
    assert vocabulary.size == 211


def test_tokens_agree(vocabulary: Vocabulary) -> None:
    for place in READABLE:
        item = ITEMS[place]
        tokens = vocabulary.tokens(molecule(item["smiles"]))
        assert tokens.tolist() == item["tokens"], item["smiles"]
        assert (tokens == vocabulary.unk_id).sum() == item["n_unk"], item["smiles"]


def test_distances_agree(distances: dict[str, np.ndarray]) -> None:
    for place in READABLE:
        item = ITEMS[place]
        start, end = distances["offsets"][place : place + 2]
        expected = distances["flat"][start:end].reshape(item["n"], item["n"])
        found = relative_positions(molecule(item["smiles"]))
        np.testing.assert_array_equal(found, expected, err_msg=item["smiles"])
        assert found.max() == item["max_rel"]


@pytest.mark.parametrize("smiles", [*REFUSED, ""])
def test_refused_items_get_a_reason(smiles: str) -> None:
    with pytest.raises(UnreadableMolecule) as refusal:
        parse_smiles(smiles)
    assert len(refusal.value.reason) > 10
