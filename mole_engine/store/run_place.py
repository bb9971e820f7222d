"""Where a run lives: a new folder in the workspace, the folder that the user names, or one to resume."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from mole_engine.contracts.config import TrainConfig
from mole_engine.contracts.errors import InputError
from mole_engine.contracts.paths import from_home
from mole_engine.contracts.pretrain_config import PretrainConfig
from mole_engine.contracts.records import RunRecord
from mole_engine.contracts.run_state import RunState
from mole_engine.data.benchmarks import BENCHMARK_PREFIX
from mole_engine.store.bundle import read_card
from mole_engine.store.run_folder import FolderLock, RunFolder
from mole_engine.store.runs import Workspace, default_workspace, new_run_id, run_name
from mole_engine.store.shipped import shipped_models, shipped_vocabularies


@dataclass
class RunPlace:
    """A run folder with its first record, and the workspace that lists it.

    Attributes
    ----------
    config
        With absolute paths, so that the run can be resumed from anywhere.
    workspace
        None for a run in a folder of the user's own, which no workspace lists.
    is_resumed
        Whether there was a run here that goes on.
    seconds_before
        Time that the run took before it was resumed.
    """

    config: TrainConfig
    folder: RunFolder
    record: RunRecord
    workspace: Workspace | None
    is_resumed: bool = False
    seconds_before: float = 0.0

    def save(self, record: RunRecord) -> None:
        """Write the record to the folder and, where there is one, to the index. Raises InputError, KnownError."""
        self.folder.write_record(record)
        if self.workspace is not None:
            self.workspace.save(record)

    def check_same_split(self, text: str) -> None:
        """Refuse to go on with other data than before. Raises InputError."""
        if not self.is_resumed or not self.folder.split.is_file():
            return
        from mole_engine.store.run_tables import same_split

        if not same_split(self.folder.split.read_text(encoding="utf-8"), text):
            raise InputError(
                "This run cannot go on:",
                "its molecules are not those with which it began: its data file has changed since, or was cleaned up "
                "otherwise by another version of the program.",
                "Start a new run instead.",
            )


def open_place(config: TrainConfig | None, resume: str = "") -> RunPlace:
    """Make or find the folder of a run and write its configuration and first record.

    Raises
    ------
    InputError, KnownError
        When the folder holds something else, a finished or a working run, or cannot be written.
    """
    if resume:
        return _resumed(config, resume)
    if config is None:
        raise InputError("There is nothing to train.", "", "Give a configuration.")
    config = with_encoder_of_init(with_absolute_paths(config))
    workspace = None if config.out and not config.workspace else Workspace(config.workspace or default_workspace())
    if not config.out:
        assert workspace is not None  # noqa: S101 - without `out` there always is one
        return _begun(config, workspace.create(config), workspace)
    folder = RunFolder(Path(config.out))
    _check_free(folder)
    folder.make()
    with FolderLock(folder.lock):
        # Another job may have begun here since the folder was looked at.
        if folder.is_run:
            raise _holds_a_run(folder, folder.read_record())
        return _begun(config, folder, workspace)


def _begun(config: TrainConfig, folder: RunFolder, workspace: Workspace | None) -> RunPlace:
    config.to_yaml(folder.config)
    now = time.time()
    name = run_name(config)
    # The list knows a run by the name of its folder, also where the user has chosen one among those of the workspace.
    listed = workspace is not None and workspace.holds(folder)
    record = RunRecord(
        run_id=folder.path.name if listed else new_run_id(name, now),
        name=name,
        status=RunState.QUEUED,
        run_dir=str(folder.path),
        preset=config.preset,
        data_name=Path(config.data.path).name,
        created=now,
        seed=config.seed,
    )
    place = RunPlace(config, folder, record, workspace)
    place.save(record)
    return place


def with_absolute_paths(config: TrainConfig) -> TrainConfig:
    """Return the configuration with every path made absolute; names of shipped things and benchmark sets are none."""

    def absolute(path: str) -> str:
        is_path = bool(path) and not path.startswith(BENCHMARK_PREFIX)
        return str(from_home(path).absolute()) if is_path else path

    names = ("path", "validation_path", "test_path")
    paths: dict[str, Any] = {name: absolute(getattr(config.data, name)) for name in names}
    paths["extra_paths"] = [absolute(path) for path in config.data.extra_paths]
    data = config.data.model_copy(update=paths)
    words = config.model.vocabulary
    changes = {
        "data": data,
        "model": config.model.model_copy(
            update={"vocabulary": words if words in shipped_vocabularies() else absolute(words)}
        ),
        "out": absolute(config.out),
        "workspace": absolute(config.workspace),
        "init": config.init if config.init in ("none", *shipped_models()) else absolute(config.init),
    }
    return config.model_copy(update=changes)


_ENCODER_FIELDS = (
    *("layers", "hidden_size", "heads", "intermediate_size", "activation", "relative_positions", "layer_norm_eps"),
)


_Job = TypeVar("_Job", TrainConfig, PretrainConfig)


def with_encoder_of_init(config: _Job) -> _Job:
    """Return the configuration with the network shape of the bundle that training starts from, if there is one.

    Its encoder fits no other shape, so nothing is asked that the bundle knows.

    Raises
    ------
    InputError
        When the bundle cannot be read.
    """
    if config.init == "none":
        return config
    own = read_card(config.init).train_config(Path(config.init).name).model
    shape = {name: getattr(own, name) for name in _ENCODER_FIELDS}
    return config.model_copy(update={"model": config.model.model_copy(update=shape)})


def _check_free(folder: RunFolder) -> None:
    path = folder.path
    if path.exists() and not path.is_dir():
        raise InputError(f"{path} is a file.", "", "Choose a folder for --out.")
    if not path.exists() or not any(path.iterdir()):
        return
    if not folder.is_run:
        raise InputError(f"{path} is not empty:", "nothing in it would be overwritten.", "Choose another folder.")
    if folder.is_locked():
        raise InputError(f"Another program is working in {path}.", "", "Wait for it, or choose another folder.")
    record = folder.read_record()
    is_waste = record.status in (RunState.FAILED, RunState.CANCELLED) and not folder.has_networks
    if not is_waste:
        raise _holds_a_run(folder, record)
    folder.clear()


def _holds_a_run(folder: RunFolder, record: RunRecord) -> InputError:
    return InputError(
        f"{folder.path} holds a run already ({record.status.value}).",
        "",
        "Choose another folder, or go on with it through --resume.",
    )


def find_run(run: str, workspace: str = "") -> RunFolder:
    """Return the folder of a run, named by its path or its identifier. Raises InputError."""
    as_path = RunFolder(from_home(run).absolute())
    return as_path if as_path.is_run else Workspace(workspace or default_workspace()).find(run)


def workspace_of(folder: RunFolder) -> Workspace | None:
    """Return the workspace that lists a run; None for a folder of the user's own. Raises InputError, KnownError."""
    root = folder.path.parent.parent
    is_listed = folder.path.parent.name == "runs" and (root / "studio.db").is_file()
    return Workspace(root) if is_listed else None


