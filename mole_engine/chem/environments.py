"""Atom environments: the words that the network reads.

An environment is the circular (Morgan) neighbourhood of an atom. Radius 0 is the atom alone: element, degree,
hydrogens, charge, isotope and ring membership. MolE reads radius 0 and, in pretraining, predicts radius 2.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
from rdkit import Chem
from rdkit.Chem import rdFingerprintGenerator, rdMolDescriptors

IntArray = npt.NDArray[np.int64]


def atom_environments(mol: Chem.Mol, radius: int = 0) -> IntArray:
    """Return the Morgan identifier of each atom's environment.

    Parameters
    ----------
    mol
        A sanitised molecule.
    radius
        Bonds around the atom that belong to the environment. An atom whose whole fragment lies within a smaller
        radius keeps the identifier of the largest radius that adds something.

    Returns
    -------
    (atoms,) int64
        Unsigned 32-bit Morgan identifiers, in atom order.

    Raises
    ------
    ValueError
        When `radius` is negative.
    """
    if radius < 0:
        raise ValueError(f"radius must not be negative, got {radius}")
    if mol.GetNumAtoms() == 0:
        return np.zeros(0, dtype=np.int64)
    if radius == 0:
        # The radius-0 identifier is the atom's invariant, which RDKit computes without building a fingerprint.
        return np.array(rdMolDescriptors.GetConnectivityInvariants(mol), dtype=np.int64)
    output = rdFingerprintGenerator.AdditionalOutput()
    output.AllocateAtomToBits()
    _generator(radius).GetSparseCountFingerprint(mol, additionalOutput=output)
    return np.array([bits[-1] for bits in output.GetAtomToBits()], dtype=np.int64)


@lru_cache(maxsize=8)
def _generator(radius: int) -> Any:
    return rdFingerprintGenerator.GetMorganGenerator(radius=radius, includeRedundantEnvironments=True)
