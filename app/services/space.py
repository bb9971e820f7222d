"""Where the molecules of the open file lie on a map of chemical space; computed beside the window, and kept."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import QObject, Signal

from app.services.open_dataset import OpenDataset
from app.services.tasks import Progress, TaskRunner
from mole_engine.contracts.errors import Cancelled
from mole_engine.contracts.events import ProgressHandler

_KEPT_MAPS = 6

ENCODER = "mole-small"
_LEARNT = {"mole pca": "MolE vectors (PCA)", "mole tsne": "MolE vectors, neighbours (t-SNE)"}
"""Maps of what the shipped encoder makes of the molecules, beside those of their fingerprints."""


@dataclass(frozen=True)
class SpacePoints:
    """A map.

    Attributes
    ----------
    rows, smiles
        (n) file rows and cleaned structures of the molecules.
    points
        (n, 2) float32.
    """

    rows: list[int]
    smiles: list[str]
    points: Any


class SpaceService(QObject):
    """One map at a time; a newer wish ends the older.

    Signals
    -------
    busy(stage, done, total)
        Progress of the map that is being computed.
    """

    busy = Signal(str, int, int)

    def __init__(self, tasks: TaskRunner, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._tasks = tasks
        self._progress: Progress | None = None
        self._kept: OrderedDict[tuple[str, int], tuple[list[str], Any]] = OrderedDict()

    @staticmethod
    def methods() -> list[tuple[str, str]]:
        """Return key and title of every map that can be drawn here."""
        from mole_engine.data.chemical_space import available_maps

        return [*available_maps().items(), *_LEARNT.items()]

    def cancel(self) -> bool:
        """Drop the map under way; return whether there was one."""
        if self._progress is None:
            return False
        self._progress.cancel()
        return True

    async def points(self, dataset: OpenDataset, method: str) -> SpacePoints:
        """Return the map of the molecules that remain after clean-up.

        Raises
        ------
        Cancelled
            When another map was asked for meanwhile.
        """
        self.cancel()
        rows, smiles = list(dataset.smiles), list(dataset.structures)
        known = self._kept.get((method, len(smiles)))
        if known is not None and known[0] == smiles:
            return SpacePoints(rows, smiles, known[1])
        progress = self._progress = self._tasks.new_progress()
        progress.changed.connect(self.busy)
        try:
            made = await self._tasks.run_blocking(_project, smiles, method, progress)
            if progress.is_cancelled:
                raise Cancelled
        finally:
            self._tasks.drop_progress(progress)
            if progress is self._progress:
                self._progress = None
        self._kept[(method, len(smiles))] = (smiles, made)
        while len(self._kept) > _KEPT_MAPS:
            self._kept.popitem(last=False)
        return SpacePoints(rows, smiles, made)


def _project(smiles: list[str], method: str, on_progress: ProgressHandler) -> Any:
    from mole_engine.data.chemical_space import project, project_vectors

    if method not in _LEARNT:
        return project(smiles, method, on_progress)
    from mole_engine.inference.predictor import load_model

    vectors = load_model(ENCODER, "cpu").encode(smiles, on_progress=on_progress)
    return project_vectors(vectors, method.removeprefix("mole "), on_progress)
