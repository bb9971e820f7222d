"""The card that starts a job and steers it: what is going on, how long it will last, how fast it is."""

from __future__ import annotations

import math

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QMenu, QProgressBar, QVBoxLayout, QWidget

from app.text import count, counted, duration, size
from app.theme import SPACE
from app.widgets.adjust_run import AdjustRun
from app.widgets.basic import (
    Card,
    ElidedLabel,
    danger_button,
    label,
    link_button,
    muted_label,
    number_label,
    primary_button,
    row,
    secondary_button,
    set_role,
)
from app.widgets.event_log import STATE_WORDS
from mole_engine.contracts.events import Event, Notice, StageProgress, StateChanged, StepMetrics
from mole_engine.contracts.run_state import RunState

_SCALE = 1000

_STOP_TIP = "End now, then judge and keep the best model so far"
_ADJUST_TIP = "Change the learning rate or the last epoch"
_LEAVE_TIP = "Leave out the simple models that are not fitted yet, and judge what there is"
_TRAINED_TIP = "The last epoch is over: simple models are being fitted, which have neither epochs nor a learning rate"
_TOO_EARLY_TIP = "Nothing has been trained yet that could be kept; Cancel drops this run"
_JUDGED_TIP = "Training is over: the model is being judged"

KINDS = {
    "one": "One network",
    "folds": "One network for each of five folds",
    "seeds": "Five networks from different random starts",
    "search": "Search for settings first",
}
"""Kinds of a training, and how they are offered."""

ENDINGS = {
    "stop": ("Stopping", "The best model is kept"),
    "cancel": ("Cancelling", "This run is dropped"),
    "interrupt": ("Leaving", "The run can be resumed"),
}
"""What is said in place of the time left, and above it, while a job comes to its end."""

_LEAVING = "Leaving out the remaining ones"


