"""The unit of the targets: one field, and beside it, where several are learned, whose unit it is."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QSignalBlocker, Signal, Slot
from PySide6.QtWidgets import QBoxLayout, QHBoxLayout, QLineEdit, QWidget

from app.text import counted
from app.theme import SPACE
from app.widgets.basic import named
from app.widgets.combo import Combo
from mole_engine.contracts.dataset import TaskKind, TaskSpec

_ALL = ""
"""The entry that stands for all targets; no column has an empty name."""


class UnitField(QWidget):
    """A line to type a unit in; a unit that is typed goes to the target that is chosen, or to all of them.

    Signals
    -------
    typed(dict)
        The unit by target, when another one is typed.
    """

    typed = Signal(dict)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._units: dict[str, str] = {}
        self._edit = named(QLineEdit(), "unitEdit", "Unit of the target")
        self._target = named(Combo(), "unitTargetCombo", "Whose unit it is")
        self._target.setSizeAdjustPolicy(Combo.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self._target.setToolTip("Whose unit it is")
        self._target.hide()
        self._row = QHBoxLayout(self)
        self._row.setContentsMargins(0, 0, 0, 0)
        self._row.setSpacing(SPACE[1])
        self._row.addWidget(self._edit, 2)
        self._row.addWidget(self._target, 3)
        self.setFocusProxy(self._edit)
        self._edit.editingFinished.connect(self._tell)
        self._target.currentIndexChanged.connect(self._show_unit)

    def show_tasks(self, tasks: Sequence[TaskSpec]) -> None:
        """Show the units of what is learned; classes have none."""
        former = self._target.currentData() if len(self._units) > 1 else _ALL
        self._units = {task.name: task.unit for task in tasks if task.kind is TaskKind.REGRESSION}
        several = len(self._units) > 1
        same = len(set(self._units.values())) < 2
        blocker = QSignalBlocker(self._target)
        self._target.clear()
        if several:
            self._target.addItem(f"all {counted(len(self._units), 'target')}", _ALL)
        for name in self._units:
            self._target.addItem(name, name)
        # One unit is that of all; of several, none may be taken for all.
        start = _ALL if same or not several else next(iter(self._units))
        place = self._target.findData(former) if former else -1
        self._target.setCurrentIndex(place if place >= 0 else max(0, self._target.findData(start)))
        blocker.unblock()
        self._target.setVisible(several)
        self.setEnabled(bool(self._units))
        self._show_unit()

    def set_narrow(self, narrow: bool) -> None:
        """Put the target below the unit where both have no room side by side."""
        way = QBoxLayout.Direction.TopToBottom if narrow else QBoxLayout.Direction.LeftToRight
        self._row.setDirection(way)

    @Slot()
    def _show_unit(self) -> None:
        units = {self._units[name] for name in self._chosen()}
        self._edit.setText(next(iter(units)) if len(units) == 1 else "")
        self._edit.setPlaceholderText("several" if len(units) > 1 else "none")

    def _chosen(self) -> list[str]:
        name = self._target.currentData()
        return [name] if name else list(self._units)

    @Slot()
    def _tell(self) -> None:
        # Told when the field is left, too: only another unit is news.
        if self._edit.isModified() and (targets := self._chosen()):
            self._edit.setModified(False)
            self.typed.emit(dict.fromkeys(targets, self._edit.text().strip()))
