"""Columns and filters while others come and go: nothing old is shown as new, nothing is asked of what has gone."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from app.services import columns as module
from app.services.filters import FilterService, RangeFilter
from app.services.row_columns import SIMILARITY_KEY
from app.text import OWN


@pytest.fixture
def quiet(qtbot, window, open_file, molecules_csv):
    """Open the small file and return a function that waits until nothing is being worked out."""
    open_file(molecules_csv)

    def wait() -> None:
        qtbot.waitUntil(lambda: not window.session.tasks._tasks)

    wait()
    return wait


@pytest.fixture
def held(monkeypatch):
    """Hold the reading of a column in a thread, from when it has been read until `go` is set."""
    inside, go = threading.Event(), threading.Event()
    read = module.read_column

    def slowly(*arguments):
        column = read(*arguments)
        if threading.current_thread() is not threading.main_thread():
            inside.set()
            go.wait(10)
        return column

    monkeypatch.setattr(module, "read_column", slowly)
    yield inside, go
    go.set()


def test_a_column_that_has_changed_while_it_was_read_is_read_again(window, quiet, held):
    service, dataset = window.session.columns, window.session.dataset
    inside, go = held
    rows = dataset.info.rows
    service._settle({SIMILARITY_KEY: np.zeros(rows)})
    reading = threading.Thread(target=service.read, args=(dataset, SIMILARITY_KEY))
    reading.start()
    assert inside.wait(10)
    service._settle({SIMILARITY_KEY: np.ones(rows)})
    go.set()
    reading.join()
    quiet()
    assert service.read(dataset, SIMILARITY_KEY).values.tolist() == [1.0] * rows


def test_an_answer_about_columns_that_have_changed_meanwhile_is_not_kept(qtbot, window, quiet):
    values, inside, go = [0.0], threading.Event(), threading.Event()
    dataset = window.session.dataset

    def read(*_):
        found = type("Column", (), {"values": np.full(dataset.info.rows, values[0])})
        inside.set()
        go.wait(10)
        return found

    service = FilterService(window.session.tasks, read)
    asked = (RangeFilter(SIMILARITY_KEY, 0.5, 1.0),)
    first = window.session.start_task(service.rows(dataset, asked))
    qtbot.waitUntil(inside.is_set)
    values[0] = 1.0
    service.forget()
    go.set()
    qtbot.waitUntil(first.done)
    second = window.session.start_task(service.rows(dataset, asked))
    qtbot.waitUntil(second.done)
    assert (len(first.result().rows), len(second.result().rows)) == (0, dataset.info.rows)


def test_a_filter_goes_with_its_column(window, quiet):
    problems = []
    window.session.problem_raised.connect(problems.append)
    session, rows = window.session, window.data_page.rows
    session.start_task(session.columns.show_properties(session.dataset, ["MW"]))
    quiet()
    rows.add_filter(RangeFilter(f"{OWN}MW", 50.0, 90.0))
    quiet()
    assert 0 < len(rows.shown) < session.dataset.info.rows
    rows.columns.hide_column(f"{OWN}MW")
    quiet()
    assert (rows.filters, rows.shown) == ([], None)
    rows.renew()
    quiet()
    assert problems == []
