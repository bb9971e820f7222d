"""What a run has said, in words, newest first."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

from PySide6.QtCore import QAbstractListModel, QModelIndex, QPersistentModelIndex, QSize, Qt
from PySide6.QtGui import QColor, QFontMetrics, QPainter, QPaintEvent
from PySide6.QtWidgets import QAbstractItemView, QListView, QStyledItemDelegate, QStyleOptionViewItem, QWidget

from app.text import count, duration, number
from app.theme import text_font, theme
from app.widgets.figures import clock, lower_is_better, main_metric, metric_title, metric_words
from mole_engine.contracts.events import (
    BaselineReady,
    CheckpointSaved,
    Event,
    Notice,
    RunFailed,
    RunFinished,
    StageProgress,
    StateChanged,
    TrialFinished,
)
from mole_engine.contracts.run_state import RunState

KEPT = 500
_LEAST_HEIGHT = 24
_LOWEST, _HIGHEST = "Lowest", "Highest"
_TONE = Qt.ItemDataRole.UserRole + 1
_CLOCK = Qt.ItemDataRole.UserRole + 2

STATE_WORDS = {
    RunState.QUEUED: "waiting to start",
    RunState.PREPARING: "preparing the molecules",
    RunState.TRAINING: "training",
    RunState.EVALUATING: "judging the model on the test molecules",
    RunState.COMPLETED: "completed",
    RunState.CANCELLED: "cancelled",
    RunState.FAILED: "failed",
    RunState.INTERRUPTED: "interrupted",
}
"""Run states as a reader wants them."""

STATE_TONES = {
    RunState.COMPLETED: "good",
    RunState.FAILED: "danger",
    RunState.INTERRUPTED: "warning",
    RunState.TRAINING: "accent",
    RunState.PREPARING: "accent",
    RunState.EVALUATING: "accent",
}
"""Tones of the states that have one."""

TRIAL_WORDS = {"complete": "finished", "pruned": "ended early", "failed": "failed"}
"""How a trial of a search has ended."""


def words_of(event: Event) -> tuple[str, str]:
    """Return an event in words and its tone ("", "good", "warning", "danger"); no words for what only charts show."""
    for kind, speak in _WORDS.items():
        if isinstance(event, kind):
            words, tone = speak(event)
            return words[:1].upper() + words[1:], tone
    return "", ""


def _state(event: StateChanged) -> tuple[str, str]:
    if event.state is RunState.QUEUED:
        return "", ""
    return event.message or STATE_WORDS[event.state], ""


def _notice(event: Notice) -> tuple[str, str]:
    return event.message, {"warning": "warning", "error": "danger"}.get(event.level, "")


def _failed(event: RunFailed) -> tuple[str, str]:
    return event.problem.one_line(), "danger"


def _stage(event: StageProgress) -> tuple[str, str]:
    if event.unit == "molecules" and event.done >= event.total > 0:
        return f"{event.stage}: {count(event.total)} {event.unit}", ""
    return "", ""


def _saved(event: CheckpointSaved) -> tuple[str, str]:
    if not event.is_best:
        return "", ""
    # Not "best model saved": some jobs keep their last epoch whatever validation says.
    words = _LOWEST if lower_is_better(event.monitor) else _HIGHEST
    whose = f"Network {event.network}: {words.lower()}" if event.network else words
    said = f"{whose} {metric_title(event.monitor)} so far: {number(event.value)}"
    return f"{said}, epoch {event.epoch - event.epochs_before}", ""


def _finished(event: RunFinished) -> tuple[str, str]:
    if event.status is RunState.COMPLETED:
        return f"completed in {duration(event.seconds)}", "good"
    return STATE_WORDS[event.status], "warning"


def _baseline(event: BaselineReady) -> tuple[str, str]:
    main = main_metric(event.metrics)
    value = f": {metric_words(event.metrics, main)}" if main else ""
    return f"{event.title}{value}, to compare with", ""


def _trial(event: TrialFinished) -> tuple[str, str]:
    value = f", {metric_title(event.monitor)} {number(event.value)}" if math.isfinite(event.value) else ""
    total = f" of {count(event.total)}" if event.total else ""
    return f"Trial {count(event.number)}{total} {TRIAL_WORDS.get(event.state, event.state)}{value}", ""


_WORDS: dict[type[Event], Callable[[Any], tuple[str, str]]] = {
    StateChanged: _state,
    CheckpointSaved: _saved,
    Notice: _notice,
    RunFailed: _failed,
    RunFinished: _finished,
    StageProgress: _stage,
    BaselineReady: _baseline,
    TrialFinished: _trial,
}


@dataclass(frozen=True, slots=True)
class _Entry:
    """What one event says.

    Attributes
    ----------
    moment
        Seconds since the epoch (UTC).
    words, tone
        See `words_of`.
    best_of
        Of a line about the best value so far: the network and the metric of which it is. None: any other line.
    """

    moment: float
    words: str
    tone: str
    best_of: tuple[int, str] | None = None

    def replaces(self, before: _Entry) -> bool:
        """Whether this is the news of that line before it: a better value of the same network."""
        return self.best_of is not None and self.best_of == before.best_of


def _entry(event: Event) -> _Entry | None:
    """Return the line of an event, None where it has no words."""
    words, tone = words_of(event)
    best = (event.network, event.monitor) if isinstance(event, CheckpointSaved) and event.is_best else None
    return _Entry(event.time, words, tone, best) if words else None


class EventLog(QListView):
    """A list of lines with the time of day."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("eventLog")
        self.setAccessibleName("Events")
        self.setFrameShape(self.Shape.NoFrame)
        self.setStyleSheet("QListView#eventLog { background: transparent; border: none; padding: 0; }")
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setSelectionMode(QAbstractItemView.SelectionMode.NoSelection)
        self.setResizeMode(QListView.ResizeMode.Adjust)
        # In a low window it gives way: it can be scrolled, while the button that trains, above it, would be cut.
        self.setMinimumHeight(_LEAST_HEIGHT)
        self._lines = _Lines(self)
        self.setModel(self._lines)
        self.setItemDelegate(_Line(self))
        theme.changed.connect(self.viewport().update)

    def add(self, event: Event) -> None:
        """Put an event on top, if it has words."""
        entry = _entry(event)
        if entry is not None:
            self._lines.put([entry])

    def replay(self, events: Iterable[Event]) -> None:
        """Show the events of another run."""
        self._lines.clear()
        self._lines.put([entry for event in events if (entry := _entry(event)) is not None])

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        """Paint the lines; before there are any, say what will stand here."""
        super().paintEvent(event)
        if not self._lines.entries:
            painter = QPainter(self.viewport())
            painter.setFont(text_font(12))
            painter.setPen(QColor(theme.palette().muted))
            flags = int(Qt.AlignmentFlag.AlignTop) | int(Qt.TextFlag.TextWordWrap)
            painter.drawText(self.viewport().rect(), flags, "What happens in a training is told here.")
            painter.end()
        if self.hasFocus():
            # A frame would touch the words, which begin at the edge.
            painter = QPainter(self.viewport())
            area = self.viewport().rect()
            painter.fillRect(area.adjusted(0, area.height() - 2, 0, 0), QColor(theme.palette().accent))
            painter.end()

    def lines(self) -> list[str]:
        """Return what is shown, newest first."""
        return [entry.words for entry in self._lines.entries]


