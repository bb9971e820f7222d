"""Several runs side by side: their curves in one chart, their results, and the settings in which they differ."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence

from PySide6.QtCore import Qt, Slot
from PySide6.QtGui import QFontMetrics, QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from app.pages.run_names import compared_names
from app.pages.setting_words import setting_words
from app.pages.words import preset_title
from app.services.run_shelf import RunComparison
from app.text import DASH, count, duration, number
from app.theme import SPACE, text_font
from app.widgets.basic import Card, label, muted_label, named, row
from app.widgets.cell_table import Cell, CellTable, Column
from app.widgets.combo import Combo
from app.widgets.figures import lower_is_better, metric_title
from app.widgets.overlay_plot import ColorDot, OverlayCurve, OverlayPlot
from app.widgets.run_curves import RunCurves
from mole_engine.contracts.records import RunRecord

_LEGEND_WIDTH, _LEAST_LEGEND = 780, 150
"""Pixels that the names of all runs share in the narrowest window, and that one of them has at least."""

_LEAST, _MOST, _PAD = 60, 190, 14
"""Least and greatest width of a column's words in pixels, and what stands free beside them."""
_LOSSES = {"validation loss": "validation_losses", "training loss": "train_losses"}


class CompareView(QWidget):
    """Shows one `RunComparison`."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._comparison: RunComparison | None = None
        self._names: list[str] = []
        self._shared = ""
        self._curves: list[RunCurves] = []
        self.picker = named(Combo(), "comparePicker", "Curve to compare")
        self.plot = OverlayPlot("comparePlot", "The same curve of each run over its epochs")
        self.results = _RunTable("compareResults", "Results side by side", bare=True)
        self.settings = _RunTable("compareSettings", "Settings that differ", bare=True)
        self._legend = QHBoxLayout()
        self._legend.setSpacing(SPACE[0])
        self._build()
        self.picker.currentIndexChanged.connect(self._draw)

    @property
    def shared_name(self) -> str:
        """The name that all compared runs have, which their labels therefore leave out; "" if there are several."""
        return self._shared

    def show_comparison(self, comparison: RunComparison) -> None:
        """Show other runs."""
        self._comparison = comparison
        self._names, self._shared = compared_names(comparison)
        self._curves = [RunCurves.replay(events) for events in comparison.events]
        self._show_legend()
        self._fill_picker()
        self._draw()
        self._show_results(comparison)
        self._show_settings(comparison)

    def _build(self) -> None:
        self._chart = Card("Curves", "validation molecules")
        self._chart.header.addWidget(self.picker)
        self._chart.body.addLayout(self._legend)
        self._chart.add(self.plot, 1)
        self._results_card = Card("Results", "test molecules; the best of each row is bold")
        self._results_card.add(self.results, 1)
        self._settings_card = Card("Settings that differ")
        self._same = muted_label("These runs have the same settings.")
        self._settings_card.add(self._same)
        self._settings_card.add(self.settings, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(SPACE[2])
        layout.addWidget(self._chart, 1)
        lower = row(self._results_card, self._settings_card, spacing=SPACE[3])
        lower.setStretch(0, 1)
        lower.setStretch(1, 1)
        layout.addLayout(lower, 1)

    def _show_legend(self) -> None:
        while (item := self._legend.takeAt(0)) is not None:
            widget = item.widget()
            if widget is not None:
                widget.deleteLater()
        width = max(_LEAST_LEGEND, _LEGEND_WIDTH // max(1, len(self._names)))
        for place, words in enumerate(self._names):
            name = label()
            name.setText(_shortened(words, name.fontMetrics(), width))
            name.setToolTip(words)
            name.setContentsMargins(0, 0, SPACE[2], 0)
            self._legend.addWidget(ColorDot(place))
            self._legend.addWidget(name)
        self._legend.addStretch(1)

    def _fill_picker(self) -> None:
        chosen = self.picker.currentText()
        metrics = list(dict.fromkeys(name for curves in self._curves for name in curves.metric_names()))
        self.picker.blockSignals(True)
        self.picker.clear()
        for name in metrics:
            self.picker.addItem(metric_title(name), name)
        for title in _LOSSES:
            self.picker.addItem(title.capitalize(), title)
        self.picker.setCurrentIndex(max(0, self.picker.findText(chosen)))
        self.picker.blockSignals(False)

    @Slot()
    def _draw(self) -> None:
        comparison = self._comparison
        if comparison is None:
            return
        name = str(self.picker.currentData())
        drawn = []
        for place, curves in enumerate(self._curves):
            values = getattr(curves, _LOSSES[name]) if name in _LOSSES else curves.metrics.get(name, [])
            drawn.append(OverlayCurve(self._names[place], *curves.mean_course(values), place))
        part = "training molecules" if name == "training loss" else "validation molecules"
        several = any(curves.networks for curves in self._curves)
        self._chart.set_title("Curves", f"{part}; of several networks the mean" if several else part)
        self.plot.show_curves(drawn, self.picker.currentText())

    def _show_results(self, comparison: RunComparison) -> None:
        records = comparison.records
        rows: list[tuple[str, list[Cell]]] = []
        parts = {"test": comparison.metrics, "validation": comparison.validation_metrics}
        parts = {part: metrics for part, metrics in parts.items() if metrics}
        for part, metrics in parts.items():
            for name, values in metrics:
                # Of different molecules, the lowest error may only mean the easiest ones.
                known = [value for value in values if math.isfinite(value) and part not in comparison.unlike]
                best = (min if lower_is_better(name) else max)(known) if known else math.nan
                title = metric_title(name) if len(parts) == 1 else f"{part.capitalize()} {metric_title(name)}"
                rows.append((title, [Cell(number(v), order=v, bold=v == best) for v in values]))
        self._results_card.set_title("Results", _results_words(parts, comparison.unlike))
        molecules = [sum(record.counts.values()) for record in records]
        networks = [record.networks or curves.networks for record, curves in zip(records, self._curves, strict=True)]
        if max(networks, default=0) > 1:
            rows.append(("Networks", [Cell(count(max(1, item))) for item in networks]))
        rows += [
            ("Molecules", [Cell(count(item)) for item in molecules]),
            ("Epochs (kept)", [Cell(_epochs(*item)) for item in zip(records, networks, strict=True)]),
            ("Time", [Cell(duration(item.seconds)) for item in records]),
            ("Preset", [Cell(preset_title(item.preset)) for item in records]),
        ]
        self._fill(self.results, "result", rows, "number")

    def _show_settings(self, comparison: RunComparison) -> None:
        rows, tips = [], []
        for path, texts in comparison.differences:
            words = setting_words(path)
            values = [preset_title(text) if path == "preset" else words.value(text) for text in texts]
            rows.append((words.title, [Cell(text or DASH, tip=text) for text in values]))
            tips.append("\n".join(filter(None, (words.help, f"In files and on the command line: {path}"))))
        self._same.setVisible(not rows)
        self.settings.setVisible(bool(rows))
        self._settings_card.body.setStretch(0, 0 if rows else 1)
        self._fill(self.settings, "setting", rows, "text", tips)

    def _fill(
        self, table: _RunTable, title: str, rows: list[tuple[str, list[Cell]]], kind: str, tips: Sequence[str] = ()
    ) -> None:
        narrow, fonts = QFontMetrics(text_font(11, bold=True)), [QFontMetrics(text_font(bold=b)) for b in (False, True)]
        first = max((fonts[0].horizontalAdvance(name) for name, _ in rows), default=0) + _PAD
        columns = [Column("name", title, width=min(max(first, _LEAST), _MOST))]
        for place, name in enumerate(self._names):
            # Two short lines rather than one that is cut: what is cut would be what tells the runs apart.
            lines = [narrow.elidedText(line, Qt.TextElideMode.ElideRight, _MOST) for line in name.split(", ", 1)]
            widths = [narrow.horizontalAdvance(line) for line in lines]
            widths += [fonts[cells[place].bold].horizontalAdvance(cells[place].text) for _, cells in rows]
            width = max(min(max(widths, default=0), _MOST) + _PAD, _LEAST)
            columns.append(Column(str(place), "\n".join(lines), kind, width, tip=name))
        table.horizontalHeader().setTextElideMode(Qt.TextElideMode.ElideNone)

        def cell(place: int, key: str) -> Cell:
            name, cells = rows[place]
            return Cell(name, tip=tips[place] if tips else name) if key == "name" else cells[int(key)]

        table.show_rows(columns, len(rows), cell)
        table.verticalHeader().setDefaultSectionSize(32)
        table.share_room()


class _RunTable(CellTable):
    """A column for each run, as wide as its words at least; the runs share what room there is beyond that."""

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 - Qt's name
        """Share the room anew."""
        super().resizeEvent(event)
        self.share_room()

    def share_room(self) -> None:
        """Widen the columns of the runs to the width of the table; where that is too narrow, it is scrolled."""
        widths = [column.width for column in self.cells.columns]
        more = max(0, self.viewport().width() - sum(widths))
        for place, width in enumerate(widths[1:], start=1):
            self.setColumnWidth(place, width + more // (len(widths) - 1))


def _shortened(words: str, metrics: QFontMetrics, width: int) -> str:
    """Return the name of a run in at most `width` pixels; what tells it from the others is the last to be cut."""
    name, comma, apart = words.partition(", ")
    if not comma or metrics.horizontalAdvance(words) <= width:
        return metrics.elidedText(words, Qt.TextElideMode.ElideRight, width)
    room = max(width // 3, width - metrics.horizontalAdvance(comma + apart))
    name = metrics.elidedText(name, Qt.TextElideMode.ElideRight, room)
    return metrics.elidedText(f"{name}{comma}{apart}", Qt.TextElideMode.ElideRight, width)


def _results_words(parts: Collection[str], unlike: Collection[str]) -> str:
    """Say of which molecules the results are, and what is bold."""
    whose = f"{' and '.join(parts)} molecules" if parts else ""
    apart = sum(part in unlike for part in parts)
    if apart and apart == len(parts):
        return f"{whose} differ between the runs; none is called the best"
    best = "the best of each row is bold" + (" where the molecules are the same" if apart else "")
    return f"{whose}; {best}" if whose else best


def _epochs(record: RunRecord, networks: int) -> str:
    """Return how many epochs a run had and which was kept; known of single networks that were not cut off."""
    if not record.epochs or networks > 1:
        return DASH
    return f"{count(record.epochs)} ({count(record.best_epoch)})" if record.best_epoch else count(record.epochs)
