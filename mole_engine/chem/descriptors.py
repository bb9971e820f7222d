"""RDKit's two-dimensional descriptors, and behind them our own of solvation, as a table of numbers."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Sequence
from functools import cache, partial
from typing import Any

import numpy as np
import numpy.typing as npt
from rdkit.Chem import Descriptors

from mole_engine.chem.hiding import blanked
from mole_engine.chem.molecules import UnreadableMolecule, parse_smiles
from mole_engine.chem.solvation import solvation_names, solvation_row

STAGE = "Computing descriptors"
PROGRESS_EVERY = 16

Progress = Callable[[str, int, int], None]


@cache
def _functions() -> dict[str, Callable[[Any], float]]:
    functions = dict(sorted(Descriptors.descList))
    # Four descriptors are computed from the same indices, each time from new unless they are told not to.
    once = {name: partial(own, force=0) for name, own in functions.items() if name.endswith("EStateIndex")}
    return functions | once


@cache
def rdkit_descriptor_names() -> tuple[str, ...]:
    """Names of RDKit's descriptors, in the order of the columns; they come first."""
    return tuple(_functions())


@cache
def descriptor_names() -> tuple[str, ...]:
    """Names of all descriptors, in the order of the columns.

    New ones are appended, so that a model made before them reads the first columns of the table.
    """
    return (*rdkit_descriptor_names(), *solvation_names())


_SLOW = (
    *("AvgIpc", "BCUT2D_", "BalabanJ", "BertzCT", "Chi4", "FpDensityMorgan", "Ipc", "MaxAbsEState", "MaxEState"),
    *("MinAbsEState", "MinEState", "NumRadicalElectrons", "NumValenceElectrons", "SPS", "qed"),
)
"""What the names of slow descriptors start with."""


@cache
def quick_rdkit_descriptor_names() -> tuple[str, ...]:
    """Names of those of RDKit that together take a third of the time of all of RDKit's, in the order of the columns."""
    return tuple(name for name in _functions() if not name.startswith(_SLOW))


@cache
def quick_descriptor_names() -> tuple[str, ...]:
    """Names of the descriptors but for the slow ones, in the order of the columns; new ones are appended here too."""
    return (*quick_rdkit_descriptor_names(), *solvation_names())


def quick_descriptors_digest(count: int) -> str:
    """Return what tells the first `count` of `quick_descriptor_names` from those of another version of RDKit."""
    return hashlib.sha256("\n".join(quick_descriptor_names()[:count]).encode()).hexdigest()[:16]


def compute_descriptors(
    smiles: Sequence[str], on_progress: Progress | None = None, *, names: Sequence[str] | None = None
) -> npt.NDArray[np.float32]:
    """Compute the descriptors of molecules.

    Parameters
    ----------
    smiles
        One a molecule.
    on_progress
        Called with (stage, done, total); may raise to stop.
    names
        Those that are wanted, in this order; None: all of `descriptor_names`.

    Returns
    -------
    numpy.ndarray
        (n, D) float32, NaN where a descriptor cannot be computed; a row of NaN where the SMILES cannot be read.
    """
    wanted = descriptor_names() if names is None else names
    table = np.full((len(smiles), len(wanted)), np.nan, dtype=np.float32)
    for row, text in enumerate(smiles):
        if on_progress is not None and row % PROGRESS_EVERY == 0:
            on_progress(STAGE, row, len(smiles))
        try:
            mol = parse_smiles(text)
        except UnreadableMolecule:
            continue
        table[row] = descriptor_row(mol, wanted)
    if on_progress is not None:
        on_progress(STAGE, len(smiles), len(smiles))
    return table


def descriptor_row(mol: Any, names: Sequence[str], hidden: Sequence[int] = ()) -> list[float]:
    """Return descriptors of one molecule, of which atoms may be hidden; NaN where one cannot be computed."""
    functions = _functions()
    own = _solvation(mol, hidden) if any(name not in functions for name in names) else {}
    seen = blanked(mol, hidden) if hidden else mol
    return [own[name] if name in own else _value(functions[name], seen) for name in names]


def _solvation(mol: Any, hidden: Sequence[int]) -> dict[str, float]:
    try:
        return dict(zip(solvation_names(), solvation_row(mol, hidden), strict=True))
    except (ValueError, RuntimeError, ArithmeticError, KeyError):
        return dict.fromkeys(solvation_names(), math.nan)


def _value(function: Callable[[Any], float], mol: Any) -> float:
    try:
        value = float(function(mol))
    except (ValueError, RuntimeError, ArithmeticError, KeyError, IndexError, TypeError):
        return math.nan
    # Some descriptors overflow on unusual molecules (Ipc); 32-bit floats end at 3e38.
    return value if abs(value) < 1e30 else math.nan
