"""Properties that chemists look at first, by name."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from rdkit.Chem import QED, Crippen, Descriptors, Lipinski, rdMolDescriptors

from mole_engine.chem.molecules import UnreadableMolecule, parse_smiles


@dataclass(frozen=True, slots=True)
class Property:
    """One property of a molecule.

    Attributes
    ----------
    title
        What it is called in full.
    unit
        Shown beside the values; may be empty.
    compute
        From a molecule to its value.
    """

    title: str
    unit: str
    compute: Callable[[Any], float]


# Typed as Any: RDKit's Python modules carry no types.
_qed: Any = QED
_crippen: Any = Crippen
_descriptors: Any = Descriptors
_lipinski: Any = Lipinski

PROPERTIES: dict[str, Property] = {
    "MW": Property("Molecular weight", "g/mol", _descriptors.MolWt),
    "logP": Property("Octanol-water partition (Crippen)", "", _crippen.MolLogP),
    "TPSA": Property("Topological polar surface area", "Å²", rdMolDescriptors.CalcTPSA),
    "QED": Property("Drug-likeness (QED)", "", _qed.qed),
    "HBD": Property("Hydrogen-bond donors", "", _lipinski.NumHDonors),
    "HBA": Property("Hydrogen-bond acceptors", "", _lipinski.NumHAcceptors),
    "rings": Property("Rings", "", rdMolDescriptors.CalcNumRings),
    "heavy_atoms": Property("Heavy atoms", "", lambda mol: mol.GetNumHeavyAtoms()),
    "rotatable_bonds": Property("Rotatable bonds", "", rdMolDescriptors.CalcNumRotatableBonds),
}
"""Known properties by the names that tables use."""


def properties_of(smiles: str, names: Sequence[str]) -> list[float]:
    """Compute properties of one molecule.

    Returns
    -------
    list of float
        In the order of `names`; NaN where the text is no molecule or a property cannot be computed.
    """
    try:
        mol = parse_smiles(smiles)
    except UnreadableMolecule:
        return [math.nan] * len(names)
    return [_value(PROPERTIES[name].compute, mol) for name in names]


def _value(compute: Callable[[Any], float], mol: Any) -> float:
    try:
        return float(compute(mol))
    except (ValueError, RuntimeError, ArithmeticError):
        # RDKit refuses a few odd molecules (QED of a lone metal); the others of the column are as good as ever.
        return math.nan
