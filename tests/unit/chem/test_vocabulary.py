"""The vocabulary: which number an atom gets, and what happens to atoms it has never seen."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from rdkit import Chem

from mole_engine.chem.environments import atom_environments
from mole_engine.chem.vocabulary import Vocabulary
from mole_engine.chem.vocabulary_builder import build_vocabulary, main
from mole_engine.contracts.errors import InputError


def mol(smiles: str) -> Chem.Mol:
    return Chem.MolFromSmiles(smiles)


def tokens(vocabulary: Vocabulary, smiles: str) -> list[int]:
    return vocabulary.tokens(mol(smiles)).tolist()


@pytest.fixture(scope="module")
def default() -> Vocabulary:
    return Vocabulary.load()


METHYL, METHANE = (int(atom_environments(mol(smiles))[0]) for smiles in ("CC", "C"))


def test_special_tokens_frame_the_entries() -> None:
    vocabulary = Vocabulary([METHYL, METHANE], [6])
    special = (vocabulary.pad_id, vocabulary.mask_id, vocabulary.unk_id, vocabulary.cls_id)
    assert special == (0, 4, 5, 6)
    assert vocabulary.size == len(vocabulary) == 7


def test_fallback_goes_from_environment_to_element_to_unknown() -> None:
    vocabulary = Vocabulary([METHYL], [6])
    cls, unknown, methyl, carbon = vocabulary.cls_id, vocabulary.unk_id, 1, 2
    assert tokens(vocabulary, "CC") == [cls, methyl, methyl]
    assert tokens(vocabulary, "CCO") == [cls, methyl, carbon, unknown]


def test_an_isotope_falls_back_to_its_unlabelled_environment_first() -> None:
    vocabulary = Vocabulary([METHYL], [6])
    assert tokens(vocabulary, "[14CH3]C")[1] == 1


def test_without_element_entries_unknown_atoms_stay_unknown() -> None:
    vocabulary = Vocabulary([METHYL])
    assert tokens(vocabulary, "[14CH3]C") == [vocabulary.cls_id, vocabulary.unk_id, 1]


def test_tokens_are_sixteen_bit_numbers_below_the_size(default: Vocabulary) -> None:
    found = default.tokens(mol("CC(=O)Oc1ccccc1C(=O)O"))
    assert found.dtype == np.uint16
    assert found[0] == default.cls_id
    assert found.max() < default.size


def test_the_shipped_vocabulary_goes_far_beyond_the_original(default: Vocabulary) -> None:
    assert len(default.environments) > 300
    assert set(default.elements) == set(range(119))


@pytest.mark.parametrize(
    "smiles",
    ["[Na+].[Cl-]", "[2H]C([2H])([2H])O", "[Fe+3]", "N->[Pt](<-N)(Cl)Cl", "*CC", "[Og]", "[U+6]", "C[Te]C", "[11CH3]I"],
)
def test_no_atom_is_unknown_to_the_shipped_vocabulary(default: Vocabulary, smiles: str) -> None:
    assert default.unk_id not in tokens(default, smiles)


@pytest.mark.parametrize("smiles", ["[2H]O[2H]", "[Na+]", "C[Si](C)(C)C", "OB(O)c1ccccc1", "C[N+](C)(C)C", "[O-]C=O"])
def test_common_unusual_atoms_have_entries_of_their_own(default: Vocabulary, smiles: str) -> None:
    assert all(default.knows(identifier) for identifier in atom_environments(mol(smiles)).tolist())


def test_round_trip_keeps_meaning_and_fingerprint(default: Vocabulary) -> None:
    again = Vocabulary.from_dict(json.loads(json.dumps(default.to_dict())))
    assert again == default
    assert again.fingerprint == default.fingerprint
    assert tokens(again, "CCO") == tokens(default, "CCO")


def test_the_fingerprint_changes_with_the_order() -> None:
    assert Vocabulary([1, 2]).fingerprint != Vocabulary([2, 1]).fingerprint
    assert Vocabulary([1], [6]).fingerprint != Vocabulary([1]).fingerprint


@pytest.mark.parametrize("entries", [([1, 1], []), ([1], [6, 6]), (range(70_000), [])])
def test_impossible_tables_are_refused(entries: tuple[list[int], list[int]]) -> None:
    with pytest.raises(InputError, match="vocabulary cannot be used"):
        Vocabulary(*entries)


@pytest.mark.parametrize("text", ["[1, 2]", "{", '{"format": 1}', '{"format": 99, "environments": [1]}'])
def test_other_files_are_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "other.json"
    path.write_text(text)
    with pytest.raises(InputError):
        Vocabulary.load(path)


def test_a_missing_vocabulary_is_named() -> None:
    with pytest.raises(InputError, match="nowhere"):
        Vocabulary.load("nowhere")


def test_rare_environments_are_left_to_their_element() -> None:
    vocabulary = build_vocabulary(Counter({10: 5, 20: 9, 30: 1}), minimum_count=3)
    assert vocabulary.environments == (20, 10)
    assert len(vocabulary.elements) == 119


def test_the_builder_writes_what_loads(tmp_path: Path) -> None:
    source, target = tmp_path / "some.smi", tmp_path / "own.json"
    source.write_text("CCO ethanol\nnot-a-molecule\n\nCCO\n")
    assert main([str(source), "--out", str(target), "--minimum-count", "2"]) == 0
    assert len(Vocabulary.load(target).environments) == 3
