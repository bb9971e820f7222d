"""`mole runs`: what has been trained."""

from __future__ import annotations

import argparse
import time
from typing import TYPE_CHECKING

from mole_engine.cli.console import duration, json_line, line, note, table
from mole_engine.cli.parser import Command
from mole_engine.contracts.errors import InputError
from mole_engine.contracts.paths import from_home
from mole_engine.contracts.records import shown_metrics
from mole_engine.contracts.wording import four_digits

if TYPE_CHECKING:
    from mole_engine.contracts.records import RunRecord


def _configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--workspace", default="", metavar="DIR", help="workspace that keeps the runs")
    parser.add_argument("--json", action="store_true", help="print all records as one JSON line")


def _run(arguments: argparse.Namespace) -> int:
    from mole_engine.store.runs import Workspace, default_workspace

    path = from_home(arguments.workspace or default_workspace())
    if path.exists() and not path.is_dir():
        raise InputError(f"{path} is a file, not a workspace.", "", "Name the folder that holds 'runs'.")
    if arguments.workspace and not path.exists():
        raise InputError(f"There is no workspace {path}.", "", "Check its name, or whether it was moved.")
    records = []
    if path.is_dir():
        records = Workspace(path).look()
    if arguments.json:
        json_line({"runs": [record.to_dict() for record in records]})
    elif records:
        line(table(("run", "started", "state", "result", "time"), [_row(record) for record in records]))
        note(f"They lie in {path / 'runs'}.")
    else:
        note(f"There are no runs in {path} yet. `mole train DATA.csv` makes one.")
    return 0


def _row(record: RunRecord) -> tuple[str, ...]:
    # A record may lack its time, and `astimezone` fails under Windows for the first day of 1970.
    started = time.strftime("%Y-%m-%d %H:%M", time.localtime(record.created)) if record.created else "-"
    metrics, part = shown_metrics(record.metrics, record.validation_metrics, record.counts)
    said = "" if part == "test" else f" ({part})"
    main = next((f"{name} {four_digits(value)}{said}" for name, value in metrics.items()), "-")
    return record.run_id, started, record.status.value, main, duration(record.seconds)


COMMAND = Command("runs", "list the runs of this computer's workspace, newest first", _configure, _run)
