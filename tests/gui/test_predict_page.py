"""Predictions in the window: words for intervals and warnings, cancelling, saving, files and models that are not."""

from __future__ import annotations

import csv
import math
from dataclasses import replace
from functools import partial

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QComboBox, QDialog, QFileDialog, QPlainTextEdit, QPushButton, QWidget

from app.pages.predict_cells import prediction_cell, prediction_columns, prediction_orders
from app.services import runs
from app.services.prediction_table import Predictions
from app.widgets.cell_table import CellTable
from mole_engine.contracts.config import TrainConfig
from mole_engine.contracts.dataset import TaskKind, TaskSpec
from mole_engine.contracts.run_state import RunState

LOGS = TaskSpec("logS", TaskKind.REGRESSION, "log(mol/L)")
TOXIC = TaskSpec("toxic", TaskKind.CLASSIFICATION, classes=("no", "yes"))
TIMEOUT = 60_000


@pytest.fixture(scope="module")
def model_path(tmp_path_factory):
    """A tiny trained model, made once."""
    from mole_engine.train import train

    folder = tmp_path_factory.mktemp("model")
    data = folder / "chains.csv"
    rows = [f"{'C' * n}{end},{n - len(end)}\n" for n in range(1, 9) for end in ("O", "N", "F", "C#N", "OC")]
    data.write_text("smiles,logS\n" + "".join(rows), encoding="utf-8")
    job = {
        "name": "chains",
        "out": str(folder / "run"),
        "data": {"path": str(data)},
        "split": {"method": "random"},
        "model": {"layers": 1, "hidden_size": 16, "heads": 2, "intermediate_size": 32},
        "training": {"epochs": 1},
        "runtime": {"device": "cpu", "threads": 1},
    }
    record = train(TrainConfig.from_dict(job))
    assert record.status is RunState.COMPLETED
    return record.model_path


def made(tasks=(LOGS,), **columns):
    size = len(next(iter(columns.values())))
    return Predictions("m.mole", "m", tasks, "", ["CCO"] * size, {"error": [""] * size, **columns}, None)


def test_a_number_comes_with_unit_and_interval():
    predictions = made(logS_pred=[-1.2345], logS_lower=[-2.01], logS_upper=[-0.459])
    titles = [column.title for column in prediction_columns(predictions)]
    assert "logS (log(mol/L))" in titles
    named = made((TaskSpec("IC50 (nM)", TaskKind.REGRESSION, "nM"),), **{"IC50 (nM)_pred": [5.0]})
    assert "IC50 (nM)" in [column.title for column in prediction_columns(named)]
    cell = prediction_cell(predictions, 0, "value:0")
    assert (cell.text, cell.second) == ("\u22121.23", "90%: \u22122.01 to \u22120.46")
    assert "90% interval" in cell.tip
    narrow = prediction_cell(made(logS_pred=[1.5344], logS_lower=[1.2731], logS_upper=[1.7953]), 0, "value:0")
    assert (narrow.text, narrow.second) == ("1.53", "90%: 1.27 to 1.80")


def test_with_many_targets_the_warning_stands_before_them():
    tasks = tuple(TaskSpec(name, TaskKind.REGRESSION) for name in "abc")
    columns = [column.key for column in prediction_columns(made(tasks, a_pred=[1.0]))]
    assert columns.index("remark") < columns.index("value:0")
    assert [column.key for column in prediction_columns(made(a_pred=[1.0]))][-1] == "remark"


def test_classes_that_are_not_ruled_out_stand_beside_the_likely_one():
    columns = {"toxic_pred": [0.4, 0.1], "toxic_class": ["no", "no"], "toxic_set": ["no | yes", "no"]}
    predictions = made((TOXIC,), **columns)
    torn, sure = (prediction_cell(predictions, place, "class:0") for place in range(2))
    assert (torn.text, torn.bold) == ("no, or yes", False)
    assert "Not ruled out" in torn.tip
    assert (sure.text, sure.bold) == ("no", True)
    task = TaskSpec("colour", TaskKind.MULTICLASS, classes=("red", "blue", "green"))
    shares = {"colour_prob_red": [0.4], "colour_prob_blue": [0.3], "colour_prob_green": [0.3]}
    many = made((task,), colour_class=["red"], colour_set=["red | blue | green"], **shares)
    assert prediction_cell(many, 0, "class:0").text == "red, or 2 others"


