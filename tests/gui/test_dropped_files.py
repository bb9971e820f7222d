"""Files dropped on pages, zones and text fields: what is taken, what is refused, and what is said of the rest."""

from __future__ import annotations

import shutil

import pytest
from PySide6.QtCore import QEvent, QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import (
    QContextMenuEvent,
    QDragEnterEvent,
    QDropEvent,
    QGuiApplication,
    QKeyEvent,
    QKeySequence,
)
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLineEdit, QPlainTextEdit

from app.page_shelf import PAGES
from app.pages.dropped import not_opened, too_many
from app.widgets.pinned_molecules import PinDialog
from app.widgets.save_preset import SavePresetDialog
from tests.gui.test_predict_page import model_path

__all__ = ["model_path"]

CONTROL = Qt.KeyboardModifier.ControlModifier


def files(*paths):
    """What file managers hand over: addresses, and these as text too."""
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile(str(path)) for path in paths])
    mime.setText("\n".join(f"file://{path}" for path in paths))
    return mime


def drop(target, mime):
    """Drag something over a widget and drop it there; return whether it was taken."""
    copy, left, none = Qt.DropAction.CopyAction, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    middle = target.rect().center()
    entered = QDragEnterEvent(QPoint(middle), copy, mime, left, none)
    entered.ignore()
    QApplication.sendEvent(target, entered)
    if entered.isAccepted():
        QApplication.sendEvent(target, QDropEvent(QPointF(middle), copy, mime, left, none))
    return entered.isAccepted()


@pytest.fixture
def tables(tmp_path):
    """Return two files with molecules."""
    paths = [tmp_path / name for name in ("library.csv", "second.csv")]
    for path in paths:
        path.write_text("smiles\nCCO\nCCN\n", encoding="utf-8")
    return paths


@pytest.fixture
def problems(window):
    """Return what the user was told, as it comes."""
    told = []
    window.session.problem_raised.connect(told.append)
    return told


@pytest.mark.parametrize("place", ["field", "zone", "window"])
def test_a_file_dropped_anywhere_on_the_predict_page_is_predicted(qtbot, window, predict_page, asked, tables, place):
    asked("CCO")
    target = {"field": predict_page.smiles.viewport(), "zone": predict_page.zone, "window": window}[place]
    with qtbot.waitSignal(window.session.predictions_ready) as ready:
        assert drop(target, files(tables[0]))
    assert (ready.args[0].source, len(ready.args[0])) == ("library.csv", 2)
    assert predict_page.smiles.toPlainText() == "CCO"
    assert predict_page.isVisible()
    assert window.session.dataset is None


def test_a_copied_file_pasted_where_smiles_go_is_predicted(qtbot, window, predict_page, asked, tables):
    asked("CCO")
    QGuiApplication.clipboard().setMimeData(files(tables[0]))
    with qtbot.waitSignal(window.session.predictions_ready) as ready:
        predict_page.smiles.paste()
    assert ready.args[0].source == "library.csv"
    assert predict_page.smiles.toPlainText() == "CCO"
    QGuiApplication.clipboard().setText("\nCCN")
    predict_page.smiles.selectAll()
    predict_page.smiles.paste()
    assert predict_page.smiles.toPlainText() == "\nCCN"


@pytest.mark.parametrize("place", ["field", "zone", "window"])
def test_several_files_on_the_predict_page_change_nothing(
    qtbot, window, open_file, molecules_csv, problems, tables, place
):
    open_file(molecules_csv)
    opened = window.session.dataset
    window.go_to("predict")
    page = window.page("predict")
    target = {"field": page.smiles.viewport(), "zone": page.zone, "window": window}[place]
    with qtbot.waitSignal(window.session.problem_raised):
        assert drop(target, files(*tables))
    said = "One file is predicted at a time. 2 files were dropped: library.csv and second.csv. Drop one of them."
    assert [problem.one_line() for problem in problems] == [said]
    assert not window.session.datasets.is_busy
    assert window.session.dataset is opened
    assert page.isVisible()


def test_a_model_and_a_table_dropped_together_on_the_predict_page_are_used_together(
    qtbot, window, predict_page, model_path, tables, problems
):
    with qtbot.waitSignal(window.session.predictions_ready) as ready:
        drop(predict_page.zone, files(tables[0], model_path))
    assert ready.args[0].model_path == model_path
    assert predict_page.models.currentData() == model_path
    assert problems == []


