"""The vocabulary: from atom environments to token numbers.

Tokens are numbered PAD 0, entries 1..n, MASK n+1, UNK n+2, CLS n+3. An environment without an entry falls back to
the same environment without its isotope label, then to the entry of its element, then to UNK. A vocabulary in the
style of the original MolE has no element entries: its unknown environments stay UNK.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from functools import cached_property
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from rdkit import Chem

from mole_engine.chem.environments import atom_environments
from mole_engine.contracts.errors import InputError
from mole_engine.contracts.paths import from_home

FORMAT = 1
MAX_SIZE = 65_536
"""Tokens are stored as 16-bit numbers."""

TokenArray = npt.NDArray[np.uint16]


class Vocabulary:
    """An immutable table of atom environments.

    Parameters
    ----------
    environments
        Morgan identifiers of radius 0; the first gets token 1.
    elements
        Atomic numbers with an entry of their own, used as fallback; their tokens follow the environments.
    name
        Shown in model cards.

    Attributes
    ----------
    pad_id, mask_id, unk_id, cls_id
        Tokens of padding, of a masked atom (pretraining), of an unknown environment and of the whole molecule.
    size
        Number of tokens, special ones included.

    Raises
    ------
    InputError
        When an entry is listed twice or there are more entries than 16-bit tokens.
    """

    pad_id = 0

    def __init__(self, environments: Sequence[int], elements: Sequence[int] = (), name: str = "") -> None:
        self.name = name
        self.environments = tuple(int(number) for number in environments)
        self.elements = tuple(int(number) for number in elements)
        entries = len(self.environments) + len(self.elements)
        if len(set(self.environments)) + len(set(self.elements)) != entries:
            raise InputError("The vocabulary cannot be used:", "an entry is listed twice.", "Remove the duplicate.")
        if entries + 4 > MAX_SIZE:
            raise InputError("The vocabulary cannot be used:", f"it has more than {MAX_SIZE - 4} entries.")
        self.mask_id = entries + 1
        self.unk_id = entries + 2
        self.cls_id = entries + 3
        self.size = entries + 4
        self._token_of = {identifier: token for token, identifier in enumerate(self.environments, start=1)}
        self._element_token = {
            number: token for token, number in enumerate(self.elements, start=len(self.environments) + 1)
        }

    def tokens(self, mol: Chem.Mol) -> TokenArray:
        """Return the tokens of a molecule, CLS first.

        Returns
        -------
        (atoms + 1,) uint16
        """
        found = [self._token_of.get(identifier, 0) for identifier in atom_environments(mol).tolist()]
        if 0 in found:
            found = self._fall_back(mol, found)
        return np.array([self.cls_id, *found], dtype=np.uint16)

    def _fall_back(self, mol: Chem.Mol, found: list[int]) -> list[int]:
        if not self.elements:
            return [token or self.unk_id for token in found]
        plain = atom_environments(_without_isotopes(mol)).tolist()
        return [
            token
            or self._token_of.get(plain[index], 0)
            or self._element_token.get(mol.GetAtomWithIdx(index).GetAtomicNum(), self.unk_id)
            for index, token in enumerate(found)
        ]

    def knows(self, identifier: int) -> bool:
        """Whether the environment has an entry of its own."""
        return identifier in self._token_of

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of what the tokens mean; equal for vocabularies that number atoms alike."""
        content = json.dumps([FORMAT, self.environments, self.elements], separators=(",", ":"))
        return hashlib.sha256(content.encode()).hexdigest()

    def __len__(self) -> int:
        return self.size

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Vocabulary) and self.fingerprint == other.fingerprint

    def __hash__(self) -> int:
        return hash(self.fingerprint)

    def __repr__(self) -> str:
        return f"Vocabulary({self.name!r}, {len(self.environments)} environments, {len(self.elements)} elements)"

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-able dictionary that `from_dict` reads."""
        return {
            "format": FORMAT,
            "name": self.name,
            "environments": list(self.environments),
            "elements": list(self.elements),
        }

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> Vocabulary:
        """Rebuild a vocabulary.

        Raises
        ------
        InputError
            When the fields are not those of a vocabulary.
        """
        try:
            if fields["format"] != FORMAT:
                raise InputError(
                    "The vocabulary cannot be read:",
                    f"it is of format {fields['format']!r}, this version reads format {FORMAT}.",
                    "Update MolE Studio.",
                )
            return cls(fields["environments"], fields.get("elements", ()), str(fields.get("name", "")))
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(
                "The vocabulary cannot be read:",
                "it has no list of environments (Morgan identifiers).",
                "Give a vocabulary JSON that MolE Studio wrote.",
            ) from error

    @classmethod
    def load(cls, name_or_path: str | Path = "default") -> Vocabulary:
        """Read a shipped vocabulary by name, or a vocabulary JSON by path.

        Raises
        ------
        InputError
            When there is no such vocabulary or the file is not one.
        """
        shipped = files("resources") / "vocabularies" / f"{name_or_path}.json"
        source = shipped if "/" not in str(name_or_path) and shipped.is_file() else from_home(name_or_path)
        try:
            fields = json.loads(source.read_text(encoding="utf-8"))
        except OSError as error:
            raise InputError(
                f"There is no vocabulary '{name_or_path}':",
                f"{error.strerror or error}.",
                "Use 'default', or the path of a vocabulary JSON.",
            ) from error
        except ValueError as error:
            raise InputError(f"{name_or_path} is not a vocabulary:", "it is not valid JSON.") from error
        if not isinstance(fields, dict):
            raise InputError(f"{name_or_path} is not a vocabulary:", "it holds no named fields.")
        return cls.from_dict(fields)


def _without_isotopes(mol: Chem.Mol) -> Chem.Mol:
    copy = Chem.Mol(mol)
    for atom in copy.GetAtoms():
        atom.SetIsotope(0)
    return copy
