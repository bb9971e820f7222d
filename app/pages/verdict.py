"""Is it any good? One run's test molecules as plot, numbers and structures, and the ways on from there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QMenu, QStackedWidget, QVBoxLayout, QWidget

from app.pages.words import domain_words, preset_title
from app.services.runs import EXPORTS, RunStory
from app.services.verdict import TaskVerdict, TestMolecule, area_under
from app.text import count, duration, fixed, number
from app.theme import SPACE
from app.widgets.basic import Card, primary_button, row, secondary_button
from app.widgets.cell_table import Cell, CellTable, Column
from app.widgets.curve_plot import Curve, CurvePlot
from app.widgets.figures import IN_UNITS, main_metric, metric_title, other_metrics, places_for, signed
from app.widgets.histogram import Histogram
from app.widgets.live_chart import RunCharts
from app.widgets.parity_plot import ParityPlot, ParityPoint
from app.widgets.run_curves import RunCurves
from app.widgets.verdict_cards import BannerCard, FactsCard, MetricTile, ShareCard
from mole_engine.contracts.dataset import TaskKind
from mole_engine.contracts.run_state import RunState

if TYPE_CHECKING:
    from app.services.session import Session

_WORST_SHOWN = 50
_BARS = 19
_NUMBER_COLUMNS = (
    Column("structure", "structure", "structure"),
    Column("measured", "measured", "number", 88),
    Column("predicted", "predicted", "number", 88),
    Column("error", "error", "number", 66),
)
_CLASS_COLUMNS = (
    Column("structure", "structure", "structure"),
    Column("measured_class", "measured", width=88),
    Column("predicted_class", "predicted", width=88),
)


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
        self._story: RunStory | None = None
        self._task = 0
        self.banner = BannerCard()
        self.tile = MetricTile()
        self.parity = ParityPlot(session.depictions)
        self.curve = CurvePlot()
        self.charts = RunCharts("verdict", stacked=True)
        self.histogram = Histogram()
        self.facts = FactsCard("How it was made")
        self.share = ShareCard()
        self.worst = CellTable("worstTable", "Worst molecules", session.depictions, bare=True)
        self.report_button = secondary_button("Report", "reportButton", "Save everything about this run as one page")
        self.export_button = secondary_button("Export ▾", "exportButton", "Save the model for use elsewhere")
        self.predict_button = primary_button("Predict new molecules →", "predictNewButton", "Use this model")
        self._picker = QComboBox()
        self._picker.setObjectName("verdictPicker")
        self._picker.setAccessibleName("What to show")
        self._build()

    def show_story(self, story: RunStory) -> None:
        """Show a run."""
        self._story = story
        self._fill_picker(story)
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
        layout.addWidget(_column(self.banner, (self._plots(), 1)), 1)
        self._errors = Card("Errors")
        self._errors.add(self.histogram)
        middle = _column(self.tile, self._errors, (self.facts, 1))
        middle.setFixedWidth(256)
        layout.addWidget(middle)
        right = self._right()
        right.setFixedWidth(372)
        layout.addWidget(right)
        self._picker.currentIndexChanged.connect(self._show_task)
        self.report_button.clicked.connect(self.report_asked)
        self.predict_button.clicked.connect(self.predict_asked)

    def _plots(self) -> QWidget:
        self._plot_card = Card("Predicted against measured", "test set")
        self._plot_card.header.addWidget(self._picker)
        self._plot_stack = QStackedWidget()
        for plot in (self.parity, self.curve, self.charts):
            self._plot_stack.addWidget(plot)
        self._plot_card.add(self._plot_stack, 1)
        return self._plot_card

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
        self._worst_card = Card("Worst molecules")
        self._worst_card.add(self.worst, 1)
        column = _column((self._worst_card, 1), self.share)
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

    def _fill_picker(self, story: RunStory) -> None:
        self._picker.blockSignals(True)
        self._picker.clear()
        judged = [(place, item) for place, item in enumerate(story.verdict.tasks) if item.molecules]
        several = len(story.verdict.tasks) > 1
        for place, item in judged:
            name = f"{item.task.name}: " if several else ""
            if item.task.kind is TaskKind.CLASSIFICATION:
                self._picker.addItem(f"{name}ROC curve", (place, "roc"))
                self._picker.addItem(f"{name}Precision and recall", (place, "pr"))
            elif item.task.kind is TaskKind.REGRESSION:
                self._picker.addItem(f"{name}Parity", (place, "parity"))
        self._picker.addItem("Training curves", (0, "charts"))
        self._picker.blockSignals(False)

    @Slot()
    def _show_task(self) -> None:
        story = self._story
        if story is None:
            return
        place, kind = self._picker.currentData() or (0, "charts")
        verdict = story.verdict.tasks[place] if place < len(story.verdict.tasks) else None
        self._show_banner(story)
        self._show_tile(story, verdict)
        self._show_plot(story, verdict, kind)
        self._show_errors(verdict)
        self._show_worst(verdict)
        self._show_share(verdict)
        self._show_facts(story)

    def _show_banner(self, story: RunStory) -> None:
        record = story.record
        words = {
            RunState.FAILED: ("This run has failed", record.error, "danger"),
            RunState.CANCELLED: ("This run was cancelled", "Nothing was kept of it but its curves.", "warning"),
            RunState.INTERRUPTED: ("This run was interrupted", "Its last checkpoint is kept.", "warning"),
        }.get(record.status)
        if words is None and record.status.is_active:
            words = ("This run is still going on", "The verdict comes at its end.", "")
        self.banner.show_words(*(words or story.verdict.judgement()))

    def _show_tile(self, story: RunStory, verdict: TaskVerdict | None) -> None:
        metrics, part = story.record.metrics, "Test"
        if not metrics and story.record.validation_metrics:
            metrics, part = story.record.validation_metrics, "Validation"
        elif not story.record.counts.get("test", 1):
            part = "Validation"
        main = main_metric(metrics, story.verdict.monitor)
        task = verdict.task.name if verdict is not None and len(story.verdict.tasks) > 1 else ""
        name = f"{main}/{task}" if f"{main}/{task}" in metrics else main
        unit = verdict.task.unit if verdict is not None and main in IN_UNITS else ""
        if name:
            others = other_metrics(metrics, main, task)
            self.tile.show_metric(f"{part} {metric_title(name)}", number(metrics[name]), unit, others)
        else:
            self.tile.show_metric("Test metric", "–", "", "There is none for this run.")

    def _show_plot(self, story: RunStory, verdict: TaskVerdict | None, kind: str) -> None:
        if kind == "parity" and verdict is not None:
            self._plot_card.set_title("Predicted against measured", "test set")
            self.parity.show_points([_parity_point(item) for item in verdict.molecules], verdict.task.unit)
            self._plot_stack.setCurrentWidget(self.parity)
        elif kind in {"roc", "pr"} and verdict is not None:
            self._show_curve(verdict, kind)
        else:
            self._plot_card.set_title("Training curves")
            unit = verdict.task.unit if verdict is not None else ""
            over = not story.record.status.is_active
            self.charts.set_curves(RunCurves.replay(story.events), unit, over=over)
            self._plot_stack.setCurrentWidget(self.charts)

    def _show_curve(self, verdict: TaskVerdict, kind: str) -> None:
        if kind == "roc":
            points = verdict.roc()
            note = f"AUROC {fixed(area_under(points))}, test set" if points else "test set"
            self._plot_card.set_title("ROC curve", note)
            titles, level = ("false positive rate", "true positive rate"), None
        else:
            points, level = verdict.precision_recall(), verdict.positive_share()
            self._plot_card.set_title("Precision and recall", "test set")
            titles = ("recall", "precision")
        xs, ys = [x for x, _ in points], [y for _, y in points]
        self.curve.show_curve(Curve(kind, xs, ys, *titles, level))
        self._plot_stack.setCurrentWidget(self.curve)

    def _show_errors(self, verdict: TaskVerdict | None) -> None:
        self._errors.setVisible(verdict is not None and bool(verdict.molecules))
        if verdict is None or not verdict.molecules:
            return
        if verdict.task.kind is TaskKind.REGRESSION:
            errors = [item.error for item in verdict.molecules]
            reach = max((abs(error) for error in errors), default=0.0) or 1.0
            self._errors.set_title("Errors", verdict.task.unit)
            places = places_for([reach])
            self.histogram.show_counts(
                _bars(errors, -reach, reach), (signed(-reach, places), "0", signed(reach, places))
            )
        else:
            labels = [item.measured_class for item in verdict.molecules]
            right = [item.measured_class for item in verdict.molecules if item.measured_class == item.predicted_class]
            classes = [name for name in verdict.task.classes if name in labels]
            shares = [f"{name} {100 * right.count(name) / labels.count(name):.0f}%" for name in classes]
            self._errors.set_title("Found", "share of each class")
            counts = [round(1000 * right.count(name) / labels.count(name)) for name in classes]
            self.histogram.show_counts(counts, labels=shares)

    def _show_worst(self, verdict: TaskVerdict | None) -> None:
        worst = verdict.worst()[:_WORST_SHOWN] if verdict is not None else []
        judged = bool(verdict is not None and verdict.molecules)
        self._worst_card.setVisible(judged)
        self._gap.setVisible(not judged)
        numbers = verdict is not None and verdict.task.kind is TaskKind.REGRESSION
        self._worst_card.set_title("Worst molecules" if numbers else "Wrong, and sure of it")
        columns = _NUMBER_COLUMNS if numbers else _CLASS_COLUMNS
        places = places_for([value for item in worst for value in (item.measured, item.predicted)])
        self.worst.show_rows(columns, len(worst), lambda row, key: _worst_cell(worst[row], key, places))

    def _show_share(self, verdict: TaskVerdict | None) -> None:
        held, known = verdict.coverage() if verdict is not None else (0, 0)
        self.share.setVisible(known > 0)
        if known:
            share = held / known
            words = f"90% intervals hold {100 * share:.0f}% of the test molecules ({count(held)} of {count(known)})."
            self.share.show_share("Can I trust the intervals?", words, share, "good" if share >= 0.8 else "warning")

    def _show_facts(self, story: RunStory) -> None:
        record, model = story.record, story.model
        parts = [record.counts.get(name, 0) for name in ("train", "val", "test")]
        self.facts.show_facts(
            (
                ("Data", record.data_name),
                ("Preset", preset_title(record.preset)),
                ("Molecules", " + ".join(count(part) for part in parts) if any(parts) else ""),
                ("Split", model.split if model is not None else ""),
                ("Epochs", f"{count(record.epochs)}, kept {count(record.best_epoch)}" if record.best_epoch else ""),
                ("Parameters", count(record.parameters) if record.parameters else ""),
                ("Device", record.device),
                ("Seed", str(record.seed)),
                ("Time", duration(record.seconds)),
            )
        )


def _parity_point(item: TestMolecule) -> ParityPoint:
    spread = (item.upper - item.lower) / 2
    return ParityPoint(
        item.smiles, item.measured, item.predicted, spread, domain_words(item.in_domain, item.similarity)
    )


def _worst_cell(item: TestMolecule, key: str, places: int) -> Cell:
    if key == "structure":
        return Cell(item.smiles, tip=item.smiles)
    if key == "measured_class":
        return Cell(item.measured_class)
    if key == "predicted_class":
        return Cell(item.predicted_class, "danger")
    value = {"measured": item.measured, "predicted": item.predicted, "error": item.error}[key]
    if key == "error":
        return Cell(signed(value, places), "danger", order=abs(value))
    return Cell(fixed(value, places), order=value)


def _bars(values: list[float], low: float, high: float) -> list[int]:
    counts = [0] * _BARS
    for value in values:
        counts[min(_BARS - 1, int((value - low) / (high - low) * _BARS))] += 1
    return counts


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