def test_a_class_comes_with_the_probability_of_the_positive_one():
    predictions = made((TOXIC,), toxic_pred=[0.9, 0.2, 0.001], toxic_class=["yes", "no", "no"])
    cells = [prediction_cell(predictions, row, "class:0") for row in range(3)]
    said = [(cell.text, cell.second) for cell in cells]
    assert said[:2] == [("yes", "probability of yes: 0.90"), ("no", "probability of yes: 0.20")]
    assert said[2] == ("no", "probability of yes: <0.01")
    task = TaskSpec("colour", TaskKind.MULTICLASS, classes=("red", "blue"))
    several = made((task,), colour_class=["red"], colour_prob_red=[0.7], colour_prob_blue=[0.3])
    assert prediction_cell(several, 0, "class:0").second == "probability of red: 0.70"


def test_what_is_said_of_a_molecule_far_from_the_training_set_is_written_quietly():
    predictions = made((TOXIC,), toxic_pred=[0.06, 0.06], toxic_class=["no", "no"], in_domain=[False, True])
    far, near = (prediction_cell(predictions, row, "class:0") for row in range(2))
    assert (far.tone, far.bold, near.tone, near.bold) == ("muted", False, "", True)
    number = prediction_cell(made(logS_pred=[1.0], in_domain=[False]), 0, "value:0")
    assert (number.tone, number.bold) == ("muted", False)


def test_warnings_and_errors_are_said_in_words():
    predictions = made(
        logS_pred=[1.0, math.nan, 2.0],
        in_domain=[False, None, True],
        nearest_similarity=[0.24, math.nan, 0.8],
        error=["", "ring 1 is never closed", ""],
    )
    words = [prediction_cell(predictions, row, "remark").text for row in range(3)]
    assert words == ["far from the training set (0.24)", "cannot read: ring 1 is never closed", ""]
    assert prediction_cell(predictions, 1, "value:0").text == "\u2013"
    assert predictions.failed == 1
    # Nearer than it must be: then it is an element.
    known = [prediction_cell(replace(predictions, near=near), 0, "remark").text for near in (0.3, 0.2)]
    assert known == ["far from the training set (0.24)", "has an element that no training molecule has"]


def test_rows_are_ordered_by_what_their_cells_say(qtbot):
    task = TaskSpec("colour", TaskKind.MULTICLASS, classes=("red", "blue"))
    predictions = replace(
        made(
            (LOGS, TOXIC, task),
            logS_pred=[1.0, None, 2.0],
            toxic_pred=[0.1, None, 0.9],
            toxic_class=["no", None, "yes"],
            colour_class=["red", None, "blue"],
            colour_prob_red=[0.7, None, 0.2],
            colour_prob_blue=[0.3, None, 0.8],
            nearest_similarity=[0.24, None, 0.8],
            error=["", "ring 1 is never closed", ""],
        ),
        called="id",
        names=["b", "", "a"],
    )
    table = CellTable("table", "Predictions")
    qtbot.addWidget(table)
    columns = prediction_columns(predictions)
    cell = partial(prediction_cell, predictions)
    for number, column in enumerate(columns):
        orders = []
        for given in (None, partial(prediction_orders, predictions)):
            table.show_rows(columns, 3, cell, given)
            table.cells.sort(number, Qt.SortOrder.DescendingOrder)
            orders.append([table.cells.row_at(place) for place in range(3)])
        assert orders[0] == orders[1], column.key
        # What cannot be read is the last, also among notes.
        assert column.key in {"row", "structure", "smiles"} or orders[0][-1] == 1, column.key


