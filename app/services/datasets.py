"""Opening a file, and changing one's mind about what is in it, beside the window."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from importlib.resources import files
from pathlib import Path
from typing import Any, TypeVar

from PySide6.QtCore import QObject, Signal

from app.questions import ColumnNeededError
from app.services.file_states import FileStates, file_states, hold_the_same
from app.services.open_dataset import FreshTable, OpenDataset
from app.services.tasks import Progress, TaskRunner
from mole_engine.contracts.config import DataConfig, SplitConfig, TrainConfig
from mole_engine.contracts.dataset import TableSource
from mole_engine.contracts.errors import Cancelled, MoleError, StructureColumnError
from mole_engine.contracts.events import ProgressHandler
from mole_engine.contracts.settings import merged

__all__ = ["DatasetService", "OpenDataset", "Sample", "samples"]

T = TypeVar("T")
Wanted = tuple[DataConfig, SplitConfig]

_READ_ANEW = ("path", "extra_paths", "delimiter", "encoding", "decimal", "molar_log")

SAMPLE_TITLES = {
    "logp": "logP of 600 molecules",
    "oral": "Two classes: passes the oral rules or not",
    "messy": "A messy file, to see the clean-up",
}


@dataclass(frozen=True, slots=True)
class Sample:
    """A file that comes with the program."""

    title: str
    path: str


def samples() -> list[Sample]:
    """Return the samples, the one for a first try first."""
    folder = files("resources") / "samples"
    names = sorted(entry.name for entry in folder.iterdir() if entry.name.endswith((".csv", ".tsv", ".smi", ".sdf")))
    names.sort(key=lambda name: "logp" not in name.lower())
    return [Sample(_sample_title(name), str(folder / name)) for name in names]


def _sample_title(name: str) -> str:
    stem = Path(name).stem.lower()
    known = next((title for part, title in SAMPLE_TITLES.items() if part in stem), "")
    return known or Path(name).stem.replace("_", " ").replace("-", " ").capitalize()


class DatasetService(QObject):
    """Holds what is open. A cancelled or failed attempt leaves the former data set in place.

    Attributes
    ----------
    current
        The open data set, or None.
    settled
        The settings that it was made by, as far as the user has fixed them; what is empty was found by content.
    seed
        Of the job to come, which divides where the split has no seed of its own.

    Signals
    -------
    opened(OpenDataset), changed(OpenDataset)
        Another file; the same file read, cleaned or divided in another way. `changed` also follows a failed attempt,
        with the former data set, so that the page shows what holds.
    previewed(FreshTable)
        A file was read; cleaning it up goes on. Always followed by one of the two above or, where nothing was open, by
        `idle` alone.
    followed()
        Another program has changed the open file, and it was read again.
    busy(stage, done, total), idle()
        Progress, and the end of it.
    """

    previewed = Signal(object)
    opened = Signal(object)
    changed = Signal(object)
    followed = Signal()
    busy = Signal(str, int, int)
    idle = Signal()

    def __init__(self, tasks: TaskRunner, workspace: Path, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._tasks = tasks
        self._workspace = workspace
        self._progress: Progress | None = None
        self._counting: Progress | None = None
        self._wanted: Wanted = (DataConfig(), SplitConfig())
        self._states: FileStates = {}
        self.settled: Wanted = self._wanted
        self.seed = TrainConfig().seed
        self.current: OpenDataset | None = None

    @property
    def is_busy(self) -> bool:
        """Whether a file is being read or cleaned."""
        return self._progress is not None

    async def open(self, path: str | Path) -> None:
        """Read, clean and divide a file. Raises InputError with what, where and what to do."""
        await self._open(DataConfig(path=str(Path(path).absolute())))

    async def open_several(self, paths: Sequence[str | Path]) -> None:
        """Open files as one data set: by their names as training, validation and test files, else one after another."""
        from app.services.sources import data_of_files

        await self._open(data_of_files([str(Path(path).absolute()) for path in paths]))

    async def open_job(self, data: DataConfig, split: SplitConfig) -> None:
        """Open the data of an earlier job, cleaned up and divided as it was there. Raises InputError."""
        await self._attempt(None, data, split)

    async def open_pasted(self, text: str) -> None:
        """Keep pasted text as a file in the workspace, and open it. Raises InputError where it holds no table."""
        from app.services.sources import keep_pasted

        path = await self._prepare("Reading the pasted text", keep_pasted, text, self._workspace)
        if path is not None:
            await self.open(path)

    async def open_benchmark(self, name: str) -> None:
        """Fetch a benchmark set unless it is here, and open it. Raises KnownError where it cannot be had."""
        from app.services.sources import fetch

        data = await self._prepare("Downloading the set", fetch, name)
        if data is not None:
            await self._open(data)

    async def _prepare(self, stage: str, work: Callable[..., T], *args: object) -> T | None:
        """Do what comes before opening; None where something else was begun meanwhile."""
        progress = self._begin(stage)
        try:
            made = await self._tasks.run_blocking(work, *args, progress)
        except BaseException as error:
            if progress is self._progress:
                self._restore()
                self._name_what_stays(error)
            raise
        finally:
            self._tasks.drop_progress(progress)
        return made if progress is self._progress else None

    async def revise(self, data: Mapping[str, Any] | None = None, split: Mapping[str, Any] | None = None) -> None:
        """Change settings of the open file (names as in `DataConfig` and `SplitConfig`) and clean and divide it anew.

        Changes asked for in quick succession add up; only the last attempt is shown.
        """
        old_data, old_split = self._wanted
        new_data = DataConfig.model_validate(merged(old_data.model_dump(), dict(data or {})))
        new_split = SplitConfig.model_validate(merged(old_split.model_dump(), dict(split or {})))
        await self.apply((new_data, new_split))

    async def apply(self, wanted: Wanted) -> None:
        """Clean and divide the open file by these settings; the file itself is read again only where it must be."""
        if self.current is None:
            return
        data, split = wanted
        old = self.settled[0]
        # Another separator or encoding means other columns.
        reread = any(getattr(data, name) != getattr(old, name) for name in _READ_ANEW)
        reread = reread or (bool(data.molar_log) and data.units != old.units)
        await self._attempt(None if reread else self.current.table, data, split)

    async def follow(self) -> None:
        """Read the open file again where another program has changed it: a training would learn what it holds now.

        Raises InputError where it no longer fits the settings; the former data set stays, and it is told once.
        """
        current = self.current
        if current is None or self.is_busy:
            return
        wanted = self.settled
        states = await self._tasks.run_blocking(file_states, wanted[0])
        # A file that is gone for the moment, moved or being saved, takes nothing away from what is shown.
        if set(states) != set(self._states) or states == self._states:
            return
        try:
            same = await self._tasks.run_blocking(hold_the_same, wanted[0], states, self._states, current.info.sha256)
        except OSError:
            return
        if self.is_busy or wanted != self.settled or current is not self.current:
            return
        if same:
            self._states = states
        else:
            await self._follow(wanted, states)

    async def _follow(self, wanted: Wanted, states: FileStates) -> None:
        try:
            await self._attempt(None, *wanted)
        except (MoleError, Cancelled):
            if not self.is_busy:
                # Told, or not wanted by the user: not again of the same file. What another change has overtaken is.
                self._states = states
            raise
        self.followed.emit()

    async def use_seed(self, seed: int) -> None:
        """Divide as a job of this seed will, now and from now on."""
        self.seed = seed
        # An attempt under way looks at the seed before it ends.
        if self.current is not None and not self.is_busy and _depends_on_seed(self.current):
            await self.apply(self._wanted)

    def cancel(self) -> bool:
        """Drop the attempt under way; return whether there was one."""
        if self._progress is None:
            return False
        self._progress.cancel()
        return True

    async def effects(self) -> dict[str, int]:
        """Count what each clean-up step does or would do to the open file; a newer call ends the older.

        Raises
        ------
        Cancelled
            When the settings have changed meanwhile.
        """
        if self._counting is not None:
            self._counting.cancel()
        current = self.current
        if current is None:
            return {}
        progress = self._counting = self._tasks.new_progress()
        try:
            found = await self._tasks.run_blocking(_effects, current, progress)
        finally:
            self._tasks.drop_progress(progress)
            if self._counting is progress:
                self._counting = None
        if current is not self.current:
            raise Cancelled
        return found

    async def export_report(self, path: str | Path) -> None:
        """Write what clean-up did; the ending (.html, .json or .csv) decides the form."""
        if self.current is not None:
            from app.services.row_export import write_issues

            await self._tasks.save_blocking(write_issues, Path(path), self.current)

    def _begin(self, stage: str) -> Progress:
        self.cancel()
        if self._counting is not None:
            self._counting.cancel()
        progress = self._tasks.new_progress()
        progress.changed.connect(self.busy)
        self._progress = progress
        self.busy.emit(stage, 0, 0)
        return progress

    async def _open(self, data: DataConfig) -> None:
        await self._attempt(None, data, SplitConfig(), fresh=True)

    def _open_by_column(self, data: DataConfig, name: str) -> None:
        self._tasks.start(self._open(data.model_copy(update={"smiles_column": name})))

    async def _attempt(
        self, table: TableSource | None, data: DataConfig, split: SplitConfig, *, fresh: bool = False
    ) -> None:
        progress = self._begin("Reading the file" if table is None else "Cleaning up")
        self._wanted = (data, split)
        try:
            states = self._states
            if table is None:
                # Before it is read: what changes meanwhile is found out later.
                states = await self._tasks.run_blocking(file_states, data)
            read = await self._tasks.run_blocking(_read, table, data, split, progress)
            if table is None and not progress.is_cancelled:
                self.previewed.emit(read)
            made = await self._divided_by_the_seed(read, data, split, progress)
        except BaseException as error:
            if progress is not self._progress:
                raise
            another = table is None and data.path != self.settled[0].path
            self._restore()
            told: BaseException = error
            if fresh and isinstance(error, StructureColumnError) and error.columns:
                # Nothing has opened, so no page shows the columns to choose from.
                told = ColumnNeededError(error, partial(self._open_by_column, data))
            if another:
                self._name_what_stays(told)
            if told is not error:
                raise told from error
            raise
        else:
            self.current, self.settled, self._states = made, (data, split), states
            self._progress = None
            self.idle.emit()
            (self.opened if fresh else self.changed).emit(made)
        finally:
            self._tasks.drop_progress(progress)

    async def _divided_by_the_seed(
        self, read: FreshTable, data: DataConfig, split: SplitConfig, progress: Progress
    ) -> OpenDataset:
        while True:
            seed = self.seed
            made = await self._tasks.run_blocking(_assemble, read, data, split, seed, progress)
            if progress.is_cancelled:
                raise Cancelled
            if seed == self.seed or not _depends_on_seed(made):
                return made

    def _name_what_stays(self, error: BaseException) -> None:
        """Have the words about a file that did not open say which one is shown behind them."""
        if isinstance(error, MoleError) and self.current is not None:
            remedy = f"{error.problem.remedy} {self.current.info.name} stays open.".strip()
            error.problem = replace(error.problem, remedy=remedy)

    def _restore(self) -> None:
        """Make what holds the starting point of the next change, and show it."""
        self._progress = None
        self.idle.emit()
        if self.current is not None:
            self._wanted = self.settled
            self.changed.emit(self.current)


def _read(table: TableSource | None, data: DataConfig, split: SplitConfig, on_progress: ProgressHandler) -> FreshTable:
    # Blocking; the engine's heavy rooms load here, in the thread that needs them.
    from app.services.dataset_builder import read

    return read(table, data, split, on_progress)


def _assemble(
    fresh: FreshTable, data: DataConfig, split: SplitConfig, seed: int, on_progress: ProgressHandler
) -> OpenDataset:
    from app.services.dataset_builder import assemble

    return assemble(fresh, data, split, seed, on_progress)


def _depends_on_seed(dataset: OpenDataset) -> bool:
    """Whether the seed of the job decides which molecules train."""
    return dataset.split.by_chance and dataset.split_config.seed < 0


def _effects(dataset: OpenDataset, on_progress: ProgressHandler) -> dict[str, int]:
    from app.services.dataset_builder import effects

    return effects(dataset, on_progress)
