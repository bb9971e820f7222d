"""Two questions that take trainings of their own: whether more data is worth it, whether it is more than chance."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QProgressBar, QVBoxLayout, QWidget

from app.services.runs import RunStory
from app.services.verdict import TaskVerdict
from app.theme import SPACE
from app.widgets.basic import label, muted_label, named, row, secondary_button, set_role
from app.widgets.breaking_row import BreakingRow
from app.widgets.check_plot import CheckPlot
from app.widgets.combo import Combo
from app.widgets.figures import metric_title
from mole_engine.contracts.checks import CheckKind, CheckModel, CheckResult
from mole_engine.contracts.records import RunRecord
from mole_engine.contracts.run_state import RunState

if TYPE_CHECKING:
    from app.services.session import Session

_WORDS = {
    "learning": (
        "Trains again and again on growing parts of the training molecules and judges on the test molecules. "
        "Where the curve still falls (or rises) at its end, measuring more molecules pays."
    ),
    "scramble": (
        "Trains on shuffled values, which nothing can be learnt from. If that predicts the test molecules better than "
        "chance, the split leaks; if the true values are no better, the model has learnt nothing."
    ),
}
_MODELS: tuple[tuple[CheckModel, str, str], ...] = (
    ("fingerprints", "ECFP4 + random forest", "Quick. Speaks for the data and the split more than for the network"),
    ("network", "This network, shortened", "Takes long. The run's own settings, with a third of its epochs each time"),
)


class CheckPane(QWidget):
    """Starts a check, shows how far it is, and what it found.

    Signals
    -------
    found()
        The checks of this run and target are known, or there is one more.
    """

    found = Signal()

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._record: RunRecord | None = None
        self._task = ""
        self._kind: CheckKind = "learning"
        self._results: list[CheckResult] = []
        self._words = muted_label()
        self._said = label("", "heading", wrap=True)
        self._trained = muted_label()
        self.plot = CheckPlot()
        self.model = named(Combo(), "checkModel", "What is trained for the check")
        for place, (key, title, tip) in enumerate(_MODELS):
            self.model.addItem(title, key)
            self.model.setItemData(place, tip, 3)
        self.start_button = secondary_button("Start", "checkStartButton", "Train in the background")
        self.cancel_button = secondary_button("Cancel", "checkCancelButton", "End this check; nothing is kept of it")
        self._stage = muted_label(wrap=False)
        self._bar = QProgressBar()
        self._bar.setAccessibleName("Progress of the check")
        self._bar.setTextVisible(False)
        self._build()
        self.start_button.clicked.connect(self._start)
        self.cancel_button.clicked.connect(session.checks.cancel)
        self.model.currentIndexChanged.connect(self._show)
        session.checks.changed.connect(self._show)
        session.checks.progressed.connect(self._progress)

    def show_story(self, story: RunStory, verdict: TaskVerdict | None) -> None:
        """Show the checks of a run and target."""
        self._record, self._task = story.record, verdict.task.name if verdict is not None else ""
        self._results = []
        self._show()
        self._session.start_task(self._read(story.record))

    def results(self) -> list[CheckResult]:
        """Return the checks that were made on this run and target."""
        return [item for item in self._results if item.task == self._task]

    def show_kind(self, kind: str) -> None:
        """Show "learning" or "scramble"."""
        self._kind = "scramble" if kind == "scramble" else "learning"
        known = [item.model for item in self._results if (item.kind, item.task) == (self._kind, self._task)]
        if known and str(self.model.currentData()) not in known:
            self.model.setCurrentIndex(self.model.findData(known[-1]))
        self._show()

    def _build(self) -> None:
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(SPACE[1])
        layout.addWidget(self._words)
        buttons = QWidget()
        buttons.setLayout(row(self.start_button, self.cancel_button, None))
        layout.addWidget(BreakingRow(muted_label("Train with", wrap=False), self.model, buttons))
        layout.addWidget(self._stage)
        layout.addWidget(self._bar)
        layout.addWidget(self._said)
        layout.addWidget(self._trained)
        layout.addWidget(self.plot, 1)
        self._gap = QWidget()
        layout.addWidget(self._gap, 1)

    async def _read(self, record: RunRecord) -> None:
        found = await self._session.checks.results(record)
        if record is self._record:
            self._results = found
            self.show_kind(self._kind)
            self.found.emit()

    @Slot()
    def _start(self) -> None:
        if self._record is not None:
            self._session.start_task(self._make(self._record))

    async def _make(self, record: RunRecord) -> None:
        model: CheckModel = "network" if self.model.currentData() == "network" else "fingerprints"
        result = await self._session.checks.make(record, self._kind, self._task, model)
        if result is not None and self._record is not None and record.run_id == self._record.run_id:
            await self._read(self._record)

    @Slot(str, int, int)
    def _progress(self, stage: str, done: int, total: int) -> None:
        self._stage.setText(f"{stage} ({done} of {total} done)" if total else stage)
        self._bar.setRange(0, total)
        self._bar.setValue(done)

    @Slot()
    def _show(self) -> None:
        running = self._session.checks.running
        mine = running is not None and self._record is not None and running.run_id == self._record.run_id
        busy = running is not None
        usable = self._record is not None and self._record.status is RunState.COMPLETED
        self._words.setText(_WORDS[self._kind])
        self.start_button.setEnabled(usable and not busy)
        self.start_button.setText("Start" if self._result() is None else "Again")
        self.cancel_button.setVisible(busy)
        self._bar.setVisible(busy)
        self._stage.setVisible(busy)
        if busy and not mine:
            self._stage.setText("A check on another run is under way.")
        elif busy and not self._stage.text():
            self._stage.setText("Reading the run")
        if not busy:
            self._stage.setText("")
            self._bar.setRange(0, 0)
        self._show_result()

    def _result(self) -> CheckResult | None:
        wanted = (self._kind, str(self.model.currentData()), self._task)
        return next((item for item in self._results if (item.kind, item.model, item.task) == wanted), None)

    def _show_result(self) -> None:
        result = self._result()
        for widget in (self._said, self._trained, self.plot):
            widget.setVisible(result is not None)
        self._gap.setVisible(result is None)
        if result is not None:
            words, tone = result.judgement()
            self._said.setText(words)
            set_role(self._said, tone=tone)
            self._trained.setText(f"Trained: {result.trained}.")
            unit = f", {result.unit}" if result.unit and result.lower_is_better else ""
            self.plot.show_result(result, metric_title(result.metric) + unit)
