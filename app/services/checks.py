"""The checks on a run that take trainings of their own: one at a time, beside the window, cancelled with a word."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal, Slot

from mole_engine.contracts.checks import CheckKind, CheckModel, CheckResult
from mole_engine.contracts.errors import Cancelled
from mole_engine.contracts.records import RunRecord

if TYPE_CHECKING:
    from app.services.tasks import Progress, TaskRunner
    from mole_engine.contracts.events import ProgressHandler


@dataclass(frozen=True, slots=True)
class RunningCheck:
    """Which check is under way, and on what."""

    run_id: str
    kind: CheckKind
    task: str
    model: CheckModel


class CheckService(QObject):
    """Makes checks.

    Signals
    -------
    changed()
        A check has begun or ended.
    progressed(str, int, int)
        What the check under way is doing, and how many of its trainings are done.
    """

    changed = Signal()
    progressed = Signal(str, int, int)

    def __init__(self, tasks: TaskRunner, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._tasks = tasks
        self._progress: Progress | None = None
        self.running: RunningCheck | None = None

    async def results(self, record: RunRecord) -> list[CheckResult]:
        """Return the checks that were made on a run."""
        return await self._tasks.run_blocking(_read, record.run_dir)

    async def make(self, record: RunRecord, kind: CheckKind, task: str, model: CheckModel) -> CheckResult | None:
        """Make a check; None where it was cancelled or another one is under way. Raises InputError, KnownError."""
        if self.running is not None:
            return None
        progress = self._tasks.new_progress()
        progress.changed.connect(self._relay)
        self._progress, self.running = progress, RunningCheck(record.run_id, kind, task, model)
        self.changed.emit()
        try:
            return await self._tasks.run_blocking(_make, record.run_dir, kind, task, model, progress)
        except Cancelled:
            return None
        finally:
            self._progress = self.running = None
            self._tasks.drop_progress(progress)
            self.changed.emit()

    @Slot()
    def cancel(self) -> None:
        """End the check under way at its next step; nothing is kept of it."""
        if self._progress is not None:
            self._progress.cancel()

    @Slot(str, int, int)
    def _relay(self, stage: str, done: int, total: int) -> None:
        # Trainings report themselves without words, only to hear whether they may go on.
        if stage:
            self.progressed.emit(stage, done, total)


def _read(run_dir: str) -> list[CheckResult]:
    from mole_engine.store.run_checks import read_checks

    return read_checks(Path(run_dir) / "checks.json")


def _make(run_dir: str, kind: CheckKind, task: str, model: CheckModel, on_progress: ProgressHandler) -> CheckResult:
    from mole_engine.checks import run_check

    return run_check(run_dir, kind, task, model=model, on_progress=on_progress)
