"""A real window for each test, without the heavy libraries being loaded ahead of time."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from PySide6.QtWidgets import QApplication
    from pytestqt.qtbot import QtBot

    from app.main_window import MainWindow
    from mole_engine.contracts.errors import Problem
    from mole_engine.contracts.records import RunRecord
    from mole_engine.store.runs import Workspace

ROWS = [
    ("name", "smiles", "logS (log(mol/L))", "toxic"),
    ("ethanol", "CCO", "1.1", "no"),
    ("benzene", "c1ccccc1", "-1.64", "yes"),
    ("open ring", "C1CC(N)CC", "-5.66", "no"),
    ("sodium acetate", "CC(=O)[O-].[Na+]", "0.5", "no"),
    ("phenol", "Oc1ccccc1", "-0.04", "yes"),
    ("phenol again", "c1ccc(O)cc1", "-0.04", "yes"),
    ("no value", "CCCCO", "", ""),
    ("toluene", "Cc1ccccc1", "-2.21", "yes"),
    ("aniline", "Nc1ccccc1", "-0.41", "yes"),
    ("hexane", "CCCCCC", "-3.84", "no"),
    ("pyridine", "c1ccncc1", "0.76", "yes"),
    ("naphthalene", "c1ccc2ccccc2c1", "-3.6", "yes"),
    ("cyclohexane", "C1CCCCC1", "-3.1", "no"),
    ("acetone", "CC(C)=O", "1.2", "no"),
]
"""14 rows: one unreadable, one salt, one duplicate, one without a value; 11 molecules remain."""


PATIENCE = 60_000
"""How long a condition is waited for, in ms: on a busy machine a second of work takes many, and no test may notice."""


@pytest.fixture
def qtbot(qtbot: QtBot) -> QtBot:
    """Return a bot whose waits for something to happen are long; short ones, for nothing to happen, stay."""

    def patient(wait: Callable[..., Any]) -> Callable[..., Any]:
        def waits(*arguments: Any, timeout: int = PATIENCE, **options: Any) -> Any:
            return wait(*arguments, timeout=timeout if timeout < 1000 else max(timeout, PATIENCE), **options)

        return waits

    for name in ("waitUntil", "waitSignal", "waitSignals"):
        setattr(qtbot, name, patient(getattr(qtbot, name)))
    return qtbot


@pytest.fixture(scope="session", autouse=True)
def _empty_clipboard(qapp: QApplication) -> Iterator[None]:
    """Leave nothing in the clipboard, which without a display outlives the interpreter: its end would crash."""
    yield
    qapp.clipboard().clear()


@pytest.fixture
def molecules_csv(tmp_path: Path) -> Path:
    """Return a small file with something wrong in it."""
    return write_csv(tmp_path / "molecules.csv", ROWS)


def write_csv(path: Path, rows: list[tuple[str, ...]]) -> Path:
    """Write rows of cells that need no quotes."""
    path.write_text("".join(",".join(row) + "\n" for row in rows), encoding="utf-8")
    return path


@pytest.fixture
def window(qtbot: QtBot, workspace: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[MainWindow]:
    """Yield the whole window, shown; it is closed afterwards whatever happened."""
    from shiboken6 import isValid

    from app.main_window import MainWindow
    from app.theme import theme

    monkeypatch.setattr("app.services.prefetch.Prefetch.start", lambda self: None)
    made = MainWindow(workspace)
    qtbot.addWidget(made)
    made.show()
    qtbot.waitUntil(made.isVisible)
    yield made
    if isValid(made):
        made.close()
        qtbot.waitUntil(lambda: not isValid(made) or not made.isVisible(), timeout=60_000)
    theme.set_mode("system")


@pytest.fixture
def open_file(qtbot: QtBot, window: MainWindow) -> Callable[[Path], None]:
    """Return a function that opens a file and waits until it is read."""

    def opener(path: Path) -> None:
        with qtbot.waitSignal(window.session.dataset_opened, timeout=20_000):
            window.open_path(path)

    return opener


@pytest.fixture
def find(window: MainWindow) -> Callable[..., Any]:
    """Return a function that finds a widget of the window by its name, and fails where there is none."""
    from PySide6.QtWidgets import QWidget

    def finder(name: str, kind: type[QWidget] = QWidget) -> QWidget:
        found = window.findChild(kind, name)
        assert found is not None, name
        return found

    return finder


@pytest.fixture
def click(qtbot: QtBot, find: Callable[..., Any]) -> Callable[[str], None]:
    """Return a function that clicks on a button by its name."""
    from PySide6.QtCore import Qt
    from PySide6.QtWidgets import QPushButton

    return lambda name: qtbot.mouseClick(find(name, QPushButton), Qt.MouseButton.LeftButton)


@pytest.fixture
def shown(qtbot: QtBot) -> Callable[..., Any]:
    """Return a function that shows a widget alone."""

    def show(widget: Any, width: int = 620, height: int = 320) -> Any:
        qtbot.addWidget(widget)
        widget.resize(width, height)
        widget.show()
        qtbot.waitExposed(widget)
        return widget

    return show


@pytest.fixture
def predict_page(window: MainWindow) -> Any:
    """Return the Predict page, shown."""
    window.go_to("predict")
    return window.page("predict")


@pytest.fixture
def runs_page(qtbot: QtBot, window: MainWindow) -> Any:
    """Return the Runs page, shown, its list read."""
    window.go_to("runs")
    page = window.page("runs")
    qtbot.waitUntil(lambda: not window.session.tasks._tasks)
    return page


@pytest.fixture
def asked(qtbot: QtBot, window: MainWindow, predict_page: Any, model_path: str) -> Callable[[str], Any]:
    """Choose the module's model and return a function that asks it about pasted text."""
    from PySide6.QtCore import Qt
    from PySide6.QtWidgets import QPlainTextEdit, QPushButton

    window.session.predictions.choose(model_path)
    qtbot.waitUntil(lambda: predict_page.models.currentData() == model_path)

    def ask(text: str) -> Any:
        window.findChild(QPlainTextEdit, "predictSmilesEdit").setPlainText(text)
        with qtbot.waitSignal(window.session.predictions_ready, timeout=60_000) as ready:
            qtbot.mouseClick(window.findChild(QPushButton, "predictButton"), Qt.MouseButton.LeftButton)
        return ready.args[0]

    return ask


