"""Every setting of a job as a form, generated from the configuration model: nothing here repeats a default."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from PySide6.QtCore import Qt, QTimer, Signal, Slot
from PySide6.QtGui import QResizeEvent, QShowEvent
from PySide6.QtWidgets import QFrame, QGridLayout, QLineEdit, QScrollArea, QVBoxLayout, QWidget

from app.theme import SPACE
from app.widgets.basic import Switch, heading_label, label, link_button, muted_label, named, pill_button, row
from app.widgets.breaking_row import BreakingRow
from app.widgets.config_faults import faulty_paths
from app.widgets.config_fields import FieldSpec, field_specs
from app.widgets.config_row import ConfigRow
from mole_engine.contracts.config import TrainConfig
from mole_engine.contracts.errors import InputError
from mole_engine.contracts.settings import Section, merged

_AT_ONCE = 6
"""Rows that are made in one turn of the event loop."""

_UNIT_WIDTH, _RESET_WIDTH = 76, 58

_BESIDE = 500
"""Pixels with which an editor has room beside its words."""


@dataclass
class FormSection:
    """A group of settings: title, dotted prefix, model; `only` keeps these fields alone."""

    title: str
    prefix: str
    model: type[Section]
    only: Collection[str] = ()

    def specs(self) -> list[FieldSpec]:
        """Return the settings to show."""
        wanted = {f"{self.prefix}.{name}" if self.prefix else name for name in self.only}
        return [spec for spec in field_specs(self.model, self.prefix) if not wanted or spec.path in wanted]


@dataclass
class _Group:
    holder: QWidget
    grid: QGridLayout = field(default_factory=QGridLayout)
    rows: list[ConfigRow] = field(default_factory=list)


class ConfigForm(QFrame):
    """Editors for the settings of a `TrainConfig`; what differs from the base is marked and can be put back.

    Signals
    -------
    edited(str)
        The user has changed a setting; its dotted name.
    """

    edited = Signal(str)

    def __init__(self, sections: Sequence[FormSection], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("advancedForm")
        self.setAccessibleName("All settings")
        self._sections = [(section.title, section.specs()) for section in sections]
        self._base: dict[str, Any] = {}
        self._values: dict[str, Any] = {}
        self._rows: dict[str, ConfigRow] = {}
        self._groups: list[_Group] = []
        self._scroll: QScrollArea | None = None
        self._beside = True
        self._unbuilt = self._pieces()
        self._build_head()
        self.set_base(TrainConfig())

    def _build_head(self) -> None:
        self.search = named(QLineEdit(), "settingsSearch", "Search settings")
        self.search.setPlaceholderText("Search settings, such as dropout")
        self.search.setClearButtonEnabled(True)
        self.search.textChanged.connect(self._filter)
        self._only_changed = pill_button("changed", "settingsChangedButton", "Show only what you have changed")
        self._only_changed.toggled.connect(self._filter)
        self._all_back = link_button("Reset all", "settingsResetButton", "Put every setting back")
        self._all_back.clicked.connect(self.reset)
        self._rare = Switch("Show rarely needed settings", "advancedFormRareSwitch")
        self._rare.toggled.connect(self._filter)
        self._fault = label("", "", tone="danger", wrap=True)
        self._fault.hide()
        self._nothing = muted_label("No setting has these words.")
        self._nothing.hide()
        self._outer = QVBoxLayout(self)
        self._outer.setContentsMargins(0, 0, 0, 0)
        self._outer.setSpacing(SPACE[1])
        self._outer.addWidget(self.search)
        changed = QWidget()
        changed.setLayout(row(None, self._only_changed, self._all_back, spacing=SPACE[2]))
        self._outer.addWidget(BreakingRow(self._rare, changed))
        self._last_stop: QWidget = self._all_back
        self._outer.addWidget(self._fault)
        self._outer.addWidget(self._nothing)

    # What others call ------------------------------------------------------------------------------------------

    def set_base(self, config: TrainConfig, keep: Collection[str] = ()) -> None:
        """Start from another configuration (a preset); the user's changes in the sections `keep` stay."""
        changes = {section: values for section, values in self.changes().items() if section in keep}
        self._base = config.to_dict()
        wanted = merged(self._base, changes)
        self._values = {spec.path: _get(wanted, spec.path) for _, specs in self._sections for spec in specs}
        for path, line in self._rows.items():
            line.show_value(self._values[path], _get(self._base, path))
        self._check()
        self._filter()

    def value(self, path: str) -> Any:
        """Return the value of the setting called `path`."""
        return self._values[path]

    def set_value(self, path: str, value: Any) -> None:
        """Change a setting as if the user had typed it here."""
        if self._values[path] == value:
            return
        self._values[path] = value
        if path in self._rows:
            self._rows[path].show_value(value, _get(self._base, path))
        self._check()
        self.edited.emit(path)

    @Slot()
    def reset(self) -> None:
        """Put every setting back."""
        for path in self.changed_paths():
            self.set_value(path, _get(self._base, path))
        self._filter()

    def changes(self) -> dict[str, Any]:
        """Return what differs from the base, nested."""
        found: dict[str, Any] = {}
        for path in self.changed_paths():
            found = merged(found, _nested(path, self._values[path]))
        return found

    def config(self) -> TrainConfig:
        """Return base and changes together. Raises InputError where they do not fit together."""
        return TrainConfig.from_dict(merged(self._base, self.changes()))

    def changed_paths(self) -> list[str]:
        """Return the names of the settings that differ from the base."""
        return [path for path, value in self._values.items() if value != _get(self._base, path)]

    def editor(self, path: str) -> QWidget:
        """Return the editor of one setting."""
        self._ensure_rows()
        return self._rows[path].editor.widget

    def point_at(self, error: InputError) -> bool:
        """Show the settings that an error speaks of, the first one under the eye; return whether there are any."""
        paths = faulty_paths(error.problem, [spec for _, specs in self._sections for spec in specs])
        if not paths:
            return False
        self._ensure_rows()
        self.search.clear()
        self._only_changed.setChecked(False)
        if any(self._rows[path].spec.advanced for path in paths):
            self._rare.setChecked(True)
        self._say_fault(error)
        first = self._rows[paths[0]]
        if self._scroll is not None:
            self._scroll.ensureWidgetVisible(first.head)
        first.editor.widget.setFocus(Qt.FocusReason.OtherFocusReason)
        return True

    def note(self, path: str) -> None:
        """Take over what stands in an editor."""
        line = self._rows[path]
        self._values[path] = line.editor.value()
        line.show_value(self._values[path], _get(self._base, path))
        self._check()
        self.edited.emit(path)

    # Building --------------------------------------------------------------------------------------------------

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 - Qt's name
        """Put the editors below their words where there is no room beside them, and back."""
        super().resizeEvent(event)
        beside = self.width() >= _BESIDE
        if beside != self._beside:
            self._beside = beside
            for group in self._groups:
                self._place(group)

    def _place(self, group: _Group) -> None:
        group.grid.setVerticalSpacing(SPACE[1] if self._beside else SPACE[0])
        group.grid.setHorizontalSpacing(SPACE[2] if self._beside else SPACE[1])
        group.grid.setColumnStretch(0, int(self._beside))
        group.grid.setColumnStretch(1, int(not self._beside))
        group.grid.setColumnMinimumWidth(2, _UNIT_WIDTH if self._beside else 0)
        group.grid.setColumnMinimumWidth(3, _RESET_WIDTH if self._beside else 0)
        for line in group.rows:
            line.place(beside=self._beside)

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802 - Qt's name
        """Make the editors when they are first needed: there are many, and most jobs start without them."""
        super().showEvent(event)
        self._build_on()

    @Slot()
    def _build_on(self) -> None:
        """Make some more rows, a few a turn of the event loop: all at once would hold up the window."""
        if next(self._unbuilt, self) is not self:
            QTimer.singleShot(0, self, self._build_on)

    def _ensure_rows(self) -> None:
        """Make what is left at once."""
        for _ in self._unbuilt:
            pass

    def _pieces(self) -> Iterator[None]:
        scroll = self._scroll = QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        # Whatever the keyboard comes to in it is scrolled into view.
        scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        inside = QWidget()
        column = QVBoxLayout(inside)
        column.setContentsMargins(0, 0, SPACE[2], 0)
        column.setSpacing(SPACE[1])
        # From the outside in: a tree that moves into another is dressed anew, widget by widget.
        self._outer.addWidget(scroll, 1)
        scroll.setWidget(inside)
        for title, specs in self._sections:
            yield from self._section_pieces(column, title, specs)
        column.addStretch(1)
        self._check()

    def _section_pieces(self, column: QVBoxLayout, title: str, specs: list[FieldSpec]) -> Iterator[None]:
        group = _Group(QWidget())
        self._groups.append(group)
        column.addWidget(group.holder)
        lines = QVBoxLayout(group.holder)
        lines.setContentsMargins(0, 0, 0, SPACE[2])
        lines.setSpacing(SPACE[1])
        lines.addWidget(heading_label(title))
        lines.addLayout(group.grid)
        self._place(group)
        for number, spec in enumerate(specs):
            line = ConfigRow(spec, group.grid, number, self.note, self.set_value, self._refuse)
            line.place(beside=self._beside)
            line.show_value(self._values[spec.path], _get(self._base, spec.path))
            self._last_stop = line.follow(self._last_stop)
            self._rows[spec.path] = line
            group.rows.append(line)
            if (number + 1) % _AT_ONCE == 0 or number + 1 == len(specs):
                # Else rows that are not asked for would flash.
                self._filter()
                yield

    # Showing ---------------------------------------------------------------------------------------------------

    def _check(self) -> None:
        """Say at once when settings do not fit together."""
        try:
            self.config()
        except InputError as error:
            self._say_fault(error)
        else:
            self._fault.hide()
            self._mark(())
        self._all_back.setEnabled(bool(self.changed_paths()))

    def _say_fault(self, error: InputError) -> None:
        self._fault.setText(error.problem.cause or error.problem.one_line())
        self._fault.show()
        self._mark(faulty_paths(error.problem, [line.spec for line in self._rows.values()]))

    def _mark(self, paths: Collection[str]) -> None:
        for path, line in self._rows.items():
            line.set_faulty(path in paths)

    def _refuse(self, words: str) -> None:
        self._fault.setText(words)
        self._fault.setVisible(bool(words))

    @Slot()
    def _filter(self) -> None:
        """Show the settings that are asked for."""
        query, only_changed = self.search.text().strip().lower(), self._only_changed.isChecked()
        rare = self._rare.isChecked() or bool(query) or only_changed
        found = False
        for group in self._groups:
            any_here = False
            for line in group.rows:
                shown = (rare or not line.spec.advanced) and line.matches(query)
                shown = shown and (line.is_changed() or not only_changed)
                line.set_visible(shown)
                any_here = any_here or shown
            group.holder.setVisible(any_here)
            found = found or any_here
        empty = "Nothing is changed." if only_changed and not query else "No setting has these words."
        self._nothing.setText(empty)
        self._nothing.setVisible(bool(self._groups) and not found)


def _get(config: dict[str, Any], path: str) -> Any:
    value: Any = config
    for name in path.split("."):
        value = value[name]
    return value


def _nested(path: str, value: Any) -> dict[str, Any]:
    for name in reversed(path.split(".")):
        value = {name: value}
    return dict(value)
