"""Photograph the real window on the bundled sample: `python docs/make_screenshots.py [FOLDER]`.

Needs no display. Nothing is drawn or retouched: the pictures show a training that runs while they are taken.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from PySide6.QtWidgets import QApplication, QPlainTextEdit, QPushButton, QSpinBox

from app.main_window import MainWindow
from app.theme import ThemeMode, theme
from mole_engine.contracts.events import EpochMetrics

PRESET = "small"
"""One network: the curves of several, one after the other, need more words than a picture has."""

EPOCHS, SHOWN_AFTER = 24, 15
PASTED = "CC(=O)Oc1ccccc1C(=O)O\nCN1C=NC2=C1C(=O)N(C(=O)N2C)C\nCC(C)Cc1ccc(cc1)C(C)C(=O)O\nCOc1ccc2cc(ccc2c1)C(C)C(=O)O"
EXPLAINED = 2
"""The pasted molecule whose atoms are coloured."""

PATIENCE = 600.0


class Photographer:
    """Drives one window and takes its pictures."""

    def __init__(self, app: QApplication, workspace: Path, folder: Path) -> None:
        self._app, self._folder = app, folder
        self.window = MainWindow(workspace)
        self.window.session.problem_raised.connect(self._fail)
        self.window.show()

    def wait(self, seconds: float, until: Callable[[], bool] = lambda: False) -> bool:
        """Let the window live, at most so long; return whether what was waited for has come."""
        end = time.monotonic() + seconds
        while time.monotonic() < end and not until():
            self._app.processEvents()
            time.sleep(0.005)
        return until()

    def hear(self, signal: Any) -> list[Any]:
        """Return a list that everything a signal brings is added to."""
        heard: list[Any] = []
        signal.connect(heard.append)
        return heard

    def press(self, name: str) -> None:
        """Press a button."""
        self.window.findChild(QPushButton, name).click()

    def take(self, name: str, *, dark: bool = False) -> None:
        """Take a picture, before it perhaps a dark one, so that the window stays light."""
        modes: tuple[tuple[ThemeMode, str], ...] = (("dark", "-dark"), ("light", ""))
        for mode, ending in modes if dark else modes[1:]:
            theme.set_mode(mode)
            self.wait(0.6)
            self.window.grab().save(str(self._folder / f"{name}{ending}.png"))

    def _fail(self, problem: Any) -> None:
        sys.exit(problem.one_line())


def main() -> None:
    """Take all pictures."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).resolve().parent / "images"
    folder.mkdir(parents=True, exist_ok=True)
    app = QApplication([])
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as workspace:
        photographer = Photographer(app, Path(workspace) / "MolE Studio", folder)
        tour(photographer)
        photographer.window.close()
        photographer.wait(1.0)


def tour(photographer: Photographer) -> None:
    """Go the way of a first visit."""
    window, session = photographer.window, photographer.window.session
    photographer.wait(2.0)
    photographer.take("welcome")
    opened = photographer.hear(session.dataset_opened)
    photographer.press("openSampleButton")
    photographer.wait(PATIENCE, lambda: bool(opened))
    # The Data page has pictures of its own, with more molecules: see make_data_screenshots.py.
    window.go_to("train")
    window.page("train").setup.presets.select(PRESET)
    window.findChild(QSpinBox, "epochsSpin").setValue(EPOCHS)
    events, finished = photographer.hear(session.run_event), photographer.hear(session.run_finished)
    photographer.press("trainButton")
    photographer.wait(PATIENCE, lambda: sum(isinstance(item, EpochMetrics) for item in events) >= SHOWN_AFTER)
    photographer.take("training")
    photographer.wait(PATIENCE, lambda: bool(finished))
    photographer.wait(2.0)
    photographer.take("verdict")
    photographer.press("predictNewButton")
    window.findChild(QPlainTextEdit, "predictSmilesEdit").setPlainText(PASTED)
    answered = photographer.hear(session.predictions_ready)
    photographer.wait(1.0)
    photographer.press("predictButton")
    photographer.wait(PATIENCE, lambda: bool(answered))
    predict = window.page("predict")
    predict.table.choose(EXPLAINED)
    photographer.wait(PATIENCE, lambda: predict.explaining.answer is not None)
    photographer.wait(1.0)
    photographer.take("predict")


if __name__ == "__main__":
    main()
