"""The clean-up: a switch for each step with the rows that it touches or would touch, and what became of the rows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from PySide6.QtCore import QSignalBlocker, Qt, QTimer, Signal, Slot
from PySide6.QtGui import QUndoStack
from PySide6.QtWidgets import QAbstractSpinBox, QComboBox, QDoubleSpinBox, QGridLayout, QSpinBox, QVBoxLayout, QWidget

from app.text import count, counted, keys
from app.theme import SPACE
from app.widgets.basic import Card, Chip, Switch, label, link_button, named, padded, row
from app.widgets.size_spin import SizeSpin
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

MORE_STEPS = (
    ("tautomers", "Canonical tautomers", "Every molecule is written as one and the same tautomer. Slow."),
    ("drop_disagreeing", "Leave out what disagrees", "Rows with one structure but values too far apart are left out."),
    ("leave_out_inorganic", "Leave out inorganic", "Molecules without carbon are left out, not only listed."),
)

_CHOICES = (
    (
        "duplicates",
        "Merged value",
        (("Mean", "mean"), ("Median", "median"), ("Majority", "majority")),
        "Value of rows that are merged",
    ),
    (
        "same_structure",
        "Duplicates by",
        (("Structure", "smiles"), ("InChIKey", "inchikey")),
        "What makes two rows duplicates; the InChIKey sees through tautomers",
    ),
    (
        "outliers",
        "Outliers",
        (("Keep", "keep"), ("List", "flag"), ("Leave out", "drop")),
        "Values far from all others",
    ),
    (
        "bounds",
        "Bounds (> 50)",
        (("As values", "keep"), ("Leave out", "drop")),
        "Learn 50 as if it were measured, or leave it out",
    ),
)
"""Name of the setting, words, what there is to choose (words, value), tool tip."""

_NEED_A_LOOK = {
    IssueKind.DISAGREE: (
        ("structure disagrees", "structures disagree"),
        ("structure has values that disagree", "structures have values that disagree"),
    ),
    IssueKind.UNREADABLE: (("unreadable",) * 2, ("cannot be read",) * 2),
    IssueKind.EMPTY: (("empty",) * 2, ("without a structure",) * 2),
    IssueKind.MISSING_LABEL: (("without a value",) * 2, ("without a value",) * 2),
    IssueKind.BAD_LABEL: (("odd value", "odd values"), ("whose value cannot be read",) * 2),
    IssueKind.TOO_LARGE: (("too large",) * 2, ("too large",) * 2),
    IssueKind.INORGANIC: (("inorganic",) * 2, ("without carbon",) * 2),
    IssueKind.CENSORED: (("bound", "bounds"), ("with a bound such as > 50 in place of a value",) * 2),
    IssueKind.OUTLIER: (("outlier", "outliers"), ("with a value far from all others",) * 2),
}
"""For a chip and for the summary: what follows the number one, and what follows others."""

_CHIP_LETTERS, _NAMED_ROWS = 23, 1000
_SIZE_PAUSE_MS = 600


def summary_words(report: CurationReport, counts: Mapping[IssueKind, int]) -> str:
    """Return what became of the rows, in one or two sentences."""
    kept = f"{count(report.kept)} of {counted(report.total, 'row')} kept."
    told = ", ".join(counted(many, *_NEED_A_LOOK[kind][1]) for kind, many in _to_look_at(report, counts))
    return f"{kept} {told[:1].upper()}{told[1:]}." if told else f"{kept} Nothing needs a look."


def _to_look_at(report: CurationReport, counts: Mapping[IssueKind, int]) -> list[tuple[IssueKind, int]]:
    """Return how many there are of each kind that needs a look: structures where values disagree, else rows."""
    numbers = {**counts, IssueKind.DISAGREE: report.disagreeing}
    return [(kind, numbers[kind]) for kind in _NEED_A_LOOK if numbers.get(kind)]


class CurationCard(Card):
    """Switches of the clean-up with the rows each one touches, and what became of the rows.

    Signals
    -------
    changed(str, object)
        Name of a `CurationConfig` field, and its new value.
    report_wanted
        The user wants to see every row.
    effects_wanted
        The user wants to know what each step would do, in a file where that takes a while.
    """

    changed = Signal(str, object)
    report_wanted = Signal()
    effects_wanted = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("Clean up", parent=parent)
        self._switches: dict[str, Switch] = {}
        self._combos: dict[str, QComboBox] = {}
        self._touched: dict[str, Any] = {}
        self._numbers: set[str] = set()
        self._config = CurationConfig()
        self._undo = link_button("Undo", "undoButton", "Nothing to undo")
        self._redo = link_button("Redo", "redoButton", "Nothing to do again")
        self._toggle = link_button("More steps", "moreStepsButton", "Tautomers, outliers, how duplicates are merged")
        self._toggle.clicked.connect(self._show_more)
        for link in (self._undo, self._redo, self._toggle):
            self.header.addWidget(link)
        grid = self._grid()
        for index, step in enumerate(STEPS):
            self._add_switch(grid, index, step)
        self.body.addLayout(grid)
        self._extra = self._more()
        self._extra.hide()
        self.add(self._extra)
        self._chips = [Chip(parent=self) for _ in range(2)]
        self._count = link_button("Count", "countEffectsButton", "Count what each step would do; this takes a while")
        self._count.clicked.connect(self.effects_wanted)
        self._count.hide()
        self._report = link_button("Report", "curationReportButton", "Every row that needs a look, with its reason")
        self._report.clicked.connect(self.report_wanted)
        self._summary = label("", "muted", wrap=True)
        self._summary.setObjectName("curationSummary")
        self._summary.setAccessibleName("What became of the rows")
        self.body.addLayout(row(*self._chips, None, self._count, self._report))
        self.add(self._summary)

    def follow(self, stack: QUndoStack) -> None:
        """Let the links undo and redo what a stack holds."""
        self._undo.clicked.connect(stack.undo)
        self._redo.clicked.connect(stack.redo)
        self.show_steps("", "")

    @Slot(str, str)
    def show_steps(self, undo: str, redo: str) -> None:
        """Show the links for steps that change the data, and what these are."""
        for button, step, words in (
            (self._undo, undo, "Undo: {} (Ctrl+Z)"),
            (self._redo, redo, "Do again: {} (Ctrl+Shift+Z)"),
        ):
            button.setVisible(bool(step))
            button.setToolTip(keys(words).format(step))

    def forget_numbers(self) -> None:
        """Forget numbers that were typed just now for another file."""
        self._pause.stop()
        self._numbers.clear()

    def show_waiting(self) -> None:
        """Show that a file is still being cleaned up."""
        self.setEnabled(False)
        self.forget_numbers()
        for words in self._touched.values():
            words.clear()
        for chip in self._chips:
            chip.show_fact("")
        self._report.hide()
        self._summary.setText("Cleaning up. The rows can be looked at meanwhile.")

    def show_report(self, report: CurationReport, counts: Mapping[IssueKind, int], config: CurationConfig) -> None:
        """Show what was done, and the issues of each kind; nothing is announced."""
        self.setEnabled(True)
        self._config = config
        for name, switch in self._switches.items():
            blocker = QSignalBlocker(switch)
            switch.setChecked(bool(getattr(config, name)))
            blocker.unblock()
        for name, combo in self._combos.items():
            blocker = QSignalBlocker(combo)
            combo.setCurrentIndex(max(0, combo.findData(getattr(config, name))))
            blocker.unblock()
        self._show_number(self._size, "max_heavy_atoms")
        self._show_number(self._within, "agree_within")
        self.show_effects({name: many for name, many in report.steps.items() if getattr(config, name, None) is True})
        facts = [(counted(many, *_NEED_A_LOOK[kind][0]), "warning") for kind, many in _to_look_at(report, counts)]
        if len(facts) > 1 and len(facts[0][0] + facts[1][0]) > _CHIP_LETTERS:
            # Both would not fit side by side; the summary below names them all.
            facts = facts[:1]
        for index, chip in enumerate(self._chips):
            chip.show_fact(*(facts[index] if index < len(facts) else ("", "neutral")))
        self._report.setVisible(bool(report.issues))
        self._summary.setText(summary_words(report, counts))

    def _show_number(self, spin: QSpinBox | QDoubleSpinBox, name: str) -> None:
        # A number that was typed just now, and is not told yet, is newer than the report.
        if name not in self._numbers:
            blocker = QSignalBlocker(spin)
            spin.setValue(getattr(self._config, name))
            blocker.unblock()

    def show_effects(self, effects: Mapping[str, int]) -> None:
        """Show how many rows each step touches, or would touch; steps that are not named are not known yet."""
        for name, words in self._touched.items():
            on = getattr(self._config, name, False) is True
            known = effects.get(name)
            many = known if known is not None else 0 if on else None
            # In thousands the noun would take the room of the step's name.
            words.setText("" if many is None else counted(many, "row") if many < _NAMED_ROWS else count(many))
            told = "touched by this step" if on else "would be touched by this step"
            words.setToolTip("" if known is None else f"{counted(known, 'row')} {told}")
        self._count.hide()

    def offer_effects(self) -> None:
        """Offer to count, in a file where that takes a while."""
        self._count.show()

    def _grid(self) -> QGridLayout:
        grid = QGridLayout()
        grid.setVerticalSpacing(9)
        grid.setColumnStretch(0, 1)
        return grid

    def _add_switch(self, grid: QGridLayout, place: int, step: tuple[str, str, str]) -> None:
        name, words, tip = step
        switch = Switch(words, f"{name}Switch", tip)
        switch.toggled.connect(lambda on, name=name: self.changed.emit(name, on))
        self._switches[name] = switch
        self._touched[name] = label("", "muted")
        grid.addWidget(switch, place, 0)
        grid.addWidget(self._touched[name], place, 1, Qt.AlignmentFlag.AlignRight)

    def _more(self) -> QWidget:
        holder = QWidget()
        column = QVBoxLayout(holder)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(SPACE[1])
        switches, fields = self._grid(), self._grid()
        for index, step in enumerate(MORE_STEPS):
            self._add_switch(switches, index, step)
        for index, (name, words, entries, tip) in enumerate(_CHOICES):
            combo = named(QComboBox(), f"{name}Combo", words)
            combo.setToolTip(tip)
            for text, value in entries:
                combo.addItem(text, value)
            combo.currentIndexChanged.connect(lambda _index, name=name: self._tell_choice(name))
            self._combos[name] = combo
            fields.addWidget(label(words, "muted"), index, 0)
            fields.addWidget(combo, index, 1)
        self._add_spins(fields)
        column.addLayout(switches)
        column.addLayout(fields)
        return holder

    def _add_spins(self, fields: QGridLayout) -> None:
        self._within = named(
            padded(SizeSpin("Automatic")), "agreeWithinSpin", "Largest difference of values that agree"
        )
        self._within.setToolTip(
            "Values of one structure that lie further apart disagree.\n"
            "Automatic: 5% of the value, or a tenth of the column's interquartile range\n"
            "(of logarithms, where values lie over several decades)."
        )
        self._size = named(padded(QSpinBox()), "maxHeavyAtomsSpin", "Most heavy atoms of a molecule")
        self._size.setRange(1, 1000)
        self._size.setSuffix(" atoms")
        self._size.setToolTip("Larger molecules are left out")
        self._pause = QTimer(self)
        self._pause.setSingleShot(True)
        self._pause.setInterval(_SIZE_PAUSE_MS)
        self._pause.timeout.connect(self._tell_numbers)
        spins: tuple[tuple[str, QAbstractSpinBox], ...] = (
            ("Values agree within", self._within),
            ("Largest molecule", self._size),
        )
        self._within.valueChanged.connect(lambda _value: self._wait_with("agree_within"))
        self._size.valueChanged.connect(lambda _value: self._wait_with("max_heavy_atoms"))
        for place, (words, spin) in enumerate(spins, len(_CHOICES)):
            fields.addWidget(label(words, "muted"), place, 0)
            fields.addWidget(spin, place, 1)

    def _wait_with(self, name: str) -> None:
        self._numbers.add(name)
        self._pause.start()

    def _tell_choice(self, name: str) -> None:
        self.changed.emit(name, self._combos[name].currentData())

    @Slot()
    def _tell_numbers(self) -> None:
        values = {"agree_within": self._within.value(), "max_heavy_atoms": self._size.value()}
        # Only what the user has changed: a box may not be able to show every value that a file can hold.
        told, self._numbers = self._numbers, set()
        for name in sorted(told):
            if values[name] != getattr(self._config, name):
                self.changed.emit(name, values[name])

    @Slot()
    def _show_more(self) -> None:
        opening = self._extra.isHidden()
        self._extra.setVisible(opening)
        self._toggle.setText("Fewer steps" if opening else "More steps")
