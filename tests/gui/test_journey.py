"""The whole way on the real window with the real engine: data, training, verdict, export, prediction."""

from __future__ import annotations

import csv
import math

import pytest
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtWidgets import QApplication, QDialog, QFileDialog, QLabel, QPlainTextEdit, QPushButton, QWidget

from mole_engine.contracts.events import EpochMetrics, StepMetrics
from mole_engine.contracts.run_state import RunState

TIMEOUT = 60_000
GROUPS = ("O", "N", "C(=O)O", "c1ccccc1", "C#N", "OC", "F", "Cl", "C(=O)N", "S")


def molecules(number=60):
    """Chains with end groups, and a value that follows from the chain."""
    pairs = [(chain, group) for chain in range(1, 9) for group in GROUPS][:number]
    return [("smiles", "logS (log(mol/L))")] + [
        ("C" * chain + group, f"{0.5 * len(group) - 0.7 * chain:.2f}") for chain, group in pairs
    ]


@pytest.fixture
def chains_csv(tmp_path):
    path = tmp_path / "chains.csv"
    path.write_text("".join(",".join(row) + "\n" for row in molecules()), encoding="utf-8")
    return path


@pytest.fixture
def ready(window, find, open_file, chains_csv):
    """Open the file, go to the Train page, and make the job tiny through the form with all settings."""

    def prepare(epochs=2, path=chains_csv):
        open_file(path)
        window.go_to("train")
        setup = window.page("train").setup
        # One network from random numbers, every layer of it trained.
        setup.presets.select("base")
        for name, value in {"layers": 1, "hidden_size": 16, "heads": 2, "intermediate_size": 32}.items():
            setup.form.set_value(f"model.{name}", value)
        find("epochsSpin").setValue(epochs)
        return setup

    return prepare


def drop(target, path):
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile(str(path))])
    copy, left, none = Qt.DropAction.CopyAction, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    middle = target.rect().center()
    QApplication.sendEvent(target, QDragEnterEvent(QPoint(middle), copy, mime, left, none))
    QApplication.sendEvent(target, QDropEvent(QPointF(middle), copy, mime, left, none))


def train(qtbot, window, click):
    events = []
    window.session.run_event.connect(events.append)
    with qtbot.waitSignal(window.session.run_finished, timeout=TIMEOUT) as finished:
        click("trainButton")
    return finished.args[0], events


def points(plot):
    return sum(len(item.getData()[0]) for item in plot.getPlotItem().listDataItems() if item.getData()[0] is not None)


def statuses(table):
    """What the table of runs says of each run's end, in whichever column it stands."""
    states = {state.value for state in RunState}
    columns = range(table.columnCount())
    rows = ([table.data(table.index(row, column)) for column in columns] for row in range(table.rowCount()))
    return [next((cell for cell in row if cell in states), "") for row in rows]


def accept(qtbot, window, path):
    """Choose a path in the file dialog that is open, as a user does."""
    dialog = window.findChild(QFileDialog, "saveDialog")
    assert dialog is not None
    dialog.selectFile(str(path))
    qtbot.waitUntil(lambda: dialog.selectedFiles() == [str(path)])
    dialog.done(QDialog.DialogCode.Accepted)
    dialog.fileSelected.emit(str(path))


