"""Changing what trains: counted clean-up, undo, split; and what the engine receives is what is shown."""

from __future__ import annotations

import json

import pytest
from PySide6.QtCore import QMimeData, Qt, QUrl
from PySide6.QtGui import QAction, QGuiApplication
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QLabel,
    QLineEdit,
    QListWidget,
    QMenu,
    QPushButton,
    QSpinBox,
    QTableView,
    QWidget,
)

from app.pages.train_words import parts_words
from app.services.columns import PROPERTY_TITLES
from app.services.estimates import data_size
from app.services.sources import data_of_files
from mole_engine.chem.properties import PROPERTIES
from mole_engine.contracts.errors import KnownError
from mole_engine.contracts.presets import load_preset

PATIENCE = 60_000

ASSAY = ["id,smiles,IC50 (nM),measured"] + [
    f"M{i},{'C' * (1 + i % 9)}c1ccc({'OCNSP'[i % 4]})cc1{'C' * (i // 9)},{10 ** (i % 6)},20{10 + i % 12}-03-01"
    for i in range(36)
]


@pytest.fixture
def page(window, open_file, molecules_csv):
    open_file(molecules_csv)
    return window.data_page


@pytest.fixture
def assay(window, open_file, tmp_path):
    """Return the page with concentrations that span five powers of ten, one of them a bound."""
    path = tmp_path / "assay.csv"
    path.write_text("\n".join([*ASSAY, "M99,CCCCCCCCCCO,>50000,2022-01-01"]) + "\n")
    open_file(path)
    return window.data_page


def change(qtbot, window, act) -> None:
    with qtbot.waitSignal(window.session.dataset_changed, timeout=PATIENCE):
        act()


def shortcut(window, words: str) -> QAction:
    return next(action for action in window.actions() if action.text().startswith(words))


def touched(window, name: str) -> str:
    return window.data_page.side.curation._touched[name].text()


def choose(window, name: str, data: object) -> None:
    box = window.findChild(QComboBox, name)
    assert box.findData(data) >= 0
    box.setCurrentIndex(box.findData(data))


def test_every_step_says_what_it_would_do_before_it_is_switched_on(qtbot, window, open_file, tmp_path):
    path = tmp_path / "stereo.csv"
    path.write_text("smiles,y\nC[C@H](N)O,1\nC[C@@H](N)O,1\nCCO,2\nCCN,3\n[Na+].[Cl-],4\nCCCC,5\n")
    open_file(path)
    qtbot.waitUntil(lambda: touched(window, "flatten_stereo") == "2 rows", timeout=PATIENCE)
    assert touched(window, "leave_out_inorganic") == "1 row"
    assert window.session.dataset.report.kept == 6
    switch = window.findChild(QCheckBox, "flatten_stereoSwitch")
    change(qtbot, window, lambda: qtbot.mouseClick(switch, Qt.MouseButton.LeftButton))
    assert window.session.dataset.report.kept == 5
    assert window.session.dataset.report.steps["flatten_stereo"] == 2


def test_changes_are_undone_and_done_again_in_order(qtbot, window, page):
    first = window.session.dataset
    undo, redo = shortcut(window, "Undo"), shortcut(window, "Do again")
    assert not undo.isEnabled()
    switch = window.findChild(QCheckBox, "merge_duplicatesSwitch")
    change(qtbot, window, lambda: qtbot.mouseClick(switch, Qt.MouseButton.LeftButton))
    change(qtbot, window, lambda: choose(window, "splitCombo", "random"))
    assert undo.text() == "Undo: split"
    change(qtbot, window, lambda: qtbot.keyClick(window, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier))
    assert window.session.dataset.split_config.method == "auto"
    assert window.session.dataset.report.kept == 12
    change(qtbot, window, undo.trigger)
    assert window.session.dataset.report.kept == 11
    assert switch.isChecked()
    assert window.session.dataset.split == first.split
    assert not undo.isEnabled()
    change(qtbot, window, redo.trigger)
    change(qtbot, window, redo.trigger)
    assert window.session.dataset.split_config.method == "random"
    assert not redo.isEnabled()


def test_undoing_that_is_cancelled_leaves_the_history_where_the_data_is(qtbot, window, page, monkeypatch):
    switch = window.findChild(QCheckBox, "neutraliseSwitch")
    change(qtbot, window, lambda: qtbot.mouseClick(switch, Qt.MouseButton.LeftButton))
    now, stack = window.session.dataset, window.session.history.stack

    def failing(*_: object) -> None:
        raise KnownError("The disk is full.")

    with monkeypatch.context() as patch:
        patch.setattr("app.services.datasets._assemble", failing)
        with qtbot.waitSignal(window.session.problem_raised, timeout=PATIENCE):
            shortcut(window, "Undo").trigger()
    assert window.session.dataset is now
    assert not switch.isChecked()
    assert stack.index() == 1
    change(qtbot, window, shortcut(window, "Undo").trigger)
    assert switch.isChecked()
    window.findChild(QWidget, "problemDialog").close()


