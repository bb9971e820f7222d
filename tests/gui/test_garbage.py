"""Whoever asks for garbage to be collected: what is dead ends in the window's thread."""

from __future__ import annotations

import gc
import threading

import pytest
from PySide6.QtWidgets import QWidget

from app.services.garbage import GarbageCollector
from mole_engine.contracts.garbage import collect_garbage


class Grave:
    """A cycle that notes in which thread it ends."""

    def __init__(self, ends):
        self.me, self.ends = self, ends

    def __del__(self):
        self.ends.append(threading.current_thread())


@pytest.fixture
def collector(qapp):
    gc.enable()
    made = GarbageCollector()
    assert not gc.isenabled()
    yield made
    made.close()
    assert gc.isenabled()
    gc.disable()


def test_another_thread_has_it_collected_in_the_windows_thread(qtbot, collector):
    ends = []
    Grave(ends)
    asker = threading.Thread(target=collect_garbage)
    asker.start()
    qtbot.waitUntil(lambda: not asker.is_alive())
    assert ends == [threading.main_thread()]


def test_a_busy_thread_collects_nothing_by_itself(qtbot, collector):
    ends = []
    Grave(ends)

    def work():
        kept = [[] for _ in range(200_000)]
        kept.clear()

    worker = threading.Thread(target=work)
    worker.start()
    worker.join()
    assert ends == []
    # Enough to be worth a look.
    kept = [[] for _ in range(5 * gc.get_threshold()[0])]
    qtbot.waitUntil(lambda: bool(ends), timeout=20_000)
    assert kept
    assert ends == [threading.main_thread()]


def test_a_dead_widget_in_a_cycle_survives_a_collection_asked_for_elsewhere(qtbot, collector):
    for _ in range(20):
        widget = QWidget()
        widget.me = widget
        del widget
    asker = threading.Thread(target=collect_garbage)
    asker.start()
    qtbot.waitUntil(lambda: not asker.is_alive())


def test_a_window_that_is_busy_does_not_hold_the_asker_for_ever(collector, monkeypatch):
    monkeypatch.setattr("app.services.garbage._PATIENCE", 0.05)
    asker = threading.Thread(target=collect_garbage)
    asker.start()
    asker.join(timeout=5)
    assert not asker.is_alive()


def test_without_a_window_python_collects_as_ever():
    ends = []
    Grave(ends)
    collect_garbage()
    assert ends == [threading.main_thread()]


def test_nothing_is_collected_while_libraries_load(qtbot, collector, monkeypatch):
    collected = []
    monkeypatch.setattr("app.services.garbage.gc.collect", lambda generation=2: collected.append(generation))
    kept = [[] for _ in range(5 * gc.get_threshold()[0])]
    collector.hold()
    collector._tick()
    assert collected == []
    collector.spare_libraries()
    kept += [[] for _ in range(5 * gc.get_threshold()[0])]
    collector._tick()
    assert len(collected) == 1
