"""ECFP4 fingerprints of many molecules: computed once in a session, on several cores where there are many."""

from __future__ import annotations

from collections.abc import Sequence
from threading import Lock

import numpy as np
import numpy.typing as npt

from mole_engine.chem.fingerprints import BYTES, Packed, ecfp4, similarity_to
from mole_engine.chem.molecules import UnreadableMolecule, parse_smiles
from mole_engine.contracts.errors import InputError
from mole_engine.data.many_molecules import map_texts
from mole_engine.data.progress import Progress

STAGE = "fingerprints"
MAX_KEPT = 300_000
"""Fingerprints kept for the next question (each takes about 400 bytes with its key)."""

_kept: dict[str, bytes] = {}
_lock = Lock()


def fingerprints_of(smiles: Sequence[str], on_progress: Progress | None = None) -> Packed:
    """Return the packed ECFP4 fingerprint of every molecule.

    Parameters
    ----------
    smiles
        (n) SMILES.
    on_progress
        Called with ("fingerprints", done, total); may raise `Cancelled`.

    Returns
    -------
    numpy.ndarray
        (n, 256) uint8; all zero for a text that is no molecule.
    """
    with _lock:
        known = {text: _kept[text] for text in smiles if text in _kept}
    missing = [text for text in dict.fromkeys(smiles) if text not in known]
    if missing:
        fresh = dict(zip(missing, map_texts(fingerprint_chunk, missing, None, STAGE, on_progress), strict=True))
        known.update(fresh)
        with _lock:
            if len(_kept) + len(fresh) > MAX_KEPT:
                _kept.clear()
            if len(fresh) <= MAX_KEPT:
                _kept.update(fresh)
    joined = bytearray().join(known[text] for text in smiles)
    return np.frombuffer(joined, dtype=np.uint8).reshape(len(smiles), BYTES)


def fingerprint_chunk(smiles: Sequence[str], _options: None) -> list[bytes]:
    """Compute some fingerprints; runs in a helper process too."""
    return [_fingerprint(text) for text in smiles]


def _fingerprint(text: str) -> bytes:
    try:
        return ecfp4(parse_smiles(text)).tobytes()
    except UnreadableMolecule:
        return bytes(BYTES)


def similarity_search(
    query: str, smiles: Sequence[str], on_progress: Progress | None = None
) -> npt.NDArray[np.float32]:
    """Return the Tanimoto similarity (ECFP4) of every molecule to `query`.

    Parameters
    ----------
    query
        A SMILES or InChI.
    smiles
        (n) molecules; unreadable ones get 0.
    on_progress
        Called with ("fingerprints", done, total); may raise `Cancelled`.

    Returns
    -------
    numpy.ndarray
        (n,) float32 between 0 and 1.

    Raises
    ------
    InputError
        When the query is no molecule.
    """
    try:
        wanted = ecfp4(parse_smiles(query))
    except UnreadableMolecule as error:
        raise InputError(f"'{query[:60]}' is not a molecule.", f"{error.reason}.", "Write it as SMILES.") from error
    return similarity_to(wanted, fingerprints_of(smiles, on_progress))
