"""`mole export`: a model in other programs' formats."""

from __future__ import annotations

import argparse
from pathlib import Path

from mole_engine.cli.console import note
from mole_engine.cli.parser import Command
from mole_engine.contracts.errors import InputError

FORMATS = ("onnx", "safetensors", "ckpt")


def _configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", metavar="MODEL", help="the .mole file")
    parser.add_argument("--to", required=True, choices=FORMATS, help="format")
    parser.add_argument("--out", required=True, metavar="FILE", help="where to write")


def _run(arguments: argparse.Namespace) -> int:
    out = Path(arguments.out)
    # Onto the model itself is refused in words of its own.
    if out.suffix.lower() != f".{arguments.to}" and out.resolve() != Path(arguments.model).resolve():
        raise InputError(
            f"Cannot write {out} as {arguments.to}:",
            f"its name ends in '{out.suffix}'.",
            f"Choose a name that ends in .{arguments.to}.",
        )
    if arguments.to == "onnx":
        from mole_engine.export.onnx import export_onnx

        export_onnx(arguments.model, out)
    else:
        from mole_engine.export.checkpoints import export_checkpoint, export_safetensors

        (export_safetensors if arguments.to == "safetensors" else export_checkpoint)(arguments.model, out)
    note(f"Written: {out}")
    return 0


COMMAND = Command("export", "write a model as ONNX, safetensors or a Lightning checkpoint", _configure, _run)
