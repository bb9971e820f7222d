"""`mole evaluate`: how good a model is on labelled molecules."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from math import isfinite
from typing import TYPE_CHECKING

from mole_engine.cli.console import json_line, line, note, table
from mole_engine.cli.parser import Command
from mole_engine.contracts.wording import counted, four_digits

if TYPE_CHECKING:
    from mole_engine.inference.evaluation import Evaluation


def _configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", metavar="MODEL", help="the .mole file, or an .onnx one exported from it")
    parser.add_argument("data", metavar="DATA", help="file with molecules and measured values")
    parser.add_argument("--smiles-column", default="", metavar="C", help="column with the structures")
    parser.add_argument("--device", default="auto", metavar="auto|cpu|cuda|mps", help="where to compute")
    parser.add_argument("--json", action="store_true", help="print the result as one JSON line")


def _run(arguments: argparse.Namespace) -> int:
    from mole_engine.cli.stages import progress_bar
    from mole_engine.inference.evaluation import evaluate_file
    from mole_engine.inference.predictor import load_model

    model = load_model(arguments.model, arguments.device)
    with progress_bar() as progress:
        result = evaluate_file(model, arguments.data, progress, smiles_column=arguments.smiles_column)
    if arguments.json:
        content = asdict(result)
        content["metrics"] = {name: value if isfinite(value) else None for name, value in result.metrics.items()}
        json_line(content)
    else:
        _show(result)
    return 0


def _show(result: Evaluation) -> None:
    is_single = len(result.labelled) == 1
    rows = [(name, four_digits(value)) for name, value in result.metrics.items() if not (is_single and "/" in name)]
    line(table(("metric", "value"), rows))
    for task, count in result.labelled.items():
        note(f"{task}: {count:,} of {counted(result.rows, 'row')} compared.")
    for text in result.notes:
        note(text)
    for task, count in result.unusable.items():
        note(f"{task}: {counted(count, 'row has a value', 'rows have values')} that the model does not know.")
    if result.unreadable:
        note(f"{counted(result.unreadable, 'row has', 'rows have')} a structure that cannot be read.")
    if result.missing_tasks:
        note(f"The file has no values of: {', '.join(result.missing_tasks)}.")


COMMAND = Command("evaluate", "compare a model's predictions with measured values", _configure, _run)