def test_a_molecule_without_a_name_says_which_row_it_is():
    predictions = replace(made(logS_pred=[1.0, 2.0]), called="Compound ID", names=["007", " "])
    cells = [prediction_cell(predictions, place, "name") for place in range(2)]
    assert [(cell.text, cell.second) for cell in cells] == [("007", ""), ("", "row 2")]


def test_it_says_so_once_and_also_where_the_column_of_rows_gives_way(qtbot, shown):
    table = CellTable("predictionTable", "Predictions")
    shown(table, 1200)
    named = replace(made(logS_pred=[1.0, 2.0]), called="Compound ID", names=["007", " "])
    table.show_rows(prediction_columns(named), 2, partial(prediction_cell, named))
    name = table.cells.index(1, 1)
    assert not table.isColumnHidden(0)
    assert name.data() == ""
    table.resize(420, 320)
    qtbot.waitUntil(lambda: table.isColumnHidden(0))
    assert name.data() == "row 2"
    table.resize(1200, 320)
    qtbot.waitUntil(lambda: not table.isColumnHidden(0))
    assert name.data() == ""
    # Of other molecules, none of which has a name.
    table.resize(420, 320)
    plain = made(logS_pred=[1.0, 2.0])
    table.show_rows(prediction_columns(plain), 2, partial(prediction_cell, plain))
    assert not table.isColumnHidden(0)


def test_without_a_model_nothing_can_be_asked(qtbot, window, predict_page):
    window.findChild(QPlainTextEdit, "predictSmilesEdit").setPlainText("CCO")
    assert not window.findChild(QPushButton, "predictButton").isEnabled()
    qtbot.waitUntil(lambda: "no model yet" in predict_page._about.text())
    window.findChild(QPushButton, "predictTrainButton").click()
    assert window.page("train").isVisible()


def test_pasted_molecules_are_predicted_and_saved(qtbot, window, predict_page, asked, tmp_path):
    predictions = asked("CCCO\nC1CC\n")
    assert math.isfinite(predictions.number("logS_pred", 0))
    assert predictions.error(1)
    table = window.findChild(QWidget, "predictionTable").model()
    assert table.rowCount() == 2
    target = tmp_path / "out.xlsx"
    predict_page.save(str(target))
    qtbot.waitUntil(target.is_file, timeout=10_000)
    target = tmp_path / "out.csv"
    predict_page.save(str(target))
    qtbot.waitUntil(target.is_file, timeout=10_000)
    with target.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert float(rows[0]["logS_pred"]) == pytest.approx(predictions.number("logS_pred", 0), rel=1e-5)


def test_molecules_are_shown_by_the_names_that_they_came_with(qtbot, window, predict_page, asked, tmp_path):
    table = window.findChild(CellTable, "predictionTable")

    def column(title):
        model = table.cells
        titles = [model.headerData(n, Qt.Orientation.Horizontal) for n in range(model.columnCount())]
        return [model.index(row, titles.index(title)).data() for row in range(model.rowCount())]

    asked("CCCO propanol\nC1CC broken")
    assert column("name") == ["propanol", "broken"]
    data = tmp_path / "library.csv"
    data.write_text("structure,amount,Compound ID\nCCO,2,007\nCCN,2,\n", encoding="utf-8")
    with qtbot.waitSignal(window.session.predictions_ready, timeout=TIMEOUT):
        predict_page.predict_file(str(data))
    assert column("Compound ID") == ["007", ""]
    assert column("row") == ["1", "2"], "which says where the one without a name stands"


def test_an_ending_that_cannot_be_written_is_told(qtbot, window, predict_page, asked, tmp_path):
    asked("CCCO")
    with qtbot.waitSignal(window.session.problem_raised, timeout=10_000) as raised:
        predict_page.save(str(tmp_path / "out.docx"))
    assert "docx" in raised.args[0].one_line()