class SlowJob:
    """Stands for the engine: works until it is told to end, in whichever way."""

    def __init__(self) -> None:
        self.ended = ""

    def __call__(self, config: Any, on_event: Any, control: Any, *_: object) -> RunRecord:
        from mole_engine.contracts.events import StateChanged
        from mole_engine.contracts.records import RunRecord
        from mole_engine.contracts.run_state import RunState

        on_event(StateChanged(run_id="r1", seq=0, state=RunState.TRAINING))
        while not (control.stop_requested or control.interrupt_requested):
            time.sleep(0.005)
        self.ended = "stop" if control.stop_requested else "interrupt"
        status = RunState.COMPLETED if control.stop_requested else RunState.INTERRUPTED
        return RunRecord(run_id="r1", name="slow", status=status)


@pytest.fixture
def job(qtbot: QtBot, window: MainWindow) -> SlowJob:
    """Return what stands for a training that runs."""
    from mole_engine.contracts.config import TrainConfig

    job = SlowJob()
    window.session.training._train = job  # type: ignore[assignment]
    with qtbot.waitSignal(window.session.run_started):
        window.session.training.start(TrainConfig())
    return job


@pytest.fixture
def store(window: MainWindow) -> Workspace:
    """Return the workspace of the window, as the command line would open it."""
    from mole_engine.store.runs import Workspace

    return Workspace(window.session.workspace)


@pytest.fixture
def quiet(qtbot: QtBot, window: MainWindow) -> Callable[[], None]:
    """Return a function that waits until no task is under way and no look is to come."""
    return lambda: qtbot.waitUntil(lambda: not window.session.tasks._tasks and not window.looks.is_asked)


@pytest.fixture
def told(window: MainWindow) -> list[Problem]:
    """Return the problems that the user is told of from now on."""
    problems: list[Problem] = []
    window.session.problem_raised.connect(problems.append)
    return problems
