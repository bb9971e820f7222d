"""What can be done with runs that are over: annotate, throw away, restore, compare, make again."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mole_engine.contracts.config import TrainConfig
from mole_engine.contracts.errors import InputError, MoleError
from mole_engine.contracts.events import Event
from mole_engine.contracts.records import RunRecord, shown_metrics
from mole_engine.contracts.settings import read_yaml

if TYPE_CHECKING:
    from app.services.tasks import TaskRunner
    from mole_engine.store.run_folder import RunFolder

MOST_COMPARED = 6
"""More curves than this in one chart cannot be told apart."""

_NO_SETTINGS = ("name", "out", "workspace", "data.path")
"""Of a configuration, what says where rather than how."""


@dataclass(frozen=True, slots=True)
class RunComparison:
    """Several runs side by side.

    Attributes
    ----------
    records, events
        Of each run, in the order in which they were chosen.
    differences
        Settings in which they differ: name and the value of each run as text ("" where it has none).
    metrics
        Test metrics that any of them has: name and the value of each (NaN where it has none).
    validation_metrics
        The same of the validation molecules, where at least one of the runs had no molecules for a test.
    unlike
        Of "test" and "validation" those that are not the same molecules, with the same values, in all runs.
    """

    records: tuple[RunRecord, ...]
    events: tuple[tuple[Event, ...], ...]
    differences: tuple[tuple[str, tuple[str, ...]], ...]
    metrics: tuple[tuple[str, tuple[float, ...]], ...]
    validation_metrics: tuple[tuple[str, tuple[float, ...]], ...] = ()
    unlike: frozenset[str] = frozenset()


class RunShelf:
    """Changes the workspace's list of runs, in threads beside the window."""

    def __init__(self, tasks: TaskRunner, workspace: Path) -> None:
        self._tasks, self._workspace = tasks, workspace

    def annotate(self, run_id: str, notes: str, tags: Sequence[str], starred: bool) -> Future[None]:
        """Keep what the user says of a run, also while the window closes.

        The result can be awaited with `asyncio.wrap_future`; it raises InputError, KnownError.
        """
        return self._tasks.save(_annotate, self._workspace, run_id, notes, tuple(tags), starred)

    async def trash(self, run_ids: Sequence[str]) -> None:
        """Move runs to the trash. Raises InputError when one is at work, KnownError."""
        await self._tasks.save_blocking(_trash, self._workspace, tuple(run_ids))

    async def trashed(self) -> list[RunRecord]:
        """Return the runs in the trash, the last deleted first."""
        return await self._tasks.run_blocking(_trashed, self._workspace)

    async def restore(self, run_ids: Sequence[str]) -> None:
        """Bring runs back from the trash. Raises InputError, KnownError."""
        await self._tasks.save_blocking(_restore, self._workspace, tuple(run_ids))

    async def drop(self, run_ids: Sequence[str]) -> None:
        """Delete runs in the trash for good. Raises InputError, KnownError."""
        await self._tasks.save_blocking(_drop, self._workspace, tuple(run_ids))

    async def config(self, record: RunRecord) -> TrainConfig:
        """Return the settings of a run. Raises InputError."""
        return await self._tasks.run_blocking(_config, record)

    async def reproduction(self, record: RunRecord) -> TrainConfig:
        """Return the job that makes a run again from its folder alone. Raises InputError, KnownError."""
        return await self._tasks.run_blocking(_reproduction, record)

    async def compare(self, records: Sequence[RunRecord]) -> RunComparison:
        """Return runs side by side; blocking work is done beside the window."""
        return await self._tasks.run_blocking(compare_runs, tuple(records))


def compare_runs(records: Sequence[RunRecord]) -> RunComparison:
    """Read events and settings of runs and say in what they differ; blocking."""
    from mole_engine.store.run_folder import RunFolder

    folders = [RunFolder(record.run_dir) for record in records]
    settings = [_flat_settings(folder.config) for folder in folders]
    names = list(dict.fromkeys(name for one in settings for name in one))
    differences = []
    for name in names:
        values = tuple(one.get(name, "") for one in settings)
        if len(set(values)) > 1 and name not in _NO_SETTINGS:
            differences.append((name, values))
    data = tuple(record.data_name for record in records)
    if len(set(data)) > 1:
        differences.insert(0, ("data file", data))
    shown = [shown_metrics(record.metrics, record.validation_metrics, record.counts) for record in records]
    tested = [metrics if part == "test" else {} for metrics, part in shown]
    validated: list[dict[str, float]] = []
    if any(part == "validation" for _, part in shown):
        # The runs that have a test stand here too: figures of different molecules cannot be compared.
        validated = [record.validation_metrics or metrics for record, (metrics, _) in zip(records, shown, strict=True)]
    events = tuple(tuple(folder.read_events()) for folder in folders)
    metrics = (_metric_rows(tested), _metric_rows(validated))
    return RunComparison(tuple(records), events, tuple(differences), *metrics, _unlike_parts(folders))


