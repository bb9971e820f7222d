"""`mole predict`: a table or a few SMILES through a model."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from mole_engine.cli.console import note
from mole_engine.cli.parser import Command
from mole_engine.cli.standard_input import STANDARD_INPUT, data_file
from mole_engine.contracts.errors import InputError
from mole_engine.contracts.wording import counted

if TYPE_CHECKING:
    from mole_engine.inference.predictor import LoadedModel


def _configure(parser: argparse.ArgumentParser) -> None:
    parser.usage = 'mole predict MODEL DATA [--out FILE] | mole predict MODEL --smiles "CCO" ...'
    parser.add_argument("model", metavar="MODEL", help="the .mole file, or an .onnx one exported from it")
    parser.add_argument("data", nargs="?", metavar="DATA", help="file with the molecules; - for standard input")
    parser.add_argument("--smiles", nargs="+", action="extend", metavar="SMILES", help="predict these instead")
    parser.add_argument(
        "--out", metavar="FILE", help="where to write: .csv, .tsv, .xlsx, .parquet or .sdf (CSV on stdout without it)"
    )
    parser.add_argument("--smiles-column", default="", metavar="C", help="column with the structures")
    parser.add_argument("--device", default="auto", metavar="auto|cpu|cuda|mps", help="where to compute")


def _run(arguments: argparse.Namespace) -> int:
    if bool(arguments.data) == bool(arguments.smiles):
        raise InputError("Give either a file or --smiles.", "", 'For example: mole predict model.mole --smiles "CCO"')
    from mole_engine.inference.predictor import load_model

    model = load_model(arguments.model, arguments.device)
    return _predict_smiles(model, arguments) if arguments.smiles else _predict_file(model, arguments)


def _predict_file(model: LoadedModel, arguments: argparse.Namespace) -> int:
    from mole_engine.cli.stages import progress_bar
    from mole_engine.inference.tables import predict_file

    out = arguments.out or sys.stdout
    with data_file(arguments.data) as path, progress_bar() as progress:
        result = predict_file(model, path, out, progress, smiles_column=arguments.smiles_column)
    for old, new in result.renamed.items():
        note(f"The file has a column '{old}' already: the prediction is in '{new}'.")
    if result.rows and result.failed == result.rows:
        name = "standard input" if arguments.data == STANDARD_INPUT else arguments.data
        where = f"{name} has no readable structure in column '{result.smiles_column}':"
        raise InputError(where, f"{result.first_error}.", "Name the right column with --smiles-column.")
    if result.failed:
        error = result.renamed.get("error", "error")
        note(f"No prediction for {result.failed:,} of {counted(result.rows, 'row')}; the column '{error}' says why.")
    if arguments.out:
        note(f"Predictions of {counted(result.rows - result.failed, 'molecule')}: {arguments.out}")
    return 0


def _predict_smiles(model: LoadedModel, arguments: argparse.Namespace) -> int:
    import pandas as pd

    from mole_engine.inference.table_writers import TextWriter
    from mole_engine.inference.tables import write_table

    predicted = model.predict(arguments.smiles)
    frame = pd.concat([pd.DataFrame({"smiles": arguments.smiles}), predicted], axis=1)
    frame.attrs = predicted.attrs
    if arguments.out:
        write_table(frame, arguments.out, own=predicted.columns, structures="smiles")
        note(f"Predictions of {counted(len(frame), 'molecule')}: {arguments.out}")
    else:
        TextWriter(sys.stdout, ",", frozenset(predicted.columns)).write(frame)
    reasons = [reason for reason in predicted["error"] if reason]
    if len(reasons) == len(frame):
        raise InputError(f"'{arguments.smiles[0]}' cannot be read:", f"{reasons[0]}.", "Correct the SMILES.")
    return 0


COMMAND = Command("predict", "predict molecules with a model", _configure, _run)
