"""`mole pretrain`: an encoder from many molecules."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from mole_engine.cli.console import json_line, line, note
from mole_engine.cli.parser import Command, column_names
from mole_engine.cli.train import refuse_with_resume
from mole_engine.contracts.errors import InputError

if TYPE_CHECKING:
    from mole_engine.contracts.pretrain_config import PretrainConfig
    from mole_engine.contracts.records import RunRecord

_SETTING_OF = {
    "data": "data.path",
    "smiles_column": "data.smiles_column",
    "targets": "data.targets",
    "labels": "data.labels_path",
    "atoms": "objectives.atoms",
    "tasks": "objectives.tasks",
    "descriptors": "objectives.descriptors",
    "steps": "training.steps",
    "passes": "training.passes",
    "batch_size": "training.batch_size",
    "seed": "seed",
    "name": "name",
    "init": "init",
    "out": "out",
    "device": "runtime.device",
}
"""Options, and the setting that each one stands for."""


def _configure(parser: argparse.ArgumentParser) -> None:
    parser.usage = "mole pretrain DATA [options] [section.field=value ...] | mole pretrain --resume DIR [--device D]"
    parser.epilog = "The result is a model without a prediction head: `mole train ... --init DIR/model.mole`."
    parser.add_argument(
        "data", nargs="?", metavar="DATA", help="file with molecules, of any length (CSV, SMI, Parquet)"
    )
    what = parser.add_argument_group("what to learn (a weight of 0 leaves an objective out)")
    what.add_argument("--atoms", type=float, metavar="W", help="weight of guessing masked atoms' environments (1)")
    what.add_argument("--tasks", type=float, metavar="W", help="weight of predicting labels (0; 1 where there are any)")
    what.add_argument("--descriptors", type=float, metavar="W", help="weight of predicting RDKit's descriptors (0)")
    what.add_argument("--targets", metavar="A,B", type=column_names, help="columns with labels")
    what.add_argument("--labels", metavar="FILE", help="table of labels: columns row, task_id, value")
    what.add_argument("--smiles-column", metavar="C", help="column with the structures (found by content)")
    how = parser.add_argument_group("how")
    how.add_argument("--preset", metavar="NAME", help="preset whose network is taken; `mole presets` lists them")
    how.add_argument("--config", metavar="YAML", help="file with settings")
    how.add_argument("--steps", type=int, metavar="N", help="optimiser steps")
    how.add_argument("--passes", type=float, metavar="N", help="passes over the file (1)")
    how.add_argument("--batch-size", type=int, metavar="N", help="molecules a step")
    how.add_argument(
        "--init",
        metavar="BUNDLE|DIR|none",
        help="model, or folder of a pretraining job, to start from",
    )
    how.add_argument("--seed", type=int, metavar="N", help="seed of every random choice")
    how.add_argument("--resume", metavar="DIR", default="", help="go on with an interrupted job")
    where = parser.add_argument_group("where")
    where.add_argument("--device", metavar="auto|cpu|cuda|mps", help="where to compute")
    where.add_argument("--out", metavar="DIR", help="folder of the job (a new one in the workspace)")
    where.add_argument("--name", metavar="TEXT", help="title of the job")
    parser.add_argument("--json", action="store_true", help="print the job's record as one JSON line at the end")


def configuration(arguments: argparse.Namespace) -> PretrainConfig:
    """Return the configuration that the command line asks for. Raises InputError."""
    from mole_engine.contracts.presets import load_preset
    from mole_engine.contracts.pretrain_config import PretrainConfig
    from mole_engine.contracts.settings import merged, parse_assignment, read_yaml

    if arguments.steps is not None and arguments.steps < 1:
        raise InputError(f"--steps {arguments.steps} is no training.", "", "Give 1 or more, or leave it out.")
    changes: dict[str, Any] = {}
    if arguments.preset:
        changes = {"model": load_preset(arguments.preset).settings.get("model", {})}
    written = read_yaml(arguments.config) if arguments.config else {}
    changes = merged(changes, written)
    if (arguments.targets or arguments.labels) and arguments.tasks is None:
        changes = merged({"objectives": {"tasks": 1.0}}, changes)
    for option, setting in _SETTING_OF.items():
        value: Any = getattr(arguments, option)
        if value is not None:
            for key in reversed(setting.split(".")):
                value = {key: value}
            changes = merged(changes, value)
    for assignment in arguments.settings:
        changes = merged(changes, parse_assignment(assignment))
    config = PretrainConfig.from_dict(changes, arguments.config or "", written)
    if not config.data.path:
        raise InputError("There is no file to pretrain on.", "", "Name it: `mole pretrain DATA.smi`.")
    return config


def _resumed(arguments: argparse.Namespace) -> PretrainConfig:
    """Return the configuration of the job that goes on; only its device may be another one. Raises InputError."""
    from mole_engine.store.pretraining_folder import PretrainingFolder

    refuse_with_resume(arguments, [name for name in (*_SETTING_OF, "preset", "config") if name != "device"])
    config = PretrainingFolder(arguments.resume).read_config()
    return config.updated({"runtime": {"device": arguments.device}}) if arguments.device else config


def _run(arguments: argparse.Namespace) -> int:
    config = _resumed(arguments) if arguments.resume else configuration(arguments)
    from mole_engine.cli.interruption import interruptible
    from mole_engine.cli.train_progress import TrainProgress
    from mole_engine.contracts.run_state import RunControl, RunState
    from mole_engine.training.pretraining import pretrain

    control = RunControl()
    with TrainProgress() as progress, interruptible(control):
        record = pretrain(config, on_event=progress.show, control=control, resume=arguments.resume)
    if record.status is RunState.INTERRUPTED:
        note(f'Interrupted. Go on with: mole pretrain --resume "{record.run_dir}"')
    elif record.status is RunState.COMPLETED and record.model_path:
        _report(record, as_json=arguments.json)
    if arguments.json and (record.model_path or record.status is not RunState.COMPLETED):
        json_line(record.to_dict())
    return 0 if record.status is RunState.COMPLETED else 130


def _report(record: RunRecord, *, as_json: bool) -> None:
    shown = ", ".join(f"{name} {value:.4g}" for name, value in record.validation_metrics.items())
    text = f"Validation: {shown}. Kept round {record.best_epoch} of {record.epochs}.\nModel: {record.model_path}"
    (note if as_json else line)(text)


COMMAND = Command("pretrain", "pretrain an encoder on many molecules", _configure, _run, accepts_settings=True)