def _unlike_parts(folders: Sequence[RunFolder]) -> frozenset[str]:
    from mole_engine.store.run_tables import part_digests

    known = [part_digests(folder) for folder in folders]
    named = {"test": "test", "val": "validation"}
    return frozenset(name for part, name in named.items() if _differ([one[part] for one in known if part in one]))


def _differ(digests: Sequence[tuple[str, str]]) -> bool:
    """Whether parts hold other molecules, or other values where these are known."""
    return len({molecules for molecules, _ in digests}) > 1 or len({values for _, values in digests} - {""}) > 1


def _metric_rows(runs: Sequence[Mapping[str, float]]) -> tuple[tuple[str, tuple[float, ...]], ...]:
    """Return each metric with its value in every run; those of a single target are the means, and left out."""
    names = list(dict.fromkeys(name for metrics in runs for name in metrics))
    several = any(len({name.partition("/")[2] for name in metrics if "/" in name}) > 1 for metrics in runs)
    kept = [name for name in names if several or "/" not in name]
    return tuple((name, tuple(metrics.get(name, math.nan) for metrics in runs)) for name in kept)


def _flat_settings(path: Path) -> dict[str, str]:
    try:
        content = TrainConfig.from_dict(read_yaml(path)).to_dict()
    except InputError:
        return {}
    return dict(_flatten(content))


def _flatten(content: dict[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    pairs = []
    for name, value in content.items():
        if isinstance(value, dict) and value and prefix.count(".") < 2:
            pairs += _flatten(value, f"{prefix}{name}.")
        else:
            words = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
            pairs.append((prefix + name, {"True": "yes", "False": "no", "{}": ""}.get(words, words)))
    return pairs


def _annotate(workspace: Path, run_id: str, notes: str, tags: tuple[str, ...], starred: bool) -> None:
    from mole_engine.store.run_notes import RunNotes, clean_tags
    from mole_engine.store.runs import Workspace

    Workspace(workspace).annotate(run_id, RunNotes(notes, clean_tags(tags), starred))


def _trash(workspace: Path, run_ids: Sequence[str]) -> None:
    from mole_engine.store.runs import Workspace

    _each(Workspace(workspace).delete, run_ids)


def _trashed(workspace: Path) -> list[RunRecord]:
    from mole_engine.store.runs import Workspace

    return Workspace(workspace).trash.records()


def _restore(workspace: Path, run_ids: Sequence[str]) -> None:
    from mole_engine.store.runs import Workspace

    _each(Workspace(workspace).restore, run_ids)


def _drop(workspace: Path, run_ids: Sequence[str]) -> None:
    from mole_engine.store.runs import Workspace

    _each(Workspace(workspace).trash.drop, run_ids)


def _each(work: Callable[[str], object], run_ids: Sequence[str]) -> None:
    """Do something with every run; one that is refused keeps none of the others, and is told by its name."""
    refused: list[tuple[str, MoleError]] = []
    for run_id in run_ids:
        try:
            work(run_id)
        except MoleError as error:
            refused.append((run_id, error))
    if not refused:
        return
    name, first = refused[0]
    if len(run_ids) > 1:
        # They may have been refused for other reasons.
        more = f"{len(refused) - 1} more could not be either." if len(refused) > 1 else ""
        told, problem = f"It is the run {name}.", first.problem
        raise type(first)(problem.title, " ".join(filter(None, (problem.cause, told, more))), problem.remedy) from first
    raise first


def _config(record: RunRecord) -> TrainConfig:
    from mole_engine.store.run_folder import RunFolder

    return RunFolder(record.run_dir).read_config()


def _reproduction(record: RunRecord) -> TrainConfig:
    from mole_engine.store.reproduce import reproduction

    return reproduction(record.run_dir, record.run_dir, {"name": f"{record.name}, again"})
