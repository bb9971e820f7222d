"""Asks what a prediction rests on while the user goes through molecules, and fills the card that shows it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from PySide6.QtCore import QMimeData, QObject, QSize, QTimer, Slot
from PySide6.QtGui import QGuiApplication

from app.pages.saving import ask_where_to_save, suggested_name
from app.pages.words import domain_words
from app.services.explanations import PICTURE_KINDS, Drawing
from app.services.tasks import Progress
from app.text import fixed, number, probability, without_unit
from app.widgets.explanation_card import ExplanationCard
from app.widgets.explanation_picture import AtomPicture
from app.widgets.figures import places_for
from mole_engine.contracts.errors import KnownError, problem_of
from mole_engine.contracts.explanations import READING, Explanation, TaskExplanation

if TYPE_CHECKING:
    from app.services.session import Session

PAUSE_MS = 120
"""Who goes down a list with the arrow keys does not ask about each molecule on the way."""

RESIZED_MS = 80
"""After a change of size, before the structure is drawn for the new one."""

ASKING = "Asking the model again without each atom \u2026"
CLEANED = "Drawn as the model read it, after clean-up."
CAVEAT = "What the model relies on, which is not always the cause."
POINT = "Point at an atom to read its number."


@dataclass(frozen=True, slots=True)
class Question:
    """A molecule, the model that is asked about it, and the target that is looked at first."""

    model_path: str
    smiles: str
    task: str = ""


class Explaining(QObject):
    """Keeps one card filled with the newest question's answer; older questions are cancelled and forgotten."""

    def __init__(self, session: Session, card: ExplanationCard) -> None:
        super().__init__(card)
        self._session, self.card = session, card
        self._question: Question | None = None
        self._answer: Explanation | None = None
        self._place = 0
        self._task = ""
        self._progress: Progress | None = None
        self._pause = QTimer(self)
        self._pause.setSingleShot(True)
        self._pause.setInterval(PAUSE_MS)
        self._pause.timeout.connect(self._ask)
        self._resizing = QTimer(self)
        self._resizing.setSingleShot(True)
        self._resizing.setInterval(RESIZED_MS)
        self._resizing.timeout.connect(self._fit)
        card.picture.resized.connect(self._resizing.start)
        card.task_chosen.connect(self._choose_task)
        card.copy_wanted.connect(self._copy)
        card.save_wanted.connect(self._save)

    @property
    def answer(self) -> Explanation | None:
        """What the card shows."""
        return self._answer

    def ask(self, question: Question) -> None:
        """Show what a prediction rests on, as soon as it is known."""
        if question == self._question:
            return
        self.forget()
        self._question = question
        self._task = question.task or self._task
        self.card.show_nothing(ASKING)
        self._pause.start()

    def tell(self, words: str) -> None:
        """Say why there is nothing to explain."""
        self.forget()
        self.card.show_nothing(words, "warning")

    def forget(self) -> None:
        """Drop the question under way, and what was answered."""
        self._pause.stop()
        self._resizing.stop()
        if self._progress is not None:
            self._progress.cancel()
        self._question = self._answer = None

    # Asking ----------------------------------------------------------------------------------------------------

    @Slot()
    def _ask(self) -> None:
        if self._question is not None:
            self._session.start_task(self._find(self._question))

    async def _find(self, question: Question) -> None:
        progress = self._progress = self._session.new_progress()
        try:
            found = await self._session.explanations.explain(question.model_path, question.smiles, progress)
        except KnownError as error:
            if question is self._question:
                # Nobody has pressed a button: the card says it, not a dialogue.
                self.tell(problem_of(error).one_line())
            return
        finally:
            if self._progress is progress:
                self._progress = None
            self._session.tasks.drop_progress(progress)
        if question is not self._question:
            return
        if found.error or not found.tasks:
            self.tell(f"It cannot be read: {found.error}.")
            return
        names = [task.task.name for task in found.tasks]
        self._place = names.index(self._task) if self._task in names else 0
        self.card.show_tasks([] if question.task else names, self._place)
        self._answer = found
        await self._show(question, found)

    @Slot(int)
    def _choose_task(self, place: int) -> None:
        if self._answer is None or self._question is None:
            return
        self._place = place
        self._task = self._answer.tasks[place].task.name
        self._session.start_task(self._show(self._question, self._answer))

    @Slot()
    def _fit(self) -> None:
        """Draw again where there is another room than the drawing was made for."""
        picture = self.card.picture.picture
        if self._question is None or self._answer is None or picture is None:
            return
        if QSize(picture.width, picture.height) != self._room():
            self._session.start_task(self._show(self._question, self._answer))

    def _room(self) -> QSize:
        return self.card.picture.size().expandedTo(self.card.picture.minimumSize())

    async def _show(self, question: Question, found: Explanation) -> None:
        place = self._place
        room = self._room()
        drawing = await self._session.explanations.draw(found, place, room.width(), room.height())
        if question is not self._question or place != self._place:
            return
        task = found.tasks[place]
        self.card.show_explanation(
            _picture(found, task, drawing),
            task.ends(),
            # Beside the nearest training molecules, how near they are need not be said again.
            value_words(found, task, nearness=not question.task),
            strongest_words(found, task),
            " ".join(filter(None, (CLEANED if found.notes else "", CAVEAT, "" if question.task else POINT))),
            " ".join((*found.notes, READING, POINT)),
        )

    # Taking the picture elsewhere ------------------------------------------------------------------------------

    @Slot()
    def _copy(self) -> None:
        if self._answer is not None:
            self._session.start_task(self._copy_picture(self._answer, self._place))

    async def _copy_picture(self, found: Explanation, place: int) -> None:
        mime = QMimeData()
        mime.setData("image/png", await self._session.explanations.png(found, place))
        QGuiApplication.clipboard().setMimeData(mime)

    @Slot()
    def _save(self) -> None:
        if self._answer is not None:
            name = suggested_name(f"{self._answer.tasks[self._place].task.name}-atoms", "svg")
            ask_where_to_save(self.card, "Save the picture", name, PICTURE_KINDS, self.save)

    @Slot(str)
    def save(self, path: str) -> None:
        """Write the picture that is shown to `path`."""
        if self._answer is not None:
            self._session.start_task(self._session.explanations.save(self._answer, self._place, path))