def test_a_table_dropped_with_a_damaged_model_is_not_predicted_by_another(
    qtbot, window, predict_page, asked, tables, tmp_path
):
    before = asked("CCO")
    broken = tmp_path / "broken.mole"
    broken.write_bytes(b"not a bundle")
    with qtbot.waitSignal(window.session.problem_raised) as raised:
        drop(predict_page.zone, files(broken, tables[0]))
    assert "broken.mole" in raised.args[0].one_line()
    qtbot.waitUntil(lambda: not window.session.tasks._tasks)
    assert predict_page.answer.predictions is before
    assert predict_page.table.isVisible()


def test_on_other_pages_what_comes_with_a_model_is_named(qtbot, window, model_path, tables, problems):
    with qtbot.waitSignal(window.session.problem_raised):
        drop(window, files(tables[0], model_path))
    assert problems[0].title == "library.csv was not opened."
    models = window.page("models")
    qtbot.waitUntil(lambda: [model.path for model in models._models] == [model_path])
    assert window.session.dataset is None


def test_a_file_dropped_on_the_search_field_is_opened_and_text_is_searched_for(
    qtbot, window, open_file, molecules_csv, find, tmp_path
):
    open_file(molecules_csv)
    other = shutil.copyfile(molecules_csv, tmp_path / "other.csv")
    field = find("searchEdit", QLineEdit)
    with qtbot.waitSignal(window.session.dataset_opened) as opened:
        assert drop(field, files(other))
    assert opened.args[0].info.name == "other.csv"
    assert field.text() == ""
    text = QMimeData()
    text.setText("CCO")
    assert drop(field, text)
    assert field.text() == "CCO"


def test_no_text_field_of_any_page_takes_a_file_for_text(window, tables, monkeypatch):
    for name, _, _ in PAGES:
        window.page(name)
    opened, tried = [], []
    monkeypatch.setattr(window, "open_paths", opened.append)
    for field in [*window.findChildren(QLineEdit), *window.findChildren(QPlainTextEdit)]:
        target = field.viewport() if isinstance(field, QPlainTextEdit) else field
        if target.acceptDrops() and field.isEnabled() and field.window() is window:
            tried.append(field)
            assert drop(target, files(tables[0])), field.objectName()
            assert len(opened) == len(tried), field.objectName()
    assert {"searchEdit", "predictSmilesEdit", "runNotesEdit"} <= {field.objectName() for field in tried}


def test_where_nothing_can_be_done_with_files_they_are_refused(shown, tables):
    dialog = shown(PinDialog(["CCO"]))
    assert not drop(dialog.edit.viewport(), files(tables[0]))
    QGuiApplication.clipboard().setMimeData(files(tables[0]))
    dialog.edit.paste()
    assert dialog.edit.toPlainText() == "CCO"


def test_what_is_said_of_files_names_them():
    assert too_many(["a.csv"]) is too_many(["a.mole", "b.csv"]) is None
    said = too_many(["/x/a.mole", "/x/B.MOLE", "/x/c.csv"]).problem.one_line()
    assert said.startswith("One model is asked at a time. 3 files were dropped: a.mole, B.MOLE and c.csv.")
    many = too_many([f"{letter}.csv" for letter in "abcdef"]).problem.cause
    assert many == "6 files were dropped: a.csv, b.csv, c.csv and 3 others."
    problem = not_opened(["/x/b.mole", "/x/c.csv"], "/x/a.mole").problem
    assert problem.title == "2 files were not opened."
    assert problem.cause == "A model is opened alone: a.mole came together with b.mole and c.csv."


@pytest.mark.parametrize(("page", "name"), [("data", "searchEdit"), ("runs", "runSearchEdit")])
@pytest.mark.parametrize("keys", [QKeySequence("Ctrl+V"), QKeySequence("Shift+Ins")], ids=["ctrl-v", "shift-insert"])
def test_a_copied_file_pasted_into_a_field_is_opened_and_text_is_taken(
    qtbot, window, open_file, molecules_csv, find, tmp_path, page, name, keys
):
    open_file(molecules_csv)
    window.go_to(page)
    other = shutil.copyfile(molecules_csv, tmp_path / "other.csv")
    window.activateWindow()
    qtbot.waitUntil(lambda: QApplication.activeWindow() is window)
    field = find(name, QLineEdit)
    field.setFocus()
    QGuiApplication.clipboard().setMimeData(files(other))
    if keys == QKeySequence("Ctrl+V"):
        with qtbot.waitSignal(window.session.dataset_opened) as opened:
            QTest.keySequence(field, keys)
        assert opened.args[0].info.name == "other.csv"
    else:
        QTest.keySequence(field, keys)
    assert field.text() == ""
    window.go_to(page)
    field.setFocus()
    QGuiApplication.clipboard().setText("hexane")
    QTest.keySequence(field, keys)
    assert field.text() == "hexane"


