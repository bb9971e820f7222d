"""`mole encode`: one vector a molecule."""

from __future__ import annotations

import argparse
from pathlib import Path

from mole_engine.cli.console import note
from mole_engine.cli.parser import Command
from mole_engine.cli.standard_input import data_file
from mole_engine.contracts.wording import counted


def _configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", metavar="MODEL", help="the .mole file, or an .onnx one exported from it")
    parser.add_argument("data", metavar="DATA", help="file with the molecules; - for standard input")
    parser.add_argument("--out", required=True, metavar="FILE", help="where to write: .npy, .parquet or .csv")
    parser.add_argument("--smiles-column", default="", metavar="C", help="column with the structures")
    parser.add_argument("--device", default="auto", metavar="auto|cpu|cuda|mps", help="where to compute")


def _run(arguments: argparse.Namespace) -> int:
    from mole_engine.cli.stages import progress_bar
    from mole_engine.inference.embeddings import encode_file
    from mole_engine.inference.predictor import load_model

    model = load_model(arguments.model, arguments.device)
    with data_file(arguments.data) as path, progress_bar() as progress:
        result = encode_file(model, path, Path(arguments.out), progress, arguments.smiles_column)
    if result.failed:
        note(f"No vector for {result.failed:,} of {counted(result.rows, 'row')}: the structure cannot be read.")
    if result.columns and result.columns[0] != "e0":
        first, last = result.columns[0], result.columns[-1]
        note(f"The file has columns called e0, e1 ... already: the vectors are in '{first}' to '{last}'.")
    note(f"{counted(result.rows, 'vector')} of {counted(result.width, 'number')}: {arguments.out}")
    return 0


COMMAND = Command("encode", "turn molecules into vectors (embeddings)", _configure, _run)