def value_words(found: Explanation, task: TaskExplanation, *, nearness: bool = True) -> tuple[str, str, str]:
    """Return what is predicted, the prediction, and what stands below it: interval, nearness of training molecules."""
    spec = task.task
    near = domain_words(found.in_domain, found.similarity, strange=bool(found.unseen))
    if not near and nearness and math.isfinite(found.similarity):
        near = f"similarity to the training set {fixed(found.similarity)}"
    if task.label:
        return f"{spec.name},", f"probability of {task.label}: {probability(task.value)}", near
    # Behind the value, where it is never cut; a name may say it too.
    name, unit = without_unit(spec.name, spec.unit), f" {spec.unit}" if spec.unit else ""
    if not math.isfinite(task.upper - task.lower):
        return name, f"{number(task.value)}{unit}", near
    width = task.upper - task.lower
    places = places_for([10 * width if width < 1 else width])
    interval = f"90%: {fixed(task.lower, places)} to {fixed(task.upper, places)}"
    return name, f"{fixed(task.value, places)}{unit}", " \u00b7 ".join(filter(None, (interval, near)))


def strongest_words(found: Explanation, task: TaskExplanation) -> str:
    """Return the atoms that matter most with their numbers."""
    named = [
        f"{found.atom_name(place)}\u00a0{task.words(task.contributions[place])}" for place in found.strongest(task)
    ]
    return "Strongest: " + "\u00a0· ".join(named) if named else "No atom makes a difference worth naming."


def _picture(found: Explanation, task: TaskExplanation, drawing: Drawing) -> AtomPicture:
    words = [f"{found.atom_name(place)}: {task.words(value)}" for place, value in enumerate(task.contributions)]
    named = {place: found.atom_name(place) for place in found.strongest(task)}
    return AtomPicture(drawing.light, drawing.dark, drawing.width, drawing.height, drawing.atoms, words, named)