def test_what_the_engine_receives_is_what_the_page_shows(qtbot, window, page):
    from mole_engine.data.assemble import load_training_data

    targets = window.findChild(QListWidget, "targetColumnsList")
    names = {targets.item(i).text(): targets.item(i) for i in range(targets.count())}

    def correct() -> None:
        names["toxic"].setCheckState(Qt.CheckState.Checked)
        names["logS (log(mol/L))"].setCheckState(Qt.CheckState.Unchecked)

    change(qtbot, window, correct)
    switch = window.findChild(QCheckBox, "merge_duplicatesSwitch")
    change(qtbot, window, lambda: qtbot.mouseClick(switch, Qt.MouseButton.LeftButton))
    change(qtbot, window, shortcut(window, "Undo").trigger)
    change(qtbot, window, lambda: choose(window, "splitCombo", "random"))
    change(qtbot, window, lambda: window.findChild(QSpinBox, "testPercentSpin").setValue(30))
    shown = window.session.dataset
    window.go_to("train")
    config = window.page("train").setup.job([])
    assert config.data.targets == ["toxic"]
    assert config.split.test_fraction == 0.3
    dataset, split = load_training_data(config)
    rows = dataset.source_rows.tolist()
    for name, members in (("train", split.train), ("val", split.validation), ("test", split.test)):
        received = {rows[place]: dataset.smiles[place] for place in members}
        on_page = {row: shown.smiles[row] for row, part in enumerate(shown.parts) if part == name}
        assert received == on_page
        assert received
    assert sum(part != "" for part in shown.parts) == len(dataset) == 11


@pytest.mark.parametrize("method", ["scaffold", "cluster", "random", "stratified", "kfold", "time:measured"])
def test_every_way_to_divide_shows_its_parts(qtbot, window, assay, method):
    change(qtbot, window, lambda: choose(window, "splitCombo", method))
    dataset = window.session.dataset
    assert dataset.split_config.method == method.partition(":")[0]
    bars = assay.side.split._bars
    counts = [len(dataset.split.train), len(dataset.split.validation), len(dataset.split.test)]
    assert [sum(bar._counts) for bar in bars] == counts
    assert [sum(part == name for part in dataset.parts) for name in ("train", "val", "test")] == counts
    if method == "time:measured":
        dates = dataset.table.column_values("measured")
        newest = {dates[row] for row, part in enumerate(dataset.parts) if part == "test"}
        assert min(newest) >= max(dates[row] for row, part in enumerate(dataset.parts) if part == "train")


def test_leakage_is_told_in_plain_words(qtbot, window, assay):
    change(qtbot, window, lambda: choose(window, "splitCombo", "random"))
    words = window.findChild(QLabel, "splitWords").text()
    assert "in both train and" in words
    assert "similarity" in window.findChild(QLabel, "splitNearness").text()


def test_concentrations_are_offered_as_their_logarithm_and_bounds_are_told(qtbot, window, assay):
    table = assay.table.molecules
    assert "nM" in window.findChild(QLabel, "readSummary").text()
    column = table.columns().index("IC50 (nM)")
    assert "bound" in table.index(36, column).data(Qt.ItemDataRole.ToolTipRole)
    offer = window.findChild(QPushButton, "molarButton")
    assert offer.text() == "Learn pIC50"
    change(qtbot, window, lambda: qtbot.mouseClick(offer, Qt.MouseButton.LeftButton))
    dataset = window.session.dataset
    assert [task.name for task in dataset.roles.tasks] == ["pIC50"]
    assert float(dataset.table.cell(3, "pIC50")) == pytest.approx(6.0)
    change(qtbot, window, lambda: qtbot.mouseClick(offer, Qt.MouseButton.LeftButton))
    assert [task.name for task in window.session.dataset.roles.tasks] == ["IC50 (nM)"]


def test_who_is_offered_the_logarithm_of_nanometres_is_told_what_they_are_taken_for(window, open_file, tmp_path):
    path = tmp_path / "nm.csv"
    path.write_text("\n".join([ASSAY[0].replace("(nM)", "(nm)"), *ASSAY[1:], "M99,CO,7,2022-01-01"]) + "\n")
    open_file(path)
    offer = window.findChild(QPushButton, "molarButton")
    assert offer.text() == "Learn pIC50"
    assert offer.toolTip().endswith("instead of the concentration itself; its unit is read as nM")


