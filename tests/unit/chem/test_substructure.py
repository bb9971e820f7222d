"""Patterns looked for in molecules that are remembered from one search to the next."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from mole_engine.chem import substructure
from mole_engine.chem.substructure import matcher
from mole_engine.data import many_molecules
from mole_engine.data.many_molecules import containing

MOLECULES = (
    "CCO",
    "C1CC",
    "c1ccccc1O",
    "OC(=O)c1ccc2[nH]ccc2c1",
    "C[C@@H](N)C(=O)[O-]",
    "[2H]OC=CC=C",
    "[NH4+].[Cl-]",
    "C1CC2CCC1C2",
    "CC#N",
    "[Fe+2]",
    "F/C=C/F",
    "InChI=1S/CH4O/c1-2/h2H,1H3",
)
PATTERNS = (
    "[OH]",
    "[!#6;!H0]",
    "[CX4;^3]",
    "[r5]",
    "[R2]",
    "[x2]",
    "[D3;v4]",
    "[2H]",
    "[$([CX3]=O)]",
    "[#6]1:[#6]:[#6]:[#6]:[#6]:[#6]:1",
    "C=C-C=C",
    "C~N",
    "[C@@H]",
    "[+2]",
    "F/C=C/F",
    "[NX1]#C",
)


@pytest.fixture
def memory(monkeypatch):
    """Return an empty memory, which takes the place of the program's."""
    made = substructure._Memory()
    monkeypatch.setattr(substructure, "_memory", made)
    return made


@pytest.fixture
def parsed(monkeypatch):
    """Return the texts that are read, as it happens."""
    texts = []
    parse = substructure.parse_smiles
    monkeypatch.setattr(substructure, "parse_smiles", lambda text: texts.append(text) or parse(text))
    return texts


@pytest.mark.parametrize("pattern", PATTERNS)
def test_what_is_remembered_answers_as_what_is_read(memory, pattern):
    plain, kept = matcher(pattern), matcher(pattern, remember=True)
    expected = [plain(text) for text in MOLECULES]
    assert [kept(text) for text in MOLECULES] == expected, "read"
    assert [kept(text) for text in MOLECULES] == expected, "remembered"
    assert any(expected)


def test_a_second_search_reads_no_molecule_again(memory, parsed):
    found = containing(["CCN", "CCO", "CCN"], "N")
    assert found == [True, False, True]
    assert sorted(parsed) == ["CCN", "CCO"]
    assert containing(["CCN", "CCO", "CCN"], "O") == [False, True, False]
    assert sorted(parsed) == ["CCN", "CCO"]


def test_of_more_molecules_than_are_remembered_none_is(memory, parsed, monkeypatch):
    monkeypatch.setattr(many_molecules, "worker_count", lambda spared: 1)
    monkeypatch.setattr(many_molecules, "PARALLEL_FROM", 1)
    monkeypatch.setattr(many_molecules, "REMEMBERED", 2)
    assert containing(["CCN", "CCO", "CCF"], "N") == [True, False, False]
    assert memory.packed == {}


def test_the_memory_is_bounded_in_number_and_size(parsed):
    memory = substructure._Memory(most=2)
    for text in ("C", "CC", "CCC", "CC", "C" * 400):
        assert memory.molecule(text).GetNumAtoms() == len(text)
    assert list(memory.packed) == ["CC", "CCC"]
    assert parsed == ["C", "CC", "CCC", "C" * 400]


def test_several_searches_may_share_the_memory():
    memory = substructure._Memory(most=20)
    chains = ["C" * length for length in range(1, 41)] * 25

    def lengths(texts):
        return [memory.molecule(text).GetNumAtoms() for text in texts]

    with ThreadPoolExecutor(4) as threads:
        orders = [chains, chains[::-1], chains[7:], chains[19:]]
        found = list(threads.map(lengths, orders))
    assert found == [[len(text) for text in texts] for texts in orders]
    assert len(memory.packed) <= 20