def test_the_menu_of_a_field_offers_no_file_to_paste(qtbot, window, open_file, molecules_csv, find, tables):
    open_file(molecules_csv)
    field = find("searchEdit", QLineEdit)
    offered = []
    for content in (files(tables[0]), None):
        QGuiApplication.clipboard().setMimeData(content) if content else QGuiApplication.clipboard().setText("CCO")
        middle = field.rect().center()
        event = QContextMenuEvent(QContextMenuEvent.Reason.Mouse, middle, field.mapToGlobal(middle))
        QApplication.sendEvent(field, event)
        menu = QApplication.activePopupWidget()
        offered.append([action.isEnabled() for action in menu.actions() if "Paste" in action.text()])
        menu.close()
    assert offered == [[False], [True]]


def test_no_field_takes_a_copied_file_for_text(window, tables, shown):
    for name, _, _ in PAGES:
        window.page(name)
    dialog = shown(SavePresetDialog("Mine", ""))
    QGuiApplication.clipboard().setMimeData(files(tables[0]))
    tried = []
    for field in [*window.findChildren(QLineEdit), *dialog.findChildren(QLineEdit)]:
        if field.isEnabled() and not field.isReadOnly():
            before = field.text()
            QApplication.sendEvent(field, QKeyEvent(QEvent.Type.KeyPress, Qt.Key.Key_V, CONTROL, "v"))
            assert field.text() == before, field.objectName()
            tried.append(field.objectName())
    assert {"searchEdit", "runTagsEdit", "settingsSearch", "presetNameEdit"} <= set(tried)


@pytest.mark.parametrize("page", ["data", "predict"])
@pytest.mark.parametrize("way", ["drop", "paste"])
def test_of_a_folder_and_of_a_link_it_is_said_why_they_are_not_opened(
    qtbot, window, problems, tables, tmp_path, page, way
):
    window.go_to(page)
    link = QMimeData()
    link.setUrls([QUrl("https://example.org/molecules.csv")])
    for mime in (files(tables[0], tmp_path), link):
        if way == "drop":
            assert drop(window, mime)
        else:
            QGuiApplication.clipboard().setMimeData(mime)
            window.paste()
    assert [problem.title for problem in problems] == [
        "A folder cannot be opened.",
        "An address cannot be opened.",
    ]
    assert tmp_path.name in problems[0].cause
    assert "example.org" in problems[1].cause
    assert not window.session.datasets.is_busy
    assert window.session.dataset is None


@pytest.mark.parametrize("way", ["keys", "menu"])
def test_of_a_folder_pasted_where_smiles_go_it_is_said_that_it_cannot_be_opened(
    window, predict_page, problems, tables, tmp_path, way
):
    field = predict_page.smiles
    QGuiApplication.clipboard().setMimeData(files(tables[0], tmp_path))
    if way == "keys":
        QTest.keyClick(field, Qt.Key.Key_V, CONTROL)
    else:
        field.paste()
    assert [problem.title for problem in problems] == ["A folder cannot be opened."]
    assert field.toPlainText() == ""


@pytest.mark.parametrize("link", ["https://example.org/a table?q=ü", "https://example.org/a%20table?q=%C3%BC"])
def test_a_text_that_comes_with_a_link_is_pasted_as_a_text(qtbot, window, problems, link):
    mime = QMimeData()
    mime.setUrls([QUrl(link)])
    mime.setText(f"{link}\n")
    QGuiApplication.clipboard().setMimeData(mime)
    window.paste()
    assert [problem.title for problem in problems] == ["An address cannot be opened."]
    mime = QMimeData()
    mime.setUrls([QUrl(link)])
    mime.setText("smiles,y\nCCO,1\nCCN,2\nCCC,3\nCCF,4\n")
    assert not drop(window, mime), "texts are not dropped on the window"
    QGuiApplication.clipboard().setMimeData(mime)
    with qtbot.waitSignal(window.session.dataset_opened):
        window.paste()
    assert len(problems) == 1
