"""Molecules that were pasted to be predicted: SMILES one a line, with names or without, a copied table, a MOL block."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from mole_engine.contracts.errors import InputError
from mole_engine.data.recognise import NO_STRUCTURE_NAME, is_structure, structure_name_rank
from mole_engine.data.sources import parse_pasted
from mole_engine.inference.predictor import LoadedModel
from mole_engine.inference.tables import find_smiles_column

SMILES, NAME = "smiles", "name"
_END_OF_MOL_BLOCK = "M  END"


def read_pasted(lines: Sequence[str], model: LoadedModel) -> tuple[pd.DataFrame, str]:
    """Return the pasted molecules as a table, and its column with the structures.

    A line stays a row whatever is in it, unless it is a header or part of a MOL block.

    Parameters
    ----------
    lines
        As pasted; empty ones count only within a MOL block.
    model
        That is to predict; its structure column is looked for in a table of several.
    """
    filled = [line for line in lines if line.strip()]
    if any("\t" in line or _END_OF_MOL_BLOCK in line for line in filled):
        try:
            table = parse_pasted("\n".join(lines))
            column = find_smiles_column(table, model)
        except InputError:
            pass
        else:
            # Where the first molecules were taken for a header, they must not be lost.
            if _promises(column) or not any(is_structure(name) for name in table.frame.columns):
                return table.frame, column
    if len(filled) > 1 and _promises(filled[0].split()[0]):
        filled = filled[1:]
    pairs = [(line, "") for line in filled]
    if any(_begins_with_structure(line) for line in filled):
        # Then words behind a blank are names in all lines, also where the structure is broken.
        pairs = [_structure_and_name(line) for line in filled]
    columns = {SMILES: [structure for structure, _ in pairs]}
    if any(name for _, name in pairs):
        columns[NAME] = [name for _, name in pairs]
    return pd.DataFrame(columns), SMILES


def _begins_with_structure(line: str) -> bool:
    structure, name = _structure_and_name(line)
    return bool(name) and is_structure(structure)


def _structure_and_name(line: str) -> tuple[str, str]:
    """Divide a line as SMILES files have them, "CCO ethanol"; an extension, "CCO |...|", belongs to the structure."""
    if "\t" in line:
        structure, _, name = line.partition("\t")
        return structure, name.strip()
    structure, *rest = line.split(maxsplit=1)
    return (line, "") if not rest or rest[0].startswith("|") else (structure, rest[0].strip())


def _promises(name: str) -> bool:
    return structure_name_rank(name) < NO_STRUCTURE_NAME
