"""The Data page: filters that Undo brings back, the menu of many columns, another encoding, another seed."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QCheckBox, QComboBox, QDoubleSpinBox, QLabel, QLineEdit, QMenu, QSpinBox, QWidget

from app.services.filters import RangeFilter, TextFilter
from mole_engine.contracts.errors import KnownError
from tests.gui.conftest import write_csv

PATIENCE = 60_000
LOGS = "logS (log(mol/L))"


@pytest.fixture
def page(window, open_file, molecules_csv):
    open_file(molecules_csv)
    return window.data_page


def shortcut(window, words: str) -> QAction:
    return next(action for action in window.actions() if action.text().startswith(words))


def change(qtbot, window, act) -> None:
    with qtbot.waitSignal(window.session.dataset_changed, timeout=PATIENCE):
        act()


def choose(window, name: str, data: object) -> None:
    box = window.findChild(QComboBox, name)
    assert box.findData(data) >= 0
    box.setCurrentIndex(box.findData(data))


def shown(window) -> int:
    return len(window.data_page.table.molecules.file_rows())


def test_filters_are_undone_and_done_again_between_other_steps(qtbot, window, page):
    undo, redo = shortcut(window, "Undo"), shortcut(window, "Do again")
    high = RangeFilter(LOGS, 0.0, 9.0)
    page.rows.add_filter(high)
    qtbot.waitUntil(lambda: 0 < shown(window) < 14, timeout=PATIENCE)
    assert undo.text() == f"Undo: filter {high.words}"
    switch = window.findChild(QCheckBox, "merge_duplicatesSwitch")
    change(qtbot, window, lambda: qtbot.mouseClick(switch, Qt.MouseButton.LeftButton))
    page.rows.clear_filters()
    qtbot.waitUntil(lambda: shown(window) == 14, timeout=PATIENCE)
    undo.trigger()
    assert page.rows.filters == [high]
    assert not switch.isChecked()
    change(qtbot, window, undo.trigger)
    assert switch.isChecked()
    assert page.rows.filters == [high]
    undo.trigger()
    assert page.rows.filters == []
    assert not undo.isEnabled()
    redo.trigger()
    change(qtbot, window, redo.trigger)
    redo.trigger()
    assert page.rows.filters == []
    assert not redo.isEnabled()
    qtbot.waitUntil(lambda: shown(window) == 14, timeout=PATIENCE)


def test_a_filter_set_before_a_step_that_fails_stays(qtbot, window, page, monkeypatch):
    switch = window.findChild(QCheckBox, "neutraliseSwitch")
    change(qtbot, window, lambda: qtbot.mouseClick(switch, Qt.MouseButton.LeftButton))
    page.rows.add_filter(TextFilter("c1"))
    undo, stack = shortcut(window, "Undo"), window.session.history.stack
    change(qtbot, window, lambda: choose(window, "splitCombo", "random"))
    change(qtbot, window, undo.trigger)

    def failing(*_: object) -> None:
        raise KnownError("The disk is full.")

    with monkeypatch.context() as patch:
        patch.setattr("app.services.datasets._assemble", failing)
        undo.trigger()
        with qtbot.waitSignal(window.session.problem_raised, timeout=PATIENCE):
            undo.trigger()
    # Back where the data is: before the filter, after the step that could not be undone.
    assert (stack.index(), page.rows.filters, switch.isChecked()) == (1, [], False)
    shortcut(window, "Do again").trigger()
    assert page.rows.filters == [TextFilter("c1")]
    window.findChild(QWidget, "problemDialog").close()


def test_many_columns_are_grouped_and_found_by_name(qtbot, window, open_file, tmp_path):
    names = [f"assay {number} {'dose' if number % 2 else 'time'}" for number in range(30)]
    lines = [",".join(["smiles", "remark", *names])]
    lines += [",".join(["C" * (i + 1), f"text {i}", *(str(i + j / 7) for j in range(30))]) for i in range(8)]
    path = tmp_path / "wide.csv"
    path.write_text("\n".join(lines) + "\n")
    open_file(path)
    menu = window.data_page.rows.columns
    menu.fill()
    groups = [action for action in menu.actions() if action.menu() is not None]
    assert [action.text() for action in groups] == ["Numbers (29)", "Texts (1)"]
    assert len([action for action in menu.actions() if action.isVisible()]) < 20
    search = menu.findChild(QLineEdit, "columnSearchEdit")
    search.setText("DOSE 1")
    found = [action for action in menu.actions() if action.isVisible() and action.text().startswith("assay")]
    assert all("1" in action.text() and "dose" in action.text() for action in found)
    assert len(found) == 7
    assert not any(action.isVisible() for action in groups)
    found[0].trigger()
    assert window.data_page.rows.columns.extra == (found[0].text(),)
    search.setText("nothing like it")
    assert "No column is called that" in [action.text() for action in menu.actions() if action.isVisible()]
    search.clear()
    assert all(action.isVisible() for action in groups)
    assert isinstance(groups[0].menu(), QMenu)


def test_another_encoding_reads_the_file_again(qtbot, window, open_file, tmp_path):
    path = tmp_path / "names.csv"
    rows = "".join(f"{'C' * (i + 1)}O,Ж{i},{i}.5\n" for i in range(8))
    path.write_bytes(("smiles,Имя,y\n" + rows).encode("cp1251"))
    open_file(path)
    change(qtbot, window, lambda: choose(window, "encodingCombo", "cp1252"))
    assert "Имя" not in [column.name for column in window.session.dataset.info.columns]
    change(qtbot, window, lambda: choose(window, "encodingCombo", "cp1251"))
    assert [column.name for column in window.session.dataset.info.columns] == ["smiles", "Имя", "y"]
    assert window.session.dataset.data_config.encoding == "cp1251"
    assert "CP1251" in window.findChild(QLabel, "readSummary").text()
    change(qtbot, window, shortcut(window, "Undo").trigger)
    assert window.findChild(QComboBox, "encodingCombo").currentData() == "cp1252"


def test_another_seed_divides_in_another_way_and_goes_with_the_job(qtbot, window, page):
    seed = window.findChild(QSpinBox, "splitSeedSpin")
    assert seed.isHidden()
    change(qtbot, window, lambda: choose(window, "splitCombo", "random"))
    first = window.session.dataset.split
    assert not seed.isHidden()
    qtbot.mouseClick(page.side.split._toggle, Qt.MouseButton.LeftButton)
    change(qtbot, window, lambda: seed.setValue(3))
    other = window.session.dataset.split
    assert other != first
    assert window.session.dataset.split_config.seed == 3
    from mole_engine.contracts.config import TrainConfig
    from mole_engine.data.assemble import load_training_data

    job = TrainConfig(data=window.session.dataset.data_config, split=window.session.dataset.split_config, seed=99)
    assert load_training_data(job)[1] == other


def test_the_seed_of_the_run_divides_in_the_window_as_in_the_run(qtbot, window, page):
    change(qtbot, window, lambda: choose(window, "splitCombo", "random"))
    first, form = window.session.dataset.split, window.page("train").setup.form
    change(qtbot, window, lambda: form.set_value("seed", 3))
    shown = window.session.dataset.split
    assert shown.train != first.train
    from mole_engine.data.assemble import load_training_data

    job = window.page("train").setup.job()
    assert (job.seed, job.split.seed) == (3, -1)
    assert load_training_data(job)[1] == shown


def test_a_split_without_chance_is_not_made_anew_for_another_seed(qtbot, window, page):
    change(qtbot, window, lambda: choose(window, "splitCombo", "random"))
    seed = window.findChild(QSpinBox, "splitSeedSpin")
    change(qtbot, window, lambda: seed.setValue(3))
    window.page("train").setup.form.set_value("seed", 7)
    qtbot.waitUntil(lambda: window.session.datasets.seed == 7)
    # Its own seed holds, whatever the run's is.
    assert not window.session.datasets.is_busy
    change(qtbot, window, lambda: seed.setValue(-1))
    from mole_engine.data.assemble import load_training_data

    assert load_training_data(window.page("train").setup.job())[1] == window.session.dataset.split


@pytest.fixture
def apart(window, open_file, tmp_path):
    """Return the page with two values of one structure that lie far apart, and a bound."""
    rows = [("smiles", "logS"), ("CCO", "-3.64"), ("OCC", "-0.64"), ("Nc1ccccc1", "<-1.5")]
    open_file(write_csv(tmp_path / "apart.csv", [*rows, *(("C" * n, f"-{n}.5") for n in range(2, 12))]))
    return window.data_page


def test_what_is_learned_of_values_that_disagree_stands_in_row_and_dialog(window, apart):
    table = apart.table.molecules
    column = table.columns().index("logS")
    cell = table.index(0, column)
    learned = "\u22122.14 (mean of 2: \u22123.64, \u22120.64)"
    assert cell.data() == "\u22123.64"
    assert learned in cell.data(Qt.ItemDataRole.ToolTipRole)
    assert learned in cell.data(Qt.ItemDataRole.AccessibleTextRole)
    assert table.index(2, column).data(Qt.ItemDataRole.AccessibleTextRole) == "<-1.5"
    apart.rows.row_opened.emit(0)
    dialog = window.findChild(QWidget, "moleculeDialog")
    assert any(learned in label.toolTip() for label in dialog.findChildren(QLabel))
    summary = window.findChild(QLabel, "curationSummary").text()
    assert "1 structure has values that disagree" in summary


def test_the_distance_of_values_and_bounds_can_be_set(qtbot, window, apart):
    drop = window.findChild(QCheckBox, "drop_disagreeingSwitch")
    change(qtbot, window, lambda: qtbot.mouseClick(drop, Qt.MouseButton.LeftButton))
    assert window.session.dataset.report.kept == 11
    change(qtbot, window, lambda: window.findChild(QDoubleSpinBox, "agreeWithinSpin").setValue(3.5))
    assert window.session.dataset.report.kept == 12
    change(qtbot, window, lambda: choose(window, "boundsCombo", "drop"))
    assert window.session.dataset.report.kept == 11


def test_a_number_typed_for_one_file_does_not_reach_the_next(qtbot, window, page, open_file, tmp_path):
    qtbot.mouseClick(window.findChild(QWidget, "moreStepsButton"), Qt.MouseButton.LeftButton)
    size = window.findChild(QSpinBox, "maxHeavyAtomsSpin")
    size.setValue(12)
    alcohols = [(f"CCCCCC{n * 'C'}O", str(n)) for n in range(9)]
    open_file(write_csv(tmp_path / "other.csv", [("smiles", "y"), *alcohols]))
    qtbot.wait(900)
    assert size.value() == window.session.dataset.data_config.curation.max_heavy_atoms > 12
    assert window.session.dataset.report.kept == 9


def test_numbers_of_spin_boxes_stand_off_the_border(window, page):
    spins = [*page.findChildren(QSpinBox), *page.findChildren(QDoubleSpinBox)]
    assert {"maxHeavyAtomsSpin", "agreeWithinSpin", "testPercentSpin"} <= {spin.objectName() for spin in spins}
    assert all(spin.lineEdit().textMargins().left() >= 6 for spin in spins)
