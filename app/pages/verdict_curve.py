"""The curves of a verdict: of classes ROC, precision and recall, calibration; of numbers how often intervals hold."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QVBoxLayout, QWidget

from app.services.verdict import TaskVerdict
from app.text import fixed
from app.theme import SPACE
from app.widgets.basic import muted_label, named, row
from app.widgets.combo import Combo
from app.widgets.curve_plot import Curve, CurvePlot
from mole_engine.contracts.dataset import TaskKind


@dataclass(frozen=True, slots=True)
class Said:
    """What belongs beside a curve: a note for its title, and a sentence."""

    note: str
    words: str = ""


class VerdictCurve(QWidget):
    """The verdict's one curve: of two classes, of one of several against all others (chosen above it), or of none.

    Signals
    -------
    chosen
        Another class is asked for.
    """

    chosen = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.plot = CurvePlot()
        self.picker = named(Combo(), "verdictClass", "Class that is told from all others")
        self._verdict: TaskVerdict | None = None
        self._single: TaskVerdict | None = None
        self._choice = QWidget()
        rest = muted_label("against all others")
        rest.setWordWrap(False)
        self._choice.setLayout(row(self.picker, rest, None))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(SPACE[1])
        layout.addWidget(self._choice)
        layout.addWidget(self.plot, 1)
        self.picker.currentIndexChanged.connect(self._change)

    def show_kind(self, kind: str, verdict: TaskVerdict) -> Said:
        """Show "roc", "pr" or "reliability" of a task with classes, and return what is to be said of it."""
        if verdict is not self._verdict:
            self._take(verdict)
        single = self._single or verdict
        if kind == "roc":
            return self._show_roc(single)
        return self._show_pr(single) if kind == "pr" else self._show_reliability(single)

    def show_alone(self, curve: Curve | None) -> None:
        """Show a curve that is of no class."""
        self._verdict = self._single = None
        self._choice.hide()
        self.plot.show_curve(curve)

    def _take(self, verdict: TaskVerdict) -> None:
        self._verdict, self._single = verdict, None
        several = verdict.task.kind is TaskKind.MULTICLASS
        self._choice.setVisible(several)
        if not several:
            return
        before = self.picker.currentText()
        self.picker.blockSignals(True)
        self.picker.clear()
        self.picker.addItems(list(verdict.task.classes))
        self.picker.setCurrentIndex(max(0, self.picker.findText(before)))
        self.picker.blockSignals(False)
        self._single = verdict.against_rest(self.picker.currentIndex())

    @Slot()
    def _change(self) -> None:
        if self._verdict is not None and self.picker.currentIndex() >= 0:
            self._single = self._verdict.against_rest(self.picker.currentIndex())
            self.chosen.emit()

    def _show_roc(self, verdict: TaskVerdict) -> Said:
        points = verdict.roc()
        self._draw("roc", points, ("false positive rate", "true positive rate"), None)
        if points:
            return Said(f"AUROC {fixed(verdict.auroc())}, test set")
        return Said("test set", "The test molecules are all of one kind: there is nothing to tell apart.")

    def _show_pr(self, verdict: TaskVerdict) -> Said:
        points, share = verdict.precision_recall(), verdict.positive_share()
        self._draw("pr", points, ("recall", "precision"), share)
        if points:
            return Said("test set", f"Dashed: guessing, which is right for {100 * share:.0f}%, the share of positives.")
        return Said("test set", "No test molecule is of this class.")

    def _draw(self, name: str, points: list[tuple[float, float]], titles: tuple[str, str], level: float | None) -> None:
        xs, ys = [x for x, _ in points], [y for _, y in points]
        self.plot.show_curve(Curve(name, xs, ys, *titles, level))

    def _show_reliability(self, verdict: TaskVerdict) -> Said:
        bins = verdict.reliability
        xs, ys, sizes = ([getattr(item, name) for item in bins] for name in ("said", "came_true", "molecules"))
        titles = ("predicted probability", "share that is positive")
        self.plot.show_curve(Curve("reliability", xs, ys, *titles, dots=True, sizes=sizes))
        words = "Larger dots hold more molecules. Below the diagonal the model is too sure of positives."
        return Said(f"mean gap {fixed(verdict.calibration_gap())}, test set", words)
