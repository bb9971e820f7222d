"""Finding rows of the open file by text or by structure, beside the window."""

from __future__ import annotations

from app.services.open_dataset import OpenDataset
from app.services.tasks import Progress, TaskRunner
from mole_engine.contracts.events import ProgressHandler

_EVERY = 200


class SearchService:
    """One search at a time; a newer one ends the older."""

    def __init__(self, tasks: TaskRunner) -> None:
        self._tasks = tasks
        self._progress: Progress | None = None

    async def find(self, dataset: OpenDataset, text: str) -> list[int]:
        """Return the rows, ascending, that contain `text` in any column or, read as SMARTS, in their structure.

        Raises
        ------
        Cancelled
            When a newer search has begun.
        """
        if self._progress is not None:
            self._progress.cancel()
        progress = self._progress = self._tasks.new_progress()
        try:
            return await self._tasks.run_blocking(find_rows, dataset, text.strip(), progress)
        finally:
            self._tasks.drop_progress(progress)
            if self._progress is progress:
                self._progress = None


def find_rows(dataset: OpenDataset, text: str, on_progress: ProgressHandler) -> list[int]:
    """Search all rows; blocking."""
    from mole_engine.chem.substructure import matcher

    wanted = text.casefold()
    found: set[int] = set()
    for column in dataset.info.columns:
        cells = dataset.table.column_values(column.name)
        on_progress("Searching", 0, 0)
        found.update(row for row, cell in enumerate(cells) if wanted in cell.casefold())
    contains = matcher(text)
    if contains is not None:
        for done, (row, smiles) in enumerate(dataset.smiles.items()):
            if done % _EVERY == 0:
                on_progress("Searching", done, len(dataset.smiles))
            if row not in found and contains(smiles):
                found.add(row)
    return sorted(found)
