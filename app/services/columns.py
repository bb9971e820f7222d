"""Columns of the open file for looking: properties on demand, similarity, statistics; computed beside the window."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

from PySide6.QtCore import QObject, Signal

from app.services.filters import similarities
from app.services.open_dataset import OpenDataset
from app.services.row_columns import SIMILARITY_KEY, RowColumn, read_column, summarise
from app.services.tasks import Progress, TaskRunner
from app.summaries import ColumnSummary
from app.text import OWN
from mole_engine.contracts.errors import Cancelled
from mole_engine.contracts.events import ProgressHandler

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]

PROPERTY_TITLES = {
    "MW": "Molecular weight",
    "logP": "logP (Crippen)",
    "TPSA": "Polar surface area (TPSA)",
    "QED": "Drug-likeness (QED)",
    "HBD": "Hydrogen-bond donors",
    "HBA": "Hydrogen-bond acceptors",
    "rings": "Rings",
    "heavy_atoms": "Heavy atoms",
    "rotatable_bonds": "Rotatable bonds",
}
"""Properties that can be shown, by the engine's names."""

_KEPT_COLUMNS = 12


class ColumnService(QObject):
    """Reads columns, and computes those that the file lacks.

    Attributes
    ----------
    own
        Values of our own columns by key, (rows,) float64 in file order.

    Signals
    -------
    own_changed
        Columns of our own have come, gone or changed.
    busy(stage, done, total), idle()
        Progress, and the end of it.
    """

    own_changed = Signal()
    busy = Signal(str, int, int)
    idle = Signal()

    def __init__(self, tasks: TaskRunner, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._tasks = tasks
        self._progress: Progress | None = None
        self._read: OrderedDict[str, RowColumn] = OrderedDict()
        self._reads: OpenDataset | None = None
        self._lock = threading.Lock()
        self._computed = _Computed()
        self._properties: tuple[str, ...] = ()
        self._similar_to = ""
        self.own: dict[str, Floats] = {}

    @property
    def properties(self) -> tuple[str, ...]:
        """Names of the properties that are shown."""
        return self._properties

    def cancel(self) -> bool:
        """Drop what is being computed; return whether there was anything."""
        if self._progress is None:
            return False
        self._progress.cancel()
        return True

    def shown(self) -> dict[str, Sequence[float]]:
        """Return the values of our own columns as the table takes them."""
        return cast("dict[str, Sequence[float]]", dict(self.own))

    def forget(self) -> None:
        """Drop the columns of our own: another file is open."""
        self._properties, self._similar_to = (), ""
        self._settle({})

    def read(self, dataset: OpenDataset, key: str) -> RowColumn:
        """Return a column; the last few are kept. Blocking, from any thread; raises KeyError."""
        with self._lock:
            if self._reads is not dataset:
                self._reads = dataset
                self._read.clear()
            known, own = self._read.get(key), self.own
        if known is not None:
            return known
        column = read_column(dataset, key, own)
        with self._lock:
            # What was read of columns of our own that have changed meanwhile must not be kept as if it were new.
            if self._reads is dataset and self.own is own:
                self._read[key] = column
                while len(self._read) > _KEPT_COLUMNS:
                    self._read.popitem(last=False)
        return column

    async def column(self, dataset: OpenDataset, key: str) -> RowColumn:
        """Return a column. Raises KeyError where there is none."""
        return await self._tasks.run_blocking(self.read, dataset, key)

    async def summary(self, dataset: OpenDataset, key: str, rows: Sequence[int] | None = None) -> ColumnSummary:
        """Count the values of a column, of all rows or of some. Raises KeyError where there is no such column."""
        return await self._tasks.run_blocking(self._summarise, dataset, key, rows)

    def _summarise(self, dataset: OpenDataset, key: str, rows: Sequence[int] | None) -> ColumnSummary:
        import numpy as np

        return summarise(self.read(dataset, key), None if rows is None else np.asarray(rows, np.int64))

    # Columns of our own ----------------------------------------------------------------------------------------

    async def show_properties(self, dataset: OpenDataset, names: Sequence[str]) -> None:
        """Show these properties as columns; what is not known yet is computed."""
        self._properties = tuple(name for name in PROPERTY_TITLES if name in names)
        await self.renew(dataset)

    async def show_similarity(self, dataset: OpenDataset, smiles: str) -> None:
        """Show the similarity to a molecule as a column; "" takes it away. Raises InputError."""
        self._similar_to = smiles
        await self.renew(dataset)

    async def renew(self, dataset: OpenDataset) -> None:
        """Compute what is wanted for a data set whose structures may have changed."""
        if self._progress is not None:
            self._progress.cancel()
        if not self._properties and not self._similar_to:
            self._settle({})
            return
        progress = self._progress = self._tasks.new_progress()
        progress.changed.connect(self.busy)
        try:
            made = await self._tasks.run_blocking(
                self._computed.columns, dataset, self._properties, self._similar_to, progress
            )
            if progress is not self._progress:
                raise Cancelled
            self._settle(made)
        except BaseException:
            if progress is self._progress:
                # What cannot be had is no longer wanted.
                self._properties = tuple(name for name in self._properties if OWN + name in self.own)
                self._similar_to = self._similar_to if SIMILARITY_KEY in self.own else ""
            raise
        finally:
            self._tasks.drop_progress(progress)
            if progress is self._progress:
                self._progress = None
                self.idle.emit()

    def _settle(self, own: dict[str, Floats]) -> None:
        if not own and not self.own:
            return
        with self._lock:
            self.own = own
            for key in [key for key in self._read if key.startswith(OWN)]:
                del self._read[key]
        self.own_changed.emit()


class _Computed:
    """What was computed last, kept while the structures stay the same: another split costs nothing."""

    def __init__(self) -> None:
        # As one: of two threads that end at the same time, one must not keep its values with the other's structures.
        self._last: tuple[list[str], dict[str, Floats]] = ([], {})

    def columns(
        self, dataset: OpenDataset, names: Sequence[str], similar_to: str, on_progress: ProgressHandler
    ) -> dict[str, Floats]:
        """Return the properties `names`, and the similarity to a molecule ("" for none), by key. Blocking."""
        import numpy as np

        # Cleaned structures where there are any, else as in the file: a row that is left out has properties, too.
        given = dataset.table.column_values(dataset.roles.smiles)
        structures = [dataset.smiles.get(row) or text for row, text in enumerate(given)]
        known, values = self._last
        kept = values if structures == known else {}
        missing = [name for name in names if OWN + name not in kept]
        if missing:
            from mole_engine.data.properties import properties

            frame = properties(structures, missing, on_progress)
            kept = {**kept, **{OWN + name: frame[name].to_numpy(np.float64) for name in missing}}
        made = {OWN + name: kept[OWN + name] for name in names}
        self._last = (structures, kept)
        if similar_to:
            # First, since it is what was asked for last.
            made = {SIMILARITY_KEY: similarities(dataset, similar_to, on_progress).astype(np.float64), **made}
        return made