def test_from_data_to_a_saved_prediction(qtbot, window, find, click, ready, chains_csv, tmp_path):
    ready(epochs=2)
    assert find("lossPlot").isVisible()
    record, events = train(qtbot, window, click)
    assert record.status is RunState.COMPLETED, record.error
    assert [event.seq for event in events] == list(range(len(events)))
    assert sum(isinstance(event, EpochMetrics) for event in events) == 2
    assert any(isinstance(event, StepMetrics) for event in events)
    assert math.isfinite(record.metrics["rmse"])
    assert points(find("lossPlot")) >= 4
    assert points(find("metricPlot")) >= 2

    # The verdict comes by itself.
    runs = window.page("runs")
    qtbot.waitUntil(runs.verdict.isVisible, timeout=10_000)
    assert "Test RMSE" in [label.text() for label in find("metricTile").findChildren(QLabel)]
    tested = record.counts["test"]
    qtbot.waitUntil(lambda: len(runs.verdict.figures.parity._points) == tested)
    assert find("worstTable").model().rowCount() == tested

    # Export, in the window's own dialog.
    for kind in ("mole", "ckpt", "safetensors"):
        target = tmp_path / f"model.{kind}"
        runs.verdict.export_asked.emit(kind)
        accept(qtbot, window, target)
        qtbot.waitUntil(target.is_file, timeout=20_000)
        assert target.stat().st_size > 1000

    # Predict what is pasted, with one line that cannot be read.
    qtbot.mouseClick(runs.verdict.predict_button, Qt.MouseButton.LeftButton)
    assert window.page("predict").isVisible()
    qtbot.waitUntil(lambda: find("predictModelCombo").currentData() == record.model_path)
    find("predictSmilesEdit", QPlainTextEdit).setPlainText("CCCO\n\nC1CC\nCCCCN\n")
    with qtbot.waitSignal(window.session.predictions_ready, timeout=TIMEOUT) as ready_signal:
        click("predictButton")
    predictions = ready_signal.args[0]
    assert len(predictions) == 3
    assert predictions.error(1)
    assert math.isfinite(predictions.number("logS (log(mol/L))_pred", 0)) or predictions.columns
    table = find("predictionTable").model()
    assert table.rowCount() == 3
    shown = [str(table.data(table.index(1, place))) for place in range(table.columnCount())]
    assert any("cannot read" in words for words in shown)

    target = tmp_path / "predicted.csv"
    qtbot.waitUntil(lambda: find("savePredictionsButton").isEnabled())
    click("savePredictionsButton")
    accept(qtbot, window, target)
    qtbot.waitUntil(target.is_file, timeout=20_000)
    with target.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [row["smiles"] for row in rows] == ["CCCO", "C1CC", "CCCCN"]
    assert [bool(row["error"]) for row in rows] == [False, True, False]

    # A dropped file is predicted whole, every column of it first and untouched.
    with qtbot.waitSignal(window.session.predictions_ready, timeout=TIMEOUT) as ready_signal:
        drop(find("predictDropZone"), chains_csv)
    assert len(ready_signal.args[0]) == 60
    assert list(ready_signal.args[0].frame.columns[:2]) == ["smiles", "logS (log(mol/L))"]

    # And the model has found its place.
    window.go_to("models")
    qtbot.waitUntil(lambda: find("modelsTable").model().rowCount() == 1)


def test_the_sample_leads_to_moving_charts_in_two_clicks(qtbot, window, find, click):
    with qtbot.waitSignal(window.session.dataset_opened, timeout=30_000):
        click("openSampleButton")
    qtbot.waitUntil(lambda: find("trainButton").isVisible())
    assert find("trainButton").isEnabled()
    assert "about" in window.page("train").panel._estimate.text()
    events = []
    window.session.run_event.connect(events.append)
    click("trainButton")
    # A sign of life at once, not when the engine is loaded.
    assert find("etaLabel").isVisible()
    assert find("etaLabel").text()
    qtbot.waitUntil(lambda: any(isinstance(event, StepMetrics) for event in events), timeout=TIMEOUT)
    qtbot.waitUntil(lambda: points(find("lossPlot")) > 0)
    with qtbot.waitSignal(window.session.run_finished, timeout=TIMEOUT):
        click("cancelButton")


def test_the_sample_leads_on_for_those_who_are_quicker_than_the_start(qtbot, window, find):
    window._later = iter(())
    # The window itself would build the page on being asked.
    assert window.centralWidget().findChild(QWidget, "trainButton") is None
    with qtbot.waitSignal(window.session.dataset_opened, timeout=30_000):
        qtbot.mouseClick(window.data_page.findChild(QPushButton, "openSampleButton"), Qt.MouseButton.LeftButton)
    assert find("trainButton").isVisible()


