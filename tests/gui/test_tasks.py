"""Coroutines beside the window: on qasync's loop, on a bare Qt loop, with failures, cancel and closing."""

from __future__ import annotations

import asyncio
import threading
import time

import pytest
from PySide6.QtCore import QThread

from app.services.tasks import TaskRunner
from mole_engine.contracts.errors import Cancelled


@pytest.fixture
def runner(qapp):
    made = TaskRunner()
    yield made
    made.close()


async def journey(runner: TaskRunner) -> tuple[int, bool]:
    await asyncio.sleep(0.02)
    value = await runner.run_blocking(lambda: 6 * 7)
    ended = await asyncio.gather(asyncio.sleep(0.01, "a"), asyncio.wait_for(asyncio.sleep(0, "b"), 1))
    return value, ended == ["a", "b"]


def test_coroutines_run_without_any_asyncio_loop(qtbot, runner):
    task = runner.start(journey(runner))
    qtbot.waitUntil(task.done, timeout=5000)
    assert task.result() == (42, True)


def test_coroutines_run_on_the_application_s_loop(qt_loop, runner):
    async def begin() -> tuple[int, bool]:
        task = runner.start(journey(runner))
        assert task.get_loop() is qt_loop
        return await task

    assert qt_loop.run_until_complete(begin()) == (42, True)


def test_a_task_begun_before_the_loop_goes_on_inside_it(qt_loop, runner):
    task = runner.start(journey(runner))

    async def wait() -> None:
        while not task.done():
            await asyncio.sleep(0.01)
            assert asyncio.get_running_loop() is qt_loop

    qt_loop.run_until_complete(asyncio.wait_for(wait(), 60))
    assert task.result() == (42, True)


def test_a_failure_is_told_and_cancelling_is_not(qtbot, runner):
    async def fail() -> None:
        raise ValueError("no")

    async def give_up() -> None:
        raise Cancelled

    with qtbot.waitSignal(runner.failed, timeout=5000) as failed:
        runner.start(fail())
    assert isinstance(failed.args[0], ValueError)
    with qtbot.assertNotEmitted(runner.failed, wait=50):
        tasks = [runner.start(give_up()), runner.start(asyncio.sleep(9))]
        tasks[1].cancel()
        qtbot.waitUntil(lambda: all(task.done() for task in tasks), timeout=5000)


def test_progress_arrives_in_the_window_s_thread_and_not_too_often(qtbot, runner, qapp):
    progress, heard = runner.new_progress(), []
    progress.changed.connect(lambda *said: heard.append((*said, QThread.currentThread() is qapp.thread())))

    def work() -> None:
        for done in range(5001):
            progress("Counting", done, 5000)

    task = runner.start(runner.run_blocking(work))
    qtbot.waitUntil(lambda: task.done() and heard and heard[-1][1] == 5000, timeout=10_000)
    assert all(item[3] for item in heard)
    assert len(heard) < 1000
    runner.drop_progress(progress)


def test_cancel_unwinds_the_work(qtbot, runner):
    progress = runner.new_progress()

    def work() -> None:
        while True:
            progress("Working", 0, 0)
            time.sleep(0.001)

    task = runner.start(runner.run_blocking(work))
    qtbot.wait(20)
    progress.cancel()
    qtbot.waitUntil(task.done, timeout=5000)
    assert isinstance(task.exception(), Cancelled)
    runner.drop_progress(progress)


def test_closing_ends_tasks_and_threads(qtbot, qapp):
    runner = TaskRunner()
    progress, ended = runner.new_progress(), []

    def work() -> None:
        while True:
            progress("Working", 0, 0)
            time.sleep(0.001)

    async def tidy() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            ended.append(True)

    runner.start(runner.run_blocking(work))
    runner.start(tidy())
    qtbot.wait(20)
    runner.close()
    assert ended == [True]
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("studio")]
    late = runner.start(asyncio.sleep(0))
    qtbot.waitUntil(late.done, timeout=2000)
    assert late.cancelled()
    runner.close()


def test_work_that_nobody_waits_for_any_more_is_cancelled(qtbot, runner):
    """Many times over: what was reported while its object was deleted took the program with it, now and then."""
    begun, ended = threading.Event(), []

    def work(on_progress) -> None:
        try:
            for step in range(10**9):
                on_progress(f"step {step}", 1, 2)
                begun.set()
        except BaseException as error:
            ended.append(type(error))
            raise

    async def ask() -> None:
        progress = runner.new_progress()
        try:
            await runner.run_blocking(work, progress)
        finally:
            runner.drop_progress(progress)

    for number in range(1, 31):
        begun.clear()
        task = runner.start(ask())
        qtbot.waitUntil(begun.is_set)
        task.cancel()
        qtbot.waitUntil(lambda number=number: len(ended) == number)
    assert set(ended) == {Cancelled}


def test_what_is_saved_is_written_though_the_window_closes_while_all_threads_are_busy(qtbot):
    runner, written, busy = TaskRunner(), [], []

    def work(progress) -> None:
        busy.append(True)
        while True:
            progress("Searching", 0, 0)
            time.sleep(0.001)

    for _ in range(2):
        runner.start(runner.run_blocking(work, runner.new_progress()))
    qtbot.waitUntil(lambda: len(busy) == 2)
    runner.start(runner.save_blocking(written.append, "model.onnx"))
    qtbot.wait(20)
    assert written == []
    runner.close()
    assert written == ["model.onnx"]
