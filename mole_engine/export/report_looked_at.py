"""What a report says of what the model looked at: a few test molecules with coloured atoms.

Reports are written at the end of every run, so that few molecules are asked about, and none that is large.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

import numpy as np

from mole_engine.chem.molecules import UnreadableMolecule, parse_smiles
from mole_engine.contracts.dataset import TaskKind
from mole_engine.contracts.errors import Cancelled, MoleError, problem_of
from mole_engine.contracts.events import ProgressHandler
from mole_engine.contracts.explanations import READING, Explanation
from mole_engine.contracts.wording import counted
from mole_engine.export.explanations import coloured, sureness, with_unit
from mole_engine.export.page import facts
from mole_engine.export.report_tasks import badness
from mole_engine.inference.results import TaskResult

log = logging.getLogger(__name__)

TITLE = "What it looked at"
STAGE = "Explaining predictions"

MOST_WORST, MOST_BEST = 4, 2

MOST_ATOMS = 50
"""Heavy atoms; the time grows with their square, and larger molecules are hard to make out in a drawing."""


@dataclass(frozen=True, slots=True)
class _Chosen:
    """Places of the test molecules that are shown, and whether larger ones were passed over for them."""

    worst: tuple[int, ...]
    best: tuple[int, ...]
    passed_over: bool


def looked_at_section(
    model: Path, results: Sequence[TaskResult], on_progress: ProgressHandler | None = None
) -> Iterator[str]:
    """Yield the section; nothing where no target has test molecules.

    Parameters
    ----------
    model
        The run's model; where it is missing or cannot be explained, the section says so.
    results
        The targets in their order; the first with test molecules is shown.
    on_progress
        May raise `Cancelled`: then there are no pictures.
    """
    shown = [item for item in results if len(item)]
    if not shown:
        return
    result = shown[0]
    yield f"<h2>{TITLE}</h2>"
    chosen = _choice(result)
    found: list[Explanation] | str
    if not model.is_file():
        found = "the model file of this run is missing."
    elif not chosen.worst:
        found = f"no test molecule can be drawn with at most {MOST_ATOMS} atoms."
    else:
        found = _asked(model, result, (*chosen.worst, *chosen.best), on_progress)
    if isinstance(found, str):
        yield f"<p>{escape(f'There are no coloured structures: {found}')}</p>"
        return
    yield from _introduction(result, chosen, found, several=len(results) > 1)
    pairs = list(zip((*chosen.worst, *chosen.best), found, strict=True))
    yield from _group("Predicted worst", result, pairs[: len(chosen.worst)])
    yield from _group("Predicted best", result, pairs[len(chosen.worst) :])


def _choice(result: TaskResult) -> _Chosen:
    order = np.argsort(-badness(result), kind="stable").tolist()
    # Of a handful of molecules, not all are called the worst.
    most = min(MOST_WORST, (2 * len(order) + 2) // 3)
    worst, first_over = _drawable(result, order, most)
    best, last_over = _drawable(result, [place for place in reversed(order) if place not in worst], MOST_BEST)
    return _Chosen(worst, best, first_over or last_over)


def _drawable(result: TaskResult, places: Iterable[int], most: int) -> tuple[tuple[int, ...], bool]:
    """Return the first `most` places whose molecules can be shown, and whether some were passed over."""
    found: list[int] = []
    over = False
    for place in places:
        if len(found) == most:
            break
        try:
            fits = parse_smiles(result.smiles[place]).GetNumAtoms() <= MOST_ATOMS
        except UnreadableMolecule:
            fits = False
        if fits:
            found.append(place)
        over |= not fits
    return tuple(found), over


def _asked(
    model: Path, result: TaskResult, places: Sequence[int], on_progress: ProgressHandler | None
) -> list[Explanation] | str:
    """Return what the model looked at, or why it cannot be told."""
    from mole_engine.inference.predictor import load_model

    def told(_: str, done: int, total: int) -> None:
        if on_progress is not None:
            on_progress(STAGE, done * len(places) // total, len(places))

    smiles = [result.smiles[place] for place in places]
    try:
        # In the run's own process its device may be full.
        return load_model(model, "cpu").explain(smiles, result.task.name, on_progress=told)
    except Cancelled:
        # All else is there, and at the end of a run the model is, too.
        return "the work on them was cancelled."
    except MoleError as error:
        return error.problem.one_line()
    except Exception as error:
        # A page with all else is worth more than none.
        log.exception("The predictions of %s could not be explained", model)
        problem = problem_of(error)
        return f"{problem.title} {problem.cause}"


def _introduction(result: TaskResult, chosen: _Chosen, found: Sequence[Explanation], several: bool) -> Iterator[str]:
    meaning = next((item.tasks[0].meaning() for item in found if item.tasks), "")
    under = f" Under the pointer and at the scale: {meaning[0].lower()}{meaning[1:]}" if meaning else ""
    yield f'<p class="muted">{escape(READING + under)}</p>'
    best = f" and the {len(chosen.best)} predicted best" if chosen.best else ""
    words = f"Shown are, of {counted(len(result), 'test molecule')}, the {len(chosen.worst)} predicted worst{best}."
    if several:
        words = f"The first target, {result.task.name}. {words} The window and 'mole explain' show the other targets."
    if chosen.passed_over:
        words += f" Molecules of more than {MOST_ATOMS} atoms are passed over."
    yield f'<p class="muted">{escape(words)}</p>'


def _group(title: str, result: TaskResult, pairs: Sequence[tuple[int, Explanation]]) -> Iterator[str]:
    if not pairs:
        return
    yield f"<h3>{title}</h3>"
    for place, item in pairs:
        yield from _molecule(result, float(result.truth[place]), item)


def _molecule(result: TaskResult, truth: float, item: Explanation) -> Iterator[str]:
    task = result.task
    measured = with_unit(truth, task) if task.kind is TaskKind.REGRESSION else task.classes[int(truth)]
    yield "<figure>"
    yield from (coloured(item, part) for part in item.tasks)
    yield f"<code>{escape(item.smiles)}</code>"
    if item.error:
        yield f"<p>{escape(f'It cannot be read: {item.error}.')}</p>"
    pairs = [("Measured", measured)]
    for part in item.tasks:
        name = f"Predicted probability of '{part.label}'" if part.label else "Predicted"
        pairs += [(name, with_unit(part.value, task)), *sureness(item, part)]
    yield from facts(pairs)
    yield "".join(f'<p class="muted">{escape(note)}</p>' for note in item.notes)
    yield "</figure>"
