"""Chemistry on whole columns: each different text once, on several cores where there are many."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from mole_engine.chem.scaffolds import murcko_scaffold
from mole_engine.contracts.config import CurationConfig
from mole_engine.data.progress import Progress, report
from mole_engine.data.standardise import Standardised, standardise
from mole_engine.data.workers import map_in_processes, worker_count

PARALLEL_FROM = 20_000
"""Fewer texts are done before helper processes would have started."""

_REPORT_EVERY = 500
Result = TypeVar("Result")


def standardise_texts(
    texts: Sequence[str], config: CurationConfig, on_progress: Progress | None = None
) -> list[Standardised]:
    """Standardise every structure cell.

    Parameters
    ----------
    texts
        (n) cells.
    config
        Which steps are applied.
    on_progress
        Called with ("curate", cells done, cells); may raise `Cancelled`.
    """
    return _map(standardise_chunk, texts, config.model_dump(), "curate", on_progress)


def scaffolds_of(smiles: Sequence[str], on_progress: Progress | None = None) -> list[str]:
    """Return the Bemis-Murcko scaffold of every molecule; progress as stage "split"."""
    return _map(scaffold_chunk, smiles, None, "split", on_progress)


def standardise_chunk(texts: Sequence[str], options: dict[str, Any]) -> list[Standardised]:
    """Standardise some cells; runs in a helper process too."""
    config = CurationConfig.model_construct(**options)
    return [standardise(text, config) for text in texts]


def scaffold_chunk(smiles: Sequence[str], _options: None) -> list[str]:
    """Return some scaffolds; runs in a helper process too."""
    return [murcko_scaffold(text) for text in smiles]


def _map(
    work: Callable[[Sequence[str], Any], list[Result]],
    texts: Sequence[str],
    options: Any,
    stage: str,
    on_progress: Progress | None,
) -> list[Result]:
    unique = list(dict.fromkeys(texts))

    def tell(done: int) -> None:
        report(on_progress, stage, done, len(unique))

    tell(0)
    workers = worker_count() if len(unique) >= PARALLEL_FROM else 1
    results: list[Result] = []
    if workers > 1:
        for part in map_in_processes(work, unique, options, workers=workers, on_done=tell):
            results += part
    else:
        for start in range(0, len(unique), _REPORT_EVERY):
            results += work(unique[start : start + _REPORT_EVERY], options)
            tell(len(results))
    known = dict(zip(unique, results, strict=True))
    return [known[text] for text in texts]
