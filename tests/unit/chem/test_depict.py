"""Drawings of molecules: no background, one bond length, colours for the scheme."""

from __future__ import annotations

import re

import pytest

from mole_engine.chem.depict import BOND_LENGTH, molecular_weight, svg_of
from mole_engine.chem.molecules import UnreadableMolecule
from mole_engine.chem.substructure import matcher


def bond_lengths(svg: str) -> list[float]:
    lines = re.findall(r"class='bond-\d+ [^']*' d='M ([\d.]+),([\d.]+) L ([\d.]+),([\d.]+)'", svg)
    return [((float(c) - float(a)) ** 2 + (float(d) - float(b)) ** 2) ** 0.5 for a, b, c, d in lines]


@pytest.mark.parametrize("smiles", ["CCCC", "C1CCCCC1", "CC(C)CC(C)C"])
def test_bonds_have_one_length_in_every_cell(smiles):
    assert max(bond_lengths(svg_of(smiles, 200, 84))) == pytest.approx(BOND_LENGTH, rel=0.05)


def test_what_would_not_fit_is_drawn_smaller():
    svg = svg_of("C" * 60, 200, 84)
    assert max(bond_lengths(svg)) < BOND_LENGTH / 2


def test_there_is_no_background_and_dark_is_light():
    light, dark = svg_of("CCO", 200, 84), svg_of("CCO", 200, 84, dark=True)
    assert "<rect" not in light
    assert "<rect" not in dark
    assert "#000000" in light
    assert "#000000" not in dark


def test_atoms_can_be_marked():
    assert "ellipse" in svg_of("CCO", 200, 84, highlight=[2])
    assert "ellipse" not in svg_of("CCO", 200, 84)


def test_an_unreadable_molecule_says_why():
    with pytest.raises(UnreadableMolecule, match="ring 1"):
        svg_of("C1CC", 200, 84)


@pytest.mark.parametrize(("smiles", "weight"), [("CCO", 46.07), ("c1ccccc1", 78.11), ("[2H]O[2H]", 20.03)])
def test_weights(smiles, weight):
    assert molecular_weight(smiles) == pytest.approx(weight, abs=0.01)


def test_patterns_are_found():
    amine = matcher("[NX3;H2]c")
    assert amine is not None
    assert amine("Nc1ccccc1")
    assert not amine("NCC")
    assert not amine("C1CC")
    assert matcher("not a pattern") is None
    assert matcher("") is None
