"""Pages come whole when they are wanted, whole when nobody wants them yet, and never twice."""

from __future__ import annotations

import importlib
import linecache
import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pytest
from PySide6.QtWidgets import QPushButton, QStackedWidget

from app.page_shelf import AHEAD, PAGES, PageShelf
from app.pages.base import Page
from app.services.plain_imports import import_plainly
from app.services.session import Session

PIECES_OF_DATA, IMPORTS_OF_TRAIN = 3, 1 + len(AHEAD["train"])


class Shelf:
    """A shelf whose pages land in a widget."""

    def __init__(self, session: Session) -> None:
        self.stack = QStackedWidget()
        self.added: list[Page] = []
        self.pages = PageShelf(session, self.add)

    def add(self, page: Page) -> None:
        """Take a page that is complete."""
        self.added.append(page)
        self.stack.addWidget(page)

    def build(self, pieces: int | None = None) -> int:
        """Build so many pieces, or all; return how many there were."""
        return sum(1 for _ in islice(self.pages.build(), pieces))


@pytest.fixture
def shelf(qtbot, workspace) -> Iterator[Shelf]:
    session = Session(workspace)
    made = Shelf(session)
    qtbot.addWidget(made.stack)
    yield made
    made.pages.finish()
    made.stack.deleteLater()
    session.close()
    session.deleteLater()


def test_all_pages_are_built_in_many_pieces_and_once(shelf):
    pieces = shelf.build()
    assert pieces > 30
    assert len(shelf.added) == len(PAGES)
    assert [shelf.pages.page(name) for name, _, _ in PAGES] == shelf.added


def test_a_page_that_is_wanted_half_built_is_finished_at_once(shelf):
    shelf.build(PIECES_OF_DATA + IMPORTS_OF_TRAIN + 4)
    assert len(shelf.added) == 1
    page = shelf.pages.page("train")
    assert page.primary is not None
    assert page.findChild(QPushButton, "trainButton") is page.primary
    assert shelf.added[-1] is page
    shelf.build()
    assert shelf.added.count(page) == 1


def test_a_page_that_breaks_half_way_gives_way_to_words(shelf, monkeypatch):
    def broken(_session: Session) -> None:
        raise ImportError("gone")

    monkeypatch.setattr("app.pages.train.RunWatch", broken)
    heard = []
    problems = shelf.pages._session.problem_raised
    problems.connect(heard.append)
    shelf.build()
    assert len(heard) == 1
    assert type(shelf.pages.page("train")) is Page
    assert len(shelf.added) == len(PAGES)


def test_imported_modules_are_not_read_a_second_time(qapp, tmp_path: Path, monkeypatch):
    assert import_plainly()
    monkeypatch.syspath_prepend(str(tmp_path))
    for name, text in (("plain_one", "WORD = 'PySide6'\n"), ("plain_two", "import plain_one\n")):
        (tmp_path / f"{name}.py").write_text(text)
    importlib.import_module("plain_two")
    # What PySide looks at stays in here.
    assert not [path for path in linecache.cache if path.startswith(str(tmp_path))]
    for name in ("plain_one", "plain_two"):
        sys.modules.pop(name)
