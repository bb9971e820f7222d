"""`mole reproduce`: make a run again from its folder alone, and compare the two results."""

from __future__ import annotations

import argparse
import math
from typing import TYPE_CHECKING

from mole_engine.cli.console import json_line, line, note, table
from mole_engine.cli.parser import Command
from mole_engine.contracts.errors import InputError
from mole_engine.contracts.wording import four_digits

if TYPE_CHECKING:
    from mole_engine.contracts.records import RunRecord
    from mole_engine.store.run_folder import RunFolder


def _configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", metavar="RUN", help="run to make again: its folder, or its id in the workspace")
    parser.add_argument("--out", default="", metavar="DIR", help="folder of the new run (a new one in the workspace)")
    parser.add_argument("--workspace", default="", metavar="DIR", help="workspace that keeps the runs")
    parser.add_argument("--device", default="", metavar="auto|cpu|cuda|mps", help="where to compute")
    parser.add_argument("--json", action="store_true", help="print the new record and the old metrics as one JSON line")


def _run(arguments: argparse.Namespace) -> int:
    from mole_engine.cli.interruption import interruptible
    from mole_engine.cli.train_progress import TrainProgress
    from mole_engine.contracts.run_state import RunControl, RunState
    from mole_engine.store.reproduce import reproduction
    from mole_engine.store.run_place import find_run
    from mole_engine.train import train

    folder = find_run(arguments.folder, arguments.workspace)
    old = folder.read_record()
    _check_finished(folder, old)
    changes = {"name": f"{old.name}, again", "out": arguments.out, "workspace": arguments.workspace}
    if arguments.device:
        changes["runtime"] = {"device": arguments.device}
    config = reproduction(folder.path, folder.path, changes)
    control = RunControl()
    with TrainProgress() as progress, interruptible(control):
        new = train(config, on_event=progress.show, control=control)
    if arguments.json:
        json_line({**new.to_dict(), "before": old.to_dict()["metrics"]})
    elif new.status is RunState.COMPLETED:
        line(table(("metric", "before", "again", "difference"), _rows(old, new)))
        note(f"The new run lies in {new.run_dir}.")
    return 130 if new.status in (RunState.INTERRUPTED, RunState.CANCELLED) else 0


def _check_finished(folder: RunFolder, record: RunRecord) -> None:
    """Refuse a run that has no result, before another training. Raises InputError."""
    from mole_engine.contracts.run_state import RunState

    if record.status is RunState.COMPLETED:
        return
    title = f"The run {record.run_id} cannot be made again:"
    if folder.is_locked():
        raise InputError(title, "it is still at work.", "Wait for it.")
    if record.status is RunState.CANCELLED:
        remedy = f'Train anew with its settings: mole train --config "{folder.config}".'
        raise InputError(title, "it was cancelled, so there is no result to compare with.", remedy)
    cause = "it has failed" if record.status is RunState.FAILED else "it was interrupted"
    remedy = f'Go on with it: mole train --resume "{folder.path}".'
    raise InputError(title, f"{cause}, so there is no result to compare with.", remedy)


def _rows(old: RunRecord, new: RunRecord) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    # Without test molecules there is at least what the validation molecules said.
    before, after = (record.metrics or record.validation_metrics for record in (old, new))
    for name, value in before.items():
        again = after.get(name, math.nan)
        same = value == again or (math.isnan(value) and math.isnan(again))
        rows.append((name, four_digits(value), four_digits(again), "none" if same else four_digits(again - value)))
    return rows


COMMAND = Command("reproduce", "make a run again from its folder alone, and compare the results", _configure, _run)
