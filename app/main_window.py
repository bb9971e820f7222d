"""The window: rail, pages, menus, shortcuts, status bar, drop anywhere.

Only the Data page is built before the first paint; the others follow one by one, or when somebody looks for a widget of
theirs, and the heavy libraries after them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from PySide6.QtCore import QEvent, QPoint, QTimer, Slot
from PySide6.QtGui import QCloseEvent, QKeySequence, QShortcut, QShowEvent
from PySide6.QtWidgets import (
    QApplication,
    QFileDialog,
    QHBoxLayout,
    QMainWindow,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from app.dropping import Drops
from app.first_size import first_size
from app.looking import LookAround
from app.menus import build_menus
from app.page_shelf import PAGES, PageShelf
from app.pages.base import Page
from app.pages.data import DataPage
from app.pages.dropped import is_model, models_first, not_opened
from app.services.datasets import samples
from app.services.open_dataset import OpenDataset
from app.services.qt_types import make_types
from app.services.session import Session
from app.status import StatusLine
from app.theme import theme
from app.widgets.close_question import CloseQuestion
from app.widgets.command_palette import CommandPalette
from app.widgets.drop_zone import FILE_FILTER
from app.widgets.navigation import NavigationRail
from app.widgets.problem_dialog import ProblemDialog
from mole_engine.contracts.errors import Problem

_AFTER_PAINT_MS = 30

_open_windows: set[MainWindow] = set()
# Held until they are closed: Python must not collect a window whose threads are at work.


class MainWindow(QMainWindow):
    """The whole window.

    Parameters
    ----------
    workspace
        Folder for runs, settings and log; made if it is missing.
    """

    def __init__(self, workspace: Path, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        _open_windows.add(self)
        self.setObjectName("mainWindow")
        self.setWindowTitle("MolE Studio")
        self.resize(first_size(self.screen()))
        self.setMinimumSize(960, 620)
        app = QApplication.instance()
        if isinstance(app, QApplication):
            theme.apply(app)
        self.session = Session(workspace, self)
        theme.set_mode(self.session.settings.theme_mode)
        self._shelf = PageShelf(self.session, self._add_page)
        self._closing = False
        self._painted = False
        self._later = self._start_quietly()
        self.looks = LookAround(self.session, self._look_around, self)
        self._problem_dialog = ProblemDialog(self)
        self._build()
        self._connect()
        self.restoreGeometry(self.session.settings.geometry)
        self.go_to("data")
        # No focus ring before the first key: Tab begins at the rail.
        self.setFocus()

    # What others call ------------------------------------------------------------------------------------------

    @Slot(str)
    def open_path(self, path: str | Path) -> None:
        """Open a file, as a drop does: a table becomes the data set, a `.mole` file a model to predict with."""
        if is_model(path):
            self.go_to("models")
            opener = getattr(self.page("models"), "open_path", None)
            if opener is not None:
                opener(str(path))
            return
        self.go_to("data")
        self.data_page.begin_loading(Path(path).name)
        self.session.start_task(self.session.datasets.open(path))

    @Slot(object)
    def open_paths(self, paths: Sequence[str]) -> None:
        """Open several files together, as a drop of them does; one alone as `open_path` does."""
        models, tables = models_first(paths)
        if models or len(paths) == 1:
            opened, *left = [*models, *tables]
            self.open_path(opened)
            if left:
                self.session.report(not_opened(left, opened))
            return
        self.go_to("data")
        self.data_page.begin_loading(f"{len(paths)} files")
        self.session.start_task(self.session.datasets.open_several(paths))

    def open_benchmark(self, name: str, title: str) -> None:
        """Fetch a benchmark set unless it is here already, and open it."""
        self.go_to("data")
        self.data_page.begin_loading(title)
        self.session.start_task(self.session.datasets.open_benchmark(name))

    @Slot()
    def paste(self) -> None:
        """Open what is on the clipboard: files as a drop does, text where the Data page is shown.

        Fields of other pages paste text for themselves.
        """
        if not self._drops.paste() and self._current() is self.data_page:
            self.data_page.paste()

    @Slot(object)
    def _take(self, paths: Sequence[str]) -> None:
        """Give files to the page shown, or open them where it has no use of its own for them."""
        if not self._current().take_files(paths):
            self.open_paths(paths)

    @Slot(str)
    def go_to(self, name: str) -> None:
        """Show the page called `name` ("welcome" is the Data page without data, "split" its split)."""
        shown = "data" if name in {"welcome", "split"} else name
        self._stack.setCurrentWidget(self.page(shown))
        self._rail.show_current(shown)
        self.looks.ask()
        if name == "split":
            self.data_page.show_split()

    def page(self, name: str) -> Page:
        """Return a page, building what is missing of it."""
        return self._shelf.page(name)

    def findChild(self, *arguments: Any, **options: Any) -> Any:  # noqa: N802 - Qt's name
        """Find a widget on any page, also on one that nobody has looked at: scripts know no pages."""
        self._build_pages()
        return super().findChild(*arguments, **options)

    def findChildren(self, *arguments: Any, **options: Any) -> Any:  # noqa: N802 - Qt's name
        """Find widgets on all pages; see `findChild`."""
        self._build_pages()
        return super().findChildren(*arguments, **options)

    def _build_pages(self) -> None:
        if not self._closing:
            for name, _, _ in PAGES:
                self.page(name)

    @Slot(object)
    def _add_page(self, page: Page) -> None:
        page.navigate.connect(self.go_to)
        self._stack.addWidget(page)

    @property
    def data_page(self) -> DataPage:
        """The Data page, which is always there."""
        page = self.page("data")
        assert isinstance(page, DataPage)  # noqa: S101 - for the type checker; `page` builds it so
        return page

    @Slot()
    def choose_file(self) -> None:
        """Ask for a file, without blocking the window."""
        dialog = QFileDialog(self, "Open molecules", self._last_folder(), FILE_FILTER)
        dialog.setFileMode(QFileDialog.FileMode.ExistingFiles)
        dialog.filesSelected.connect(self.open_paths)
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()

    @Slot()
    def press_primary(self) -> None:
        """Press the button that leads on from the page shown."""
        button = self._current().primary
        if button is not None and button.isVisible() and button.isEnabled():
            button.click()

    @Slot()
    def quit(self) -> None:
        """Close as the window's own button does: a training that runs is asked about first."""
        if self.session.training.is_running and not self._closing:
            self._ask_before_closing()
        else:
            self.close()

    # Building --------------------------------------------------------------------------------------------------

    def _build(self) -> None:
        menu = build_menus(self)
        self._rail = NavigationRail(PAGES, menu)
        self._stack = QStackedWidget()
        self._stack.setObjectName("pages")
        center = QWidget()
        layout = QHBoxLayout(center)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self._rail)
        right = QVBoxLayout()
        right.setSpacing(0)
        right.addWidget(self._stack, 1)
        # Not the window's own status bar, which would run below the rail.
        right.addWidget(StatusLine(self.session))
        layout.addLayout(right, 1)
        self.setCentralWidget(center)
        self._drops = Drops(self, self._drop_words)
        for keys, action in (
            ("Ctrl+Return", self.press_primary),
            ("Ctrl+Enter", self.press_primary),
            ("Esc", self._cancel),
            ("Ctrl+K", self._show_commands),
        ):
            QShortcut(QKeySequence(keys), self, action)

    def _connect(self) -> None:
        session = self.session
        self._rail.chosen.connect(self.go_to)
        self._drops.files.connect(self._take)
        self._drops.refused.connect(session.report)
        session.problem_raised.connect(self._show_problem)
        session.dataset_opened.connect(self._dataset_opened)
        session.run_finished.connect(self._close_after_run)
        session.prefetch.plots_known.connect(self._make_plots)
        data = self.data_page
        data.open_requested.connect(self.choose_file)
        data.path_requested.connect(self.open_path)
        data.paths_requested.connect(self.open_paths)

    @Slot()
    def _after_first_paint(self) -> None:
        """Take the next step of the start, one a turn of the event loop."""
        if not self._closing and next(self._later, self) is not self:
            QTimer.singleShot(0, self, self._after_first_paint)

    def _start_quietly(self) -> Iterator[None]:
        """Make what threads would else make themselves, build the other pages, then load the heavy libraries."""
        yield from make_types()
        yield from self._shelf.build()
        self.session.prefetch.start()

    @Slot()
    def _make_plots(self) -> None:
        self._later = self._shelf.plots()
        self._after_first_paint()

    # What happens ----------------------------------------------------------------------------------------------

    @Slot(object)
    def _dataset_opened(self, dataset: OpenDataset) -> None:
        self.setWindowTitle(f"{dataset.info.name} \u2013 MolE Studio")
        # Whoever hears of the data set next finds the page that trains on it.
        self.page("train")
        if dataset.info.path == samples()[0].path:
            # It needs no checking, so the way leads straight on.
            self.go_to("train")

    @Slot(object)
    def _show_problem(self, problem: Problem) -> None:
        self._problem_dialog.show_problem(problem)

    @Slot()
    def _show_commands(self) -> None:
        palette = CommandPalette(self.actions(), self)
        palette.move(self.mapToGlobal(QPoint((self.width() - palette.width()) // 2, 90)))
        palette.show()

    @Slot()
    def _cancel(self) -> None:
        if not self._current().cancel():
            self.session.datasets.cancel()

    def _look_around(self) -> None:
        # Files may have been edited, and runs made by the command line, while something else was looked at.
        if self._painted and not self._closing:
            self.session.start_task(self.session.datasets.follow())
            self._current().look_again()

    def _current(self) -> Page:
        page = self._stack.currentWidget()
        assert isinstance(page, Page)  # noqa: S101 - for the type checker; only pages are ever added
        return page

    def _drop_words(self) -> str:
        return self._current().drop_words

    def _last_folder(self) -> str:
        recent = self.session.settings.recent
        return str(Path(recent[0]).parent) if recent else str(Path.home())

    # Qt's events -----------------------------------------------------------------------------------------------

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802 - Qt's name
        """Begin the slow part of the start once the window has been painted."""
        super().showEvent(event)
        if not self._painted:
            self._painted = True
            QTimer.singleShot(_AFTER_PAINT_MS, self, self._after_first_paint)

    def changeEvent(self, event: QEvent) -> None:  # noqa: N802 - Qt's name
        """Look around when the user is back."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.ActivationChange and self.isActiveWindow():
            self.looks.ask()

    def closeEvent(self, event: QCloseEvent) -> None:  # noqa: N802 - Qt's name
        """Close at once, or, while a training runs, after it has ended; nothing is left running."""
        if self.session.training.is_running:
            event.ignore()
            if event.spontaneous() and not self._closing:
                self._ask_before_closing()
            else:
                self._end_run_and_close()
            return
        self._closing = True
        self._shelf.finish()
        self.session.settings.geometry = self.saveGeometry()
        self._problem_dialog.close()
        self.hide()
        self.session.close()
        _open_windows.discard(self)
        event.accept()

    def event(self, event: QEvent) -> bool:
        """End everything before the window is destroyed, even where nobody has closed it."""
        if event.type() == QEvent.Type.DeferredDelete:
            _open_windows.discard(self)
            self._shelf.finish()
            self.session.training.shutdown()
            self.session.training.wait_for_end()
            # What was just typed is written down by pages that are hidden.
            self.hide()
            self.session.close()
        return super().event(event)

    def _ask_before_closing(self) -> None:
        asked = next((one for one in super().findChildren(CloseQuestion) if one.isVisible()), None)
        if asked is not None:
            asked.raise_()
            asked.activateWindow()
            return
        training = self.session.training
        question = CloseQuestion(self, waiting=len(training.queued()), keeps=training.has_something_to_keep)
        question.keep.clicked.connect(self._keep_run_and_close)
        question.later.clicked.connect(self._end_run_and_close)
        question.show()

    @Slot()
    def _keep_run_and_close(self) -> None:
        self._closing = True
        if not self.session.training.is_running:
            # It has ended while the question stood there.
            self.close()
            return
        # Else the next one in the queue would begin where this one ends, only to be cut off.
        self.session.training.hold_queue()
        self.session.training.stop()

    @Slot()
    def _end_run_and_close(self) -> None:
        self._closing = True
        if self.session.training.shutdown():
            self.close()

    @Slot(object)
    def _close_after_run(self, record: object) -> None:
        if self._closing:
            # Once the thread's own last words are over.
            QTimer.singleShot(0, self, self.close)