def test_a_unit_that_is_typed_stands_beside_the_numbers(qtbot, window, page):
    unit = window.findChild(QLineEdit, "unitEdit")
    qtbot.mouseClick(window.findChild(QPushButton, "changeRolesButton"), Qt.MouseButton.LeftButton)
    unit.selectAll()

    def type_unit() -> None:
        qtbot.keyClicks(unit, "mg/L")
        qtbot.keyClick(unit, Qt.Key.Key_Return)

    change(qtbot, window, type_unit)
    assert window.session.dataset.roles.tasks[0].unit == "mg/L"
    assert "mg/L" in page.table.molecules.headerData(3, Qt.Orientation.Horizontal)


def test_a_unit_that_is_typed_goes_to_the_target_that_is_chosen(qtbot, window, open_file, tmp_path):
    path = tmp_path / "two.csv"
    path.write_text("\n".join(["smiles,Ki (nM),logP", *(f"{'C' * n}O,{n * 10}.5,{n}.25" for n in range(1, 13))]))
    open_file(path)
    boxes = window.findChild(QListWidget, "targetColumnsList")
    change(qtbot, window, lambda: boxes.item(1).setCheckState(Qt.CheckState.Checked))
    qtbot.mouseClick(window.findChild(QPushButton, "changeRolesButton"), Qt.MouseButton.LeftButton)
    unit, whose = window.findChild(QLineEdit, "unitEdit"), window.findChild(QComboBox, "unitTargetCombo")
    assert [whose.itemText(place) for place in range(whose.count())] == ["all 2 targets", "Ki (nM)", "logP"]
    assert (whose.currentText(), unit.text()) == ("Ki (nM)", "nM")
    whose.setCurrentText("logP")
    assert unit.text() == ""

    def type_unit() -> None:
        qtbot.keyClicks(unit, "log units")
        qtbot.keyClick(unit, Qt.Key.Key_Return)

    change(qtbot, window, type_unit)
    assert [task.unit for task in window.session.dataset.roles.tasks] == ["nM", "log units"]
    assert (whose.currentText(), unit.text()) == ("logP", "log units")
    whose.setCurrentText("all 2 targets")
    assert (unit.text(), unit.placeholderText()) == ("", "several")


def test_the_report_is_saved_as_page_and_as_json(qtbot, window, page, tmp_path):
    for ending in ("html", "json"):
        target = tmp_path / f"report.{ending}"
        page._save_report(str(target))
        qtbot.waitUntil(lambda target=target: target.exists() and target.stat().st_size > 100, timeout=PATIENCE)
    issues = json.loads((tmp_path / "report.json").read_text())["curation"]["issues"]
    assert {issue["line"] for issue in issues} >= {4, 5, 7, 8}
    assert "ring 1 is never closed" in (tmp_path / "report.html").read_text()


def test_pasted_rows_are_opened_and_kept_for_the_training(qtbot, window):
    rows = "\n".join(f"{'C' * (i + 1)}O\t{i / 2}" for i in range(8))
    QGuiApplication.clipboard().setText(f"smiles\tlogP\n{rows}")
    with qtbot.waitSignal(window.session.dataset_opened, timeout=PATIENCE):
        shortcut(window, "Paste").trigger()
    dataset = window.session.dataset
    assert dataset.report.kept == 8
    assert [task.name for task in dataset.roles.tasks] == ["logP"]
    assert dataset.info.path.startswith(str(window.session.workspace))
    former = dataset
    QGuiApplication.clipboard().setText("   ")
    with qtbot.waitSignal(window.session.problem_raised, timeout=PATIENCE):
        shortcut(window, "Paste").trigger()
    assert window.session.dataset is former
    window.findChild(QWidget, "problemDialog").close()


def test_a_clipboard_without_molecules_leaves_the_start_page(qtbot, window):
    QGuiApplication.clipboard().setText("nothing of the kind")
    with qtbot.waitSignal(window.session.problem_raised, timeout=PATIENCE):
        window.paste()
    assert window.findChild(QWidget, "dropZone").isVisible()
    assert not window.session.datasets.is_busy
    window.findChild(QWidget, "problemDialog").close()


def test_steps_taken_in_haste_end_where_the_last_one_led(qtbot, window, page):
    switch = window.findChild(QCheckBox, "merge_duplicatesSwitch")
    change(qtbot, window, lambda: qtbot.mouseClick(switch, Qt.MouseButton.LeftButton))
    stack = window.session.history.stack

    def back_and_forth() -> None:
        stack.undo()
        stack.redo()

    change(qtbot, window, back_and_forth)
    qtbot.waitUntil(lambda: not window.session.datasets.is_busy, timeout=PATIENCE)
    assert window.session.dataset.report.kept == 12
    assert stack.index() == 1
    change(qtbot, window, stack.undo)
    assert window.session.dataset.report.kept == 11


