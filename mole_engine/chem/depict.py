"""Structures as SVG, of one bond length, on any background."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rdkit import Chem
from rdkit.Chem import rdDepictor
from rdkit.Chem.Draw import rdMolDraw2D

from mole_engine.chem.molecules import parse_smiles

BOND_LENGTH = 17.0
"""Pixels of a bond in every drawing; only what would not fit is drawn smaller."""

_UNITS_PER_BOND = 1.5
# RDKit lays bonds out 1.5 units long, and its "fixed bond length" is in pixels a unit.

_PADDING, _LEAST_MARGIN = 0.04, 7
# Share of the size, but at least so many pixels of the width: letters do not shrink with a small drawing.

_HYDROGEN = 1.008
_HIGHLIGHT_LIGHT = (0.68, 0.83, 1.0)
_HIGHLIGHT_DARK = (0.16, 0.35, 0.62)
_NITROGEN, _NITROGEN_ON_DARK = 7, (0.47, 0.58, 1.0)
# RDKit's own blue for dark backgrounds is too dim to read at this size.


def svg_of(smiles: str, width: int, height: int, dark: bool = False, highlight: Sequence[int] = ()) -> str:
    """Draw a molecule.

    Parameters
    ----------
    smiles
        As in the file; it need not be standardised.
    width, height
        Size of the drawing in pixels.
    dark
        Colours for a dark background; the drawing itself has none.
    highlight
        Atoms (and the bonds between them) to mark.

    Returns
    -------
    str
        An SVG document whose letters are outlines, so that no font is needed.

    Raises
    ------
    UnreadableMolecule
        When the SMILES cannot be read.
    """
    mol = laid_out(smiles)
    drawer, options = prepared_drawer(width, height, dark)
    options.fixedBondLength = BOND_LENGTH / _UNITS_PER_BOND
    options.bondLineWidth = 1.15
    options.minFontSize = 8
    options.maxFontSize = 11
    options.setHighlightColour(_HIGHLIGHT_DARK if dark else _HIGHLIGHT_LIGHT)
    marked = set(highlight)
    bonds = [b.GetIdx() for b in mol.GetBonds() if {b.GetBeginAtomIdx(), b.GetEndAtomIdx()} <= marked]
    # Drawn without hydrogens being made explicit and with Kekulé bonds, as chemists draw by hand.
    prepared = rdMolDraw2D.PrepareMolForDrawing(mol, addChiralHs=False)
    drawer.DrawMolecule(prepared, highlightAtoms=sorted(marked), highlightBonds=bonds)
    drawer.FinishDrawing()
    return str(drawer.GetDrawingText())


def laid_out(smiles: str) -> Chem.Mol:
    """Return a molecule with the places of its atoms on paper. Raises UnreadableMolecule."""
    mol = parse_smiles(smiles)
    # CoordGen is slower, and the default draws the molecules of this trade well.
    rdDepictor.Compute2DCoords(mol)
    rdDepictor.StraightenDepiction(mol)
    return mol


def prepared_drawer(width: int, height: int, dark: bool) -> tuple[rdMolDraw2D.MolDraw2DSVG, Any]:
    """Return a drawer for a clear ground with the colours of the scheme, and its options."""
    drawer = rdMolDraw2D.MolDraw2DSVG(width, height)
    options: Any = drawer.drawOptions()  # RDKit's stubs give its fields the wrong types
    options.clearBackground = False
    options.scaleBondWidth = False
    options.padding = max(_PADDING, _LEAST_MARGIN / max(width, 1))
    if dark:
        rdMolDraw2D.SetDarkMode(options)
        options.updateAtomPalette({_NITROGEN: _NITROGEN_ON_DARK})
    return drawer, options


def molecular_weight(smiles: str) -> float:
    """Return the average molecular weight in g/mol. Raises UnreadableMolecule."""
    atoms = parse_smiles(smiles).GetAtoms()
    return float(sum(atom.GetMass() + _HYDROGEN * atom.GetTotalNumHs() for atom in atoms))
