"""Standardising a whole column."""

from __future__ import annotations

from collections.abc import Sequence

from mole_engine.contracts.config import CurationConfig
from mole_engine.data.progress import Progress, report
from mole_engine.data.standardise import Standardised, standardise

_REPORT_EVERY = 500


def standardise_all(
    texts: Sequence[str], config: CurationConfig, on_progress: Progress | None = None
) -> list[Standardised]:
    """Standardise every cell; equal cells are worked on once.

    Parameters
    ----------
    texts
        (n) structure cells.
    config
        Which steps are applied.
    on_progress
        Called with ("curate", cells done, cells); may raise `Cancelled`.
    """
    known: dict[str, Standardised] = {}
    results = []
    for position, text in enumerate(texts):
        if position % _REPORT_EVERY == 0:
            report(on_progress, "curate", position, len(texts))
        if text not in known:
            known[text] = standardise(text, config)
        results.append(known[text])
    report(on_progress, "curate", len(texts), len(texts))
    return results
