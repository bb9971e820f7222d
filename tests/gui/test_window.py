"""The window as a whole: start, drop, pages, keys, theme, closing."""

from __future__ import annotations

import gc
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from PySide6.QtCore import QEvent, QMimeData, QPoint, QPointF, Qt, QTimer, QUrl
from PySide6.QtGui import QCloseEvent, QDragEnterEvent, QDropEvent, QGuiApplication
from PySide6.QtWidgets import QApplication, QLabel, QPlainTextEdit, QPushButton, QToolButton, QWidget
from shiboken6 import isValid

from app.main_window import MainWindow
from app.services.prefetch import FOR_FILES, Prefetch
from app.services.session import Session
from app.theme import DARK, LIGHT, theme
from app.widgets.problem_dialog import ProblemDialog
from mole_engine.contracts.config import TrainConfig
from mole_engine.contracts.errors import Problem
from tests.gui.conftest import SlowJob


def drop(target: QWidget, path: Path) -> None:
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile(str(path))])
    copy, left, none = Qt.DropAction.CopyAction, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    middle = target.rect().center()
    QApplication.sendEvent(target, QDragEnterEvent(QPoint(middle), copy, mime, left, none))
    QApplication.sendEvent(target, QDropEvent(QPointF(middle), copy, mime, left, none))


@pytest.mark.parametrize("name", ["dropZone", "mainWindow"])
def test_a_dropped_file_is_opened(qtbot, window, molecules_csv, name):
    target = window if name == "mainWindow" else window.findChild(QWidget, name)
    with qtbot.waitSignal(window.session.dataset_opened, timeout=20_000) as opened:
        drop(target, molecules_csv)
    assert opened.args[0].info.rows == 14
    assert window.session.dataset is opened.args[0]
    assert "molecules.csv" in window.windowTitle()


@pytest.mark.parametrize("name", ["mainWindow", "dropZone"])
def test_several_dropped_files_are_opened_together(qtbot, window, tmp_path, name):
    mime = QMimeData()
    for number in (1, 2):
        rows = "".join(f"{'C' * (i + number)}N,{i}\n" for i in range(6))
        (tmp_path / f"plate{number}.csv").write_text("smiles,y\n" + rows)
    mime.setUrls([QUrl.fromLocalFile(str(tmp_path / f"plate{number}.csv")) for number in (1, 2)])
    target = window if name == "mainWindow" else window.findChild(QWidget, name)
    left, none = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    entered = QDragEnterEvent(QPoint(50, 50), Qt.DropAction.CopyAction, mime, left, none)
    with qtbot.waitSignal(window.session.dataset_opened, timeout=60_000):
        QApplication.sendEvent(target, entered)
        QApplication.sendEvent(target, QDropEvent(QPointF(50, 50), Qt.DropAction.CopyAction, mime, left, none))
    assert entered.isAccepted()
    assert window.session.dataset.info.rows == 12


def test_one_click_opens_the_sample(qtbot, window):
    with qtbot.waitSignal(window.session.dataset_opened, timeout=30_000):
        qtbot.mouseClick(window.findChild(QPushButton, "openSampleButton"), Qt.MouseButton.LeftButton)
    assert window.session.dataset.roles.tasks


def test_every_page_can_be_reached_from_the_rail(qtbot, window):
    for name in ("Train", "Runs", "Predict", "Models", "Preferences", "Data"):
        qtbot.mouseClick(window.findChild(QToolButton, f"nav{name}"), Qt.MouseButton.LeftButton)
        assert window.page(name.lower()).isVisible()


