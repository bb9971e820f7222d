"""The original MolE's vocabulary: a pickle or JSON of {Morgan identifier: token}."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mole_engine.chem.vocabulary import Vocabulary
from mole_engine.contracts.errors import InputError
from mole_engine.store.safe_pickle import read_pickle

SPECIAL = ("PAD", "MASK", "UNK", "CLS")
_TABLES = ("vocabulary", "vocab")
"""Entries of a JSON that may hold the table itself."""


def read_reference_vocabulary(path: str | Path) -> Vocabulary:
    """Read a vocabulary of the original (.pkl or .json), or one of ours (.json), without running anything in it.

    Returns
    -------
    A vocabulary that numbers atoms as the original does; unknown environments stay UNK, there is no fallback.

    Raises
    ------
    InputError
        When the file cannot be read, or is not a table of tokens.
    """
    path = Path(path)
    content = _read_json(path) if path.suffix == ".json" else read_pickle(path)
    if isinstance(content, dict) and "environments" in content:
        return Vocabulary.from_dict(content)
    if isinstance(content, dict):
        content = next((content[name] for name in _TABLES if isinstance(content.get(name), dict)), content)
    if not isinstance(content, dict) or not content:
        raise _not_one(path.name, "it holds no table of atom environments")
    return vocabulary_of(content, path.name)


def vocabulary_of(table: Mapping[Any, Any], name: str = "the table") -> Vocabulary:
    """Turn {Morgan identifier: token} into a vocabulary.

    Parameters
    ----------
    table
        Identifiers (numbers, or their digits) with consecutive tokens from 1 (or 0); the names PAD, MASK, UNK and CLS
        may stand among them, also as "[PAD]" or "<PAD>".

    Raises
    ------
    InputError
        When tokens are missing, doubled or not where the original has them.
    """
    try:
        named = {str(key).strip("[]<>").upper(): int(token) for key, token in table.items()}
        special = {key: token for key, token in named.items() if key in SPECIAL}
        entries = {int(key): token for key, token in named.items() if key not in SPECIAL}
    except (TypeError, ValueError) as error:
        raise _not_one(name, "a key or a token is not a number") from error
    order = sorted(entries, key=lambda key: entries[key])
    tokens = [entries[key] for key in order]
    if not tokens or tokens != list(range(tokens[0], tokens[0] + len(tokens))) or tokens[0] not in (0, 1):
        raise _not_one(name, "its tokens are not numbered from 1 without gaps")
    vocabulary = Vocabulary(order, name=Path(name).stem)
    expected = dict(
        zip(SPECIAL, (vocabulary.pad_id, vocabulary.mask_id, vocabulary.unk_id, vocabulary.cls_id), strict=True)
    )
    wrong = [key for key, token in special.items() if token != expected[key]]
    if wrong:
        raise _not_one(name, f"{wrong[0]} is token {special[wrong[0]]}, not {expected[wrong[0]]}")
    return vocabulary


def _read_json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"Cannot read {path}:", f"{error.strerror or error}.", "Check the path.") from error
    except ValueError as error:
        raise _not_one(path.name, "it is not valid JSON") from error


def _not_one(name: str, why: str) -> InputError:
    return InputError(
        f"{name} is not a vocabulary of MolE:",
        f"{why}.",
        "Give the vocabulary .pkl or .json that belongs to the weights.",
    )
