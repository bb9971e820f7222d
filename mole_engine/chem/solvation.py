"""How strongly water would pull at a molecule's charges: descriptors of polarity, from the drawn structure alone.

The generalised Born model gives the polarisation energy of partial charges in a continuous solvent (Still, Tempczyk,
Hawley and Hendrickson, J. Am. Chem. Soc. 1990, 112:6127), here with pairwise descreened radii (Hawkins, Cramer and
Truhlar, J. Phys. Chem. 1996, 100:19824). A conformer takes ten to a hundred times as long as all the rest and depends
on chance, so distances are estimated from the number of bonds between two atoms. Charges are those of MMFF94 (Halgren,
J. Comput. Chem. 1996, 17:490), or where it does not know an atom those of Gasteiger and Marsili (Tetrahedron 1980,
36:3219).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from rdkit import Chem
from rdkit.Chem import rdForceFieldHelpers, rdPartialCharges

Floats = npt.NDArray[np.float64]

MAX_ATOMS = 400
"""Of larger molecules, hydrogens counted, nothing is computed: time and memory grow with the square."""

COULOMB = 332.06
"""kcal/mol times angstrom, of two elementary charges."""

WATER = 78.5
"""Relative permittivity."""

BONDI = {1: 1.2, 6: 1.7, 7: 1.55, 8: 1.5, 9: 1.5, 15: 1.85, 16: 1.8, 17: 1.7, 35: 1.85, 53: 2.0}
"""Radii by atomic number, angstrom (Bondi, J. Phys. Chem. 1964, 68:441)."""

OTHER_RADIUS = 1.8
OFFSET = 0.09
"""Taken from a radius before atoms descreen each other, angstrom."""

DESCREENING = {1: 0.85, 6: 0.72, 7: 0.79, 8: 0.85, 9: 0.88, 15: 0.86, 16: 0.96}
OTHER_DESCREENING = 0.8

LARGEST_RADIUS = 30.0

ONE_BOND, TWO_BONDS, EACH_BOND = 1.4, 2.45, 1.25
"""Estimated distances, angstrom: across one and two bonds, and for each bond of a longer way."""

KINDS: dict[str, tuple[int, ...]] = {
    "H": (1,),
    "C": (6,),
    "N": (7,),
    "O": (8,),
    "Halogen": (9, 17, 35, 53),
    "PS": (15, 16),
}
"""Atoms whose own part of the energy is summed: name and atomic numbers."""

DONOR_CHARGE = 0.2
"""A hydrogen with more than this charge counts as one that can be donated."""

_COLUMNS = (
    *("Energy", "Own", "Pairs"),
    *(f"Own{kind}" for kind in KINDS),
    *("Strongest", "AbsCharge", "MaxHCharge", "Donors", "Acceptors"),
)


def solvation_names() -> tuple[str, ...]:
    """Names of the descriptors, in the order of `solvation_row`; energies in kcal/mol, charges in elementary ones."""
    return tuple(f"Born_{column}" for column in _COLUMNS)


def solvation_row(mol: Chem.Mol, hidden: Sequence[int] = ()) -> list[float]:
    """Return the descriptors of one molecule, as many as `solvation_names`; NaN where it is empty or too large.

    Parameters
    ----------
    mol
        Without hydrogens that are atoms of their own, or with them.
    hidden
        Atoms whose charges, and those of their hydrogens, do not count: the rest stays as it is in the whole molecule.

    Returns
    -------
    list of float
        Energies in kcal/mol, charges in elementary ones.
    """
    whole = Chem.AddHs(mol)
    if not 0 < whole.GetNumAtoms() <= MAX_ATOMS:
        return [float("nan")] * len(solvation_names())
    numbers = np.array([atom.GetAtomicNum() for atom in whole.GetAtoms()])
    seen = np.array([not _is_hidden(atom, hidden) for atom in whole.GetAtoms()]) if hidden else np.ones(len(numbers))
    distances = _distances(whole)
    radii = _born_radii(numbers, distances)
    spread = radii[:, None] * radii[None]
    between = np.sqrt(distances**2 + spread * np.exp(-(distances**2) / (4 * spread)))
    scale = -0.5 * COULOMB * (1 - 1 / WATER) / between
    masks = np.array([np.isin(numbers, kind) for kind in KINDS.values()])
    return _described(_charges(whole) * seen, scale, masks)


def _is_hidden(atom: Chem.Atom, hidden: Sequence[int]) -> bool:
    if atom.GetIdx() in hidden:
        return True
    return atom.GetAtomicNum() == 1 and any(other.GetIdx() in hidden for other in atom.GetNeighbors())


def _described(charges: Floats, scale: Floats, masks: npt.NDArray[np.bool_]) -> list[float]:
    """Return the descriptors of one set of charges; `scale` (N, N) times two charges is their energy."""
    atoms = charges * (scale @ charges)
    own = charges**2 * np.diag(scale)
    hydrogen, _, nitrogen, oxygen, *_ = masks
    total, alone = float(atoms.sum()), float(own.sum())
    return [
        total,
        alone,
        total - alone,
        *(masks @ own).tolist(),
        float(atoms.min()),
        float(np.abs(charges).sum()),
        float(charges[hydrogen].max(initial=0.0)),
        float(atoms[hydrogen & (charges > DONOR_CHARGE)].sum()),
        float(atoms[nitrogen | oxygen].sum()),
    ]


def _distances(mol: Chem.Mol) -> Floats:
    """Return (N, N) estimated distances, angstrom; very large between fragments."""
    bonds = Chem.GetDistanceMatrix(mol)
    near = np.minimum(bonds, 3.0).astype(np.int64)
    return np.asarray(np.where(bonds < 3, np.array([0.0, ONE_BOND, TWO_BONDS, 0.0])[near], EACH_BOND * bonds))


def _born_radii(numbers: npt.NDArray[np.int64], distances: Floats) -> Floats:
    """Return (N,) effective radii, angstrom: each atom's own, grown by the neighbours that keep the water away."""
    radii = np.array([BONDI.get(number, OTHER_RADIUS) for number in numbers.tolist()]) - OFFSET
    scaled = radii * np.array([DESCREENING.get(number, OTHER_DESCREENING) for number in numbers.tolist()])
    apart = distances + np.where(np.eye(len(numbers), dtype=bool), 1e9, 0.0)
    outer = apart + scaled
    inner = np.maximum(np.abs(apart - scaled), radii[:, None])
    reaches = outer > inner
    outer, inner = np.where(reaches, outer, 1.0), np.where(reaches, inner, 1.0)
    lost = 0.5 * (
        1 / inner
        - 1 / outer
        + apart / 4 * (1 / outer**2 - 1 / inner**2)
        + np.log(inner / outer) / (2 * apart)
        + scaled**2 / (4 * apart) * (1 / inner**2 - 1 / outer**2)
    )
    np.fill_diagonal(lost, 0.0)
    return np.asarray(1 / np.clip(1 / radii - lost.sum(axis=1), 1 / LARGEST_RADIUS, None))


def _charges(mol: Chem.Mol) -> Floats:
    """Return (N,) partial charges, elementary ones; 0 for an atom that no model knows."""
    found = rdForceFieldHelpers.MMFFGetMoleculeProperties(mol)
    if found is not None:
        return np.array([found.GetMMFFPartialCharge(atom) for atom in range(mol.GetNumAtoms())])
    rdPartialCharges.ComputeGasteigerCharges(mol)
    simple = np.array([atom.GetDoubleProp("_GasteigerCharge") for atom in mol.GetAtoms()])
    return np.asarray(np.nan_to_num(simple, nan=0.0, posinf=0.0, neginf=0.0))
