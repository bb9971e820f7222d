"""Molecules as records of an SDF: a drawing of the structure, and its data fields."""

from __future__ import annotations

from collections.abc import Iterable

from rdkit import Chem
from rdkit.Chem import rdDepictor

_NAME_SIGNS = str.maketrans("<>", "()")
_END = "$$$$"


def sdf_record(mol: Chem.Mol | None, title: str, fields: Iterable[tuple[str, str]]) -> str:
    """Return one record, as text.

    Parameters
    ----------
    mol
        The molecule, which gets flat coordinates; None for a row without a readable one, whose record has no atoms.
    title
        First line of the record.
    fields
        Name and value of each data field.

    Notes
    -----
    By ourselves: RDKit's writer leaves out fields whose names begin with "_", and says nothing when a disk is full.
    """
    drawn = Chem.Mol() if mol is None else mol
    if mol is not None:
        rdDepictor.Compute2DCoords(drawn)
    drawn.SetProp("_Name", _one_line(title))
    parts, taken = [str(Chem.MolToMolBlock(drawn))], set[str]()
    for name, value in fields:
        # A blank line would end a field early, and "<" or ">" its name.
        called = _one_line(name).translate(_NAME_SIGNS) or "column"
        while called in taken:
            # Whoever reads two fields of one name keeps the last.
            called += "_"
        taken.add(called)
        parts.append(f">  <{called}>\n{_one_line(value)}\n\n")
    return "".join([*parts, f"{_END}\n"])


def _one_line(text: str) -> str:
    line = " ".join(text.split())
    # A line that begins so would end the record.
    return f" {line}" if line.startswith(_END) else line