class _Lines(QAbstractListModel):
    """The newest lines, newest first."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.entries: list[_Entry] = []

    def put(self, lines: list[_Entry]) -> None:
        """Add lines (given oldest first) on top."""
        # The end of a stage may be told twice; once is enough.
        fresh = [line for line in _without_repeats(lines) if not self.entries or line.words != self.entries[0].words]
        if not fresh:
            return
        if self.entries and fresh[0].replaces(self.entries[0]):
            # Of checkpoints one after the other only the newest counts.
            self.beginRemoveRows(QModelIndex(), 0, 0)
            del self.entries[0]
            self.endRemoveRows()
        self.beginInsertRows(QModelIndex(), 0, len(fresh) - 1)
        self.entries[:0] = reversed(fresh)
        self.endInsertRows()
        if len(self.entries) > KEPT:
            self.beginRemoveRows(QModelIndex(), KEPT, len(self.entries) - 1)
            del self.entries[KEPT:]
            self.endRemoveRows()

    def clear(self) -> None:
        """Forget everything."""
        self.beginResetModel()
        self.entries.clear()
        self.endResetModel()

    def rowCount(self, parent: QModelIndex | QPersistentModelIndex | None = None) -> int:  # noqa: N802 - Qt's name
        """Return how many lines there are."""
        return 0 if parent is not None and parent.isValid() else len(self.entries)

    def data(self, index: QModelIndex | QPersistentModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        """Return words, time or tone of a line."""
        entry = self.entries[index.row()]
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.ToolTipRole):
            return entry.words
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return f"{clock(entry.moment)} {entry.words}"
        return {_TONE: entry.tone, _CLOCK: clock(entry.moment)}.get(role)


def _without_repeats(lines: list[_Entry]) -> list[_Entry]:
    """Return the lines (oldest first) with only the last of several checkpoints in a row."""
    return [line for line, after in zip_longest(lines, lines[1:]) if not (after and after.replaces(line))]


class _Line(QStyledItemDelegate):
    """Paints time and words; long words wrap."""

    _TIME_WIDTH = 58

    def sizeHint(self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex) -> QSize:  # noqa: N802
        """Room for the wrapped words."""
        view = self.parent()
        width = view.viewport().width() if isinstance(view, QListView) else 240
        # The option's font is the view's, larger than the one painted with: lines would be counted that are not there.
        metrics = QFontMetrics(text_font(12))
        flags = int(Qt.TextFlag.TextWordWrap)
        box = metrics.boundingRect(0, 0, max(60, width - self._TIME_WIDTH), 1000, flags, str(index.data()))
        return QSize(width, box.height() + 7)

    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        """Paint one line."""
        tokens = theme.palette()
        tone = str(index.data(_TONE))
        area = option.rect.adjusted(0, 2, 0, -2)
        painter.save()
        painter.setFont(text_font(12, tabular=True))
        painter.setPen(QColor(tokens.ink))
        painter.drawText(area, Qt.AlignmentFlag.AlignTop, str(index.data(_CLOCK)))
        painter.setFont(text_font(12))
        painter.setPen(QColor(str(getattr(tokens, tone)) if tone else tokens.muted))
        flags = int(Qt.AlignmentFlag.AlignTop) | int(Qt.TextFlag.TextWordWrap)
        painter.drawText(area.adjusted(self._TIME_WIDTH, 0, 0, 0), flags, str(index.data()))
        painter.restore()
