from __future__ import annotations

import pytest

from mole_engine.data.recognise import is_structure, structure_share


@pytest.mark.parametrize("text", ["[NH3]->[Pt](Cl)(Cl)<-[NH3]", "CCO->[Fe]", "[NH3]->[Cu+2] |$;;$|"])
def test_complexes_with_dative_bonds_are_structures(text):
    assert is_structure(text)


@pytest.mark.parametrize("text", ["CC>>CO", "CC.CO>[Pd]>CCO", "->", "C->", "<-", "<5", ">10", "C>C", "a->b"])
def test_arrows_of_reactions_and_bounds_are_none(text):
    assert not is_structure(text)


def test_a_column_of_complexes_is_found():
    assert structure_share(["[NH3]->[Pt](Cl)(Cl)<-[NH2]" + "C" * length for length in range(1, 20)]) == 1.0
