"""Menus of the window: once as a menu bar (macOS; elsewhere after Alt), once behind the rail's Menu button."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import Slot
from PySide6.QtGui import QAction, QActionGroup, QKeySequence
from PySide6.QtWidgets import QMenu

from app.file_manager import show_folder
from app.services.datasets import samples
from app.theme import ThemeMode, theme

if TYPE_CHECKING:
    from app.main_window import MainWindow

_PAGE_NAMES = ("data", "train", "runs", "predict", "models")
_MODES: tuple[tuple[str, ThemeMode], ...] = (
    ("Light and dark as the system", "system"),
    ("Light", "light"),
    ("Dark", "dark"),
)


def build_menus(window: MainWindow) -> QMenu:
    """Fill the menu bar, and return one menu that holds the same menus."""
    whole = QMenu(window)
    whole.setObjectName("wholeMenu")
    for menu in (_file_menu(window), _edit_menu(window), _view_menu(window), _help_menu(window)):
        window.menuBar().addMenu(menu)
        whole.addMenu(menu)
    # The drawings have no menu bar; where the system shows menus at the top of the screen it costs no room.
    window.menuBar().setVisible(sys.platform == "darwin")
    return whole


def _add(
    window: MainWindow, menu: QMenu, text: str, action: Callable[[], object], keys: str | QKeySequence = ""
) -> QAction:
    made = QAction(text, window)
    if keys:
        made.setShortcut(QKeySequence(keys))
    made.triggered.connect(lambda _checked=False: action())
    menu.addAction(made)
    # A hidden menu bar does not listen for shortcuts; the window does.
    window.addAction(made)
    return made


def _file_menu(window: MainWindow) -> QMenu:
    menu = QMenu("&File", window)
    _add(window, menu, "Open\u2026", window.choose_file, QKeySequence(QKeySequence.StandardKey.Open))
    paste = _add(window, menu, "Paste molecules or a table", window.paste)
    paste.setShortcut(QKeySequence(QKeySequence.StandardKey.Paste))
    _sample_menu(window, menu.addMenu("Open sample"))
    sets = menu.addMenu("Open benchmark set")
    sets.aboutToShow.connect(lambda: _fill_benchmarks(window, sets))
    recent = menu.addMenu("Open recent")
    recent.setToolTipsVisible(True)
    recent.aboutToShow.connect(lambda: _fill_recent(window, recent))
    menu.addSeparator()
    # Not the system's own key for it: Windows has none.
    _add(window, menu, "Quit", window.quit, "Ctrl+Q")
    return menu


def _sample_menu(window: MainWindow, menu: QMenu) -> None:
    for sample in samples():
        action = menu.addAction(sample.title)
        action.setProperty("command", f"Open the sample: {sample.title}")
        window.addAction(action)
        action.triggered.connect(lambda _checked=False, path=sample.path: window.open_path(path))


def _fill_benchmarks(window: MainWindow, menu: QMenu) -> None:
    """List the sets, a menu for each collection, when they are first asked for."""
    if menu.actions():
        return
    from app.services.sources import benchmark_sets

    collections: dict[str, QMenu] = {}
    for entry in benchmark_sets():
        if entry.collection not in collections:
            collections[entry.collection] = menu.addMenu(entry.collection)
            collections[entry.collection].setToolTipsVisible(True)
        action = collections[entry.collection].addAction(entry.title)
        action.setToolTip(f"{entry.name}; downloaded once and kept")
        action.triggered.connect(
            lambda _checked=False, name=entry.name, title=entry.title: window.open_benchmark(name, title)
        )


def _edit_menu(window: MainWindow) -> QMenu:
    menu = QMenu("&Edit", window)
    stack = window.session.history.stack
    undo = _add(window, menu, "Undo", partial(_step, window, stack.undo), "Ctrl+Z")
    redo = _add(window, menu, "Do again", partial(_step, window, stack.redo))
    # The second is what Windows has for it.
    redo.setShortcuts([QKeySequence("Ctrl+Shift+Z"), QKeySequence("Ctrl+Y")])
    for action, can, told, words in (
        (undo, stack.canUndoChanged, stack.undoTextChanged, "Undo"),
        (redo, stack.canRedoChanged, stack.redoTextChanged, "Do again"),
    ):
        action.setEnabled(False)
        can.connect(action.setEnabled)
        told.connect(partial(_name_step, action, words))
    return menu


def _step(window: MainWindow, move: Callable[[], None]) -> None:
    """Undo or redo on the page that shows what becomes of it."""
    window.go_to("data")
    move()


def _name_step(action: QAction, words: str, step: str) -> None:
    action.setText(f"{words}: {step}" if step else words)


def _fill_recent(window: MainWindow, menu: QMenu) -> None:
    menu.clear()
    paths = window.session.settings.recent
    for path in paths:
        action = menu.addAction(Path(path).name)
        action.setToolTip(path)
        action.triggered.connect(lambda _checked=False, chosen=path: window.open_path(chosen))
    if paths:
        menu.addSeparator()
        menu.addAction("Forget these files").triggered.connect(window.session.settings.forget_files)
    else:
        menu.addAction("Nothing yet").setEnabled(False)


def _view_menu(window: MainWindow) -> QMenu:
    menu = QMenu("&View", window)
    for index, name in enumerate(_PAGE_NAMES, start=1):
        _add(window, menu, name.capitalize(), partial(window.go_to, name), f"Ctrl+{index}")
    _add(window, menu, "Settings", lambda: window.go_to("preferences"), "Ctrl+,")
    menu.addSeparator()
    _add(window, menu, "Sort the table…", partial(_sort, window), "Ctrl+Shift+O")
    menu.addSeparator()
    group = _ModeGroup(window)
    for title, mode in _MODES:
        group.add(mode, _add(window, menu, title, partial(_set_mode, window, mode)))
    return menu


def _sort(window: MainWindow) -> None:
    """Offer the columns of the table that is shown; where there is none, there is nothing to sort."""
    from app.widgets.sort_menu import show_sort_menu, table_of

    center = window.centralWidget()
    if center is not None and (table := table_of(center)) is not None:
        show_sort_menu(table)


class _ModeGroup(QActionGroup):
    """The ways of colouring, of which the one in force is checked, wherever it was chosen."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self._choices: dict[ThemeMode, QAction] = {}
        theme.mode_changed.connect(self._show_mode)

    def add(self, mode: ThemeMode, action: QAction) -> None:
        action.setCheckable(True)
        self._choices[mode] = self.addAction(action)
        self._show_mode()

    @Slot()
    def _show_mode(self) -> None:
        if theme.mode in self._choices:
            self._choices[theme.mode].setChecked(True)


def _set_mode(window: MainWindow, mode: ThemeMode) -> None:
    window.session.settings.theme_mode = mode
    theme.set_mode(mode)


def _help_menu(window: MainWindow) -> QMenu:
    menu = QMenu("&Help", window)
    _add(window, menu, "Guide", lambda: _show_guide(window), "F1")
    _add(window, menu, "Open the workspace folder", lambda: show_folder(window.session.workspace))
    _add(window, menu, "About MolE Studio", lambda: _show_about(window))
    return menu


def _show_guide(window: MainWindow) -> None:
    from app.widgets.guide import GuideDialog

    GuideDialog(window).show()


def _show_about(window: MainWindow) -> None:
    from app.widgets.guide import AboutDialog

    AboutDialog(window.session.workspace, window).show()
