"""Coroutines and blocking work beside the window, with progress and cancel.

Coroutines run on the application's qasync loop. Where none is running (a test, another Qt program that embeds the
window) a guest loop takes its place: an ordinary asyncio loop that takes one turn whenever Qt tells it to.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextvars import Context
from typing import Any, ParamSpec, TypeVar, TypeVarTuple, Unpack

from PySide6.QtCore import QObject, Qt, QTimer, Signal, Slot

from mole_engine.contracts.errors import Cancelled

P = ParamSpec("P")
T = TypeVar("T")
Ts = TypeVarTuple("Ts")

_PROGRESS_INTERVAL = 0.05

log = logging.getLogger(__name__)


class _Waker(QObject):
    """Carries "there is something to do" from any thread into Qt's event loop."""

    woken = Signal()

    def __init__(self, turn: Callable[[], None]) -> None:
        super().__init__()
        self._turn: Callable[[], None] | None = turn
        # To a slot of a QObject, so that Qt itself drops what is still queued when this one is gone.
        self.woken.connect(self._wake, Qt.ConnectionType.QueuedConnection)
        self._alarm = QTimer(self)
        self._alarm.setSingleShot(True)
        # Qt's other timers may fire early, and an early turn finds nothing due.
        self._alarm.setTimerType(Qt.TimerType.PreciseTimer)
        self._alarm.timeout.connect(self._wake)

    def wake_in(self, seconds: float) -> None:
        """Set the one alarm, instead of when it was set to before."""
        self._alarm.start(max(0, round(seconds * 1000)) + 1)

    def retire(self) -> None:
        """Never wake again; die in the window's thread, whichever thread collects the garbage."""
        self._turn = None
        self._alarm.stop()
        self.deleteLater()

    @Slot()
    def _wake(self) -> None:
        if self._turn is not None:
            self._turn()


