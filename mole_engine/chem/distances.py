"""Graph distances: where the atoms of a molecule stand relative to each other."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from rdkit import Chem

MAX_POSITION = 255
"""Largest relative position that is stored; the network clamps earlier, at the end of its table."""


def relative_positions(mol: Chem.Mol) -> npt.NDArray[np.uint8]:
    """Return the relative position of every two tokens of a molecule.

    Parameters
    ----------
    mol
        A sanitised molecule.

    Returns
    -------
    (atoms + 1, atoms + 1) uint8
        Topological distance + 1 (an atom to itself: 1), clamped at `MAX_POSITION`; 0 where there is no distance: the
        row and column of the CLS token (index 0), and atoms of different fragments.
    """
    atoms = mol.GetNumAtoms()
    positions = np.zeros((atoms + 1, atoms + 1), dtype=np.uint8)
    if atoms:
        distances = Chem.GetDistanceMatrix(mol)
        # RDKit writes 1e8 between fragments.
        connected = distances < atoms
        positions[1:, 1:] = np.where(connected, np.minimum(distances + 1.0, MAX_POSITION), 0.0)
    return positions
