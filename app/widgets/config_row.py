"""One setting in the form: title and help, editor, unit, and the link that puts the value back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QGridLayout, QVBoxLayout, QWidget

from app.theme import SPACE
from app.widgets.basic import label, link_button, set_role
from app.widgets.config_fields import FieldEditor, FieldSpec, number_text
from app.widgets.tab_order import tab_through

_EDITOR_WIDTH, _NARROW_EDITOR = 150, 116


class ConfigRow:
    """Stands in one line of a grid, or, where that is narrow, in two: the words above the editor.

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
        self._title = label(spec.title, wrap=True)
        words = QWidget()
        lines = QVBoxLayout(words)
        lines.setContentsMargins(0, 0, 0, 0)
        lines.setSpacing(1)
        lines.addWidget(self._title)
        lines.addWidget(label(spec.hint(), "small", wrap=True))
        words.setToolTip(f"In files and on the command line: {spec.path}")
        self._reset = link_button("Reset", f"reset.{spec.path}", "Put this setting back")
        self._reset.setAccessibleName(f"Reset {spec.title}")
        self._reset.clicked.connect(self._put_back)
        self._parts = (words, self.editor.widget, label(spec.unit, "muted"))
        self._grid, self._line = grid, 2 * number
        self.head = words
        self._reset.hide()
        self._shown = True

    def place(self, *, beside: bool) -> None:
        """Put the editor beside its words, or below them."""
        words, editor, unit = self._parts
        for part in (*self._parts, self._reset):
            self._grid.removeWidget(part)
        middle, line = Qt.AlignmentFlag.AlignVCenter, self._line
        if beside:
            self._grid.addWidget(words, line, 0)
            for column, part in enumerate((editor, unit, self._reset), start=1):
                self._grid.addWidget(part, line, column, middle)
        else:
            self._grid.addWidget(words, line, 0, 1, 2)
            self._grid.addWidget(self._reset, line, 2, middle)
            self._grid.addWidget(editor, line + 1, 0, middle)
            self._grid.addWidget(unit, line + 1, 1, 1, 2, middle)
        editor.setFixedWidth(_EDITOR_WIDTH if beside else _NARROW_EDITOR)
        words.setContentsMargins(0, 0 if beside else SPACE[0], 0, 0)

    def follow(self, stop: QWidget) -> QWidget:
        """Let Tab come here after `stop`; return what it leads to last."""
        tab_through(stop, self.editor.widget, self._reset)
        return self._reset

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
        # The button is about to be hidden.
        self.editor.widget.setFocus()
        self._back(self.spec.path, self._base)


def _words(value: Any) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    return number_text(value) if isinstance(value, float) else str(value) or "nothing"
