"""The cards beside the table: clean-up, target values, parts."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from PySide6.QtCore import QRectF, QSignalBlocker, QSize, Qt, Signal
from PySide6.QtGui import QColor, QPainter, QPainterPath, QPaintEvent
from PySide6.QtWidgets import QComboBox, QGridLayout, QWidget

from app.text import count, counted, number
from app.theme import SPACE, theme
from app.widgets.basic import Card, Chip, Switch, label, link_button, named, row, set_role
from app.widgets.histogram import Histogram
from mole_engine.contracts.config import CurationConfig
from mole_engine.contracts.dataset import CurationReport, IssueKind

STEPS = (
    ("largest_fragment", "Keep the largest fragment", "Salts and solvents are removed."),
    ("neutralise", "Neutralise charges", "Where a neutral form exists."),
    (
        "merge_duplicates",
        "Merge duplicates",
        "Rows with one structure become one molecule; values that disagree are averaged and told.",
    ),
    ("flatten_stereo", "Flatten stereo", "Stereochemistry is removed."),
)
"""Name of the setting, words of the switch, tool tip."""

_NEED_A_LOOK = (
    (IssueKind.DISAGREE, "disagree", "duplicates disagree"),
    (IssueKind.UNREADABLE, "unreadable", "cannot be read"),
    (IssueKind.EMPTY, "empty", "without a structure"),
    (IssueKind.MISSING_LABEL, "without a value", "without a value"),
    (IssueKind.BAD_LABEL, "odd values", "whose value cannot be read"),
    (IssueKind.TOO_LARGE, "too large", "too large"),
    (IssueKind.INORGANIC, "inorganic", "without carbon"),
    (IssueKind.CENSORED, "bounds", "with a bound such as > 50 in place of a value"),
)
"""Kind, short word for a chip, words for the summary."""

_CHIP_LETTERS = 23


def summary_words(report: CurationReport, counts: Mapping[IssueKind, int]) -> str:
    """Return what became of the rows, in one or two sentences."""
    kept = f"{count(report.kept)} of {counted(report.total, 'row')} kept."
    told = ", ".join(f"{count(counts[kind])} {words}" for kind, _, words in _NEED_A_LOOK if counts.get(kind))
    return f"{kept} {told[:1].upper()}{told[1:]}." if told else f"{kept} Nothing needs a look."


class CurationCard(Card):
    """Switches of the clean-up with the rows each one touches, and what became of the rows.

    Signals
    -------
    toggled(str, bool)
        Name of a `CurationConfig` field, and whether it is now on.
    report_wanted
        The user wants to see every row.
    """

    toggled = Signal(str, bool)
    report_wanted = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("Clean up", parent=parent)
        self._switches: dict[str, Switch] = {}
        self._touched = {name: label("", "muted") for name, _, _ in STEPS}
        grid = QGridLayout()
        grid.setVerticalSpacing(9)
        grid.setColumnStretch(0, 1)
        for index, (name, words, tip) in enumerate(STEPS):
            switch = Switch(words, f"{name}Switch", tip)
            switch.toggled.connect(lambda on, name=name: self.toggled.emit(name, on))
            self._switches[name] = switch
            grid.addWidget(switch, index, 0)
            grid.addWidget(self._touched[name], index, 1, Qt.AlignmentFlag.AlignRight)
        self.body.addLayout(grid)
        self._chips = [Chip(parent=self) for _ in range(2)]
        self._report = link_button("Report", "curationReportButton", "Every row that needs a look, with its reason")
        self._report.clicked.connect(self.report_wanted)
        self._summary = label("", "muted", wrap=True)
        self._summary.setObjectName("curationSummary")
        self._summary.setAccessibleName("What became of the rows")
        self.body.addSpacing(2)
        self.body.addLayout(row(*self._chips, None, self._report))
        self.add(self._summary)

    def show_waiting(self) -> None:
        """Show that a file is still being cleaned up."""
        self.setEnabled(False)
        for words in self._touched.values():
            words.clear()
        for chip in self._chips:
            chip.show_fact("")
        self._report.hide()
        self._summary.setText("Cleaning up. The rows can be looked at meanwhile.")

    def show_report(self, report: CurationReport, counts: Mapping[IssueKind, int], config: CurationConfig) -> None:
        """Show what was done, and the issues of each kind; nothing is announced."""
        self.setEnabled(True)
        for name, switch in self._switches.items():
            on = bool(getattr(config, name))
            blocker = QSignalBlocker(switch)
            switch.setChecked(on)
            blocker.unblock()
            touched = report.steps.get(name)
            self._touched[name].setText("off" if touched is None and not on else counted(touched or 0, "row"))
        facts = [(f"{count(counts[kind])} {word}", "warning") for kind, word, _ in _NEED_A_LOOK if counts.get(kind)]
        if len(facts) > 1 and len(facts[0][0] + facts[1][0]) > _CHIP_LETTERS:
            # Both would not fit beside the link; the summary below names them all.
            facts = facts[:1]
        for index, chip in enumerate(self._chips):
            chip.show_fact(*(facts[index] if index < len(facts) else ("", "neutral")))
        self._report.setVisible(bool(report.issues))
        self._summary.setText(summary_words(report, counts))


class TargetCard(Card):
    """Values of one target; with several targets, a choice between them."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent=parent)
        self._choice = named(QComboBox(), "targetChoice", "Which target to show")
        self._choice.currentIndexChanged.connect(self._show_chosen)
        self._choice.setMaximumWidth(130)
        self._histogram = Histogram()
        self.header.addWidget(self._choice)
        self.add(self._histogram, 1)
        self._targets: list[Mapping[str, object]] = []

    def show_targets(self, targets: Sequence[Mapping[str, object]]) -> None:
        """Show these (fields as in `app.services.open_dataset.TargetSummary`); none hides the card."""
        self._targets = list(targets)
        blocker = QSignalBlocker(self._choice)
        place = max(0, self._choice.currentIndex())
        self._choice.clear()
        self._choice.addItems([str(target["name"]) for target in self._targets])
        self._choice.setCurrentIndex(min(place, len(self._targets) - 1))
        self._choice.setVisible(len(self._targets) > 1)
        blocker.unblock()
        self.setVisible(bool(self._targets))
        self._show_chosen()

    def _show_chosen(self) -> None:
        index = self._choice.currentIndex()
        if not 0 <= index < len(self._targets):
            return
        target = self._targets[index]
        counts, labels = target["counts"], target["labels"]
        low, high, median = (float(str(target[name])) for name in ("low", "high", "median"))
        name, unit = str(target["name"]), str(target["unit"])
        notes = ["" if unit in name else unit, "logarithmic" if target["logarithmic"] else ""]
        self.set_title(name, ", ".join(note for note in notes if note))
        ends = ("", "", "") if math.isnan(low) else (number(low), f"median {number(median)}", number(high))
        assert isinstance(counts, tuple) and isinstance(labels, tuple)  # noqa: S101, PT018 - for the type checker
        words = [f"{name}: {count(many)}" for name, many in zip(labels, counts, strict=False)]
        self._histogram.show_counts(counts, ends, words)