def test_columns_of_the_file_that_bear_our_names_stay_untouched(qtbot, window, predict_page, asked, tmp_path):
    data = tmp_path / "measured.csv"
    data.write_text("smiles,logS_pred,error\nCCO,12.5,mine\nCCN,13.5,\n", encoding="utf-8")
    with qtbot.waitSignal(window.session.predictions_ready, timeout=TIMEOUT) as ready:
        predict_page.predict_file(str(data))
    predictions = ready.args[0]
    assert list(predictions.frame["logS_pred"]) == ["12.5", "13.5"]
    assert list(predictions.frame["error"]) == ["mine", ""]
    assert predictions.error(0) == ""
    assert predictions.number("logS_pred", 0) != 12.5


@pytest.mark.parametrize("content", ["", "a,b\n1,2\n"])
def test_a_file_without_molecules_is_told_and_the_page_works_on(qtbot, window, predict_page, asked, tmp_path, content):
    data = tmp_path / "nothing.csv"
    data.write_text(content, encoding="utf-8")
    with qtbot.waitSignal(window.session.problem_raised, timeout=TIMEOUT) as raised:
        predict_page.predict_file(str(data))
    assert "nothing.csv" in raised.args[0].one_line()
    window._problem_dialog.close()
    assert len(asked("CCO")) == 1


def test_a_file_whose_structures_nobody_recognises_is_predicted_by_the_column_chosen(
    qtbot, window, predict_page, asked, tmp_path
):
    asked("CCO")
    data = tmp_path / "odd.csv"
    data.write_text("a,b\n1,12\n2,CC\n3,13\n", encoding="utf-8")
    with qtbot.waitSignal(window.session.problem_raised, timeout=TIMEOUT) as raised:
        predict_page.predict_file(str(data))
    assert "--smiles-column" not in raised.args[0].one_line()
    columns = window._problem_dialog.findChild(QComboBox, "problemColumn")
    assert [columns.itemText(place) for place in range(columns.count())] == ["a", "b"]
    columns.setCurrentText("b")
    with qtbot.waitSignal(window.session.predictions_ready, timeout=TIMEOUT) as ready:
        qtbot.mouseClick(window.findChild(QPushButton, "problemUseColumn"), Qt.MouseButton.LeftButton)
    assert not ready.args[0].error(1)
    assert not window._problem_dialog.isVisible()


def test_a_file_that_is_no_model_is_told(qtbot, window, predict_page, tmp_path):
    path = tmp_path / "broken.mole"
    path.write_bytes(b"not a bundle")
    with qtbot.waitSignal(window.session.problem_raised, timeout=10_000) as raised:
        window.open_path(path)
    assert "broken.mole" in raised.args[0].one_line()


def test_a_model_file_opened_or_dropped_can_be_used(qtbot, window, predict_page, model_path):
    window.open_path(model_path)
    models = window.findChild(QWidget, "modelsTable").model()
    qtbot.waitUntil(lambda: models.rowCount() == 1)
    qtbot.mouseClick(window.findChild(QPushButton, "modelPredictButton"), Qt.MouseButton.LeftButton)
    assert predict_page.isVisible()
    qtbot.waitUntil(lambda: predict_page.models.currentData() == model_path)


def test_escape_cancels_a_prediction(qtbot, window, predict_page, asked):
    asked("CCO")
    finished = []
    window.session.predictions_ready.connect(finished.append)
    with qtbot.waitSignal(window.session.predictions.idle, timeout=TIMEOUT):
        window.findChild(QPlainTextEdit, "predictSmilesEdit").setPlainText("CCCCO\n" * 30_000)
        qtbot.mouseClick(window.findChild(QPushButton, "predictButton"), Qt.MouseButton.LeftButton)
        qtbot.waitUntil(lambda: window.session.predictions.is_busy)
        qtbot.keyClick(window, Qt.Key.Key_Escape)
    assert finished == []
    qtbot.waitUntil(window.findChild(QPushButton, "predictButton").isEnabled)
    assert not window._problem_dialog.isVisible()


