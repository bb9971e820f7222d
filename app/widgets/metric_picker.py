"""Which metric a chart shows, and, where there are several targets, of which of them."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QObject, Signal, Slot
from PySide6.QtWidgets import QComboBox

from app.widgets.basic import named, set_role
from app.widgets.combo import Combo
from app.widgets.figures import metric_title

ALL_TASKS = "Mean of all targets"


class MetricPicker(QObject):
    """Two lists to choose from, filled from names such as "rmse" and "rmse/logP".

    Attributes
    ----------
    metric, task
        The lists; each is hidden while there is nothing to choose.

    Signals
    -------
    changed()
        `current` is another name.
    """

    changed = Signal()

    def __init__(self, prefix: str, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._names: tuple[str, ...] = ()
        self._by_hand = False
        self.metric = named(Combo(), f"{prefix}Picker", "Metric to show")
        self.task = named(Combo(), f"{prefix}TaskPicker", "Target to show")
        for box, width in ((self.metric, 116), (self.task, 120)):
            set_role(box, role="pill")
            box.setToolTip(box.accessibleName())
            box.setFixedWidth(width)
            box.view().setMinimumWidth(150)
            box.currentIndexChanged.connect(self._chosen)
            box.hide()

    def current(self) -> str:
        """Return the name of the chosen metric, "" where there is none."""
        metric, task = str(self.metric.currentData() or ""), str(self.task.currentData() or "")
        single = f"{metric}/{task}"
        if task and single in self._names:
            return single
        if metric in self._names:
            return metric
        # This metric has no mean: the first single one stands for it.
        return next((name for name in self._names if name.partition("/")[0] == metric), "")

    def offer(self, names: Sequence[str]) -> None:
        """Offer these names, the first one shown; what the user has chosen stays, if it is still there."""
        if tuple(names) == self._names:
            return
        self._names = tuple(names)
        metrics = list(dict.fromkeys(name.partition("/")[0] for name in names))
        tasks = list(dict.fromkeys(task for name in names if (task := name.partition("/")[2])))
        _fill(self.metric, [(metric_title(metric), metric) for metric in metrics], self._by_hand)
        _fill(self.task, [(ALL_TASKS, ""), *((task, task) for task in tasks)] if tasks else [], self._by_hand)

    @Slot()
    def _chosen(self) -> None:
        self._by_hand = True
        self.changed.emit()


def _fill(box: QComboBox, entries: list[tuple[str, str]], keep: bool) -> None:
    chosen = box.currentData()
    box.blockSignals(True)
    box.clear()
    for title, data in entries:
        box.addItem(title, data)
    kept = box.findData(chosen) if keep else 0
    box.setCurrentIndex(max(0, kept) if entries else -1)
    box.blockSignals(False)
    box.setVisible(len(entries) > 1)