class PartsBar(QWidget):
    """One bar in three colours."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._counts = (0, 0, 0)
        self.setFixedHeight(12)
        theme.changed.connect(self.update)

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """A card's width."""
        return QSize(278, 12)

    def show_counts(self, train: int, validation: int, test: int) -> None:
        """Show the three sizes."""
        self._counts = (train, validation, test)
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        """Paint the segments inside one rounded outline."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        outline = QPainterPath()
        outline.addRoundedRect(QRectF(self.rect()), 6, 6)
        painter.setClipPath(outline)
        painter.fillRect(self.rect(), QColor(theme.palette().neutral_soft))
        left, total = 0.0, sum(self._counts)
        for many, color in zip(self._counts, part_colors(), strict=True):
            width = self.width() * many / total if total else 0.0
            painter.fillRect(QRectF(left, 0, width, self.height()), QColor(color))
            left += width
        painter.end()


def part_colors() -> tuple[str, str, str]:
    """Return the colours of training, validation and test part."""
    tokens = theme.palette()
    return tokens.train, tokens.validation, tokens.third


class SplitCard(Card):
    """How the molecules are divided, and whether anything leaks."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("Split", parent=parent)
        self._bar = PartsBar()
        self._legend = [label() for _ in range(3)]
        for words in self._legend:
            words.setTextFormat(Qt.TextFormat.RichText)
        self._words = label("", "muted", wrap=True)
        self._words.setObjectName("splitWords")
        self._reason = label("", "muted", wrap=True)
        self.add(self._bar)
        self.body.addLayout(row(*self._legend, None, spacing=SPACE[3]))
        self.add(self._reason)
        self.add(self._words)
        self._counts = (0, 0, 0)
        theme.changed.connect(self._show_legend)

    def show_split(self, method: str, counts: tuple[int, int, int], overlap: Sequence[str]) -> None:
        """Show sizes of training, validation and test part, and leakage in words."""
        # Reasons get a line of their own: the title's has no room for them.
        name, _, reason = method.rstrip(")").replace(" (", ", ", 1).partition(", ")
        self.set_title("Split", name)
        self._reason.setText(f"{reason[:1].upper()}{reason[1:]}.")
        self._reason.setVisible(bool(reason))
        self._counts = counts
        self._bar.show_counts(*counts)
        self._show_legend()
        set_role(self._words, tone="warning" if overlap else "")
        kept_apart = "No structure is in two parts."
        self._words.setText(" ".join(f"{words.rstrip('.')}." for words in overlap) or kept_apart)

    def _show_legend(self) -> None:
        names = ("train", "val", "test")
        for words, name, many, color in zip(self._legend, names, self._counts, part_colors(), strict=True):
            words.setText(f"<span style='color:{color}'>● {name} {count(many)}</span>")
