"""Every setting of a job as a form, generated from the configuration model: nothing here repeats a default."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QFrame, QGridLayout, QScrollArea, QVBoxLayout, QWidget

from app.theme import SPACE
from app.widgets.basic import Switch, heading_label, label, link_button, row, set_role
from app.widgets.config_fields import FieldEditor, FieldSpec, field_specs
from mole_engine.contracts.config import Section, TrainConfig, merged
from mole_engine.contracts.errors import InputError


class ConfigForm(QFrame):
    """Editors for the settings of a `TrainConfig`; what differs from the base is marked and can be put back.

    Signals
    -------
    edited(str)
        The user has changed a setting; its dotted name.
    """

    edited = Signal(str)

    def __init__(self, sections: Sequence[tuple[str, str, type[Section]]], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("advancedForm")
        self.setAccessibleName("All settings")
        self._sections = [(title, field_specs(section, prefix)) for title, prefix, section in sections]
        self._base: dict[str, Any] = {}
        self._values: dict[str, Any] = {}
        self._rows: dict[str, _Row] = {}
        self._rare = Switch("Show rarely needed settings", "advancedFormRareSwitch")
        self._rare.toggled.connect(self._show_rare)
        self._fault = label("", "", tone="danger", wrap=True)
        self._fault.hide()
        self._outer = QVBoxLayout(self)
        self._outer.setContentsMargins(0, 0, 0, 0)
        self._outer.setSpacing(SPACE[1])
        self._outer.addLayout(row(self._rare, None))
        self._outer.addWidget(self._fault)
        self.set_base(TrainConfig())

    def set_base(self, config: TrainConfig, keep: Collection[str] = ()) -> None:
        """Start from another configuration (a preset); the user's changes in the sections `keep` stay."""
        changes = {section: values for section, values in self.changes().items() if section in keep}
        self._base = config.to_dict()
        wanted = merged(self._base, changes)
        self._values = {spec.path: _get(wanted, spec.path) for _, specs in self._sections for spec in specs}
        for path, line in self._rows.items():
            line.show_value(self._values[path], _get(self._base, path))
        self._check()

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

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802 - Qt's name
        """Make the editors when they are first needed: there are many, and most jobs start without them."""
        super().showEvent(event)
        self._ensure_rows()

    def _ensure_rows(self) -> None:
        if self._rows:
            return
        scroll = QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        inside = QWidget()
        column = QVBoxLayout(inside)
        column.setContentsMargins(0, 0, SPACE[2], 0)
        column.setSpacing(SPACE[1])
        # From the outside in: a tree that moves into another is dressed anew, widget by widget.
        self._outer.addWidget(scroll, 1)
        scroll.setWidget(inside)
        for title, specs in self._sections:
            self._add_section(column, title, specs)
        column.addStretch(1)
        for path, line in self._rows.items():
            line.show_value(self._values[path], _get(self._base, path))
        self._show_rare(self._rare.isChecked())

    def _add_section(self, column: QVBoxLayout, title: str, specs: list[FieldSpec]) -> None:
        column.addWidget(heading_label(title))
        grid = QGridLayout()
        grid.setContentsMargins(0, 0, 0, SPACE[2])
        grid.setHorizontalSpacing(SPACE[2])
        grid.setVerticalSpacing(SPACE[1])
        grid.setColumnStretch(0, 1)
        grid.setColumnMinimumWidth(2, 64)
        grid.setColumnMinimumWidth(3, 50)
        for number, spec in enumerate(specs):
            self._rows[spec.path] = _Row(self, spec, grid, number)
        column.addLayout(grid)

    def note(self, path: str) -> None:
        """Take over what stands in an editor."""
        line = self._rows[path]
        self._values[path] = line.editor.value()
        line.show_value(self._values[path], _get(self._base, path))
        self._check()
        self.edited.emit(path)

    def _check(self) -> None:
        """Say at once when settings do not fit together."""
        try:
            self.config()
        except InputError as error:
            self._fault.setText(error.problem.cause)
            self._fault.show()
        else:
            self._fault.hide()

    @Slot(bool)
    def _show_rare(self, shown: bool) -> None:
        for line in self._rows.values():
            line.set_visible(shown or not line.editor.spec.advanced)


class _Row:
    """Title and help, editor, unit, and the link that puts the value back."""

    def __init__(self, form: ConfigForm, spec: FieldSpec, grid: QGridLayout, number: int) -> None:
        self._form, self._path = form, spec.path
        self._base: Any = None
        self.editor = FieldEditor(spec, self._edited)
        self.editor.widget.setObjectName(f"setting.{spec.path}")
        self.editor.widget.setFixedWidth(150)
        self._title = label(spec.title)
        self._help = label(spec.help, "small", wrap=True)
        words = QWidget()
        lines = QVBoxLayout(words)
        lines.setContentsMargins(0, 0, 0, 0)
        lines.setSpacing(1)
        lines.addWidget(self._title)
        lines.addWidget(self._help)
        words.setToolTip(spec.hint())
        self._reset = link_button("Reset", f"reset.{spec.path}", "Put this setting back")
        self._reset.clicked.connect(self._put_back)
        unit = label(spec.unit, "muted")
        middle = Qt.AlignmentFlag.AlignVCenter
        grid.addWidget(words, number, 0)
        grid.addWidget(self.editor.widget, number, 1, middle)
        grid.addWidget(unit, number, 2, middle)
        grid.addWidget(self._reset, number, 3, middle)
        self._parts = (words, self.editor.widget, unit)
        self._reset.hide()
        self._shown = True

    def set_visible(self, shown: bool) -> None:
        """Show or hide the whole row."""
        self._shown = shown
        for part in self._parts:
            part.setVisible(shown)
        self._reset.setVisible(shown and self._changed())

    def show_value(self, value: Any, base: Any) -> None:
        """Show a value, and mark the row where it differs from `base`."""
        self._base = base
        if self.editor.value() != value:
            self.editor.set_value(value)
        changed = self._changed()
        set_role(self._title, tone="accent" if changed else "", role="heading" if changed else "")
        self._reset.setVisible(changed and self._shown)

    def _changed(self) -> bool:
        return bool(self.editor.value() != self._base)

    def _edited(self, *_: object) -> None:
        self._form.note(self._path)

    def _put_back(self) -> None:
        self._form.set_value(self._path, self._base)


def _get(config: dict[str, Any], path: str) -> Any:
    value: Any = config
    for name in path.split("."):
        value = value[name]
    return value


def _nested(path: str, value: Any) -> dict[str, Any]:
    for name in reversed(path.split(".")):
        value = {name: value}
    return dict(value)
