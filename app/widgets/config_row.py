"""One setting in the form: title and help, editor, unit, and the link that puts the value back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QGridLayout, QVBoxLayout, QWidget

from app.widgets.basic import label, link_button, set_role
from app.widgets.config_fields import FieldEditor, FieldSpec, number_text

_EDITOR_WIDTH = 150


class ConfigRow:
    """Stands in one line of a grid.

    Parameters
    ----------
    spec
        The setting.
    grid, number
        Where it stands.
    noted
        Called with the setting's name when the user has changed it.
    put_back
        Called with name and value when the user wants the old value back.
    refused
        Called with words when something was typed that cannot be.
    """

    def __init__(
        self,
        spec: FieldSpec,
        grid: QGridLayout,
        number: int,
        noted: Callable[[str], None],
        put_back: Callable[[str, Any], None],
        refused: Callable[[str], None],
    ) -> None:
        self.spec = spec
        self._noted, self._back = noted, put_back
        self._base: Any = None
        self._faulty = False
        self.editor = FieldEditor(spec, self._edited, refused)
        self.editor.widget.setObjectName(f"setting.{spec.path}")
        self.editor.widget.setFixedWidth(_EDITOR_WIDTH)
        self._title = label(spec.title)
        words = QWidget()
        lines = QVBoxLayout(words)
        lines.setContentsMargins(0, 0, 0, 0)
        lines.setSpacing(1)
        lines.addWidget(self._title)
        lines.addWidget(label(spec.hint(), "small", wrap=True))
        words.setToolTip(f"In files and on the command line: {spec.path}")
        self._reset = link_button("Reset", f"reset.{spec.path}", "Put this setting back")
        self._reset.clicked.connect(self._put_back)
        unit = label(spec.unit, "muted")
        middle = Qt.AlignmentFlag.AlignVCenter
        grid.addWidget(words, number, 0)
        grid.addWidget(self.editor.widget, number, 1, middle)
        grid.addWidget(unit, number, 2, middle)
        grid.addWidget(self._reset, number, 3, middle)
        self._parts = (words, self.editor.widget, unit)
        self.head = words
        self._reset.hide()
        self._shown = True

    def matches(self, query: str) -> bool:
        """Whether title, help or name hold every word of `query` (in small letters)."""
        text = f"{self.spec.title} {self.spec.help} {self.spec.path}".lower()
        return all(word in text for word in query.split())

    def set_visible(self, shown: bool) -> None:
        """Show or hide the whole row."""
        self._shown = shown
        for part in self._parts:
            part.setVisible(shown)
        self._reset.setVisible(shown and self.is_changed())

    def set_faulty(self, faulty: bool) -> None:
        """Mark the row as the one that is wrong."""
        self._faulty = faulty
        self._dress()

    def show_value(self, value: Any, base: Any) -> None:
        """Show a value, and mark the row where it differs from `base`."""
        self._base = base
        if self.editor.value() != value:
            self.editor.set_value(value)
        changed = self.is_changed()
        self._dress()
        self._reset.setVisible(changed and self._shown)
        self._reset.setToolTip(f"Back to {_words(base)}")

    def is_changed(self) -> bool:
        """Whether the value differs from where the form started."""
        return bool(self.editor.value() != self._base)

    def _dress(self) -> None:
        changed = self.is_changed()
        tone = "danger" if self._faulty else "accent" if changed else ""
        set_role(self._title, tone=tone, role="heading" if changed or self._faulty else "")

    def _edited(self, *_: object) -> None:
        self._noted(self.spec.path)

    def _put_back(self) -> None:
        self._back(self.spec.path, self._base)


def _words(value: Any) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    return number_text(value) if isinstance(value, float) else str(value) or "nothing"