def test_a_file_dropped_before_there_is_a_model_is_answered(qtbot, window, predict_page, tmp_path):
    with qtbot.waitSignal(window.session.problem_raised) as problem:
        predict_page.predict_file(str(tmp_path / "molecules.csv"))
    assert problem.args[0].one_line().startswith("There is no model to predict with.")


def test_a_model_that_was_opened_is_the_one_to_predict_with(qtbot, window, model_path):
    window.open_path(model_path)
    models = window.page("models")
    qtbot.waitUntil(lambda: bool(models._models))
    # By the rail, not by the button of the Models predict_page.
    window.go_to("predict")
    predict = window.page("predict")
    qtbot.waitUntil(lambda: predict.models.currentData() == model_path)


def test_a_model_without_a_test_shows_what_the_validation_molecules_said(qtbot, window, model_path, monkeypatch):
    read = runs.read_model_info

    def untested(path):
        said = {"metrics": {}, "validation_metrics": {"rmse": 0.42}, "counts": {"train": 30, "val": 10, "test": 0}}
        return replace(read(path), **said)

    monkeypatch.setattr(runs, "read_model_info", untested)
    window.open_path(model_path)
    page = window.page("models")
    qtbot.waitUntil(lambda: bool(page._models))
    cells, column = page.table.cells, [column.key for column in page.table.cells.columns].index("metric")
    assert cells.data(cells.index(0, column)) == "RMSE 0.420 validation"
    assert page.tile.accessibleName() == "Validation RMSE 0.420"
    window.go_to("predict")
    predict = window.page("predict")
    qtbot.waitUntil(lambda: predict._about.text().endswith("validation RMSE 0.420"))


@pytest.mark.parametrize("called", ["", "Compound ID"])
def test_in_a_narrow_window_the_smiles_gives_way_before_the_note(qtbot, called):
    table = CellTable("table", "Predictions")
    qtbot.addWidget(table)
    predictions = replace(made(logS_pred=[1.0], in_domain=[False]), called=called, names=["M-1"])
    columns = prediction_columns(predictions)
    table.resize(570, 300)
    table.show_rows(columns, 1, lambda place, key: prediction_cell(predictions, place, key))
    table.show()
    smiles, note = (next(n for n, column in enumerate(columns) if column.key == key) for key in ("smiles", "remark"))
    assert table.isColumnHidden(smiles)
    assert table.columnViewportPosition(note) + table.columnWidth(note) <= table.viewport().width()
    table.resize(900, 300)
    assert not table.isColumnHidden(smiles)
    assert table.columnWidth(smiles) > 90


def test_the_kind_of_file_chosen_decides_how_predictions_are_written(qtbot, window, predict_page, asked, tmp_path):
    asked("CCCCO hexyl\nC1CC broken\n")
    qtbot.waitUntil(predict_page.save_button.isEnabled)
    qtbot.mouseClick(predict_page.save_button, Qt.MouseButton.LeftButton)
    dialog = window.findChild(QFileDialog, "saveDialog")
    dialog.selectFile(str(tmp_path / "mine.csv"))
    kind = next(words for words in dialog.nameFilters() if "*.sdf" in words)
    dialog.selectNameFilter(kind)
    dialog.filterSelected.emit(kind)
    qtbot.waitUntil(lambda: dialog.selectedFiles() == [str(tmp_path / "mine.sdf")])
    dialog.done(QDialog.DialogCode.Accepted)
    dialog.fileSelected.emit(dialog.selectedFiles()[0])
    qtbot.waitUntil((tmp_path / "mine.sdf").is_file)
    records = (tmp_path / "mine.sdf").read_text(encoding="utf-8").split("$$$$\n")[:-1]
    assert [">  <logS_pred>" in record for record in records] == [True, True]
    assert "ring 1 is never closed" in records[1]


def test_a_single_molecule_is_explained_without_a_click(qtbot, predict_page, asked):
    asked("CCCCO")
    qtbot.waitUntil(lambda: predict_page.explaining.answer is not None)
    assert predict_page.explanation.isVisible()
    asked("CCCCO\nCCCCN")
    assert not predict_page.explanation.isVisible()
