"""Is it any good? One run's test molecules as figures, numbers and structures, and the ways on from there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Signal, Slot
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QMenu, QVBoxLayout, QWidget

from app.pages.explaining import Explaining, Question
from app.pages.verdict_cells import (
    NUMBER_COLUMNS,
    against_row,
    against_words,
    bars,
    class_columns,
    molecule_cell,
    story_facts,
)
from app.pages.verdict_figures import FigureCard
from app.services.runs import EXPORTS, RunStory
from app.services.verdict import TaskVerdict, nearest_training
from app.text import count, fixed, number
from app.theme import SPACE
from app.widgets.basic import Card, primary_button, row, secondary_button
from app.widgets.cell_table import CellTable
from app.widgets.explanation_card import ExplanationCard
from app.widgets.figures import IN_UNITS, main_metric, metric_title, other_metrics, places_for, signed
from app.widgets.histogram import Histogram
from app.widgets.neighbour_card import Near, NeighbourCard
from app.widgets.scrolled import scrolled
from app.widgets.verdict_cards import AgainstCard, BannerCard, MetricTile, ShareCard
from mole_engine.contracts.dataset import TaskKind
from mole_engine.contracts.records import shown_metrics
from mole_engine.contracts.run_state import RunState

if TYPE_CHECKING:
    from app.services.session import Session

_EXPLANATION_HEIGHT = 330
"""With less, the structure could not be read."""


class VerdictView(QWidget):
    """Shows one `RunStory`.

    Signals
    -------
    export_asked(str), report_asked(), predict_asked()
        The user wants the model in a format, the report, or predictions.
    """

    export_asked = Signal(str)
    report_asked = Signal()
    predict_asked = Signal()

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._story: RunStory | None = None
        # The run and target whose molecules are listed.
        self._told = ("", "")
        self.banner = BannerCard()
        self.tile = MetricTile()
        self.against = AgainstCard()
        self.figures = FigureCard(session)
        self.histogram = Histogram()
        self.share = ShareCard()
        self.worst = CellTable("worstTable", "Test molecules, worst first", session.depictions, bare=True)
        self.neighbours = NeighbourCard(session.depictions)
        self.report_button = secondary_button("Report", "reportButton", "Save everything about this run as one page")
        self.export_button = secondary_button("Export ▾", "exportButton", "Save the model for use elsewhere")
        self.predict_button = primary_button("Predict new molecules →", "predictNewButton", "Use this model")
        self._build()

    def show_story(self, story: RunStory) -> None:
        """Show a run."""
        self._story = story
        self.figures.show_story(story)
        self._show_task()
        usable = story.model is not None
        for button in (self.export_button, self.predict_button):
            button.setEnabled(usable)
        self.report_button.setEnabled(bool(story.record.run_dir))

    # Building --------------------------------------------------------------------------------------------------

    def _build(self) -> None:
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(SPACE[3])
        left = _column(self.banner, (self.figures, 1))
        self._errors = Card("Errors")
        self._errors.add(self.histogram)
        self.explanation = ExplanationCard()
        self.explaining = Explaining(self._session, self.explanation)
        self._below = QWidget()
        middle = (self.tile, self.against, self._errors, self.share, (self.explanation, 1), (self._below, 1))
        self._middle = scrolled(_column(*middle))
        # The two at the right take what they can use before the figure grows; in a narrow window all give way.
        for column, narrow, wide, stretch in (
            (left, 270, 0, 1),
            (self._middle, 216, 272, 60),
            (self._right(), 290, 372, 80),
        ):
            column.setMinimumWidth(narrow)
            if wide:
                column.setMaximumWidth(wide)
            layout.addWidget(column, stretch)
        self.figures.task_changed.connect(self._show_task)
        self.figures.checks.found.connect(self._renew_banner)
        self.figures.molecule_chosen.connect(self.worst.choose)
        self.worst.row_chosen.connect(self._choose)
        # A click on the row that has the focus already, or Return on it.
        self.worst.clicked.connect(self._explain)
        self.worst.activated.connect(self._explain)
        self.explanation.closed.connect(self._close_explanation)
        self.report_button.clicked.connect(self.report_asked)
        self.predict_button.clicked.connect(self.predict_asked)

    def _right(self) -> QWidget:
        menu = QMenu(self.export_button)
        for kind, title, tip in EXPORTS:
            action = menu.addAction(f"{title} (.{kind})")
            action.setObjectName(f"export.{kind}")
            action.setData(kind)
            action.setToolTip(tip)
        menu.setToolTipsVisible(True)
        menu.triggered.connect(self._export)
        self.export_button.setMenu(menu)
        self._worst_card = Card("Test molecules", "worst first")
        self._worst_card.add(self.worst, 1)
        column = _column((self._worst_card, 1), self.neighbours)
        layout = column.layout()
        if isinstance(layout, QVBoxLayout):
            # Keeps the buttons at the bottom where there are no molecules to show.
            self._gap = QWidget()
            layout.addWidget(self._gap, 1)
            layout.addLayout(row(self.report_button, self.export_button))
            layout.addWidget(self.predict_button)
        return column

    @Slot(object)
    def _export(self, action: object) -> None:
        data = getattr(action, "data", None)
        if data is not None:
            self.export_asked.emit(str(data()))

    # Filling ---------------------------------------------------------------------------------------------------

    @Slot()
    def _show_task(self) -> None:
        story = self._story
        if story is None:
            return
        verdict = self.figures.verdict
        self._show_banner(story)
        self._show_tile(story, verdict)
        self._show_against(verdict)
        self._show_errors(verdict)
        self._show_molecules(verdict)
        self._show_share(verdict)
        self.figures.facts.show_facts(story_facts(story))

    def _show_banner(self, story: RunStory) -> None:
        record, verdict = story.record, story.verdict
        words = {
            RunState.FAILED: ("This run has failed", record.error, "danger"),
            RunState.CANCELLED: ("This run was cancelled", "Nothing was kept of it but its curves.", "warning"),
            RunState.INTERRUPTED: ("This run was interrupted", "Its last checkpoint is kept.", "warning"),
        }.get(record.status)
        if words is None and record.status.is_active:
            words = ("This run is still going on", "The verdict comes at its end.", "")
        said = f"{verdict.words} {self._scramble_words()}".strip()
        self.banner.show_words(*(words or (verdict.headline, said, verdict.tone)))

    @Slot()
    def _renew_banner(self) -> None:
        if self._story is not None:
            self._show_banner(self._story)

    def _scramble_words(self) -> str:
        """Return what the y-scramble said, in half a sentence, where it was made."""
        made = [item for item in self.figures.checks.results() if item.kind == "scramble"]
        if not made:
            return ""
        good = all(item.judgement()[1] == "good" for item in made)
        return "y-scramble: no signal, as it should be." if good else "y-scramble: see the check, something is wrong."

    def _show_tile(self, story: RunStory, verdict: TaskVerdict | None) -> None:
        record = story.record
        metrics, part = shown_metrics(record.metrics, record.validation_metrics, record.counts)
        main = main_metric(metrics, story.verdict.monitor)
        task = verdict.task.name if verdict is not None and len(story.verdict.tasks) > 1 else ""
        name = f"{main}/{task}" if f"{main}/{task}" in metrics else main
        unit = verdict.task.unit if verdict is not None and main in IN_UNITS else ""
        if name:
            others = other_metrics(metrics, main, task)
            self.tile.show_metric(f"{part.capitalize()} {metric_title(name)}", number(metrics[name]), unit, others)
        else:
            self.tile.show_metric("Test metric", "–", "", "There is none for this run.")
        # Of a run that has failed or was dropped there are only curves, which can use the room.
        self._middle.setVisible(bool(name) or (verdict is not None and bool(verdict.molecules)))

    def _show_against(self, verdict: TaskVerdict | None) -> None:
        shown = verdict.against if verdict is not None else ()
        rows = [against_row(item) for item in shown]
        note, tip = against_words(shown, verdict.task.unit if verdict is not None else "")
        self.against.show_baselines(rows, note)
        self.against.setToolTip(tip)

    def _show_errors(self, verdict: TaskVerdict | None) -> None:
        if verdict is None or not verdict.molecules:
            return
        if verdict.task.kind is TaskKind.REGRESSION:
            errors = [item.error for item in verdict.molecules]
            reach = max((abs(error) for error in errors), default=0.0) or 1.0
            self._errors.set_title("Errors", verdict.task.unit)
            places = places_for([reach])
            self.histogram.show_counts(
                bars(errors, -reach, reach), (signed(-reach, places), "0", signed(reach, places))
            )
        else:
            labels = [item.measured_class for item in verdict.molecules]
            right = [item.measured_class for item in verdict.molecules if item.measured_class == item.predicted_class]
            classes = [name for name in verdict.task.classes if name in labels]
            shares = [f"{name} {100 * right.count(name) / labels.count(name):.0f}%" for name in classes]
            self._errors.set_title("Found", "share of each class")
            counts = [round(1000 * right.count(name) / labels.count(name)) for name in classes]
            self.histogram.show_counts(counts, labels=shares)

    def _show_molecules(self, verdict: TaskVerdict | None) -> None:
        shown = verdict.molecules if verdict is not None else ()
        for widget in (self._worst_card, self.neighbours):
            widget.setVisible(bool(shown))
        self._gap.setVisible(not shown)
        self.neighbours.show_neighbours([])
        self._show_middle(explaining=False)
        if verdict is None:
            return
        numbers = verdict.task.kind is TaskKind.REGRESSION
        columns = NUMBER_COLUMNS if numbers else class_columns(verdict.task)
        places = places_for([value for item in shown for value in (item.measured, item.predicted)])
        told = (self._story.record.run_id if self._story is not None else "", verdict.task.name)
        again, self._told = told == self._told, told
        self.worst.show_rows(columns, len(shown), lambda row, key: molecule_cell(shown[row], key, places), again=again)
        self.worst.cells.arrange(verdict.worst_first())

    def _show_share(self, verdict: TaskVerdict | None) -> None:
        known = verdict.uncertainty if verdict is not None else None
        if verdict is None or known is None or not known.known:
            return
        share, tone = known.held / known.known, "good" if known.held >= 0.8 * known.known else "warning"
        holds = f"hold {100 * share:.0f}% of the test molecules ({count(known.held)} of {count(known.known)})"
        if verdict.task.kind is TaskKind.REGRESSION:
            self.share.show_share("Can I trust the intervals?", f"90% intervals {holds}.", share, tone)
            return
        alone = f"{100 * known.single / known.known:.0f}% of them name one class"
        words = f"Sets of classes that are not ruled out {holds}; {alone}. They should hold nine of ten."
        self.share.show_share("Can I trust the classes?", words, share, tone)

    # A molecule ------------------------------------------------------------------------------------------------

    @Slot(int)
    def _choose(self, place: int) -> None:
        verdict = self.figures.verdict
        if verdict is None or not 0 <= place < len(verdict.molecules):
            return
        by_focus = not self.worst.selectionModel().hasSelection()
        if by_focus:
            # The keyboard's focus alone has made it the current one.
            self.worst.selectRow(self.worst.currentIndex().row())
        self.figures.mark(place)
        self.neighbours.look()
        self._session.start_task(self._find_neighbours(verdict, place))
        if not by_focus:
            self._explain()

    @Slot()
    def _explain(self) -> None:
        """Show what the model looked at in the chosen molecule, where the model is still there."""
        verdict, place = self.figures.verdict, self.worst.chosen()
        model = self._story.model if self._story is not None else None
        if verdict is None or model is None or place < 0:
            return
        self._show_middle(explaining=True)
        self.explaining.ask(Question(model.path, verdict.molecules[place].smiles, verdict.task.name))

    @Slot()
    def _close_explanation(self) -> None:
        self._show_middle(explaining=False)

    def _has_room_for(self, card: QWidget) -> bool:
        """Whether a card can stay above that which explains a molecule."""
        others = self.tile.height() + card.sizeHint().height() + 2 * SPACE[2]
        return self._middle.viewport().height() - others >= _EXPLANATION_HEIGHT

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 - Qt's name
        """Leave out, or bring back, what stands above the explanation."""
        super().resizeEvent(event)
        if self.explanation.isVisibleTo(self):
            self._show_middle(explaining=True)

    def _show_middle(self, *, explaining: bool) -> None:
        """Show what is known of all test molecules together, or what the model looked at in the chosen one."""
        verdict = self.figures.verdict
        known = verdict.uncertainty if verdict is not None else None
        has = {
            self.against: verdict is not None and bool(verdict.against),
            self._errors: verdict is not None and bool(verdict.molecules),
            self.share: known is not None and known.known > 0,
        }
        for card, shown in has.items():
            card.setVisible(shown and (not explaining or (card is self.against and self._has_room_for(card))))
        self.explanation.setVisible(explaining)
        self._below.setVisible(not explaining)
        if not explaining:
            self.explaining.forget()

    async def _find_neighbours(self, verdict: TaskVerdict, place: int) -> None:
        smiles = verdict.molecules[place].smiles
        found = await self._session.run_blocking(nearest_training, verdict, smiles)
        if verdict is not self.figures.verdict or self.worst.chosen() != place:
            return
        places = places_for([item.value for item in found])
        near = []
        for item in found:
            words = verdict.task.classes[int(item.value)] if verdict.task.classes else fixed(item.value, places)
            near.append(Near(item.smiles, words, f"similarity {fixed(item.similarity)}"))
        self.neighbours.show_neighbours(near)


def _column(*items: QWidget | tuple[QWidget, int]) -> QWidget:
    column = QWidget()
    layout = QVBoxLayout(column)
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setSpacing(SPACE[2])
    stretched = False
    for item in items:
        widget, stretch = item if isinstance(item, tuple) else (item, 0)
        layout.addWidget(widget, stretch)
        stretched = stretched or bool(stretch)
    if not stretched:
        layout.addStretch(1)
    return column
