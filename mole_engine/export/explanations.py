"""Explanations for others to read: a table with one row an atom, and a page with the coloured structures."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mole_engine.contracts.dataset import TaskSpec
from mole_engine.contracts.errors import InputError
from mole_engine.contracts.explanations import READING, Explanation, TaskExplanation
from mole_engine.contracts.wording import counted
from mole_engine.export.page import document, facts, number, table
from mole_engine.store.files import write_text

if TYPE_CHECKING:
    import pandas as pd

PAGE = ".html"
SUFFIXES = (".csv", ".tsv", ".xlsx", ".parquet", PAGE)

MOST_ON_A_PAGE = 500
"""Molecules; a browser takes long over more pictures, and nobody looks at them."""

_WIDTH, _HEIGHT = 420, 306


def check_suffix(out: Path, molecules: int | None = None) -> None:
    """Refuse a file that cannot be written: another format, or a page of too many molecules. Raises InputError."""
    if out.suffix.lower() not in SUFFIXES:
        raise InputError(f"Cannot write {out.name}:", f"its ending must be one of {', '.join(SUFFIXES)}.", "Rename it.")
    if out.suffix.lower() == PAGE and molecules is not None and molecules > MOST_ON_A_PAGE:
        raise InputError(
            f"{counted(molecules, 'molecule is', 'molecules are')} too many for a page with pictures:",
            f"it holds {MOST_ON_A_PAGE}.",
            "Write a .csv instead, or take fewer.",
        )


def write_explanations(explanations: Sequence[Explanation], out: Path, model: str) -> None:
    """Write a page (.html) or a table (.csv, .tsv, .xlsx, .parquet). Raises InputError, KnownError."""
    check_suffix(out, len(explanations))
    if out.suffix.lower() == PAGE:
        write_text(out, explanation_page(explanations, model))
        return
    from mole_engine.inference.tables import write_table

    frame = atom_table(explanations)
    # All of it is ours to guard: the texts of unreadable molecules too.
    write_table(frame, out, own=[str(name) for name in frame.columns])


def atom_table(explanations: Sequence[Explanation]) -> pd.DataFrame:
    """Return one row an atom and target; a molecule that cannot be read has one row, which says why.

    Columns: `row` (of the input), `smiles` (as given), `task`, `atom` (its place in `smiles`; empty where clean-up
    changed the structure so that it cannot be told), `symbol`, `contribution`, `scale` (what it is a difference of),
    `prediction`, `smiles_read` (what the model read), `atom_read` (its place there), `error`. Rows and atoms are
    counted from 1, as everywhere where people read.
    """
    import pandas as pd

    rows: list[dict[str, Any]] = []
    for place, item in enumerate(explanations, start=1):
        first = {"row": place, "smiles": item.smiles}
        if item.error:
            rows.append({**first, "error": item.error})
        for task in item.tasks:
            for index, (atom, contribution) in enumerate(zip(item.atoms, task.contributions, strict=True)):
                rows.append(
                    {
                        **first,
                        "task": task.task.name,
                        "atom": None if atom.given is None else atom.given + 1,
                        "symbol": atom.symbol,
                        "contribution": contribution,
                        "scale": _scale(task),
                        "prediction": task.value,
                        "smiles_read": item.read,
                        "atom_read": index + 1,
                        "error": "",
                    }
                )
    return pd.DataFrame(rows, columns=list(_COLUMNS)).astype(_COLUMNS)


_COLUMNS = {
    "row": "int64",
    "smiles": "object",
    "task": "object",
    "atom": "Int64",
    "symbol": "object",
    "contribution": "float64",
    "scale": "object",
    "prediction": "float64",
    "smiles_read": "object",
    "atom_read": "Int64",
    "error": "object",
}


def explanation_page(explanations: Sequence[Explanation], model: str) -> str:
    """Return a page with a picture of each molecule and target, and the numbers behind it."""
    title = f"What {model} looked at"
    parts = [f"<h1>{escape(title)}</h1>", f'<p class="muted">{escape(READING)}</p>']
    for place, item in enumerate(explanations, start=1):
        parts.extend(_molecule(place, item))
    return document(title, parts)


def _molecule(place: int, item: Explanation) -> Iterator[str]:
    yield f"<h2>Molecule {place}</h2><p><code>{escape(item.smiles)}</code></p>"
    if item.error:
        yield f"<p>{escape(f'It cannot be read: {item.error}.')}</p>"
        return
    for task in item.tasks:
        yield from _task(item, task)
    if item.notes:
        yield "".join(f'<p class="muted">{escape(note)}</p>' for note in item.notes)


def _task(item: Explanation, task: TaskExplanation) -> Iterator[str]:
    yield f"<figure>{coloured(item, task)}</figure><figure>"
    name = f"{task.task.name}: {task.label}" if task.label else task.task.name
    yield from facts([("Target", name), ("Predicted", with_unit(task.value, task.task)), *sureness(item, task)])
    order = sorted(range(len(item.atoms)), key=lambda index: -abs(task.contributions[index]))
    rows = [(item.atom_name(index), (task.words(task.contributions[index]), "")) for index in order]
    yield f"<details><summary>{escape(task.meaning())}</summary>"
    yield from table(("atom", "contribution"), rows, numbers=(1,))
    yield "</details></figure>"


def coloured(item: Explanation, task: TaskExplanation) -> str:
    """Return the structure with coloured atoms, and the scale below, as HTML; why not, where nothing can be drawn."""
    try:
        # What draws needs a library of X, which a bare server does not have.
        from mole_engine.chem.contribution_picture import contribution_picture
    except ImportError as error:
        return f'<p class="muted">{escape(f"Structures cannot be drawn on this computer: {error}.")}</p>'
    names = [f"{item.atom_name(index)}: {task.words(value)}" for index, value in enumerate(task.contributions)]
    picture = contribution_picture(
        item.read, task.contributions, task.reach, _WIDTH, _HEIGHT, titles=names, ends=task.ends()
    )
    return f'<div class="mol">{picture.svg[picture.svg.index("<svg") :]}</div>'


def with_unit(value: float, task: TaskSpec) -> str:
    """Return a value as a page shows it."""
    return " ".join(filter(None, (number(value), task.unit)))


def sureness(item: Explanation, task: TaskExplanation) -> list[tuple[str, str]]:
    """Return how far the prediction can be trusted, as names and values; "" where the model does not say."""
    interval = f"{number(task.lower)} to {number(task.upper)}" if math.isfinite(task.lower) else ""
    near = f"{item.similarity:.2f}" if math.isfinite(item.similarity) else ""
    # What an element makes strange is said in a sentence of its own.
    far = ", far" if item.in_domain is False and not item.unseen else ""
    return [
        ("90% interval", interval),
        ("Similarity to the training set", f"{near}{far}" if near else ""),
    ]


def _scale(task: TaskExplanation) -> str:
    return f"probability of {task.label}" if task.label else task.scale or task.task.unit
