"""What a window of 1024 x 700 or less leaves of tables, lists and their words."""

from __future__ import annotations

import pytest
from PySide6.QtWidgets import QLabel

from app.pages.compare import CompareView
from app.services.run_shelf import compare_runs
from mole_engine.contracts.records import RunRecord
from mole_engine.contracts.run_state import RunState
from mole_engine.store.runs import Workspace

LARGE, SMALL, LEAST = (1920, 1080), (1024, 700), (960, 620)


def record(run_id, **more):
    given = {"name": "solubility", "status": RunState.COMPLETED, "metrics": {"rmse": 0.5}, "data_name": "a.csv"}
    return RunRecord(run_id=run_id, **{**given, **more})


@pytest.fixture
def resized(qtbot, window):
    """Return a function that resizes the window and waits until it has the size."""

    def resize(size):
        window.resize(*size)
        qtbot.waitUntil(lambda: (window.width(), window.height()) == size)
        qtbot.wait(50)

    return resize


@pytest.mark.parametrize("size", [SMALL, LEAST])
def test_results_of_runs_stay_in_sight_where_the_window_becomes_narrow(qtbot, window, runs_page, resized, size):
    Workspace(window.session.workspace).save(record("r"))
    window.session.runs_changed.emit()
    qtbot.waitUntil(lambda: len(runs_page.list.records()) == 1)
    table = runs_page.table
    resized(LARGE)
    assert not any(table.isColumnHidden(number) for number in range(table.cells.columnCount()))
    resized(size)
    shown = {one.key: number for number, one in enumerate(table.cells.columns) if not table.isColumnHidden(number)}
    ends = {key: table.columnViewportPosition(number) + table.columnWidth(number) for key, number in shown.items()}
    assert {"star", "name", "status", "data", "metric", "seconds", "created"} <= set(ends)
    assert max(ends.values()) <= table.viewport().width()
    assert table.columnWidth(shown["name"]) >= 170
    resized(LARGE)
    assert not any(table.isColumnHidden(number) for number in range(table.cells.columnCount()))


def test_the_legend_of_compared_runs_keeps_what_tells_them_apart(qtbot, shown):
    long = "aqueous solubility of all the compounds of the last two years"
    runs = [
        record("r1", name=long, created=1_800_000_000.0),
        record("r2", name=long, created=1_800_000_600.0),
        record("r3", name="something else"),
    ]
    view = shown(CompareView(), 924, 600)
    view.show_comparison(compare_runs(runs))
    words = [(one.text(), one.toolTip()) for one in view.findChildren(QLabel) if one.toolTip().startswith(long)]
    assert len(words) == 2
    assert all("…, " in short and short.endswith(whole.removeprefix(long)) for short, whole in words), words