def test_keys_go_to_pages_and_press_the_main_button(qtbot, window, open_file, molecules_csv):
    qtbot.keyClick(window, Qt.Key.Key_4, Qt.KeyboardModifier.ControlModifier)
    assert window.page("predict").isVisible()
    open_file(molecules_csv)
    assert window.page("data").isVisible()
    qtbot.keyClick(window, Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
    assert window.page("train").isVisible()


def test_a_command_is_found_by_typing_some_of_its_letters(qtbot, window):
    qtbot.keyClick(window, Qt.Key.Key_K, Qt.KeyboardModifier.ControlModifier)
    palette = window.findChild(QWidget, "commandPalette")
    field = palette.findChild(QWidget, "commandField")
    qtbot.keyClicks(field, "pred")
    qtbot.keyClick(field, Qt.Key.Key_Return)
    assert window.page("predict").isVisible()
    assert not palette.isVisible()


def test_f1_opens_the_guide(qtbot, window):
    qtbot.keyClick(window, Qt.Key.Key_F1)
    guide = window.findChild(QWidget, "guideDialog")
    assert guide is not None
    assert guide.isVisible()
    guide.close()


@pytest.mark.parametrize(("scheme", "tokens"), [(Qt.ColorScheme.Dark, DARK), (Qt.ColorScheme.Light, LIGHT)])
def test_colours_follow_the_system_while_the_window_is_open(qtbot, window, scheme, tokens):
    theme.set_mode("system")
    QGuiApplication.styleHints().colorSchemeChanged.emit(
        Qt.ColorScheme.Light if scheme is Qt.ColorScheme.Dark else Qt.ColorScheme.Dark
    )
    with qtbot.waitSignal(theme.changed):
        QGuiApplication.styleHints().colorSchemeChanged.emit(scheme)
    assert theme.palette() is tokens
    picture = window.grab().toImage()
    corner = picture.pixelColor(picture.width() - 40, picture.height() // 2)
    assert corner.name().upper() == tokens.background
    QGuiApplication.styleHints().colorSchemeChanged.emit(Qt.ColorScheme.Light)


def test_a_fixed_scheme_does_not_follow_the_system_and_is_remembered(qtbot, window, workspace):
    qtbot.mouseClick(window.findChild(QToolButton, "navPreferences"), Qt.MouseButton.LeftButton)
    window.page("preferences").findChild(QWidget, "darkModeButton").click()
    QGuiApplication.styleHints().colorSchemeChanged.emit(Qt.ColorScheme.Light)
    assert theme.palette() is DARK
    assert window.session.settings.theme_mode == "dark"
    window.close()
    assert "theme=dark" in (workspace / "settings.ini").read_text()


def test_place_and_recent_files_are_kept(qtbot, window, open_file, molecules_csv, workspace):
    window.resize(970, 666)
    open_file(molecules_csv)
    window.close()
    again = MainWindow(workspace)
    qtbot.addWidget(again)
    assert again.height() == 666
    assert again.session.settings.recent == [str(molecules_csv)]
    molecules_csv.unlink()
    assert again.session.settings.recent == []
    again.close()


def test_a_problem_is_shown_in_words_with_details_to_copy(qtbot, window):
    window.session.report(ZeroDivisionError("float division by zero"))
    dialog = window.findChild(QWidget, "problemDialog")
    assert dialog.isVisible()
    assert not dialog.isModal()
    assert dialog.findChild(QLabel, "problemTitle").text() == "Something went wrong inside MolE Studio."
    details = dialog.findChild(QPlainTextEdit, "problemDetails")
    assert "ZeroDivisionError" in details.toPlainText()
    qtbot.mouseClick(dialog.findChild(QPushButton, "problemCopy"), Qt.MouseButton.LeftButton)
    assert "ZeroDivisionError" in QGuiApplication.clipboard().text()
    dialog.close()


def test_closing_ends_reading_and_leaves_no_thread(qtbot, window, tmp_path):
    path = tmp_path / "long.csv"
    path.write_text("smiles,y\n" + "".join(f"{'C' * (1 + i % 40)}O,{i}\n" for i in range(60_000)))
    window.open_path(path)
    qtbot.waitUntil(lambda: window.session.datasets.is_busy)
    window.close()
    names = [thread.name for thread in threading.enumerate()]
    assert not [name for name in names if name.startswith(("studio", "depictions", "prefetch"))]
    assert window.session.dataset is None


def test_closing_while_a_training_runs_leaves_it_to_be_resumed(qtbot, window, job):
    window.close()
    assert window.isVisible()
    qtbot.waitUntil(lambda: not window.isVisible(), timeout=10_000)
    assert job.ended == "interrupt"
    assert not window.session.training.is_running


@pytest.mark.parametrize(
    ("answer", "ended"), [("closeKeepButton", "stop"), ("closeLaterButton", "interrupt"), ("closeStayButton", "")]
)
def test_the_user_is_asked_before_a_training_is_ended(qtbot, window, job, monkeypatch, answer, ended):
    monkeypatch.setattr(QCloseEvent, "spontaneous", lambda self: True)
    window.close()
    question = window.findChild(QWidget, "closeQuestion")
    assert question.isVisible()
    assert window.session.training.is_running
    qtbot.mouseClick(question.findChild(QPushButton, answer), Qt.MouseButton.LeftButton)
    assert not question.isVisible()
    if ended:
        qtbot.waitUntil(lambda: not window.isVisible(), timeout=10_000)
    else:
        qtbot.wait(30)
        assert window.isVisible()
    assert job.ended == ended
    monkeypatch.undo()


def test_a_window_that_is_destroyed_unclosed_ends_its_training_first(qtbot, workspace):
    window = MainWindow(workspace)
    job = window.session.training._train = SlowJob()
    with qtbot.waitSignal(window.session.run_started):
        window.session.training.start(TrainConfig())
    window.deleteLater()
    QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    assert job.ended == "interrupt"
    assert not isValid(window)


def test_the_window_loads_nothing_heavy():
    code = (
        "import sys; import app.main_window, app.pages.data, app.__main__;"
        "heavy = {'torch', 'pytorch_lightning', 'rdkit', 'pandas', 'numpy', 'pyqtgraph', 'sklearn', 'scipy'};"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "[]"


def test_the_first_paint_loads_nothing_heavy(tmp_path):
    code = (
        "import sys; from pathlib import Path; from PySide6.QtWidgets import QApplication;"
        "app = QApplication([]); from app.main_window import MainWindow;"
        f"window = MainWindow(Path({str(tmp_path)!r})); window.show(); app.processEvents();"
        "heavy = {'torch', 'pytorch_lightning', 'rdkit', 'pandas', 'numpy', 'pyqtgraph'};"
        "print(sorted(heavy & set(sys.modules))); window.close()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "[]"


def test_prefetch_loads_what_opening_a_file_needs(qtbot, monkeypatch):
    monkeypatch.setattr("app.services.prefetch.FOR_TRAINING", ())
    monkeypatch.setattr("app.services.prefetch._PATIENCE", 0.0)
    monkeypatch.setattr("app.services.prefetch.device_words", lambda: "Test GPU")
    prefetch = Prefetch()
    with qtbot.waitSignal(prefetch.devices_known, timeout=30_000) as known:
        prefetch.start()
    assert known.args == ["Test GPU"]
    assert set(FOR_FILES) <= set(sys.modules)
    prefetch.close()


def test_garbage_is_collected_again_where_the_device_cannot_be_named(qtbot, workspace, monkeypatch):
    def fail() -> str:
        raise RuntimeError("no driver")

    for name in ("FOR_FILES", "FOR_PLOTS", "FOR_TRAINING"):
        monkeypatch.setattr(f"app.services.prefetch.{name}", ())
    for name in ("_PATIENCE", "_FOR_PLOTS_SECONDS"):
        monkeypatch.setattr(f"app.services.prefetch.{name}", 0.0)
    monkeypatch.setattr("app.services.prefetch.device_words", fail)
    session = Session(workspace)
    try:
        with qtbot.waitSignal(session.prefetch.devices_known) as known:
            session.prefetch.start()
        qtbot.waitUntil(lambda: not session.garbage._held)
        assert known.args == [""]
    finally:
        session.close()


@pytest.mark.skipif(sys.platform == "win32", reason="libraries load in another way")
def test_a_large_library_is_loaded_by_the_system_alone():
    code = "import sys; from app.services.prefetch import LIBRARIES, load_libraries\n"
    code += "print(load_libraries('torch', *LIBRARIES['torch']), load_libraries('torch', 'lib/none'))\n"
    code += "print('torch' in sys.modules)\n"
    code += "import torch; print(float(torch.ones(3) @ torch.ones(3)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=True)
    assert done.stdout.split() == ["True", "False", "False", "3.0"]


def test_qt_calls_keep_their_references_to_none(qtbot):
    """PySide6 6.12 loses one reference to None a call on Python 3.11, until the interpreter dies."""
    label, timer = QLabel(), QTimer()
    qtbot.addWidget(label)
    gc.collect()
    before = sys.getrefcount(None)
    for number in range(2000):
        label.setText(str(number))
        timer.setInterval(number)
    assert before - sys.getrefcount(None) < 500


def test_a_cause_that_follows_a_colon_stands_alone_in_the_dialog(qtbot):
    dialog = ProblemDialog()
    qtbot.addWidget(dialog)
    dialog.show_problem(Problem("Cannot write /a/last.ckpt:", "the disk is full.", "Free some space."))
    words = [dialog.findChild(QLabel, name).text() for name in ("problemTitle", "problemCause", "problemRemedy")]
    assert words == ["Cannot write /a/last.ckpt", "The disk is full.", "Free some space."]
