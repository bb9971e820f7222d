"""Runs and models of the workspace: listed, judged, exported, reported, beside the window."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject

from app.services.run_shelf import MOST_COMPARED, RunShelf
from app.services.verdict import Verdict, read_verdict
from mole_engine.contracts.config import TrainConfig
from mole_engine.contracts.dataset import TaskSpec
from mole_engine.contracts.errors import InputError
from mole_engine.contracts.events import EpochMetrics, Event, ProgressHandler
from mole_engine.contracts.records import RunRecord

if TYPE_CHECKING:
    from app.services.tasks import TaskRunner
    from mole_engine.store.card import ModelCard

EXPORTS = (
    ("mole", "MolE model", "Everything in one file, for a colleague or this window"),
    ("ckpt", "Lightning checkpoint", "For PyTorch Lightning"),
    ("safetensors", "Safetensors", "The weights alone"),
    ("onnx", "ONNX", "For other programs; checked against this model on real molecules"),
)
"""Ending, title and use of each format."""


_BEGINNING = 60.0
"""Seconds after which a run that is at work surely holds its folder."""


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """What a model's card says, as the window shows it.

    Attributes
    ----------
    epochs
        For how many each network was meant to learn; 0: not known, or not all for the same.
    networks, tuned
        How many networks there are, and how many of them are fine-tuned beside those with a fixed encoder.
    """

    path: str
    name: str
    tasks: tuple[TaskSpec, ...]
    created: float
    metrics: dict[str, float]
    validation_metrics: dict[str, float]
    parameters: int
    preset: str
    data_name: str
    counts: dict[str, int]
    split: str
    notes: tuple[str, ...] = ()
    page: str = field(default="", repr=False)
    seed: int = 0
    epochs: int = 0
    started: float = 0.0
    networks: int = 1
    tuned: int = 0


@dataclass(frozen=True, slots=True)
class RunStory:
    """A run with everything it left behind."""

    record: RunRecord
    events: tuple[Event, ...]
    verdict: Verdict
    model: ModelInfo | None


_Cards = dict[str, tuple[tuple[int, int], ModelInfo]]
"""Of a model file by its path: the time of its last change and its size, and what its card says."""


class RunsService(QObject):
    """Reads the workspace.

    Parameters
    ----------
    tasks, workspace
        Where to work, and on what.
    at_work
        Returns identifiers or folders of the run that this window trains itself, which nothing marks as interrupted.

    Attributes
    ----------
    shelf
        What can be done with the runs: annotate, throw away, restore, compare, make again.
    """

    most_compared = MOST_COMPARED

    def __init__(
        self,
        tasks: TaskRunner,
        workspace: Path,
        at_work: Callable[[], Collection[str]] = tuple,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._tasks = tasks
        self._workspace, self._at_work = workspace, at_work
        self._cards: _Cards = {}
        self.shelf = RunShelf(tasks, workspace)

    async def records(self, *, first: bool = False) -> list[RunRecord]:
        """Return all runs, newest first; those that a crash has cut off are marked as interrupted.

        At the `first` time nothing of this window is at work; later, runs that have just begun are left alone.
        """
        return await self._tasks.run_blocking(_records, self._workspace, first, self._at_work())

    async def story(self, record: RunRecord) -> RunStory:
        """Return events, verdict and model of a run."""
        return await self._tasks.run_blocking(_story, record)

    async def models(self) -> list[ModelInfo]:
        """Return the models of the workspace, newest first."""
        return await self._tasks.run_blocking(_models, self._workspace, self._at_work(), self._cards)

    async def model(self, path: str) -> ModelInfo:
        """Return what a model's card says. Raises InputError."""
        return await self._tasks.run_blocking(read_model_info, path)

    async def export(self, model_path: str, kind: str, path: str) -> None:
        """Write a model in another format. Raises InputError, KnownError."""
        await self._tasks.save_blocking(_export, model_path, kind, path)

    async def scripts(self, job: TrainConfig, folder: str) -> None:
        """Write a job's `config.yaml`, `run.sh` (torchrun) and `job.slurm` into `folder`. Raises KnownError."""
        await self._tasks.save_blocking(_scripts, job, folder)

    async def report(self, record: RunRecord, path: str) -> None:
        """Write the report of a run as one HTML file. Raises InputError, KnownError."""
        progress = self._tasks.new_progress()
        try:
            await self._tasks.run_blocking(_report, record, path, progress)
        finally:
            self._tasks.drop_progress(progress)


