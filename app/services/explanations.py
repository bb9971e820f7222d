"""What predictions rest on: asked of the model, and drawn, beside the window."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from app.services.model_shelf import ModelShelf, file_state
from mole_engine.contracts.errors import InputError
from mole_engine.contracts.events import ProgressHandler
from mole_engine.contracts.explanations import Explanation

if TYPE_CHECKING:
    from app.services.tasks import Progress, TaskRunner

_KEPT = 64
_WIDTH, _HEIGHT, _PNG_SCALE = 480, 366, 3
"""Of a picture that leaves the program."""

PICTURE_KINDS = "Drawing (*.svg);;Picture (*.png)"


@dataclass(frozen=True, slots=True)
class Drawing:
    """A coloured structure for a light and for a dark card, and where its atoms are, in pixels of the drawing."""

    light: str
    dark: str
    width: int
    height: int
    atoms: tuple[tuple[float, float], ...]


class ExplanationService:
    """Asks models what they looked at; the answers given last are kept."""

    def __init__(self, tasks: TaskRunner, shelf: ModelShelf) -> None:
        self._tasks = tasks
        self._asker = _Asker(shelf)

    async def explain(self, model_path: str, smiles: str, progress: Progress) -> Explanation:
        """Explain one molecule.

        Raises
        ------
        InputError
            When the model cannot be read, or predicts nothing.
        Cancelled
            After `progress.cancel`.
        """
        return await self._tasks.run_blocking(self._asker.explain, model_path, smiles, progress)

    async def draw(self, explanation: Explanation, place: int, width: int, height: int) -> Drawing:
        """Draw the target at `place`."""
        return await self._tasks.run_blocking(draw, explanation, place, width, height)

    async def png(self, explanation: Explanation, place: int) -> bytes:
        """Return the picture as PNG on white, sharp enough for print."""
        return await self._tasks.run_blocking(picture_png, explanation, place)

    async def save(self, explanation: Explanation, place: int, path: str) -> None:
        """Write the picture, by its ending as SVG or PNG. Raises InputError, KnownError."""
        await self._tasks.save_blocking(save_picture, explanation, place, Path(path))


class _Asker:
    """Puts the questions, in worker threads."""

    def __init__(self, shelf: ModelShelf) -> None:
        self._shelf = shelf
        self._lock = threading.Lock()
        self._known: OrderedDict[tuple[object, str], Explanation] = OrderedDict()

    def explain(self, model_path: str, smiles: str, on_progress: ProgressHandler) -> Explanation:
        """Return an answer, from memory where the same was asked of the same file."""
        key = (file_state(model_path), smiles)
        with self._lock:
            if key in self._known:
                self._known.move_to_end(key)
                return self._known[key]
        explanation: Explanation = self._shelf.load(model_path).explain([smiles], on_progress=on_progress)[0]
        with self._lock:
            self._known[key] = explanation
            while len(self._known) > _KEPT:
                self._known.popitem(last=False)
        return explanation


def draw(explanation: Explanation, place: int, width: int, height: int) -> Drawing:
    """Draw one target's contributions for both schemes; blocking."""
    from mole_engine.chem.contribution_picture import contribution_picture

    task = explanation.tasks[place]
    light, dark = (
        contribution_picture(explanation.read, task.contributions, task.reach, width, height, dark=dark)
        for dark in (False, True)
    )
    return Drawing(light.svg, dark.svg, width, height, light.atoms)


def picture_svg(explanation: Explanation, place: int) -> str:
    """Return a picture for a white page, with the scale below; blocking."""
    from mole_engine.chem.contribution_picture import contribution_picture

    task = explanation.tasks[place]
    names = [f"{explanation.atom_name(at)}: {task.words(value)}" for at, value in enumerate(task.contributions)]
    return contribution_picture(
        explanation.read, task.contributions, task.reach, _WIDTH, _HEIGHT, titles=names, ends=task.ends()
    ).svg


def picture_png(explanation: Explanation, place: int) -> bytes:
    """Return the same as PNG, on white; blocking."""
    from app.services.structures import png_of

    return png_of(picture_svg(explanation, place), _WIDTH * _PNG_SCALE, _HEIGHT * _PNG_SCALE)


def save_picture(explanation: Explanation, place: int, path: Path) -> None:
    """Write a picture by its ending; blocking. Raises InputError, KnownError."""
    from mole_engine.store.files import atomic_path

    ending = path.suffix.lower()
    if ending not in (".svg", ".png"):
        raise InputError(f"Cannot write {path.name}:", "its ending must be .svg or .png.", "Rename it.")
    svg = ending == ".svg"
    content = picture_svg(explanation, place).encode() if svg else picture_png(explanation, place)
    with atomic_path(path) as temporary:
        temporary.write_bytes(content)