def _resumed(config: TrainConfig | None, resume: str) -> RunPlace:
    folder = find_run(resume, config.workspace if config is not None else "")
    record = folder.read_record()
    if folder.is_locked():
        raise InputError(f"The run {record.run_id} is still at work.", "", "Wait for it.")
    if record.status in (RunState.COMPLETED, RunState.CANCELLED):
        raise InputError(
            f"The run {record.run_id} is {record.status.value}.", "", "Only interrupted and failed runs can go on."
        )
    own = folder.read_config()
    if config is not None:
        # The number of threads, and how they are shared, is part of what the figures depend on.
        kept = {
            name: getattr(config.runtime, name) or getattr(own.runtime, name) for name in ("threads", "side_by_side")
        }
        # Checked again: several networks, and a search, need a single device.
        own = own.updated({"runtime": {**config.runtime.model_dump(mode="json"), **kept}})
    workspace = workspace_of(folder)
    if workspace is not None:
        # Of a copy, or of a folder that was renamed: the list knows a run by the name of its folder.
        record = replace(record, run_id=folder.path.name)
    record = replace(record, run_dir=str(folder.path), error="")
    return RunPlace(own, folder, record, workspace, is_resumed=True, seconds_before=record.seconds)


def cache_folder() -> Path:
    """Return where this computer keeps the features of earlier jobs."""
    from platformdirs import user_cache_path

    return user_cache_path("MolE Studio", appauthor=False) / "features"
