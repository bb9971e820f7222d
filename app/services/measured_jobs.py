"""Real steps of the job that is set up, taken beside the window where nothing is known of this machine yet."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from app.services.estimates import DataSize, SpeedMemory, epoch_seconds, is_head_only
from app.services.trial_steps import measure_steps
from mole_engine.contracts.config import TrainConfig

if TYPE_CHECKING:
    from app.services.session import Session

MOST_MOLECULES = 512


class MeasuredJobs(QObject):
    """Measures one job at a time, teaches `SpeedMemory`, and remembers how much memory a job took.

    Signals
    -------
    measured()
        Estimates can be better than before.
    """

    measured = Signal()

    def __init__(self, session: Session, memory: SpeedMemory, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._memory = memory
        self._bytes: dict[str, int] = {}
        self._busy = False

    def ask(self, config: TrainConfig, smiles: Sequence[str], size: DataSize, device: tuple[str, float]) -> None:
        """Take a few steps of a job in the background, where no job has run on its device (key, speed) yet."""
        known = self._memory.knows(device[0]) or is_head_only(config)
        if self._busy or known or self._session.training.is_running or not smiles or not size.train:
            return
        self._busy = True
        some = list(smiles)[:: max(1, len(smiles) // MOST_MOLECULES)][:MOST_MOLECULES]
        self._session.start_task(self._measure(config, some, size, device))

    def bytes_of(self, config: TrainConfig) -> int:
        """Return how many bytes a job of this kind took when it was measured; 0: it was not."""
        return self._bytes.get(_kind(config), 0)

    async def _measure(self, config: TrainConfig, smiles: list[str], size: DataSize, device: tuple[str, float]) -> None:
        progress = self._session.new_progress()
        try:
            found = await self._session.run_blocking(measure_steps, config, smiles, progress)
        finally:
            self._busy = False
            self._session.tasks.drop_progress(progress)
        # A training that began meanwhile has slowed the measurement down.
        if found is None or not found.fits or self._session.training.is_running:
            return
        self._memory.learn(
            device[0], epoch_seconds(config, size, device[1]), found.epoch_seconds(size.train, size.validation)
        )
        self._bytes[_kind(config)] = found.memory_bytes
        self.measured.emit()


def _kind(config: TrainConfig) -> str:
    """Return what the memory of a job depends on."""
    return json.dumps([config.model.model_dump(), config.training.batch_size, config.runtime.device])
