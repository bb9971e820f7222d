"""Opening a file, and changing one's mind about what is in it, beside the window."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject, Signal

from app.services.open_dataset import FreshTable, OpenDataset
from app.services.tasks import Progress, TaskRunner
from mole_engine.contracts.config import DataConfig, SplitConfig, merged
from mole_engine.contracts.dataset import CurationReport, TableSource
from mole_engine.contracts.errors import Cancelled, KnownError
from mole_engine.contracts.events import ProgressHandler

__all__ = ["DatasetService", "OpenDataset", "Sample", "samples"]

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

    Signals
    -------
    opened(OpenDataset), changed(OpenDataset)
        Another file; the same file read, cleaned or divided in another way. `changed` also follows a failed attempt,
        with the former data set, so that the page shows what holds.
    previewed(FreshTable)
        A file was read; cleaning it up goes on. Always followed by one of the two above or, where nothing was open, by
        `idle` alone.
    busy(stage, done, total), idle()
        Progress, and the end of it.
    """

    previewed = Signal(object)
    opened = Signal(object)
    changed = Signal(object)
    busy = Signal(str, int, int)
    idle = Signal()

    def __init__(self, tasks: TaskRunner, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._tasks = tasks
        self._progress: Progress | None = None
        self._wanted = (DataConfig(), SplitConfig())
        self.current: OpenDataset | None = None

    @property
    def is_busy(self) -> bool:
        """Whether a file is being read or cleaned."""
        return self._progress is not None

    async def open(self, path: str | Path) -> None:
        """Read, clean and divide a file. Raises InputError with what, where and what to do."""
        data = DataConfig(path=str(Path(path).absolute()))
        await self._attempt(None, data, SplitConfig())

    async def revise(self, data: Mapping[str, Any] | None = None, split: Mapping[str, Any] | None = None) -> None:
        """Change settings of the open file (names as in `DataConfig` and `SplitConfig`) and clean and divide it anew.

        Changes asked for in quick succession add up; only the last attempt is shown.
        """
        if self.current is None:
            return
        old_data, old_split = self._wanted
        new_data = DataConfig.model_validate(merged(old_data.model_dump(), dict(data or {})))
        new_split = SplitConfig.model_validate(merged(old_split.model_dump(), dict(split or {})))
        # Another separator or encoding means other columns, so the file itself is read again.
        same_text = all(getattr(new_data, name) == getattr(old_data, name) for name in ("delimiter", "encoding"))
        reread = not same_text or new_data.decimal != old_data.decimal
        await self._attempt(None if reread else self.current.table, new_data, new_split)

    def cancel(self) -> bool:
        """Drop the attempt under way; return whether there was one."""
        if self._progress is None:
            return False
        self._progress.cancel()
        return True

    async def export_issues(self, path: str | Path) -> None:
        """Write every row that needs a look to a CSV file."""
        if self.current is not None:
            await self._tasks.run_blocking(_write_issues, Path(path), self.current.report)

    async def _attempt(self, table: TableSource | None, data: DataConfig, split: SplitConfig) -> None:
        self.cancel()
        self._wanted = (data, split)
        progress = self._tasks.new_progress()
        progress.changed.connect(self.busy)
        self._progress = progress
        self.busy.emit("Reading the file" if table is None else "Cleaning up", 0, 0)
        try:
            fresh = await self._tasks.run_blocking(_read, table, data, split, progress)
            if table is None and not progress.is_cancelled:
                self.previewed.emit(fresh)
            made = await self._tasks.run_blocking(_assemble, fresh, data, split, progress)
            if progress.is_cancelled:
                raise Cancelled
        except BaseException:
            if progress is self._progress:
                self._restore()
            raise
        else:
            another = self.current is None or self.current.info.path != made.info.path or table is None
            self.current = made
            self._progress = None
            self.idle.emit()
            (self.opened if another else self.changed).emit(made)
        finally:
            self._tasks.drop_progress(progress)

    def _restore(self) -> None:
        """Make what holds the starting point of the next change, and show it."""
        self._progress = None
        self.idle.emit()
        if self.current is not None:
            self._wanted = (self.current.data_config, self.current.split_config)
            self.changed.emit(self.current)


def _read(table: TableSource | None, data: DataConfig, split: SplitConfig, on_progress: ProgressHandler) -> FreshTable:
    # Blocking; the engine's heavy rooms load here, in the thread that needs them.
    from app.services.dataset_builder import read

    return read(table, data, split, on_progress)


def _assemble(fresh: FreshTable, data: DataConfig, split: SplitConfig, on_progress: ProgressHandler) -> OpenDataset:
    from app.services.dataset_builder import assemble

    return assemble(fresh, data, split, on_progress)


def _write_issues(path: Path, report: CurationReport) -> None:
    try:
        with path.open("w", encoding="utf-8", newline="") as stream:
            writer = csv.writer(stream)
            writer.writerow(["line", "structure", "column", "what", "reason", "left_out"])
            for issue in report.issues:
                left_out = "yes" if issue.dropped else "no"
                writer.writerow([issue.line, issue.smiles, issue.column, issue.kind.value, issue.reason, left_out])
    except OSError as error:
        raise KnownError(f"Cannot write {path}.", f"{error.strerror or error}.", "Choose another place.") from error