class RunPanel(Card):
    """Before a run: what it will take, and Train. During a run: progress, Pause, Stop, Cancel.

    Signals
    -------
    train_asked(), pause_asked(), resume_asked(), stop_asked(), cancel_asked()
        The user has pressed that button.
    kind_asked(str)
        Train one network, several, or search for settings: a key of `KINDS`.

    Attributes
    ----------
    adjust
        Changes the learning rate and the last epoch of the run; shown on request.
    """

    train_asked = Signal()
    pause_asked = Signal()
    resume_asked = Signal()
    stop_asked = Signal()
    cancel_asked = Signal()
    kind_asked = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent=parent)
        self.train_button = primary_button("Train", "trainButton", "Start training (Ctrl+Return)")
        self.pause_button = secondary_button("Pause", "pauseButton", "Hold the training; nothing is lost")
        self.stop_button = secondary_button("Stop, keep best", "stopButton", _STOP_TIP)
        self.cancel_button = danger_button("Cancel", "cancelButton", "End now and drop this run")
        for button in (self.pause_button, self.stop_button, self.cancel_button):
            # Three words side by side in a narrow card.
            set_role(button, narrow=True)
        self.adjust = AdjustRun()
        self.adjust.hide()
        self.adjust_button = link_button("Adjust", "adjustButton", _ADJUST_TIP)
        self.adjust_button.setCheckable(True)
        self.adjust_button.toggled.connect(self._show_adjust)
        self._sides = (self._ready_side(), self._running_side())
        for side in self._sides:
            self.add(side)
        self._go(0)
        self._paused, self._ending, self._state, self._trained = False, "", RunState.QUEUED, False
        self._resumes = False
        self.train_button.clicked.connect(self.train_asked)
        self.pause_button.clicked.connect(self._pause_or_resume)
        self.stop_button.clicked.connect(self.stop_asked)
        self.cancel_button.clicked.connect(self.cancel_asked)

    def show_ready(self, head: str, estimate: str, note: str, *, enabled: bool) -> None:
        """Show what a run would take; `enabled` says whether there is anything to train on."""
        self._go(0)
        self._headline.setText(head)
        self._estimate.setText(estimate)
        self._remark.setText(note)
        self.train_button.setEnabled(enabled)
        for button in (self.pause_button, self.stop_button, self.cancel_button):
            button.setEnabled(False)

    def show_started(self, epochs: int, *, resumes: bool = False, keyboard: QWidget | None = None) -> None:
        """Show that a job has just been asked for.

        Parameters
        ----------
        epochs
            How many it is to have.
        resumes
            Whether it goes on with an old run, which has a model of before to keep.
        keyboard
            What had the keyboard's focus; where it is gone from the screen, this card takes the focus.
        """
        self._go(1)
        self.train_button.setEnabled(False)
        self.adjust.begin(epochs)
        self._state, self._trained, self._resumes = RunState.QUEUED, False, resumes
        self._line.show_text("Starting")
        self.eta.setText("Loading the engine")
        self.progress.setValue(0)
        self._speed.setText(counted(epochs, "epoch"))
        self._memory.setText("")
        self._use.setText("")
        self.show_waiting("")
        self.show_steering(paused=False, ending="")
        if keyboard is not None and not keyboard.isVisible():
            # A second press of the key that has begun the run must neither hold nor end it.
            self.adjust_button.setFocus(Qt.FocusReason.OtherFocusReason)

    def show_steering(self, *, paused: bool, ending: str) -> None:
        """Show whether the job holds, or has been asked to end."""
        self._paused, self._ending = paused, ending
        self.pause_button.setText("Resume" if paused else "Pause")
        self.pause_button.setEnabled(not ending)
        self.cancel_button.setEnabled(ending not in {"cancel", "interrupt"})
        self._offer_steering()
        if ending:
            left_out = self._trained and ending == "stop"
            head, words = ENDINGS[ending]
            self._line.show_text(_LEAVING if left_out else words)
            if not left_out:
                self.eta.setText(head)
        elif paused:
            self._line.show_text("Paused")

    def show_kind(self, words: str) -> None:
        """Say how many networks are trained."""
        self.kind_button.setText(f"{words} ▾")

    def show_waiting(self, words: str) -> None:
        """Say what a silent job was last seen doing; "" when it speaks again."""
        self._waiting.setText(words)
        self._waiting.setVisible(bool(words))

    def show_event(self, event: Event) -> None:
        """Show what the job says."""
        if isinstance(event, StepMetrics):
            self._show_step(event)
        elif isinstance(event, StageProgress):
            self._show_stage(event)
        elif isinstance(event, StateChanged):
            self._show_state(event)
        elif isinstance(event, Notice) and self._state is not RunState.TRAINING:
            self._line.show_text(event.message)

    def _offer_steering(self) -> None:
        """Offer what changes a training only while there is one: simple models have no epochs, judging no parts."""
        judged = self._state is RunState.EVALUATING
        early = self._state in (RunState.QUEUED, RunState.PREPARING) and not self._resumes
        self.stop_button.setEnabled(not self._ending and not judged and not early)
        for widget in (self.adjust_button, self.adjust):
            widget.setEnabled(not self._ending and not judged and not self._trained)
        busy_tip = _TOO_EARLY_TIP if early else _LEAVE_TIP if self._trained else _STOP_TIP
        self.stop_button.setToolTip(_JUDGED_TIP if judged else busy_tip)
        self.adjust_button.setToolTip(_JUDGED_TIP if judged else _TRAINED_TIP if self._trained else _ADJUST_TIP)

    def _show_state(self, event: StateChanged) -> None:
        self._state, self._trained = event.state, event.trained
        self._offer_steering()
        if event.trained or event.state is RunState.EVALUATING:
            # All three are of networks that learn; none does any more.
            for last in (self._speed, self._use, self._memory):
                last.setText("")
        words = event.message or STATE_WORDS[event.state]
        self._line.show_text(words[:1].upper() + words[1:])
        if event.state is RunState.EVALUATING:
            self.eta.setText("Almost done")
            self.progress.setValue(_SCALE)
        elif event.trained:
            self.eta.setText("Simple models")
            self.progress.setValue(_SCALE)
        elif event.state is RunState.TRAINING:
            self.eta.setText("First steps")
            self.progress.setValue(0)
        elif event.state is RunState.PREPARING:
            self.eta.setText("Preparing")

    def _show_stage(self, event: StageProgress) -> None:
        self._line.show_text(event.stage)
        if self._state in (RunState.TRAINING, RunState.EVALUATING):
            # The bar stands for the whole training, of which this is a part; it never goes back.
            if self._trained and event.total:
                self.eta.setText(_count_words(event))
            elif self._state is RunState.EVALUATING:
                self.eta.setText("Almost done")
        elif event.total:
            self.eta.setText(_count_words(event))
            self.progress.setValue(_SCALE * event.done // event.total)
        elif event.done:
            self.eta.setText(size(event.done) if event.unit == "bytes" else f"{count(event.done)} {event.unit}")

    def _show_step(self, event: StepMetrics) -> None:
        if not self._paused and not self._ending:
            self._line.show_text(_where(event))
        if math.isfinite(event.eta_seconds) and not self._ending:
            self.eta.setText(f"{duration(event.eta_seconds)} left")
        self.progress.setValue(_SCALE * event.step // max(event.total_steps, 1))
        if math.isfinite(event.molecules_per_second):
            self._speed.setText(f"{count(round(event.molecules_per_second))} molecules/s")
        if event.memory_bytes:
            self._memory.setText(_memory_words(event))
        use = event.gpu_percent if math.isfinite(event.gpu_percent) else event.cpu_percent
        if math.isfinite(use):
            self._use.setText(f"{'GPU' if math.isfinite(event.gpu_percent) else 'CPU'} {use:.0f}%")
        self.adjust.show_step(event.learning_rate, event.epoch, event.total_epochs)

    @Slot()
    def _pause_or_resume(self) -> None:
        (self.resume_asked if self._paused else self.pause_asked).emit()

    @Slot(QAction)
    def _choose_kind(self, action: QAction) -> None:
        self.kind_asked.emit(str(action.data()))

    @Slot(bool)
    def _show_adjust(self, shown: bool) -> None:
        self.adjust.setVisible(shown)

    def _go(self, side: int) -> None:
        # Not a stack, which would always be as high as the higher of its two sides.
        for place, widget in enumerate(self._sides):
            widget.setVisible(place == side)

    def _ready_side(self) -> QWidget:
        side = QWidget()
        column = QVBoxLayout(side)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(SPACE[1])
        self._headline = muted_label()
        self._estimate = number_label()
        self._remark = muted_label()
        for widget in (self._headline, self._estimate, self._remark):
            column.addWidget(widget)
        tip = "One network, several (for each fold, or from different random starts), or a search for settings first"
        self.kind_button = link_button("", "kindButton", tip)
        # Long words are cut rather than the card widened, which would leave too little height to the note.
        self.kind_button.setMinimumWidth(1)
        menu = QMenu(self.kind_button)
        for key, words in KINDS.items():
            menu.addAction(words).setData(key)
        menu.triggered.connect(self._choose_kind)
        self.kind_button.setMenu(menu)
        column.addWidget(self.kind_button)
        column.addSpacing(SPACE[0])
        column.addWidget(self.train_button)
        return side

    def _running_side(self) -> QWidget:
        side = QWidget()
        column = QVBoxLayout(side)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(SPACE[1])
        self._line = ElidedLabel("", "muted")
        self.eta = number_label()
        self.eta.setObjectName("etaLabel")
        self.eta.setAccessibleName("Time left")
        self.progress = QProgressBar()
        self.progress.setObjectName("trainingProgress")
        self.progress.setAccessibleName("Training progress")
        self.progress.setRange(0, _SCALE)
        self.progress.setTextVisible(False)
        self._speed = label("", "muted")
        self._speed.setToolTip("Molecules a second, averaged over the last seconds")
        self._memory = label("", "muted")
        self._memory.setToolTip("Most memory used so far")
        self._memory.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self._use = label("", "muted")
        self._use.setToolTip("How busy the device is")
        self._waiting = label("", "", tone="warning", wrap=True)
        self._waiting.setObjectName("waitingLabel")
        self._waiting.hide()
        column.addLayout(row(self._line, self.adjust_button))
        for widget in (self.eta, self.progress):
            column.addWidget(widget)
        column.addLayout(row(self._speed, None, self._use, None, self._memory))
        column.addWidget(self._waiting)
        column.addLayout(row(self.pause_button, self.stop_button, self.cancel_button, spacing=6))
        column.addWidget(self.adjust)
        return side


def _where(event: StepMetrics) -> str:
    if not event.network:
        return f"Training, epoch {count(event.epoch)} of {count(event.total_epochs)}"
    own = f"epoch {count(event.epoch - event.epochs_before)} of {count(event.network_epochs)}"
    return f"Network {count(event.network)} of {count(event.networks)}, {own}"


def _count_words(event: StageProgress) -> str:
    written = size if event.unit == "bytes" else count
    return f"{written(event.done)} of {written(event.total)}"


def _memory_words(event: StepMetrics) -> str:
    if event.memory_total and math.isfinite(event.gpu_percent):
        # Of a GPU, what there is counts as much as what is taken.
        return f"{event.memory_bytes / 1e9:.1f} of {size(event.memory_total)}"
    return size(event.memory_bytes)
