"""The large card of a verdict: one figure at a time, of one task at a time."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtCore import Signal, Slot
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QComboBox, QLabel, QStackedWidget, QVBoxLayout, QWidget

from app.pages.verdict_cells import group_columns
from app.pages.verdict_checks import CheckPane
from app.pages.verdict_curve import VerdictCurve
from app.pages.words import domain_words
from app.services.runs import RunStory
from app.services.verdict import TaskVerdict, TestMolecule, scaffold_groups
from app.text import count, counted, fixed
from app.theme import SPACE
from app.widgets.basic import Card, muted_label, named, row
from app.widgets.cell_table import Cell, CellTable
from app.widgets.combo import Combo
from app.widgets.confusion import ConfusionView
from app.widgets.curve_plot import Curve
from app.widgets.figures import places_for, signed
from app.widgets.live_chart import RunCharts
from app.widgets.molecule_scatter import MoleculeScatter, ScatterPoint
from app.widgets.parity_plot import ParityPlot, ParityPoint
from app.widgets.run_curves import RunCurves
from app.widgets.scrolled import scrolled
from app.widgets.verdict_cards import FactsCard
from mole_engine.contracts.dataset import TaskKind

if TYPE_CHECKING:
    from app.services.session import Session

_NUMBERS = (
    ("parity", "Parity"),
    ("residuals", "Errors by value"),
    ("scaffolds", "Errors by ring system"),
    ("coverage", "Intervals"),
    ("deviation", "Error against deviation"),
)
_TWO_CLASSES = (
    ("roc", "ROC curve"),
    ("pr", "Precision and recall"),
    ("confusion", "Confusion matrix"),
    ("reliability", "Calibration"),
    ("scaffolds", "Errors by ring system"),
)
_CLASSES = (
    ("confusion", "Confusion matrix"),
    ("roc", "ROC curve"),
    ("pr", "Precision and recall"),
    ("reliability", "Calibration"),
    ("scaffolds", "Errors by ring system"),
)
_ALWAYS = (("charts", "Training curves"), ("facts", "How it was made"))
_CHECKS = (("learning", "Is more data worth it?"), ("scramble", "y-scramble check"))
_FIGURES = {TaskKind.REGRESSION: _NUMBERS, TaskKind.CLASSIFICATION: _TWO_CLASSES, TaskKind.MULTICLASS: _CLASSES}

_PICKER_WIDTH = 130
"""Pixels in which "ROC curve" can be read; the note gives way to it."""


class FigureCard(Card):
    """Pick a task, pick a figure.

    Signals
    -------
    task_changed(int)
        Another task is shown.
    molecule_chosen(int)
        A point was clicked: place of its molecule in the task's verdict.
    """

    task_changed = Signal(int)
    molecule_chosen = Signal(int)

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__("Predicted against measured", parent=parent)
        self._session = session
        self._story: RunStory | None = None
        depictions = session.depictions
        self.parity = ParityPlot(depictions)
        self.residuals = MoleculeScatter("residualPlot", "Errors over measured values", depictions, "zero")
        self.deviation = MoleculeScatter("deviationPlot", "Errors over standard deviations", depictions)
        self.curve = VerdictCurve()
        self.confusion = ConfusionView()
        self.scaffolds = CellTable("scaffoldTable", "Errors by ring system", depictions, bare=True)
        self.charts = RunCharts("verdict", stacked=True)
        self.facts = FactsCard("")
        self.checks = CheckPane(session)
        self.task_picker = named(Combo(), "verdictTask", "Target")
        self.picker = named(Combo(), "verdictPicker", "What to show")
        self._says: QLabel = muted_label()
        self._says.setObjectName("figureWords")
        self._build()

    def show_story(self, story: RunStory) -> None:
        """Show a run: its first judged task, and the figure that was looked at, or the first."""
        # Without test molecules there was nothing else to look at: that was no choice.
        chosen = self.picker.currentData() if self.verdict is not None else None
        self._story = story
        for box in (self.task_picker, self.picker):
            box.blockSignals(True)
        self.task_picker.clear()
        for place, item in enumerate(story.verdict.tasks):
            if item.molecules:
                self.task_picker.addItem(item.task.name, place)
        self.task_picker.setVisible(self.task_picker.count() > 1)
        self._fill_picker(chosen)
        for box in (self.task_picker, self.picker):
            box.blockSignals(False)
        self.checks.show_story(story, self.verdict)
        self._show()

    @property
    def verdict(self) -> TaskVerdict | None:
        """The task that is shown, or None where no task has test molecules."""
        place = self.task_picker.currentData()
        if self._story is None or place is None:
            return None
        return self._story.verdict.tasks[int(place)]

    @property
    def kind(self) -> str:
        """Which figure is shown."""
        return str(self.picker.currentData() or "charts")

    def choose(self, kind: str) -> None:
        """Show another figure, where this run has it."""
        place = self.picker.findData(kind)
        if place >= 0:
            self.picker.setCurrentIndex(place)

    def mark(self, place: int) -> None:
        """Ring a molecule in the plots."""
        for plot in (self.parity, self.residuals, self.deviation):
            plot.mark(place)

    # Building --------------------------------------------------------------------------------------------------

    def _build(self) -> None:
        for box in (self.task_picker, self.picker):
            box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
        self.picker.setMinimumWidth(_PICKER_WIDTH)
        self._pickers = QWidget()
        self._pickers.setLayout(row(self.task_picker, self.picker))
        self.header.addWidget(self._pickers)
        self._stack = QStackedWidget()
        self._pages: dict[str, QWidget] = {
            **dict.fromkeys(("roc", "pr", "coverage", "reliability"), self.curve),
            **dict.fromkeys(("learning", "scramble"), self.checks),
            "parity": self.parity,
            "residuals": self.residuals,
            "deviation": self.deviation,
            "confusion": self.confusion,
            "scaffolds": self.scaffolds,
            "charts": scrolled(self.charts),
            "facts": self._facts_page(),
        }
        for page in dict.fromkeys(self._pages.values()):
            self._stack.addWidget(page)
        self.add(self._says)
        self.add(self._stack, 1)
        self.task_picker.currentIndexChanged.connect(self._change_task)
        self.picker.currentIndexChanged.connect(self._show)
        self.curve.chosen.connect(self._show)
        for plot in (self.parity, self.residuals, self.deviation):
            plot.chosen.connect(self.molecule_chosen)

    def _facts_page(self) -> QWidget:
        page = QWidget()
        layout = QVBoxLayout(page)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(SPACE[1])
        # A card in a card would draw its line twice.
        self.facts.setProperty("role", "")
        inner = self.facts.layout()
        if inner is not None:
            inner.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.facts)
        layout.addStretch(1)
        return page

    def _fill_picker(self, chosen: str | None) -> None:
        verdict = self.verdict
        self.picker.clear()
        figures = _FIGURES[verdict.task.kind] if verdict is not None else ()
        for key, title in figures:
            if _has(verdict, key):
                self.picker.addItem(title, key)
        if verdict is not None:
            for key, title in _CHECKS:
                self.picker.addItem(title, key)
        for key, title in _ALWAYS:
            self.picker.addItem(title, key)
        self.picker.setCurrentIndex(max(0, self.picker.findData(chosen)))

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 - Qt's name
        """Place the pickers anew."""
        super().resizeEvent(event)
        self._place_pickers()

    def _place_pickers(self) -> None:
        """Give the pickers a line of their own where the title's has no room for them."""
        wanted = self._title.sizeHint().width() + self._pickers.sizeHint().width() + 2 * self.header.spacing()
        inside = self.contentsRect().width() - 2 * SPACE[3]
        home, other = (self.body, self.header) if wanted > inside else (self.header, self.body)
        if other.indexOf(self._pickers) >= 0:
            other.removeWidget(self._pickers)
            home.insertWidget(0 if home is self.body else home.count(), self._pickers)

    # Showing ---------------------------------------------------------------------------------------------------

    @Slot()
    def _change_task(self) -> None:
        self.picker.blockSignals(True)
        self._fill_picker(self.picker.currentData())
        self.picker.blockSignals(False)
        if self._story is not None:
            self.checks.show_story(self._story, self.verdict)
        self._show()
        self.task_changed.emit(int(self.task_picker.currentData() or 0))

    @Slot()
    def _show(self) -> None:
        if self._story is None:
            return
        kind, verdict = self.kind, self.verdict
        painters: dict[str, Callable[[TaskVerdict], None]] = {
            "parity": self._show_parity,
            "residuals": self._show_residuals,
            "deviation": self._show_deviation,
            "coverage": self._show_coverage,
            **dict.fromkeys(("roc", "pr", "reliability"), self._show_curve),
            "confusion": self._show_confusion,
            "scaffolds": self._show_scaffolds,
        }
        self._say("")
        if verdict is not None and kind in painters:
            painters[kind](verdict)
        elif kind in ("learning", "scramble"):
            self.set_title(self.picker.currentText())
            self.checks.show_kind(kind)
        elif kind == "facts":
            self.set_title("How it was made")
        else:
            self._show_charts(self._story)
        self._stack.setCurrentWidget(self._pages[kind])
        self._place_pickers()

    def _say(self, words: str) -> None:
        self._says.setText(words)
        self._says.setVisible(bool(words))

    def _show_charts(self, story: RunStory) -> None:
        self.set_title("Training curves")
        verdict = self.verdict
        unit = verdict.task.unit if verdict is not None else ""
        self.charts.set_curves(RunCurves.replay(story.events), unit, over=not story.record.status.is_active)

    def _show_parity(self, verdict: TaskVerdict) -> None:
        self.set_title("Predicted vs measured", "test set")
        self.parity.show_points([parity_point(item) for item in verdict.molecules], verdict.task.unit)

    def _show_residuals(self, verdict: TaskVerdict) -> None:
        self.set_title("Errors by value", "test set")
        unit = f", {verdict.task.unit}" if verdict.task.unit else ""
        points = [_scatter(item, item.measured, item.error) for item in verdict.molecules]
        self.residuals.show_scatter(points, f"measured{unit}", f"predicted \u2212 measured{unit}")
        self._say("Points that fall from left to right: the model keeps too close to the mean at both ends.")

    def _show_deviation(self, verdict: TaskVerdict) -> None:
        self.set_title("Error against deviation", "test set")
        unit = f", {verdict.task.unit}" if verdict.task.unit else ""
        known = [item if math.isfinite(item.std) else None for item in verdict.molecules]
        points = [_scatter(item, item.std, abs(item.error)) for item in known if item is not None]
        self.deviation.show_scatter(points, f"predicted standard deviation{unit}", f"error without sign{unit}")
        rank = verdict.uncertainty.correlation if verdict.uncertainty is not None else math.nan
        scale = verdict.uncertainty.scale if verdict.uncertainty is not None else ""
        if math.isnan(rank):
            same = f"As {scale}, all molecules" if scale else "All molecules"
            self._say(
                f"{same} have the same deviation: on the validation molecules nothing told beforehand for "
                "which ones the errors would be larger."
            )
        else:
            useful = "larger errors do come with larger deviations" if rank > 0.2 else "the deviations say little"
            self._say(f"Rank correlation{f' of {scale}' if scale else ''} {fixed(rank)}: {useful}.")

    def _show_coverage(self, verdict: TaskVerdict) -> None:
        known = verdict.uncertainty
        self.set_title("Intervals", "test set")
        if known is None:
            self.curve.show_alone(None)
            return
        titles = ("share that should lie inside", "share that does")
        self.curve.show_alone(Curve("coverage", known.levels, known.coverage, *titles, dots=True))
        words = "Below the diagonal the intervals are too narrow, above it too wide."
        if known.known:
            share = f"{100 * known.held / known.known:.0f}%"
            words = f"90% intervals hold {share} of the test molecules. {words}"
        self._say(words)

    def _show_curve(self, verdict: TaskVerdict) -> None:
        said = self.curve.show_kind(self.kind, verdict)
        self.set_title(self.picker.currentText(), said.note)
        self._say(said.words)

    def _show_confusion(self, verdict: TaskVerdict) -> None:
        self.set_title("Confusion matrix", "test set")
        two = verdict.task.kind is TaskKind.CLASSIFICATION
        self.confusion.show_classes(verdict.task.classes, verdict.confusion, movable=two)

    def _show_scaffolds(self, verdict: TaskVerdict) -> None:
        self.set_title("Errors by ring system", "test set")
        self._say("Finding the ring systems …")
        self.scaffolds.show_rows((), 0, lambda row, key: Cell())
        self._session.start_task(self._find_scaffolds(verdict))

    async def _find_scaffolds(self, verdict: TaskVerdict) -> None:
        groups = await self._session.run_blocking(scaffold_groups, verdict)
        if verdict is not self.verdict or self.kind != "scaffolds":
            return
        if not groups:
            # Titles of columns over nothing look like something that is still to come.
            self._say("Every test molecule has a ring system of its own: there is no group to compare.")
            return
        numbers = verdict.task.kind is TaskKind.REGRESSION
        single = len(verdict.molecules) - sum(item.molecules for item in groups)
        self._say(
            f"Ring systems of at least two molecules, the worst first; {counted(single, 'molecule')} stand alone."
        )
        places = places_for([item.badness for item in groups])

        def cell(row: int, key: str) -> Cell:
            item = groups[row]
            if key == "structure":
                return Cell(item.scaffold, tip=item.scaffold, second="" if item.scaffold else "no rings")
            if key == "molecules":
                return Cell(count(item.molecules), order=item.molecules)
            mean = signed(item.mean_error, places)
            if key == "mean":
                return Cell(mean, order=item.mean_error)
            words = fixed(item.badness, places) if numbers else f"{100 * item.badness:.0f}%"
            # Where it is narrow, the mean error stands below the other.
            second, column = (f"mean {mean}", "mean") if numbers else ("", "")
            return Cell(words, order=item.badness, second=second, stands_for=column)

        self.scaffolds.show_rows(group_columns(numbers=numbers), len(groups), cell)


def _has(verdict: TaskVerdict | None, key: str) -> bool:
    """Whether a task has what a figure needs."""
    if verdict is None:
        return False
    known = verdict.uncertainty
    return key not in ("coverage", "deviation") or bool(known is not None and known.levels)


def parity_point(item: TestMolecule) -> ParityPoint:
    """Return a molecule as a point of the parity plot."""
    spread = (item.upper - item.lower) / 2
    words = domain_words(item.in_domain, item.similarity, strange=item.strange)
    return ParityPoint(item.smiles, item.measured, item.predicted, spread, words)


def _scatter(item: TestMolecule, x: float, y: float) -> ScatterPoint:
    point = parity_point(item)
    return ScatterPoint(item.smiles, x, y, point.words(), point.remark)
