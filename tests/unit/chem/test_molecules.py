from __future__ import annotations

from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mole_engine.chem import molecules
from mole_engine.chem.molecules import UnreadableMolecule, canonical_smiles, flat_smiles, parse_smiles
from mole_engine.chem.scaffolds import murcko_scaffold


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "the cell is empty"),
        ("  ", "the cell is empty"),
        ("C1CCCC", "ring 1 is never closed"),
        ("C%12CCCC", "ring 12 is never closed"),
        ("CC(=O", "a parenthesis is never closed"),
        ("CC)C", "the ')' at position 3 was never opened"),
        ("C[NH3+", "the bracket at position 2 is never closed"),
        ("C]C", "the ']' at position 2 was never opened"),
        ("CXC", "'X' is not an atom that a SMILES may write without brackets"),
        ("C[Zz]C", "'Zz' is not an element"),
        ("C[]C", "there is no element in '[]'"),
        ("CC=", "the bond at the end leads nowhere"),
        ("CC.", "nothing follows the last dot"),
        ("CC>>CO", "it is a reaction, not a molecule"),
        ("CN(C)(C)(C)C", "atom 2 (N) has too many bonds (5)"),
        ("c1cccc1", "the aromatic ring cannot be drawn with single and double bonds"),
        ("CÖC", "the character 'Ö' does not belong in a SMILES"),
        ("C\u0421O", "the character '\u0421' (cyrillic capital letter es) does not belong in a SMILES"),
        ("CCO\u200b", "the character '\u200b' (zero width space) does not belong in a SMILES"),
        ("C\u2212C", "the character '\u2212' (minus sign) does not belong in a SMILES"),
        ("CC\0N", "the character '\0' does not belong in a SMILES"),
        ("CCO ethanol", "there is more text after a blank"),
        ("C==C", "it does not follow the rules of SMILES"),
        ("InChI=1S/nonsense", "the InChI cannot be read"),
        ("C" * 5_001, "it is longer than 5000 characters"),
    ],
)
def test_a_refusal_says_why(text, reason):
    with pytest.raises(UnreadableMolecule) as caught:
        parse_smiles(text)
    assert caught.value.reason == reason


def test_different_spellings_become_one():
    assert {canonical_smiles(parse_smiles(text)) for text in (" OCC ", "C(O)C", "[CH3][CH2][OH]", "CCO |$;;$|")} == {
        "CCO"
    }


def test_an_inchi_is_understood():
    assert canonical_smiles(parse_smiles("InChI=1S/C2H6O/c1-2-3/h3H,2H2,1H3")) == "CCO"


def test_a_refusal_is_silent_on_stderr(capfd):
    with pytest.raises(UnreadableMolecule):
        parse_smiles("c1cccc1")
    assert capfd.readouterr().err == ""


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet="CNOclBr[]()=#123%@+-/\\.:*HS n$>&", max_size=40) | st.text(max_size=20))
def test_any_text_is_a_molecule_or_has_a_reason(text):
    try:
        mol = parse_smiles(text)
    except UnreadableMolecule:
        return
    assert mol.GetNumAtoms() > 0


def test_scaffold_drops_side_chains_and_stereo():
    assert murcko_scaffold("C[C@H](O)c1ccc(CC2CC2)cc1") == murcko_scaffold("c1ccc(CC2CC2)cc1")
    assert murcko_scaffold("O=C1C[C@H](c2ccccc2)CN1") == murcko_scaffold("O=C1C[C@@H](c2ccccc2)CN1C")


def test_molecules_without_rings_have_no_scaffold():
    assert murcko_scaffold("CCCCO") == ""


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("C[C@H](O)CN", "C[C@@H](O)CN"),
        ("F/C=C/Cl", "F/C=C\\Cl"),
        ("C[S@](=O)CC", "C[S@@](=O)CC"),
        ("N[Pt@SP1](N)(Cl)Cl", "N[Pt@SP2](N)(Cl)Cl"),
        ("OC[C@@H]1O[C@H](O)[C@@H](O)C1", "OCC1OC(O)C(O)C1"),
        ("[13CH3][C@H](F)O", "[13CH3]C(F)O"),
    ],
)
def test_stereoisomers_are_one_without_their_marks(first, second):
    one, other = (canonical_smiles(parse_smiles(text)) for text in (first, second))
    assert one != other
    assert flat_smiles(one) == flat_smiles(other)
    assert flat_smiles(flat_smiles(one)) == flat_smiles(one) != flat_smiles("C")


def test_marks_are_taken_off_by_reading_once():
    """A hundred thousand molecules take half a minute so, and twice that where they are read once more."""
    molecules._rewritten.cache_clear()
    with patch("mole_engine.chem.molecules.parse_smiles", wraps=parse_smiles) as read:
        assert flat_smiles("C[C@H](O)CCN") == "CC(O)CCN"
        # Asked once more, in whatever order, nothing is read anew.
        assert flat_smiles("C[C@@H](O)CCN") == flat_smiles("CC(O)CCN") == "CC(O)CCN"
    assert read.call_count == 1