def test_stop_keeps_the_best_model_and_cancel_keeps_none(qtbot, window, find, click, ready):
    ready(epochs=2000)
    events = []
    window.session.run_event.connect(events.append)
    for button, status in (("stopButton", RunState.COMPLETED), ("cancelButton", RunState.CANCELLED)):
        events.clear()
        window.go_to("train")
        with qtbot.waitSignal(window.session.run_finished, timeout=TIMEOUT) as finished:
            click("trainButton")
            qtbot.waitUntil(lambda: any(isinstance(event, EpochMetrics) for event in events), timeout=TIMEOUT)
            click(button)
            assert not find("stopButton").isEnabled()
        record = finished.args[0]
        assert record.status is status, record.error
        assert bool(record.model_path) is (status is RunState.COMPLETED)
        assert events[-1].is_terminal
    window.go_to("runs")
    table = find("runsTable").model()
    ended = {"completed", "cancelled"}
    qtbot.waitUntil(lambda: set(statuses(table)) == ended, timeout=TIMEOUT)


def test_pause_holds_and_resume_goes_on(qtbot, window, find, click, ready):
    ready(epochs=2000)
    events = []
    window.session.run_event.connect(events.append)
    click("trainButton")
    qtbot.waitUntil(lambda: any(isinstance(event, StepMetrics) for event in events), timeout=TIMEOUT)
    click("pauseButton")
    assert find("pauseButton").text() == "Resume"
    qtbot.wait(400)
    held = len(events)
    qtbot.wait(400)
    assert len(events) <= held + 1
    click("pauseButton")
    qtbot.waitUntil(lambda: len(events) > held + 2, timeout=TIMEOUT)
    with qtbot.waitSignal(window.session.run_finished, timeout=TIMEOUT):
        click("cancelButton")


def test_closing_the_window_ends_a_training_cleanly(qtbot, window, click, ready):
    ready(epochs=2000)
    with qtbot.waitSignal(window.session.run_event, timeout=TIMEOUT):
        click("trainButton")
    with qtbot.waitSignal(window.session.run_finished, timeout=TIMEOUT) as finished:
        window.close()
    assert finished.args[0].status is RunState.INTERRUPTED
    qtbot.waitUntil(lambda: not window.isVisible())
    assert not window.session.training.is_running


def test_an_interrupted_run_goes_on_where_it_was(qtbot, window, find, click, ready):
    ready(epochs=400)
    events = []
    window.session.run_event.connect(events.append)
    click("trainButton")
    qtbot.waitUntil(lambda: sum(isinstance(event, EpochMetrics) for event in events) >= 3, timeout=TIMEOUT)
    with qtbot.waitSignal(window.session.run_finished, timeout=TIMEOUT) as finished:
        window.session.training.shutdown()
    assert finished.args[0].status is RunState.INTERRUPTED
    reached = max(event.epoch for event in events if isinstance(event, EpochMetrics))
    window.go_to("runs")
    qtbot.waitUntil(lambda: find("resumeRunButton").isVisible())
    events.clear()
    click("resumeRunButton")
    assert find("etaLabel").isVisible()
    qtbot.waitUntil(lambda: any(isinstance(event, EpochMetrics) for event in events), timeout=TIMEOUT)
    assert next(event.epoch for event in events if isinstance(event, EpochMetrics)) in {reached, reached + 1}
    with qtbot.waitSignal(window.session.run_finished, timeout=TIMEOUT) as finished:
        click("stopButton")
    assert finished.args[0].status is RunState.COMPLETED, finished.args[0].error


def test_a_failing_training_says_why_and_leaves_the_window_usable(qtbot, window, find, click, ready, chains_csv):
    ready(epochs=1)
    text = chains_csv.read_text(encoding="utf-8")
    chains_csv.unlink()
    with qtbot.waitSignal(window.session.problem_raised, timeout=TIMEOUT) as raised:
        click("trainButton")
    problem = raised.args[0]
    assert str(chains_csv) in problem.one_line()
    dialog = find("problemDialog", QDialog)
    qtbot.waitUntil(dialog.isVisible)
    assert find("problemTitle").text() == problem.title
    dialog.close()
    qtbot.waitUntil(lambda: find("trainButton").isVisible() and find("trainButton").isEnabled())
    window.go_to("runs")
    table = find("runsTable").model()
    qtbot.waitUntil(lambda: statuses(table) == ["failed"], timeout=TIMEOUT)

    # The same click works once the fault is mended.
    chains_csv.write_text(text, encoding="utf-8")
    window.go_to("train")
    record, _ = train(qtbot, window, click)
    assert record.status is RunState.COMPLETED, record.error
