"""One structure cell into one standard structure, with RDKit's MolStandardize."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from rdkit import Chem
from rdkit.Chem.MolStandardize import rdMolStandardize

from mole_engine.chem.fragments import may_have_bound_metals, outweighing_fragment, without_salt_bonds
from mole_engine.chem.molecules import UnreadableMolecule, canonical_smiles, inchikey, parse_smiles
from mole_engine.contracts.config import CurationConfig
from mole_engine.contracts.dataset import IssueKind

# Quick looks at the SMILES spare most molecules a walk over their atoms.
_CHARGE = re.compile(r"[+-]\d*(:\d+)?\]")
_MAPPED = re.compile(r":\d+\]")
_UNUSUAL = re.compile(r"\[(?!C@|nH\]|N\+\]|O-\])")
_AROMATIC = re.compile(r"[cnosp](?![a-z])")
_CARBON = re.compile(r"c|C(?![a-z])")

MAX_TAUTOMERS = 200
"""Tautomers that are compared; the time grows with their number, and few molecules have more."""

MAX_TAUTOMER_ATOMS = 100
"""Larger molecules (peptides) have thousands of tautomers and keep the one that is written."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that standardising did or refused.

    Attributes
    ----------
    kind, reason
        What, and in words.
    dropped
        Whether the structure is left out.
    step
        Setting that did it ("largest_fragment"), or empty.
    """

    kind: IssueKind
    reason: str
    dropped: bool = False
    step: str = ""


@dataclass(frozen=True, slots=True)
class Standardised:
    """A standard structure.

    Attributes
    ----------
    smiles
        Canonical; empty when the structure is left out.
    findings
        What was done or refused on the way.
    key
        What duplicates have in common: the InChIKey where the settings say so, else empty (the SMILES counts).
    """

    smiles: str
    findings: tuple[Finding, ...] = ()
    key: str = ""


STEPS = ("largest_fragment", "neutralise", "tautomers", "flatten_stereo", "max_heavy_atoms", "leave_out_inorganic")
"""Settings that work on one structure, in the order in which they are applied."""


def standardise(text: str, config: CurationConfig) -> Standardised:
    """Parse, keep the largest organic fragment, neutralise, choose a tautomer, flatten, check size.

    Only the steps that a structure needs cost time.
    """
    if config.largest_fragment and "." in text:
        # Most salts are told apart as texts: their largest fragment alone is read, and its partners are known.
        outweighing = outweighing_fragment(text)
        if outweighing is not None:
            mol, smiles, removed = outweighing
            return _standardised(mol, smiles, config, [_salt(removed, smiles)])
    try:
        mol = parse_smiles(text)
    except UnreadableMolecule as error:
        kind = IssueKind.UNREADABLE if text.strip() else IssueKind.EMPTY
        return Standardised("", (Finding(kind, error.reason, dropped=True),))
    return _standardised(mol, canonical_smiles(mol), config, [])


def steps_touched(text: str, config: CurationConfig, others: Sequence[tuple[str, CurationConfig]]) -> int | None:
    """Return which steps would change a structure or leave it out.

    Parameters
    ----------
    text
        The cell.
    config
        The settings as they are.
    others
        Steps that are switched off, each with the settings in which it alone is switched on.

    Returns
    -------
    int or None
        Bit i is set where `STEPS[i]` touches the structure (switched on, or if it were); None for an unreadable cell.
    """
    try:
        mol = parse_smiles(text)
    except UnreadableMolecule:
        return None
    smiles = canonical_smiles(mol)
    touched = {finding.step for finding in _standardised(mol, smiles, config, []).findings}
    for step, changed in others:
        if step in {found.step for found in _standardised(mol, smiles, changed, []).findings}:
            touched.add(step)
    return sum(1 << bit for bit, step in enumerate(STEPS) if step in touched)


def _standardised(mol: Chem.Mol, smiles: str, config: CurationConfig, findings: list[Finding]) -> Standardised:
    if _MAPPED.search(smiles):
        mol, smiles = _unmapped(mol, smiles)
    if config.largest_fragment and may_have_bound_metals(smiles):
        mol, smiles = _parted(mol, smiles)
    if config.largest_fragment and "." in smiles:
        mol, smiles = _largest_fragment(mol, smiles, findings)
    if config.neutralise and _CHARGE.search(smiles):
        mol, smiles = _neutralised(mol, smiles, findings)
    if config.tautomers and _may_have_tautomers(smiles):
        mol, smiles = _tautomer(mol, smiles, findings)
    if config.flatten_stereo and any(mark in smiles for mark in "@/\\"):
        mol, smiles = _flattened(mol, smiles, findings)
    refused = _refusal(mol, smiles, config)
    if refused is not None:
        return Standardised("", (refused,))
    if not config.leave_out_inorganic and _is_inorganic(mol, smiles):
        findings.append(Finding(IssueKind.INORGANIC, "it has no carbon atom"))
    return Standardised(smiles, tuple(findings), inchikey(mol) if config.same_structure == "inchikey" else "")


@cache
def _fragment_chooser() -> Any:
    return rdMolStandardize.LargestFragmentChooser(preferOrganic=True)


@cache
def _tautomers() -> Any:
    enumerator = rdMolStandardize.TautomerEnumerator()
    enumerator.SetMaxTautomers(MAX_TAUTOMERS)
    enumerator.SetMaxTransforms(MAX_TAUTOMERS)
    return enumerator


@cache
def _uncharger() -> Any:
    return rdMolStandardize.Uncharger(canonicalOrder=True)


def _largest_fragment(mol: Chem.Mol, smiles: str, findings: list[Finding]) -> tuple[Chem.Mol, str]:
    settled = _settled(_fragment_chooser().choose(mol))
    if settled is None:
        return mol, smiles
    chosen, kept = settled
    removed = smiles.split(".")
    if kept in removed:
        removed.remove(kept)
    findings.append(_salt(".".join(removed), kept))
    return chosen, kept


def _salt(removed: str, kept: str) -> Finding:
    words = f"removed '{removed}'; the largest fragment '{kept}' stays"
    return Finding(IssueKind.SALT, words, step="largest_fragment")


def _unmapped(mol: Chem.Mol, smiles: str) -> tuple[Chem.Mol, str]:
    """Take away the numbers of atoms in a reaction: without them the same molecule would be another structure."""
    plain = Chem.Mol(mol)
    for atom in plain.GetAtoms():
        atom.SetAtomMapNum(0)
    return _settled(plain) or (mol, smiles)


def _parted(mol: Chem.Mol, smiles: str) -> tuple[Chem.Mol, str]:
    """Write a salt whose metal is drawn with a bond as the ions that it consists of; which one stays is told then."""
    parted = without_salt_bonds(mol)
    return (mol, smiles) if parted is None else _settled(parted) or (mol, smiles)


def _neutralised(mol: Chem.Mol, smiles: str, findings: list[Finding]) -> tuple[Chem.Mol, str]:
    # A copy: the uncharger of some RDKit versions touches its argument.
    changed = canonical_smiles(_uncharger().uncharge(Chem.Mol(mol)))
    if changed == smiles:
        return mol, smiles  # nitro groups, quaternary nitrogens: no neutral form
    settled = _read_again(changed)
    if settled is None:
        return mol, smiles  # metallocenes: taking the charge off leaves no structure that can be written
    neutral, kept = settled
    if kept == smiles:
        return mol, smiles
    findings.append(Finding(IssueKind.CHARGED, f"neutralised '{smiles}' to '{kept}'", step="neutralise"))
    return neutral, kept


def _may_have_tautomers(smiles: str) -> bool:
    # A hydrogen can only move between two atoms of which one is doubly bound or aromatic.
    return "=" in smiles or "#" in smiles or _AROMATIC.search(smiles) is not None


def _tautomer(mol: Chem.Mol, smiles: str, findings: list[Finding]) -> tuple[Chem.Mol, str]:
    if mol.GetNumHeavyAtoms() > MAX_TAUTOMER_ATOMS:
        return mol, smiles
    try:
        settled = _settled(_tautomers().Canonicalize(mol))
    except (RuntimeError, ValueError):
        return mol, smiles  # a form in between that cannot be kekulized: the structure stays as it is written
    if settled is None or settled[1] == smiles:
        return mol, smiles
    findings.append(Finding(IssueKind.TAUTOMER, f"written '{smiles}' as '{settled[1]}'", step="tautomers"))
    return settled


def _flattened(mol: Chem.Mol, smiles: str, findings: list[Finding]) -> tuple[Chem.Mol, str]:
    flat = Chem.Mol(mol)
    Chem.RemoveStereochemistry(flat)
    settled = _settled(flat)
    if settled is None or settled[1] == smiles:
        return mol, smiles
    findings.append(Finding(IssueKind.STEREO, "stereochemistry was removed", step="flatten_stereo"))
    return settled


def _settled(mol: Chem.Mol) -> tuple[Chem.Mol, str] | None:
    """Write and read again: a changed molecule has its final canonical SMILES only after a round trip."""
    return _read_again(canonical_smiles(mol))


def _read_again(smiles: str) -> tuple[Chem.Mol, str] | None:
    try:
        again = parse_smiles(smiles)
    except UnreadableMolecule:
        return None
    return again, canonical_smiles(again)


def _is_inorganic(mol: Chem.Mol, smiles: str) -> bool:
    return not _CARBON.search(smiles) and not any(atom.GetAtomicNum() == 6 for atom in mol.GetAtoms())


def _refusal(mol: Chem.Mol, smiles: str, config: CurationConfig) -> Finding | None:
    heavy = mol.GetNumHeavyAtoms()
    if heavy > config.max_heavy_atoms:
        words = f"it has {heavy} heavy atoms, more than {config.max_heavy_atoms}"
        return Finding(IssueKind.TOO_LARGE, words, dropped=True, step="max_heavy_atoms")
    if config.leave_out_inorganic and _is_inorganic(mol, smiles):
        return Finding(IssueKind.INORGANIC, "it has no carbon atom", dropped=True, step="leave_out_inorganic")
    if _UNUSUAL.search(smiles) and _settled(mol) is None:
        return Finding(IssueKind.UNREADABLE, "its standard form cannot be written as a SMILES", dropped=True)
    return None
