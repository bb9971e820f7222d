"""`log.txt` of a run: what the engine's modules log while it works, in the thread that works."""

from __future__ import annotations

import contextlib
import logging
import threading
from pathlib import Path
from types import TracebackType
from typing import Self

from mole_engine.contracts.events import EpochMetrics, Event, Notice, RunFailed, RunFinished, StateChanged
from mole_engine.store.files import storage_problem

_LOGGER = "mole_engine"


class _QuietFileHandler(logging.FileHandler):
    """On a full disk the run itself says so; the log does not add tracebacks of its own to the screen."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - the base class's name
        """Give up on this line."""


class RunLog:
    """Writes the log lines of the current thread to a file for the time of the block.

    Raises
    ------
    InputError, KnownError
        On entering, when the file cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._handler: logging.Handler | None = None

    def __enter__(self) -> Self:
        try:
            handler = _QuietFileHandler(self._path, encoding="utf-8")
        except OSError as error:
            raise storage_problem(error, self._path) from error
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
        thread = threading.get_ident()
        handler.addFilter(lambda record: record.thread == thread)
        handler.setLevel(logging.INFO)
        self._handler = handler
        logger = logging.getLogger(_LOGGER)
        logger.addHandler(handler)
        if logger.getEffectiveLevel() > logging.INFO:
            logger.setLevel(logging.INFO)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._handler is None:
            return
        if error is not None:
            logging.getLogger(_LOGGER).error("The run ended with an error", exc_info=error)
        logging.getLogger(_LOGGER).removeHandler(self._handler)
        with contextlib.suppress(OSError):
            self._handler.close()
        self._handler = None


def log_line(event: Event) -> str:
    """Return what an event adds to the log; "" for the many small ones, which `events.jsonl` holds."""
    match event:
        case StateChanged():
            return f"{event.state.value}: {event.message}" if event.message else event.state.value
        case Notice():
            return f"{event.level}: {event.message}"
        case EpochMetrics():
            values = {"loss": event.train_loss, "validation loss": event.validation_loss, **event.metrics}
            shown = ", ".join(f"{name} {value:.5g}" for name, value in values.items() if "/" not in name)
            return f"epoch {event.epoch}/{event.total_epochs}: {shown}"
        case RunFailed():
            return f"failed: {event.problem.one_line()}"
        case RunFinished():
            return f"{event.status.value} after {event.seconds:.1f} s"
    return ""
