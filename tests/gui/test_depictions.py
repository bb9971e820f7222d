"""Structures drawn beside the window: sharp on every screen, newest first, never twice."""

from __future__ import annotations

import threading

import pytest
from PySide6.QtGui import QImage

from app.services.depictions import Depiction, DepictionKey, DepictionService, draw


def inked(image: QImage) -> tuple[int, int, int, int]:
    """Return the box around everything drawn, in pixels of the image."""
    points = [(x, y) for x in range(image.width()) for y in range(image.height()) if image.pixelColor(x, y).alpha()]
    xs, ys = [x for x, _ in points], [y for _, y in points]
    return min(xs), min(ys), max(xs), max(ys)


@pytest.fixture
def service(qapp):
    made = DepictionService()
    yield made
    made.close()


def test_a_drawing_fills_the_same_place_at_every_pixel_ratio():
    one = inked(draw(DepictionKey("c1ccccc1", 120, 84, False, 1.0)).image)
    two = inked(draw(DepictionKey("c1ccccc1", 120, 84, False, 2.0)).image)
    assert [edge / 2 for edge in two] == pytest.approx(one, abs=1.5)


def test_a_drawing_is_made_once_and_then_at_hand(qtbot, service):
    with qtbot.waitSignal(service.drawn, timeout=10_000) as drawn:
        assert service.get("CCO", 120, 84, dark=False) is None
    assert drawn.args == ["CCO"]
    found = service.get("CCO", 120, 84, dark=False)
    assert found.weight == pytest.approx(46.07, abs=0.01)
    assert service.get("CCO", 120, 84, dark=False) is found
    assert service.get("CCO", 120, 84, dark=True) is None


def test_what_cannot_be_drawn_says_why(qtbot, service):
    with qtbot.waitSignal(service.drawn, timeout=10_000):
        service.get("C1CC", 120, 84, dark=False)
    found = service.get("C1CC", 120, 84, dark=False)
    assert found.image.isNull()
    assert found.reason == "ring 1 is never closed"


def test_what_was_asked_last_is_drawn_first(qtbot, service, monkeypatch):
    monkeypatch.setattr("app.services.depictions._WAITING_LIMIT", 3)
    taken, all_asked = threading.Event(), threading.Event()

    def draw_when_all_are_asked(key: DepictionKey) -> Depiction:
        taken.set()
        all_asked.wait(10)
        return draw(key)

    # Held at its first drawing, the thread cannot take a second one while the others are still being asked.
    monkeypatch.setattr("app.services.depictions.draw", draw_when_all_are_asked)
    order: list[str] = []
    service.drawn.connect(order.append)
    service.get("C", 120, 84, dark=False)
    assert taken.wait(10)
    for length in range(2, 9):
        service.get("C" * length, 120, 84, dark=False)
    all_asked.set()
    qtbot.waitUntil(lambda: len(order) >= 4, timeout=10_000)
    qtbot.wait(50)
    assert order == ["C", "C" * 8, "C" * 7, "C" * 6]
