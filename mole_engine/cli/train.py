"""`mole train`: from a table to a model."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from mole_engine.cli.console import json_line, line, note
from mole_engine.cli.parser import Command, column_names
from mole_engine.cli.splits import METHODS, split_changes
from mole_engine.contracts.errors import InputError
from mole_engine.contracts.paths import from_home

if TYPE_CHECKING:
    from mole_engine.contracts.config import TrainConfig
    from mole_engine.contracts.records import RunRecord

_SETTING_OF = {
    "data": "data.path",
    "validation": "data.validation_path",
    "test": "data.test_path",
    "smiles_column": "data.smiles_column",
    "targets": "data.targets",
    "task": "data.task",
    "epochs": "training.epochs",
    "seed": "seed",
    "name": "name",
    "init": "init",
    "out": "out",
    "workspace": "workspace",
    "device": "runtime.device",
    "devices": "runtime.devices",
    "num_nodes": "runtime.num_nodes",
    "strategy": "runtime.strategy",
}
"""Options, and the setting that each one stands for."""

_WITH_RESUME = ("device", "devices", "num_nodes", "strategy", "workspace")


def _configure(parser: argparse.ArgumentParser) -> None:
    configure(parser)
    parser.add_argument("--resume", metavar="RUN", default="", help="go on with an interrupted run (id or folder)")


def configure(parser: argparse.ArgumentParser, name: str = "train") -> None:
    """Add the options that describe a training."""
    parser.usage = f"mole {name} DATA [options] [section.field=value ...]"
    parser.epilog = (
        "Any setting can be given as section.field=value, for example training.batch_size=64 model.layers=6. "
        "Order of weight: preset, then --config, then options, then such settings."
    )
    words = "file with the molecules (CSV, TSV, SMI, XLSX, ...), or benchmark:NAME for a public set"
    parser.add_argument("data", nargs="?", metavar="DATA", help=words)
    what = parser.add_argument_group("what to learn")
    what.add_argument("--smiles-column", metavar="C", help="column with the structures (found by content)")
    what.add_argument("--targets", metavar="A,B", type=column_names, help="target columns (found by content)")
    what.add_argument("--task", choices=("auto", "regression", "classification", "multiclass"), help="kind of targets")
    what.add_argument(
        "--split", metavar="METHOD|COLUMN", help=f"{', '.join(METHODS)}, or the column that holds train/val/test"
    )
    what.add_argument("--validation", metavar="FILE", help="separate file with validation molecules")
    what.add_argument("--test", metavar="FILE", help="separate file with test molecules")
    how = parser.add_argument_group("how")
    how.add_argument("--preset", metavar="NAME", help="settings to start from (recommended); `mole presets` lists them")
    how.add_argument("--config", metavar="YAML", help="file with settings, laid over the preset")
    how.add_argument("--epochs", type=int, metavar="N", help="passes over the training molecules")
    how.add_argument("--seed", type=int, metavar="N", help="seed of every random choice")
    how.add_argument("--init", metavar="BUNDLE|none", help="model whose encoder the training starts from")
    where = parser.add_argument_group("where")
    where.add_argument("--device", metavar="auto|cpu|cuda|mps", help="where to compute")
    where.add_argument("--devices", type=int, metavar="N", help="devices on each node")
    where.add_argument("--num-nodes", type=int, metavar="N", help="nodes")
    where.add_argument("--strategy", choices=("auto", "ddp", "fsdp"), help="how several devices share the work")
    where.add_argument("--out", metavar="DIR", help="run folder (a new one in the workspace)")
    where.add_argument("--workspace", metavar="DIR", help="workspace that keeps the runs")
    where.add_argument("--name", metavar="TEXT", help="title of the run")
    parser.add_argument("--json", action="store_true", help="print the run's record as one JSON line at the end")


def configuration(arguments: argparse.Namespace) -> TrainConfig:
    """Return the configuration that the command line asks for. Raises InputError."""
    from mole_engine.contracts.config import TrainConfig
    from mole_engine.contracts.presets import DEFAULT_PRESET, settings_over_preset
    from mole_engine.contracts.settings import merged, read_yaml

    written = read_yaml(arguments.config) if arguments.config else {}
    named = [text.partition("=")[2] for text in arguments.settings if text.startswith("preset=")]
    preset = named[-1] if named else arguments.preset or (None if "preset" in written else DEFAULT_PRESET)
    fields = merged(settings_over_preset(written, preset), _changes(arguments))
    config = TrainConfig.from_dict(fields, arguments.config or "", written)
    config = config.with_overrides(arguments.settings)
    if not config.data.path:
        raise InputError("There is no file to train on.", "", "Name it: `mole train DATA.csv`.")
    return config


def _check_files(config: TrainConfig) -> None:
    """Refuse a name with no file behind it before there is a run, and before what is heavy loads."""
    data = config.data
    for path in (data.path, *data.extra_paths, data.validation_path, data.test_path):
        place = from_home(path)
        if not path or (":" in path and not place.exists() and not place.drive):
            # A benchmark set has a name with a colon, and its own words.
            continue
        if place.is_dir():
            raise InputError(f"{path} is a folder.", "", "Choose a file with molecules.")
        if not place.exists():
            raise InputError(f"There is no file {path}.", "", "Check its name, or whether it was moved.")


def _changes(arguments: argparse.Namespace) -> dict[str, Any]:
    from mole_engine.contracts.settings import merged

    changes: dict[str, Any] = {}
    for option, setting in _SETTING_OF.items():
        value: Any = getattr(arguments, option)
        if value is None:
            continue
        for key in reversed(setting.split(".")):
            value = {key: value}
        changes = merged(changes, value)
    if arguments.split:
        changes["split"] = split_changes(arguments.split)
    return changes


def _resumed(arguments: argparse.Namespace) -> TrainConfig:
    """Return the configuration of the run that goes on; only where it runs may change. Raises InputError."""
    from mole_engine.store.runs import Workspace, default_workspace

    refuse_with_resume(
        arguments, [name for name in (*_SETTING_OF, "preset", "config", "split") if name not in _WITH_RESUME]
    )
    folder = Workspace(arguments.workspace or default_workspace()).find(arguments.resume)
    changes = {"runtime": _changes(arguments).get("runtime", {}), "out": str(folder.path)}
    return folder.read_config().updated(changes)


def refuse_with_resume(arguments: argparse.Namespace, names: Sequence[str]) -> None:
    """Refuse what cannot be given beside --resume, in the words in which it was given. Raises InputError."""
    given = [name for name in names if getattr(arguments, name) not in (None, "")]
    words = [arguments.data if name == "data" else f"--{name.replace('_', '-')}" for name in given]
    words += arguments.settings
    if words:
        cause = f"so {', '.join(words)} cannot be given."
        remedy = f"Leave {'it' if len(words) == 1 else 'them'} out."
        raise InputError("--resume goes on with the job's own file and settings,", cause, remedy)


def _run(arguments: argparse.Namespace) -> int:
    return run_training(_resumed(arguments) if arguments.resume else configuration(arguments), arguments)


def run_training(config: TrainConfig, arguments: argparse.Namespace) -> int:
    """Train, with the progress on stderr and the record at the end; return the exit code."""
    from mole_engine.cli.interruption import interruptible
    from mole_engine.cli.train_progress import TrainProgress
    from mole_engine.contracts.run_state import RunControl, RunState

    if not arguments.resume:
        _check_files(config)
    from mole_engine.train import train

    control = RunControl()
    with TrainProgress() as progress, interruptible(control):
        record = train(config, on_event=progress.show, control=control, resume=arguments.resume)
    if record.run_id:
        # Only the first process of a job on several devices has something to say.
        _report(record, as_json=arguments.json)
    return 130 if record.status in (RunState.INTERRUPTED, RunState.CANCELLED) else 0


def _report(record: RunRecord, *, as_json: bool) -> None:
    from mole_engine.cli.train_progress import summary
    from mole_engine.contracts.run_state import RunState

    if record.status is RunState.INTERRUPTED:
        note(f'Interrupted. Go on with: mole train --resume "{record.run_dir}"')
    elif record.status is RunState.COMPLETED:
        (note if as_json else line)(summary(record))
    if as_json:
        json_line(record.to_dict())


COMMAND = Command("train", "train a model on a table of molecules", _configure, _run, accepts_settings=True)
