"""Long work over many texts, on several cores.

`multiprocessing` is not used: its children import the main script again (a user's script that calls `train` without a
guard would train again in each of them), and forking under threads can hang. Here each worker is a plain Python process
that imports one function and answers chunks; cancelling ends it.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import queue
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from mole_engine.child_process import own_command

Result = TypeVar("Result")

MAX_WORKERS = 8
POLL_SECONDS = 0.1

# On Windows. Elsewhere the worker lowers its priority itself.
_FLAGS = getattr(subprocess, "CREATE_NO_WINDOW", 0) | getattr(subprocess, "BELOW_NORMAL_PRIORITY_CLASS", 0)


def worker_count(most: int = MAX_WORKERS, *, spared: int = 0) -> int:
    """Return how many workers suit this machine; 1: "do it yourself".

    Parameters
    ----------
    most
        At most so many.
    spared
        Usable cores that are left to other long work. The window needs none: workers step back behind it.
    """
    try:
        cores = len(os.sched_getaffinity(0))
    except AttributeError:
        cores = os.cpu_count() or 1
    return min(most, max(1, cores - spared))


def map_in_processes(
    function: Callable[[Sequence[str], Any], Result],
    texts: Sequence[str],
    shared: Any,
    *,
    workers: int,
    chunk: int = 1000,
    on_done: Callable[[int], None] | None = None,
) -> list[Result]:
    """Apply a function to consecutive chunks of texts in worker processes.

    Parameters
    ----------
    function
        A function of a module (not a lambda, not of the main script): (texts of a chunk, shared) -> result.
    texts
        Divided into chunks of `chunk`.
    shared
        Picklable; sent once to each worker.
    workers
        Number of processes.
    on_done
        Called about ten times a second, in this thread, with the number of texts done; may raise to end the work.

    Returns
    -------
    list
        One result a chunk, in order.

    Raises
    ------
    RuntimeError
        When a worker dies.
    """
    parts = [texts[start : start + chunk] for start in range(0, len(texts), chunk)]
    todo: queue.SimpleQueue[int] = queue.SimpleQueue()
    for place in range(len(parts)):
        todo.put(place)
    done: queue.SimpleQueue[tuple[int, Result | BaseException]] = queue.SimpleQueue()
    header = pickle.dumps((function.__module__, function.__name__, shared), protocol=5)
    crew = _crew(max(1, min(workers, len(parts))) if parts else 0, header, parts, todo, done)
    if not crew:
        return _alone(function, parts, shared, on_done)
    try:
        return _collect(len(parts), done, [len(part) for part in parts], on_done)
    finally:
        for worker in crew:
            worker.end()


def _crew(
    count: int,
    header: bytes,
    parts: Sequence[Sequence[str]],
    todo: queue.SimpleQueue[int],
    done: queue.SimpleQueue[tuple[int, Any]],
) -> list[_Worker]:
    """Return the workers that could be started."""
    crew: list[_Worker] = []
    # The system may have no room for another process, or a packaged program may have lost its command.
    with contextlib.suppress(OSError):
        for _ in range(count):
            crew.append(_Worker(header, parts, todo, done))  # noqa: PERF401 - those that were started are kept
    return crew


def _alone(
    function: Callable[[Sequence[str], Any], Result],
    parts: Sequence[Sequence[str]],
    shared: Any,
    on_done: Callable[[int], None] | None,
) -> list[Result]:
    results: list[Result] = []
    finished = 0
    for part in parts:
        results.append(function(part, shared))
        finished += len(part)
        if on_done is not None:
            on_done(finished)
    return results


def _collect(
    count: int,
    done: queue.SimpleQueue[tuple[int, Result | BaseException]],
    sizes: list[int],
    on_done: Callable[[int], None] | None,
) -> list[Result]:
    results: dict[int, Result] = {}
    finished = 0
    while len(results) < count:
        try:
            place, result = done.get(timeout=POLL_SECONDS)
        except queue.Empty:
            pass
        else:
            if isinstance(result, BaseException):
                raise RuntimeError("a worker process has died") from result
            results[place] = result
            finished += sizes[place]
        if on_done is not None:
            on_done(finished)
    return [results[place] for place in range(count)]


class _Worker:
    """One process, and the thread that talks to it."""

    def __init__(
        self,
        header: bytes,
        parts: Sequence[Sequence[str]],
        todo: queue.SimpleQueue[int],
        done: queue.SimpleQueue[tuple[int, Any]],
    ) -> None:
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
        environment.update(dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1"))
        self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
            own_command("mole_engine.data.worker_process"),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment,
            creationflags=_FLAGS,
        )
        self._thread = threading.Thread(target=self._serve, args=(header, parts, todo, done), daemon=True)
        self._thread.start()

    def _serve(self, header: bytes, parts: Sequence[Sequence[str]], todo: Any, done: Any) -> None:
        requests, answers = self._process.stdin, self._process.stdout
        if requests is None or answers is None:
            return
        place = -1
        try:
            requests.write(header)
            while True:
                place = todo.get_nowait()
                pickle.dump(list(parts[place]), requests, protocol=5)
                requests.flush()
                done.put((place, pickle.load(answers)))  # noqa: S301 - written by our own child process
        except queue.Empty:
            return
        except (OSError, EOFError, ValueError, pickle.UnpicklingError) as error:
            done.put((place, error))

    def end(self) -> None:
        """End the process, whatever it is doing, and its thread."""
        self._process.kill()
        self._process.wait()
        self._thread.join()
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                try:
                    stream.close()
                except OSError:
                    # What was still to be sent has nobody to go to.
                    continue
