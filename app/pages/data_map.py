"""The map of the open file: draws it when it is first looked at, and anew when molecules or colours change."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, Slot

from app.services.open_dataset import OpenDataset
from app.services.row_columns import PART_KEY, PARTS, RowColumn, column_keys
from app.services.space import SpacePoints
from app.text import DASH, count, number, own_title, plain_minus
from app.widgets.map_colors import Coloring, color_classes, color_numbers, plain
from app.widgets.map_panel import MapPanel
from mole_engine.contracts.errors import Cancelled

if TYPE_CHECKING:
    from app.services.session import Session

_PART_SHADES = ("train", "validation", "third", "baseline")


class MapControl(QObject):
    """Between the map and the services.

    Attributes
    ----------
    panel
        The widget.
    """

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._session = session
        self.panel = MapPanel(session.depictions)
        self._drawn: SpacePoints | None = None
        self._drawn_of: OpenDataset | None = None
        self._column: RowColumn | None = None
        self._visible: list[int] | None = None
        self._selected: list[int] = []
        self._task: asyncio.Task[Any] | None = None
        self._painting: asyncio.Task[Any] | None = None
        self._color = ""
        self.panel.method_wanted.connect(self._another_map)
        self.panel.color_wanted.connect(self._another_color)
        self.panel.cancelled.connect(session.space.cancel)
        session.space.busy.connect(self.panel.show_progress)

    def show_dataset(self, dataset: OpenDataset) -> None:
        """The data set has changed; the map is drawn again if it is in sight."""
        targets = [task.name for task in dataset.roles.tasks]
        if self._drawn_of is None or self._drawn_of.table is not dataset.table:
            self._color = targets[0] if targets else PART_KEY
            self._selected = []
        self.show_columns()
        if not self.panel.isHidden():
            self.draw()
        else:
            # Drawn anew when it is next looked at; until then nothing holds on to the former data set.
            self._drawn_of = None

    def show_columns(self) -> None:
        """Offer the columns that there are to colour by."""
        dataset = self._session.dataset
        if dataset is None:
            return
        columns = column_keys(dataset, list(self._session.columns.own))
        if self._color not in {"", *(key for key, _ in columns)}:
            self._color = PART_KEY
            self._paint()
        self.panel.show_columns(columns, self._color)

    @Slot()
    def draw(self) -> None:
        """Draw the map of what is open, unless it is drawn already."""
        dataset = self._session.dataset
        if dataset is None or (dataset is self._drawn_of and self._task is None):
            return
        if self._task is not None:
            self._task.cancel()
        self._task = self._session.start_task(self._draw(dataset))

    def show_visible(self, rows: list[int] | None) -> None:
        """Fade what a filter leaves out."""
        self._visible = rows
        if self._drawn is not None:
            self.panel.map.show_visible(rows)

    def show_selected(self, rows: Iterable[int]) -> None:
        """Mark what is selected."""
        self._selected = list(rows)
        if self._drawn is not None:
            self.panel.map.show_selected(self._selected)

    async def _draw(self, dataset: OpenDataset) -> None:
        task = self._task
        try:
            if not self.panel.method:
                self.panel.show_methods(await self._session.run_blocking(self._session.space.methods))
            if self._drawn is None:
                self.panel.map.show_words("The map is being drawn.")
            drawn = await self._session.space.points(dataset, self.panel.method)
        except Cancelled:
            if self._drawn is None:
                self.panel.map.show_words("Choose a kind of map to draw it.")
            raise
        finally:
            if task is self._task or self._task is None:
                self._task = None
                self.panel.end_progress()
        if dataset is not self._session.dataset:
            return
        self._drawn, self._drawn_of = drawn, dataset
        self.panel.map.show_points(drawn.rows, drawn.smiles, drawn.points, self._lines)
        self.panel.map.show_visible(self._visible)
        self.panel.map.show_selected(self._selected)
        self._paint()

    @Slot(str)
    def _another_map(self, _method: str) -> None:
        self._drawn_of = None
        self.draw()

    @Slot(str)
    def _another_color(self, key: str) -> None:
        self._color = key
        self._paint()

    def _paint(self) -> None:
        if self._drawn is None or self._drawn_of is None:
            return
        if self._painting is not None:
            self._painting.cancel()
        self._painting = self._session.start_task(self._fetch_color(self._drawn_of, self._drawn, self._color))

    async def _fetch_color(self, dataset: OpenDataset, drawn: SpacePoints, key: str) -> None:
        self._column = await self._session.columns.column(dataset, key) if key else None
        if drawn is self._drawn:
            self.panel.show_coloring(coloring_of(self._column, drawn.rows))

    def _lines(self, row: int) -> list[tuple[str, str]]:
        """Words of the card of a molecule: its target, then what colours it."""
        dataset = self._drawn_of
        if dataset is None:
            return []
        facts = [f"row {count(row + 1)}"]
        if dataset.roles.tasks:
            task = dataset.roles.tasks[0]
            facts.append(f"{task.name} {plain_minus(dataset.table.cell(row, task.name).strip()) or DASH}")
        shown = self._column
        other = shown is not None and not (dataset.roles.tasks and shown.key == dataset.roles.tasks[0].name)
        second = f"{own_title(shown.key)} {_value(shown, row)}" if shown is not None and other else ""
        return [(" · ".join(facts), ""), (second or f"set {dataset.parts[row]}", "")]


def coloring_of(column: RowColumn | None, rows: list[int]) -> Coloring:
    """Return the colours that a column gives to some rows."""
    import numpy as np

    if column is None or column.kind == "text":
        return plain(len(rows))
    values = column.values[np.asarray(rows, np.int64)] if rows else np.zeros(0)
    unit = f" ({column.unit})" if column.unit and column.unit not in column.title else ""
    title = "part" if column.key == PART_KEY else column.title + unit
    if column.kind == "number":
        return color_numbers(title, values)
    if column.key == PART_KEY:
        return color_classes(title, values, PARTS[:3], _PART_SHADES)
    return color_classes(title, values, column.labels)


def _value(column: RowColumn, row: int) -> str:
    value = float(column.values[row])
    if math.isnan(value):
        return DASH
    return column.labels[int(value)] if column.labels else number(value)
