"""One column in figures and bars; bars, a range or words filter the rows."""

from __future__ import annotations

import math
from collections.abc import Sequence

from PySide6.QtCore import QSignalBlocker, Qt, Signal, Slot
from PySide6.QtWidgets import QLineEdit, QSizePolicy, QWidget

from app.summaries import ColumnSummary
from app.text import count, counted, number
from app.widgets.basic import Card, label, link_button, named, row
from app.widgets.combo import Combo
from app.widgets.histogram import Histogram

_MOST_CHOICES = 3000


class ColumnCard(Card):
    """Statistics and bars of the column that is chosen.

    Signals
    -------
    column_chosen(str)
        Key of another column.
    range_wanted(str, float, float)
        Show only rows whose value lies between the two; infinite where one end is open.
    labels_wanted(str, list[str])
        Show only rows with one of these words.
    text_wanted(str, str)
        Show only rows whose cell contains a text.
    """

    column_chosen = Signal(str)
    range_wanted = Signal(str, float, float)
    labels_wanted = Signal(str, object)
    text_wanted = Signal(str, str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("Column", parent=parent)
        self._summary: ColumnSummary | None = None
        self._choice = named(Combo(), "columnChoice", "Column to look at")
        self._choice.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self._choice.setMinimumContentsLength(8)
        self._choice.currentIndexChanged.connect(self._tell_choice)
        # The stretch of the title's row is the choice's.
        self.header.setStretch(2, 0)
        self.header.addWidget(self._choice, 1)
        self._histogram = named(Histogram(height=96), "columnHistogram", "Distribution of the column")
        self._histogram.be_chosen_from()
        self._histogram.bars_chosen.connect(self._tell_bars)
        self._words = label("", "muted", wrap=True)
        self._words.setObjectName("columnWords")
        self._low = self._edit("columnLowEdit", "Least value shown", "from")
        self._high = self._edit("columnHighEdit", "Greatest value shown", "to")
        self._text = self._edit("columnTextEdit", "Text that the cells contain", "contains …")
        self._apply = link_button("Filter", "columnFilterButton", "Show only these rows (Return)")
        self._apply.clicked.connect(self._tell_fields)
        self._open = link_button("Range…", "columnRangeButton", "Type the least and the greatest value to show")
        self._open.clicked.connect(self._show_fields)
        words = row(self._words, self._open)
        words.setStretchFactor(self._words, 1)
        self.add(self._histogram)
        self.body.addLayout(words)
        self.body.addLayout(row(self._low, self._high, self._text, self._apply))
        self._refused = label("", tone="danger", wrap=True)
        self._refused.setObjectName("columnRefused")
        self.add(self._refused)
        self._show_nothing()

    def _edit(self, name: str, spoken: str, hint: str) -> QLineEdit:
        made = named(QLineEdit(), name, spoken)
        made.setPlaceholderText(hint)
        made.returnPressed.connect(self._tell_fields)
        made.textChanged.connect(self._forget_refused)
        return made

    def show_columns(self, columns: Sequence[tuple[str, str]], chosen: str) -> None:
        """Offer these columns (key, title); nothing is announced."""
        blocker = QSignalBlocker(self._choice)
        self._choice.clear()
        for key, title in columns[:_MOST_CHOICES]:
            self._choice.addItem(title, key)
        self._choice.setCurrentIndex(max(0, self._choice.findData(chosen)))
        blocker.unblock()

    @property
    def chosen(self) -> str:
        """Key of the column shown, "" where there is none."""
        return str(self._choice.currentData() or "")

    def choose(self, key: str) -> None:
        """Show another column, as by hand."""
        self._choice.setCurrentIndex(max(0, self._choice.findData(key)))

    def show_summary(self, whole: ColumnSummary, part: ColumnSummary | None = None) -> None:
        """Show a column; `part` counts only the rows that the filters leave."""
        if self._summary is None or self._summary.key != whole.key:
            for edit in (self._low, self._high, self._text):
                edit.clear()
        self._summary = whole
        shown = part or whole
        # Rows without a number have no bars of their own; that there are none of them is shown, too.
        counts = () if part is None else part.counts or (0,) * len(whole.counts)
        ends = ("", "", "")
        if whole.edges:
            middle = f"median {number(shown.median)}" if shown.filled else ""
            ends = (number(whole.low), middle, number(whole.high))
        self._histogram.show_counts(
            whole.counts,
            ends,
            whole.labels,
            part=counts,
            tips=_tips(whole, counts),
            name=f"Distribution of {whole.title}",
        )
        self._histogram.setVisible(bool(whole.counts))
        self._words.setText(summary_words(shown, whole.filled))
        is_text = whole.kind == "text"
        self._open.setVisible(bool(whole.edges))
        if not whole.edges:
            self._low.hide()
            self._high.hide()
        self._text.setVisible(is_text)
        self._apply.setVisible(is_text or not self._low.isHidden())
        self._choice.setToolTip(f"{whole.title}, {whole.unit}" if whole.unit else whole.title)

    def _show_nothing(self) -> None:
        for part in (self._histogram, self._low, self._high, self._text, self._apply, self._open, self._refused):
            part.hide()

    @Slot()
    def _show_fields(self) -> None:
        opening = self._low.isHidden()
        for part in (self._low, self._high, self._apply):
            part.setVisible(opening)
        self._refused.hide()
        if opening:
            self._low.setFocus()

    @Slot()
    def _forget_refused(self) -> None:
        self._refused.hide()

    @Slot(int)
    def _tell_choice(self, _index: int) -> None:
        if self.chosen:
            self.column_chosen.emit(self.chosen)

    @Slot(int, int)
    def _tell_bars(self, first: int, last: int) -> None:
        summary = self._summary
        if summary is None:
            return
        if summary.edges:
            self.range_wanted.emit(summary.key, summary.edges[first], summary.edges[last + 1])
        else:
            self.labels_wanted.emit(summary.key, list(summary.labels[first : last + 1]))

    @Slot()
    def _tell_fields(self) -> None:
        summary = self._summary
        if summary is None:
            return
        if summary.kind == "text":
            if self._text.text().strip():
                self.text_wanted.emit(summary.key, self._text.text().strip())
            return
        low, high = _value(self._low.text(), -math.inf), _value(self._high.text(), math.inf)
        odd = [edit.text().strip() for edit, value in ((self._low, low), (self._high, high)) if math.isnan(value)]
        self._refused.setText(f"{' and '.join(odd)}: not a number." if odd else "")
        self._refused.setVisible(bool(odd))
        if not odd and (math.isfinite(low) or math.isfinite(high)):
            self.range_wanted.emit(summary.key, low, high)

    def keyboard_focus(self) -> None:
        """Put the keys on the choice of the column."""
        self._choice.setFocus(Qt.FocusReason.ShortcutFocusReason)


def summary_words(summary: ColumnSummary, of: int) -> str:
    """Return the figures of a column in a line or two, where it has `of` values with the rows left out by filters."""
    missing = summary.rows - summary.filled
    words = [f"{count(summary.filled)} of {counted(of, 'value')}" if summary.filled < of else counted(of, "value")]
    if missing:
        words.append(f"{count(missing)} missing")
    if summary.edges:
        words += [f"mean {number(summary.mean)}", f"sd\u00a0{number(summary.deviation)}"]
        if summary.logarithmic:
            words.append("logarithmic bars")
    elif summary.kind == "class" and summary.filled:
        words.append(f"{count(summary.distinct)} different")
        if summary.counts:
            place = max(range(len(summary.counts)), key=lambda bar: summary.counts[bar])
            words.append(f"{100 * summary.counts[place] / summary.filled:.0f}% {summary.labels[place]}")
    elif summary.kind == "text":
        words.append("text")
    if summary.unit and summary.unit not in summary.title:
        words.append(f"in {summary.unit}")
    return " · ".join(words)


def _tips(whole: ColumnSummary, part: Sequence[int]) -> list[str]:
    tips = []
    for bar, many in enumerate(whole.counts):
        place = f"{number(whole.edges[bar])} to {number(whole.edges[bar + 1])}" if whole.edges else whole.labels[bar]
        shown = f", {count(part[bar])} shown" if bar < len(part) else ""
        tips.append(f"{place}: {counted(many, 'row')}{shown}")
    return tips


def _value(text: str, empty: float) -> float:
    """Read a number as people type it; NaN where it is none."""
    stripped = text.strip().replace("−", "-").replace(" ", "")
    if not stripped:
        return empty
    try:
        return float(stripped if "." in stripped else stripped.replace(",", "."))
    except ValueError:
        return math.nan