def _records(workspace: Path, first: bool, at_work: Collection[str]) -> list[RunRecord]:
    from mole_engine.store.runs import Workspace

    return Workspace(workspace).look(0.0 if first else _BEGINNING, at_work)


def _story(record: RunRecord) -> RunStory:
    from mole_engine.store.run_folder import RunFolder

    folder = RunFolder(record.run_dir)
    events = tuple(folder.read_events()) if record.run_dir else ()
    monitor = next((event.monitor for event in reversed(events) if isinstance(event, EpochMetrics)), "")
    info = None
    if record.model_path and Path(record.model_path).is_file():
        info = read_model_info(record.model_path)
    tasks = info.tasks if info is not None else ()
    verdict = read_verdict(record, folder.path, tasks, monitor.removeprefix("val/"))
    return RunStory(record, events, verdict, info)


def _models(workspace: Path, at_work: Collection[str], cards: _Cards) -> list[ModelInfo]:
    found = []
    for record in _records(workspace, False, at_work):
        # The list promises only models that are there; one may go, or be half copied, in between. A damaged bundle is
        # told of when somebody wants to use it, not by an empty page.
        with contextlib.suppress(InputError, OSError):
            if record.model_path:
                found.append(replace(_known_model(record.model_path, cards), started=record.created))
    return found


def _known_model(path: str, cards: _Cards) -> ModelInfo:
    """Return what a card says, read anew only where the file is another than at the last look."""
    state = Path(path).stat()
    seen = (state.st_mtime_ns, state.st_size)
    if path not in cards or cards[path][0] != seen:
        cards[path] = (seen, read_model_info(path))
    return cards[path][1]


def read_model_info(path: str) -> ModelInfo:
    """Read the card of a bundle; blocking. Raises InputError."""
    from mole_engine.store.bundle import read_card, read_model_page

    card = read_card(path)
    return _model_info(path, card, read_model_page(path))


def _model_info(path: str, card: ModelCard, page: str) -> ModelInfo:
    counts: dict[str, Any] = card.split.get("counts") or {}
    networks, tuned = int(card.blend.get("networks") or 1), int(card.blend.get("tuned") or 0)
    return ModelInfo(
        path=str(path),
        name=card.name,
        tasks=card.tasks,
        created=card.created,
        metrics=card.metrics,
        validation_metrics=card.validation_metrics,
        parameters=card.parameters,
        preset=str(card.config.get("preset", "")),
        data_name=str(card.data.get("name", "")),
        counts={str(name): int(number) for name, number in counts.items()},
        split=str(card.split.get("method", "")),
        notes=card.notes,
        page=page,
        seed=int(card.config.get("seed") or 0),
        # Those that are fine-tuned learn for a number of epochs of their own.
        epochs=0 if tuned else int((card.config.get("training") or {}).get("epochs") or 0),
        networks=networks,
        tuned=tuned,
    )


def _scripts(job: TrainConfig, folder: str) -> None:
    from mole_engine.export.scripts import write_job_scripts

    write_job_scripts(job, folder)


def _export(model_path: str, kind: str, path: str) -> None:
    target = Path(path)
    if kind == "mole":
        if target.resolve() == Path(model_path).resolve():
            return
        from mole_engine.store.files import atomic_path

        with atomic_path(target) as temporary:
            shutil.copyfile(model_path, temporary)
        return
    if kind == "onnx":
        from mole_engine.export.onnx import export_onnx

        export_onnx(model_path, target)
        return
    from mole_engine.export.checkpoints import export_checkpoint, export_safetensors

    (export_checkpoint if kind == "ckpt" else export_safetensors)(model_path, target)


def _report(record: RunRecord, path: str, on_progress: ProgressHandler) -> None:
    from mole_engine.export.report import write_report

    write_report(record.run_dir, path, on_progress)
