"""`mole import-reference`: weights of the original MolE become a model."""

from __future__ import annotations

import argparse

from mole_engine.cli.console import note
from mole_engine.cli.parser import Command


def _configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("weights", metavar="WEIGHTS", help="checkpoint of the original MolE (.ckpt or .safetensors)")
    parser.add_argument("--vocabulary", required=True, metavar="FILE", help="its vocabulary (.pkl or .json)")
    parser.add_argument(
        "--heads", type=int, default=0, metavar="N", help="attention heads, where the file does not say"
    )
    parser.add_argument(
        "--task",
        choices=("auto", "regression", "classification", "multiclass"),
        default="auto",
        help="kind of its outputs, where the file does not say",
    )
    parser.add_argument("--names", default="", metavar="A,B", help="names of its tasks (task_1, task_2, ...)")
    parser.add_argument("--out", required=True, metavar="BUNDLE", help="the .mole file to write")


def _run(arguments: argparse.Namespace) -> int:
    from mole_engine.store.import_reference import import_reference

    names = [name.strip() for name in arguments.names.split(",") if name.strip()]
    report = import_reference(
        arguments.weights, arguments.vocabulary, arguments.heads, arguments.task, arguments.out, names
    )
    note(report.in_words())
    note(f"Written: {arguments.out}")
    return 0


COMMAND = Command("import-reference", "turn weights of the original MolE into a model", _configure, _run)
