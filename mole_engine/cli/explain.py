"""`mole explain`: what a model's predictions rest on, atom by atom."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mole_engine.cli.console import line, note, table
from mole_engine.cli.parser import Command
from mole_engine.contracts.errors import InputError
from mole_engine.contracts.wording import counted

if TYPE_CHECKING:
    from mole_engine.contracts.events import ProgressHandler
    from mole_engine.contracts.explanations import Explanation, TaskExplanation
    from mole_engine.inference.predictor import LoadedModel


def _configure(parser: argparse.ArgumentParser) -> None:
    parser.usage = 'mole explain MODEL DATA [--task T] [--out FILE] | mole explain MODEL --smiles "CCO" ...'
    parser.add_argument("model", metavar="MODEL", help="the .mole file, or an .onnx one exported from it")
    parser.add_argument("data", nargs="?", metavar="DATA", help="file with the molecules")
    parser.add_argument("--smiles", nargs="+", action="extend", metavar="SMILES", help="explain these instead")
    parser.add_argument("--task", metavar="T", help="the target to explain (all of them without it)")
    parser.add_argument(
        "--out",
        metavar="FILE",
        help="where to write: .html (pictures), .csv, .tsv, .xlsx or .parquet (one row an atom); a table on stdout "
        "without it",
    )
    parser.add_argument("--smiles-column", default="", metavar="C", help="column with the structures")
    parser.add_argument("--device", default="auto", metavar="auto|cpu|cuda|mps", help="where to compute")


def _run(arguments: argparse.Namespace) -> int:
    if bool(arguments.data) == bool(arguments.smiles):
        raise InputError("Give either a file or --smiles.", "", 'For example: mole explain model.mole --smiles "CCO"')
    from mole_engine.cli.stages import progress_bar
    from mole_engine.export.explanations import check_suffix, write_explanations
    from mole_engine.inference.predictor import load_model
    from mole_engine.store.files import check_not_same, check_writable

    out = Path(arguments.out) if arguments.out else None
    if out is not None:
        check_suffix(out)
        check_writable(out)
        if arguments.data:
            check_not_same(arguments.data, out)
    model = load_model(arguments.model, arguments.device)
    with progress_bar() as progress:
        smiles = arguments.smiles or _structures(model, arguments, progress)
        if out is not None:
            check_suffix(out, len(smiles))
        found = model.explain(smiles, arguments.task, on_progress=progress)
    _refuse_if_unreadable(found, arguments)
    if out is None:
        for place, item in enumerate(found, start=1):
            _show(place, item)
        return 0
    write_explanations(found, out, model.card.name)
    failed = sum(bool(item.error) for item in found)
    if failed:
        note(f"No explanation for {failed:,} of {counted(len(found), 'molecule')}; the file says why.")
    note(f"Explanations of {counted(len(found) - failed, 'molecule')}: {out}")
    return 0


def _structures(model: LoadedModel, arguments: argparse.Namespace, progress: ProgressHandler) -> list[str]:
    from mole_engine.inference.inputs import as_texts
    from mole_engine.inference.tables import read_input

    frame, column = read_input(arguments.data, model, progress, arguments.smiles_column)
    return as_texts(frame[column])


def _refuse_if_unreadable(found: Sequence[Explanation], arguments: argparse.Namespace) -> None:
    if not found or not all(item.error for item in found):
        return
    if arguments.data:
        words = f"row 1: {found[0].error}."
        raise InputError(f"{arguments.data} has no readable structure:", words, "Name the column with --smiles-column.")
    raise InputError(f"'{found[0].smiles}' cannot be read:", f"{found[0].error}.", "Correct the SMILES.")


def _show(place: int, item: Explanation) -> None:
    if place > 1:
        line()
    line(f"{place}  {item.smiles}")
    if item.error:
        line(f"   cannot be read: {item.error}")
    for task in item.tasks:
        line()
        _show_task(item, task)
    for words in item.notes:
        line(f"   {words}")


def _show_task(item: Explanation, task: TaskExplanation) -> None:
    name = f"probability of {task.label}" if task.label else task.task.name
    unit = f" {task.task.unit}" if task.task.unit and not task.label else ""
    prefix = f"{task.task.name}, " if task.label else ""
    line(f"{prefix}{name}: {task.value:.4g}{unit}")
    order = sorted(range(len(item.atoms)), key=lambda index: -abs(task.contributions[index]))
    rows = [(item.atom_name(index), task.words(task.contributions[index])) for index in order]
    line(table(("atom", "contribution"), rows))


COMMAND = Command("explain", "show what predictions rest on, atom by atom", _configure, _run)