class GuestLoop(asyncio.SelectorEventLoop):
    """An asyncio loop without a `run_forever` of its own: each wake-up runs what is ready, then Qt goes on."""

    _scheduled: list[asyncio.TimerHandle]

    def __init__(self) -> None:
        self._waker = _Waker(self._turn)
        self._turning = False
        self._missed = False
        super().__init__()

    def call_soon(
        self, callback: Callable[[Unpack[Ts]], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.Handle:
        """Ask for a turn as soon as Qt is back in its loop."""
        handle = super().call_soon(callback, *args, context=context)
        self._waker.woken.emit()
        return handle

    def call_soon_threadsafe(
        self, callback: Callable[[Unpack[Ts]], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.Handle:
        """The same, from any thread."""
        handle = super().call_soon_threadsafe(callback, *args, context=context)
        self._waker.woken.emit()
        return handle

    def call_at(
        self,
        when: float,
        callback: Callable[[Unpack[Ts]], object],
        *args: *Ts,
        context: Context | None = None,
    ) -> asyncio.TimerHandle:
        """Ask for a turn when the time has come."""
        handle = super().call_at(when, callback, *args, context=context)
        self._set_alarm()
        return handle

    def close(self) -> None:
        """End the loop for good."""
        if not self.is_closed():
            self._waker.retire()
        super().close()

    def _turn(self) -> None:
        if self.is_closed():
            return
        if self._turning:
            # A dialogue's event loop inside a coroutine: there is another turn when this one has ended.
            self._missed = True
            return
        self._turning = True
        # A running qasync loop may stand around us (a task begun before it ran); it is put back afterwards.
        outer = asyncio._get_running_loop()
        asyncio._set_running_loop(None)
        try:
            super().call_soon(self.stop)
            self.run_forever()
        finally:
            asyncio._set_running_loop(outer)
            self._turning = False
        if self._missed:
            self._missed = False
            self._waker.woken.emit()
        self._set_alarm()

    def _set_alarm(self) -> None:
        """See that there is a turn when the next timer is due, even after an alarm that came too early."""
        if self._scheduled:
            self._waker.wake_in(self._scheduled[0].when() - self.time())


class Progress(QObject):
    """Handed to blocking work as its progress handler; the way to cancel that work, too.

    Signals
    -------
    changed
        Stage, done, total; always in the thread of the window, at most twenty a second.
    """

    changed = Signal(str, int, int)
    _reported = Signal(str, int, int)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._cancelled = threading.Event()
        self._telling = threading.Lock()
        self._over = False
        self._last = ("", 0.0)
        self._reported.connect(self._relay, Qt.ConnectionType.QueuedConnection)

    def __call__(self, stage: str, done: int, total: int) -> None:
        """Report from any thread. Raises Cancelled once `cancel` was called."""
        with self._telling:
            if self._cancelled.is_set():
                raise Cancelled
            now = time.monotonic()
            last_stage, last_time = self._last
            if stage != last_stage or done >= total > 0 or now - last_time >= _PROGRESS_INTERVAL:
                self._last = (stage, now)
                self._reported.emit(stage, min(done, 2**31 - 1), min(total, 2**31 - 1))

    def cancel(self) -> None:
        """Make the next report raise Cancelled inside the work."""
        self._cancelled.set()

    def end(self) -> None:
        """Tell nothing any more, for what was reported last may arrive after the work's result; cancel what goes on.

        From now on nothing is emitted: a thread that does while its object is deleted takes the program with it.
        """
        with self._telling:
            self._over = True
            self._cancelled.set()

    @property
    def is_cancelled(self) -> bool:
        """Whether `cancel` was called."""
        return self._cancelled.is_set()

    @Slot(str, int, int)
    def _relay(self, stage: str, done: int, total: int) -> None:
        if not self._over and not self._cancelled.is_set():
            self.changed.emit(stage, done, total)


class TaskRunner(QObject):
    """Starts coroutines, keeps them alive, reports their failures, ends them when the window closes.

    Signals
    -------
    failed
        The exception of a coroutine that nobody caught (cancelling is no failure).
    """

    failed = Signal(object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._tasks: set[asyncio.Task[Any]] = set()
        self._jobs: set[Progress] = set()
        self._savings: set[Future[Any]] = set()
        self._guest: GuestLoop | None = None
        self._pool = ThreadPoolExecutor(max_workers=2, thread_name_prefix="studio")
        self._closed = False

    def start(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Run a coroutine on the application's loop, or on the guest loop where there is none."""
        try:
            loop: asyncio.AbstractEventLoop = asyncio.get_running_loop()
        except RuntimeError:
            loop = self._guest_loop()
        task = loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        if self._closed:
            task.cancel()
        return task

    async def run_blocking(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run `work` in a thread and await its result."""
        return await asyncio.wrap_future(self._pool.submit(work, *args, **kwargs))

    def save(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Write something in a thread, from now on and to its end, even if the window closes meanwhile.

        The result can be awaited with `asyncio.wrap_future`.
        """
        future = self._pool.submit(work, *args, **kwargs)
        self._savings.add(future)
        future.add_done_callback(self._savings.discard)
        return future

    async def save_blocking(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Write something as `save` does, and await the result."""
        return await asyncio.wrap_future(self.save(work, *args, **kwargs))

    def new_progress(self) -> Progress:
        """Return a progress handler that is cancelled when the window closes; give it back with `drop_progress`."""
        progress = Progress(self)
        self._jobs.add(progress)
        return progress

    def drop_progress(self, progress: Progress) -> None:
        """Forget a progress handler whose work is over, or is no longer waited for: it ends at its next report."""
        self._jobs.discard(progress)
        progress.end()
        progress.deleteLater()

    def close(self) -> None:
        """Cancel everything but what is being saved, and wait for the threads; nothing of ours is alive afterwards."""
        self._closed = True
        for progress in self._jobs:
            progress.cancel()
        for task in tuple(self._tasks):
            task.cancel()
        for future in wait(tuple(self._savings)).done:
            error = future.exception()
            if error is not None:
                log.error("Could not be saved while the window closed.", exc_info=error)
        self._pool.shutdown(wait=True, cancel_futures=True)
        if self._guest is not None:
            self._end_guest(self._guest)
            self._guest = None

    def _guest_loop(self) -> GuestLoop:
        if self._guest is None:
            self._guest = GuestLoop()
        return self._guest

    def _end_guest(self, loop: GuestLoop) -> None:
        for _ in range(100):
            if not any(task.get_loop() is loop for task in self._tasks):
                break
            loop._turn()
        loop.close()

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if task.cancelled() or self._closed:
            return
        error = task.exception()
        if error is not None and not isinstance(error, Cancelled):
            self.failed.emit(error)
