"""Chemistry on whole columns: each different text once, on several cores where there are many."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from mole_engine.chem.scaffolds import murcko_scaffold
from mole_engine.chem.substructure import REMEMBERED, matcher
from mole_engine.contracts.config import CurationConfig
from mole_engine.data.progress import Progress, report
from mole_engine.data.standardise import Standardised, standardise, steps_touched
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
    found = standardise_lightly(texts, config, on_progress)
    return [Standardised(item) if isinstance(item, str) else item for item in found]


def standardise_lightly(
    texts: Sequence[str], config: CurationConfig, on_progress: Progress | None = None
) -> list[str | Standardised]:
    """Standardise as `standardise_texts` does; a structure of which there is nothing to tell is its SMILES alone.

    Whoever collects garbage looks at every object, and at no text: a million of them would stop a window.
    """
    return map_texts(standardise_chunk, texts, config.model_dump(), "curate", on_progress)


def steps_of(
    texts: Sequence[str],
    config: CurationConfig,
    others: Sequence[tuple[str, CurationConfig]],
    on_progress: Progress | None = None,
) -> list[int | None]:
    """Return for every cell which steps would touch it (see `standardise.steps_touched`)."""
    options = (config.model_dump(), [(name, changed.model_dump()) for name, changed in others])
    return map_texts(steps_chunk, texts, options, "preview", on_progress)


def scaffolds_of(smiles: Sequence[str], on_progress: Progress | None = None) -> list[str]:
    """Return the Bemis-Murcko scaffold of every molecule; progress as stage "split"."""
    return map_texts(scaffold_chunk, smiles, None, "split", on_progress)


def containing(smiles: Sequence[str], pattern: str, on_progress: Progress | None = None) -> list[bool]:
    """Return which molecules contain a pattern (SMARTS), none where it is not one; progress as stage "Searching"."""
    # With one worker beside the window, what is remembered here for the next search is worth more.
    spared = 1
    here = len(smiles) < PARALLEL_FROM or worker_count(spared=spared) == 1
    options = (pattern, here and len(smiles) <= REMEMBERED)
    return map_texts(containing_chunk, smiles, options, "Searching", on_progress, spared=spared)


def standardise_chunk(texts: Sequence[str], options: dict[str, Any]) -> list[str | Standardised]:
    """Standardise some cells; runs in a helper process too."""
    config = CurationConfig.model_construct(**options)
    made = (standardise(text, config) for text in texts)
    return [item if item.findings or item.key else item.smiles for item in made]


def steps_chunk(
    texts: Sequence[str], options: tuple[dict[str, Any], list[tuple[str, dict[str, Any]]]]
) -> list[int | None]:
    """Look which steps touch some cells; runs in a helper process too."""
    config = CurationConfig.model_construct(**options[0])
    others = [(name, CurationConfig.model_construct(**changed)) for name, changed in options[1]]
    return [steps_touched(text, config, others) for text in texts]


def scaffold_chunk(smiles: Sequence[str], _options: None) -> list[str]:
    """Return some scaffolds; runs in a helper process too."""
    return [murcko_scaffold(text) for text in smiles]


def containing_chunk(smiles: Sequence[str], options: tuple[str, bool]) -> list[bool]:
    """Match some molecules; runs in a helper process too, where there is nobody to remember them for."""
    pattern, remember = options
    contains = matcher(pattern, remember=remember)
    return [contains is not None and contains(text) for text in smiles]


def map_texts(
    work: Callable[[Sequence[str], Any], list[Result]],
    texts: Sequence[str],
    options: Any,
    stage: str,
    on_progress: Progress | None = None,
    *,
    spared: int = 0,
) -> list[Result]:
    """Answer for every text: each different one is worked on once, in helper processes where there are many.

    Parameters
    ----------
    work
        A function of a module: (texts, options) -> one result a text.
    texts
        (n) texts.
    options
        Picklable; handed to `work`.
    stage
        Name of the work for `on_progress`.
    on_progress
        Called with (stage, different texts done, different texts); may raise `Cancelled`.
    spared
        Cores that are left free; see `worker_count`.

    Returns
    -------
    list
        (n) results, in order.
    """
    places = _different(texts)
    unique = list(places)

    def tell(done: int) -> None:
        report(on_progress, stage, done, len(unique))

    tell(0)
    workers = worker_count(spared=spared) if len(unique) >= PARALLEL_FROM else 1
    results: list[Result] = []
    if workers > 1:
        for part in map_in_processes(work, unique, options, workers=workers, on_done=tell):
            results += part
    else:
        for start in range(0, len(unique), _REPORT_EVERY):
            results += work(unique[start : start + _REPORT_EVERY], options)
            tell(len(results))
    return [results[places[text]] for text in texts]


def _different(texts: Sequence[str]) -> dict[str, int]:
    """Return the different texts in order of appearance, each with its place.

    One by one: Python's lock is not given up within one call, which would stop a window for a second.
    """
    found: dict[str, int] = {}
    for text in texts:
        found.setdefault(text, len(found))
    return found
