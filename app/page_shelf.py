"""The window's pages: built when somebody wants one, or piece by piece while nobody does."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from importlib import import_module

from app.pages.base import Page
from app.services.session import Session
from app.widgets.basic import EmptyState

PAGES = (
    ("data", "Data", "data"),
    ("train", "Train", "train"),
    ("runs", "Runs", "runs"),
    ("predict", "Predict", "predict"),
    ("models", "Models", "models"),
    ("preferences", "Settings", "settings"),
)
"""Name (its module is `app.pages.<name>`, its class `<Name>Page`), title, icon."""

AHEAD = {
    "train": (
        "yaml",
        "app.widgets.pinned_molecules",
        "app.pages.train_presets",
        "app.widgets.config_form",
        "app.widgets.event_log",
        "app.widgets.live_chart",
        "app.widgets.search_panel",
        "app.pages.train_watch",
    ),
    "runs": ("app.pages.runs_actions", "app.pages.verdict_figures", "app.pages.verdict"),
}
"""What a page's module imports, in an order in which none takes long."""


class PageShelf:
    """Makes each page once.

    Parameters
    ----------
    session
        What the pages work on.
    add
        Called with each page when it is complete.
    """

    def __init__(self, session: Session, add: Callable[[Page], None]) -> None:
        self._session, self._add = session, add
        self._pages: dict[str, Page] = {}
        self._unfinished: dict[str, Iterator[None]] = {}

    def page(self, name: str) -> Page:
        """Return a page, building what is missing of it."""
        if name not in self._pages:
            self._begin(name)
        while name in self._unfinished:
            self._go_on(name)
        return self._pages[name]

    def build(self) -> Iterator[None]:
        """Import and build what is missing of all pages, a piece between two yields."""
        for name, _, _ in PAGES:
            for module in (*AHEAD.get(name, ()), f"app.pages.{name}"):
                # Who needs it tells what is wrong with it.
                with contextlib.suppress(ImportError, OSError):
                    import_module(module)
                yield
            if name not in self._pages:
                self._begin(name)
                yield
            while name in self._unfinished:
                self._go_on(name)
                yield

    def plots(self) -> Iterator[None]:
        """Make the plots of all pages, one between two yields."""
        for page in list(self._pages.values()):
            yield from page.plots()

    def finish(self) -> None:
        """Leave no page half-built: its parts would have no owner that ends them."""
        for name in list(self._unfinished):
            self.page(name)

    def _begin(self, name: str) -> None:
        try:
            # What pages look for when they are made is not told once a page.
            with self._session.looking():
                page: Page = getattr(import_module(f"app.pages.{name}"), f"{name.capitalize()}Page")(self._session)
        except (ImportError, OSError) as error:
            page = self._without(name, error)
        self._pages[name] = page
        self._unfinished[name] = page.pieces()

    def _go_on(self, name: str) -> None:
        try:
            with self._session.looking():
                next(self._unfinished[name])
            return
        except StopIteration:
            page = self._pages[name]
        except (ImportError, OSError) as error:
            self._pages[name].deleteLater()
            page = self._pages[name] = self._without(name, error)
        del self._unfinished[name]
        self._add(page)

    def _without(self, name: str, error: Exception) -> Page:
        """Return what stands for a page that cannot be loaded; it must not take the others with it."""
        self._session.report(error)
        page = Page(self._session, name.capitalize())
        text = "A part of the program is missing. The details are in the log; installing again mends it."
        page.body.addWidget(EmptyState("warning", "This page cannot be shown", text))
        return page
