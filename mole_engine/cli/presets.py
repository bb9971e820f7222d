"""`mole presets`: the presets there are."""

from __future__ import annotations

import argparse
import textwrap

from mole_engine.cli.console import json_line, line
from mole_engine.cli.parser import Command


def _configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print them with all their settings, as one JSON line")


def _run(arguments: argparse.Namespace) -> int:
    from mole_engine.contracts.presets import DEFAULT_PRESET, list_presets
    from mole_engine.store.shipped import shipped_models

    found = list_presets()
    if arguments.json:
        described = [
            {"name": item.name, "title": item.title, "summary": item.summary, "settings": item.settings}
            for item in found
        ]
        json_line({"presets": described, "models": list(shipped_models())})
        return 0
    width = max(len(item.name) for item in found) + 2
    for item in found:
        text = item.summary + (" (the default)" if item.name == DEFAULT_PRESET else "")
        wrapped = textwrap.wrap(text, width=max(40, 100 - width))
        line(item.name.ljust(width) + ("\n" + " " * width).join(wrapped))
    if shipped_models():
        line(f"Shipped models, for --init: {', '.join(shipped_models())}")
    return 0


COMMAND = Command("presets", "list the presets: what they do, and for whom", _configure, _run)