def test_several_files_become_one_table(qtbot, window, tmp_path):
    for number in (1, 2):
        rows = "".join(f"{'C' * (i + number)}N,{i}\n" for i in range(6))
        (tmp_path / f"plate{number}.csv").write_text("smiles,y\n" + rows)
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile(str(tmp_path / f"plate{number}.csv")) for number in (1, 2)])
    QGuiApplication.clipboard().setMimeData(mime)
    with qtbot.waitSignal(window.session.dataset_opened, timeout=PATIENCE):
        window.paste()
    assert window.session.dataset.info.rows == 12
    assert len(window.session.dataset.data_config.extra_paths) == 1
    qtbot.mouseClick(window.findChild(QPushButton, "curationReportButton"), Qt.MouseButton.LeftButton)
    dialog = window.findChild(QWidget, "issuesDialog")
    model, header = (dialog.findChild(QTableView, "issuesTable").model(), ["line", "file"])
    names = [model.headerData(place, Qt.Orientation.Horizontal) for place in range(model.columnCount())]
    told = {tuple(model.index(row, names.index(name)).data() for name in header) for row in range(model.rowCount())}
    assert ("2", "plate2.csv") in told
    target = tmp_path / "report.csv"
    dialog.save_wanted.emit(str(target))
    qtbot.waitUntil(lambda: target.exists() and "plate2.csv,2,CCN," in target.read_text(), timeout=PATIENCE)
    dialog.close()


def test_molecules_of_a_validation_file_are_not_said_to_train(qtbot, window, tmp_path):
    for name, length in (("train", 15), ("valid", 20)):
        rows = "".join(f"{'C' * (i + 1)}{name[0].replace('t', 'N').replace('v', 'O')},{i}\n" for i in range(length))
        (tmp_path / f"assay_{name}.csv").write_text("smiles,y\n" + rows)
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile(str(tmp_path / f"assay_{name}.csv")) for name in ("train", "valid")])
    QGuiApplication.clipboard().setMimeData(mime)
    with qtbot.waitSignal(window.session.dataset_opened, timeout=PATIENCE):
        window.paste()
    dataset = window.session.dataset
    assert (len(dataset.split.validation), dataset.apart) == (20, 20)
    size = data_size(dataset)
    assert size.pool == size.train == 15 - size.test
    words = parts_words(dataset, load_preset("recommended").config())
    assert words.startswith(f"{size.train} molecules train in 5 folds")


def test_files_called_training_and_test_are_that():
    data = data_of_files(["/a/assay_train.csv", "/a/assay_test.csv", "/a/assay_valid.csv"])
    assert (data.path, data.test_path) == ("/a/assay_train.csv", "/a/assay_test.csv")
    assert data.validation_path == "/a/assay_valid.csv"
    assert data_of_files(["/a/latest.csv", "/a/train.csv"]).extra_paths == ["/a/train.csv"]
    assert data_of_files(["/a/test1.csv", "/a/test2.csv"]).test_path == ""


def test_a_benchmark_set_is_chosen_from_the_menu(qtbot, window, molecules_csv, monkeypatch):
    from mole_engine.contracts.config import DataConfig

    asked: list[str] = []

    def fetched(name: str, on_progress: object) -> DataConfig:
        asked.append(name)
        if len(asked) == 2:
            raise KnownError("It cannot be downloaded.", "There is no connection.", "Try later.")
        return DataConfig(path=str(molecules_csv), smiles_column="smiles", targets=["toxic"])

    monkeypatch.setattr("app.services.sources.fetch", fetched)
    menu = next(menu for menu in window.findChildren(QMenu) if menu.title() == "Open benchmark set")
    menu.aboutToShow.emit()
    entries = [action for collection in menu.findChildren(QMenu) for action in collection.actions()]
    assert len(entries) > 20
    with qtbot.waitSignal(window.session.dataset_opened, timeout=PATIENCE):
        entries[0].trigger()
    former = window.session.dataset
    assert [task.name for task in former.roles.tasks] == ["toxic"]
    with qtbot.waitSignal(window.session.problem_raised, timeout=PATIENCE):
        entries[1].trigger()
    assert window.session.dataset is former
    assert asked == [action.toolTip().partition(";")[0] for action in entries[:2]]
    window.findChild(QWidget, "problemDialog").close()


def test_the_properties_offered_are_those_of_the_engine():
    assert list(PROPERTY_TITLES) == list(PROPERTIES)
