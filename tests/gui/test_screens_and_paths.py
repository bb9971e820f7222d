"""Small screens, frames that the system draws, and paths as Qt's dialogs give them."""

from __future__ import annotations

import locale
from types import SimpleNamespace

import pytest
from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QFileDialog

import app.theme
from app import file_manager, first_size
from app.__main__ import _application
from app.services import runs
from app.theme import Theme
from tests.gui.test_predict_page import model_path

__all__ = ["model_path"]


@pytest.mark.parametrize(
    ("room", "size"),
    [
        (QSize(1920, 1032), QSize(1280, 800)),
        # Full HD at 150 %, less the task bar.
        (QSize(1280, 672), QSize(1264, 632)),
        (QSize(1100, 1000), QSize(1084, 800)),
    ],
)
def test_the_first_window_fits_on_the_screen(room, size, monkeypatch):
    monkeypatch.setattr(first_size, "QGuiApplication", SimpleNamespace(platformName=lambda: "windows"))
    assert first_size.first_size(SimpleNamespace(availableSize=lambda: room)) == size


def test_the_window_asks_how_large_it_may_be(monkeypatch, qtbot, workspace):
    from app import main_window

    monkeypatch.setattr("app.services.prefetch.Prefetch.start", lambda self: None)
    monkeypatch.setattr(main_window, "first_size", lambda screen: QSize(1111, 666))
    window = main_window.MainWindow(workspace)
    qtbot.addWidget(window)
    assert window.size() == QSize(1111, 666)
    window.close()


def test_frames_and_dialogs_of_the_system_have_the_colours_that_are_chosen(qapp, monkeypatch):
    """What Qt is told of the scheme is all that they know."""
    told = []

    def scheme():
        fixed = told[-1] if told else Qt.ColorScheme.Unknown
        # The system is dark.
        return Qt.ColorScheme.Dark if fixed is Qt.ColorScheme.Unknown else fixed

    hints = SimpleNamespace(colorScheme=scheme, setColorScheme=told.append)
    monkeypatch.setattr(app.theme, "QGuiApplication", SimpleNamespace(styleHints=lambda: hints))
    chosen = Theme()
    chosen.set_mode("light")
    assert not chosen.palette().dark
    chosen.set_mode("system")
    assert chosen.palette().dark
    assert told == [Qt.ColorScheme.Light, Qt.ColorScheme.Unknown]


def test_qt_takes_a_scheme_and_gives_it_up(qapp):
    hints = QGuiApplication.styleHints()
    before = hints.colorScheme()
    hints.setColorScheme(Qt.ColorScheme.Dark)
    hints.setColorScheme(Qt.ColorScheme.Unknown)
    assert hints.colorScheme() == before


def spelled_otherwise(path):
    """Return a path with slashes that `Path` writes in another way, as it does with Qt's under Windows."""
    return "//".join(path.rsplit("/", 1))


@pytest.fixture
def listed(window, model_path, monkeypatch):
    known = runs.read_model_info(model_path)
    monkeypatch.setattr(runs, "_models", lambda *_: [known])
    return known


def test_a_listed_model_that_is_opened_is_not_listed_twice(qtbot, window, listed):
    page = window.page("models")
    page.open_path(spelled_otherwise(listed.path))
    qtbot.waitUntil(lambda: page._wanted == listed.path and bool(page._models))
    qtbot.wait(50)
    assert [model.path for model in page._models] == [listed.path]
    assert page._guests == [listed.path]


def test_nor_is_one_that_predicts(qtbot, window, predict_page, listed):
    predict_page.predict_file(spelled_otherwise(listed.path))
    qtbot.waitUntil(lambda: predict_page.models.currentData() == listed.path)
    assert predict_page.models.count() == 1


def test_nor_is_one_that_a_training_starts_from(qtbot, window, listed):
    shelf = window.page("train").setup._starts
    with qtbot.waitSignal(shelf.chosen) as told:
        shelf.take(spelled_otherwise(listed.path))
    assert told.args == [listed.path]


def test_files_of_parts_are_named_as_the_system_does(qtbot, window, open_file, molecules_csv):
    open_file(molecules_csv)
    side = window.data_page.side
    with qtbot.waitSignal(side.revised) as told:
        side._choose_file("test_path")
        (dialog,) = [one for one in side.findChildren(QFileDialog) if one.isVisible()]
        dialog.fileSelected.emit(spelled_otherwise(str(molecules_csv)))
        dialog.close()
    assert told.args[0] == {"test_path": str(molecules_csv)}


def test_libraries_and_months_are_not_in_the_language_of_the_user(qapp, monkeypatch):
    """Making the application sets the whole process to it (Linux, macOS)."""
    done = []

    class Application:
        def __init__(self, _words):
            done.append("made")

        def __getattr__(self, name):
            return lambda _value: None

    monkeypatch.setattr(locale, "setlocale", lambda part, value: done.append((part, value)))
    _application(Application)
    assert done == ["made", (locale.LC_NUMERIC, "C"), (locale.LC_TIME, "C")]


@pytest.fixture
def opened(monkeypatch):
    """Return the folders that the file manager is told of."""
    told = []
    monkeypatch.setattr(file_manager.QDesktopServices, "openUrl", lambda url: told.append(url.toLocalFile()))
    return told


def test_the_file_manager_is_told_where_a_folder_really_lies(opened, tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "shown").symlink_to(tmp_path / "real")
    file_manager.show_folder(str(tmp_path / "shown"))
    assert opened == [str((tmp_path / "real").resolve())]


def test_the_workspace_opens_from_the_menu_and_from_the_settings(opened, window, tmp_path):
    real = window.session.workspace.resolve()
    (tmp_path / "shown").symlink_to(real)
    window.session.workspace = tmp_path / "shown"
    next(action for action in window.actions() if action.text() == "Open the workspace folder").trigger()
    window.page("preferences")._open_folder()
    assert opened == [str(real)] * 2
