#!/usr/bin/env python3
"""Prints how quickly the window shows itself and opens files, how late it answers meanwhile, and what memory it takes.

python benchmarks/window.py [--parts start,file,train,chart] [--rows 100000,1000000] [--seconds 20] [--seed 0]

Needs no display. Each part runs in a process of its own. "Late" is by how much a 10 ms timer of the window's thread
came late; a machine that does other work makes it late, too, which the line "nothing to do" shows.
"""

from __future__ import annotations

import argparse
import os
import platform
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

BEFORE_PYTHON = "MOLE_BENCHMARK_START"
TICK = 0.01
PATIENCE = 900.0

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))


def main() -> None:
    """Run every part in its own process."""
    options = parse()
    if options.part:
        PARTS[options.part](options)
        return
    print(f"machine: {platform.processor() or platform.machine()}, {os.cpu_count()} cores, {platform.system()}")
    print(f"Python {platform.python_version()}, seed {options.seed}, load before: {os.getloadavg()[0]:.1f}\n")
    for part in options.parts.split(","):
        for rows in options.rows.split(",") if part == "file" else ["0"]:
            command = [sys.executable, __file__, "--part", part, "--rows", rows, "--seconds", str(options.seconds)]
            environment = {**os.environ, BEFORE_PYTHON: repr(time.time())}
            subprocess.run([*command, "--seed", str(options.seed)], check=False, env=environment)
            print()


def parse() -> argparse.Namespace:
    """Return the command line's options."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--parts", default="start,file,train,chart")
    parser.add_argument("--part", default="", help=argparse.SUPPRESS)
    parser.add_argument("--rows", default="100000,1000000", help="rows of the files that are opened")
    parser.add_argument("--seconds", type=float, default=20.0, help="how long training and scrolling are watched")
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


class Lateness:
    """A timer of the window's thread that notes how late it comes."""

    def __init__(self) -> None:
        from PySide6.QtCore import Qt, QTimer

        self.late: list[float] = []
        self._last = time.perf_counter()
        self._timer = QTimer()
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self._tick)
        self._timer.start(round(TICK * 1000))

    def _tick(self) -> None:
        now = time.perf_counter()
        self.late.append(max(0.0, now - self._last - TICK))
        self._last = now

    @contextmanager
    def watched(self, words: str) -> Iterator[None]:
        """Print the lateness while the block runs, and its duration."""
        self.late.clear()
        self._last = time.perf_counter()
        start = time.perf_counter()
        yield
        seconds = time.perf_counter() - start
        late = sorted(self.late) or [0.0]
        print(
            f"{words:<44} {seconds:8.2f} s   late: p99 {1e3 * late[int(0.99 * len(late))]:5.0f} ms,"
            f" max {1e3 * late[-1]:5.0f} ms, over 100 ms {sum(value > 0.1 for value in late)} times",
            flush=True,
        )


class Driver:
    """One window, and the loop that keeps it alive."""

    def __init__(self, *, prefetch: bool = True) -> None:
        from PySide6.QtWidgets import QApplication

        from app.services.plain_imports import import_plainly

        # As `app.__main__` does.
        import_plainly()
        sys.setswitchinterval(0.002)
        from app.main_window import MainWindow
        from app.services.prefetch import Prefetch

        self.app = QApplication([])
        self._folder = tempfile.TemporaryDirectory()
        self.folder = Path(self._folder.name)
        if not prefetch:
            Prefetch.start = lambda self: None  # type: ignore[method-assign]
        self.window = MainWindow(self.folder / "workspace")
        self.window.session.problem_raised.connect(lambda problem: print("problem:", problem.one_line()))
        self.window.show()
        self.app.processEvents()
        self.lateness = Lateness()

    def wait(self, seconds: float, until: Callable[[], Any] = lambda: False) -> bool:
        """Let the window live, at most so long; return whether what was waited for has come."""
        from PySide6.QtCore import QEventLoop

        end = time.monotonic() + seconds
        while time.monotonic() < end and not until():
            self.app.processEvents(QEventLoop.ProcessEventsFlag.WaitForMoreEvents)
        return bool(until())

    def hear(self, signal: Any) -> list[Any]:
        """Return a list to which everything is added that a signal brings."""
        heard: list[Any] = []
        signal.connect(lambda *values: heard.append(values))
        return heard

    def close(self) -> None:
        """End the process at once: what ending takes is not measured."""
        print(f"{'memory, at most':<44} {peak_mb():8.0f} MB", flush=True)
        self.window.session.training.cancel()
        os._exit(0)


def peak_mb() -> float:
    """Return the most memory that this process has had."""
    unit = 1e6 if sys.platform == "darwin" else 1e3
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


def start(options: argparse.Namespace) -> None:
    """Measure from the call of the interpreter to the first painted window, and what follows it."""
    driver = Driver()
    print(f"{'window visible after':<44} {time.time() - float(os.environ[BEFORE_PYTHON]):8.2f} s", flush=True)
    known = driver.hear(driver.window.session.prefetch.devices_known)
    with driver.lateness.watched("other pages and libraries, in the background"):
        driver.wait(PATIENCE, lambda: known)
    with driver.lateness.watched("nothing to do"):
        driver.wait(3.0)
    driver.close()


def file(options: argparse.Namespace) -> None:
    """Measure the opening of a large file, and scrolling through it."""
    rows = int(options.rows)
    driver = Driver()
    known = driver.hear(driver.window.session.prefetch.devices_known)
    driver.wait(PATIENCE, lambda: known)
    path = write_table(driver.folder / "large.csv", rows, options.seed)
    session = driver.window.session
    previewed, opened = driver.hear(session.datasets.previewed), driver.hear(session.dataset_opened)
    drawn = driver.hear(session.depictions.drawn)
    before = peak_mb()
    with driver.lateness.watched(f"{rows:,} rows: first rows with structures"):
        driver.window.open_path(path)
        driver.wait(PATIENCE, lambda: previewed and drawn)
    begin = time.perf_counter()
    with driver.lateness.watched(f"{rows:,} rows: read and cleaned up"):
        driver.wait(PATIENCE, lambda: opened)
    print(f"{'clean-up, molecules a second':<44} {rows / (time.perf_counter() - begin):8.0f}")
    print(f"{'memory that the file added, at most':<44} {peak_mb() - before:8.0f} MB")
    scroll(driver, min(options.seconds, 10.0))
    driver.close()


def scroll(driver: Driver, seconds: float) -> None:
    """Measure frames: one step of the scroll bar and one repaint after the other."""
    from app.widgets.molecule_table import MoleculeTable

    table = driver.window.findChild(MoleculeTable, "moleculeTable")
    bar, times = table.verticalScrollBar(), []
    end = time.perf_counter() + seconds
    while time.perf_counter() < end and bar.value() < bar.maximum():
        begin = time.thread_time()
        bar.setValue(bar.value() + 25)
        table.viewport().repaint()
        times.append(time.thread_time() - begin)
        driver.app.processEvents()
    times.sort()
    slowest = times[int(0.99 * len(times))]
    rate = len(times) / sum(times)
    print(f"{'scrolling, frames a CPU-second':<44} {rate:8.0f}     slowest of a hundred {1 / slowest:.0f}")


def train(options: argparse.Namespace) -> None:
    """Measure the lateness while a small network is trained, and while a table is predicted."""
    from mole_engine.contracts.config import TrainConfig

    driver = Driver()
    session = driver.window.session
    known = driver.hear(session.prefetch.devices_known)
    driver.wait(PATIENCE, lambda: known)
    table = write_table(driver.folder / "train.csv", 2000, options.seed)
    driver.window.go_to("train")
    config = TrainConfig.model_validate(
        {
            "data": {"path": str(table), "smiles_column": "smiles", "targets": ["value"]},
            "model": {"layers": 3, "hidden_size": 128, "heads": 2},
            "training": {"epochs": 100},
        }
    )
    metrics = driver.hear(session.run_event)
    with driver.lateness.watched("preparing a training, to its first step"):
        session.training.start(config)
        driver.wait(PATIENCE, lambda: any(type(event[0]).__name__ == "StepMetrics" for event in metrics))
    with driver.lateness.watched("training, with its charts"):
        driver.wait(options.seconds)
    driver.close()


def chart(options: argparse.Namespace) -> None:
    """Measure the redraw of the loss chart with 100,000 steps in each of its two dense curves."""
    driver = Driver(prefetch=False)
    from app.widgets.live_chart import LossChart
    from app.widgets.run_curves import RunCurves
    from mole_engine.contracts.events import StepMetrics

    generator = random.Random(options.seed)
    curves, chart, points = RunCurves(), LossChart(), 100_000
    told = {"total_steps": points, "epoch": 1, "total_epochs": 100, "learning_rate": 1e-4, "gradient_norm": 1.0}
    rates = {"molecules_per_second": 1.0, "eta_seconds": 1.0}
    for step in range(points):
        loss = 1 / (1 + step / 5000) + abs(generator.gauss(0, 0.1))
        curves.add(StepMetrics(run_id="", seq=step, time=0.0, step=step + 1, loss=loss, **told, **rates))
    chart.resize(800, 400)
    chart.smooth_button.setChecked(True)
    chart.set_curves(curves)
    chart.show()
    chart.ensure_plot()
    driver.wait(1.0)
    times = []
    for _ in range(20):
        begin = time.thread_time()
        chart.fit()
        chart.grab()
        times.append(time.thread_time() - begin)
    print(f"{'loss chart, 2 x 100,000 points: one redraw':<44} {1e3 * sorted(times)[10]:8.1f} ms of CPU (median)")
    driver.close()


def write_table(path: Path, rows: int, seed: int) -> Path:
    """Write molecules of usual sizes (chains of rings and groups), each with a value."""
    generator = random.Random(seed)
    parts = ("C", "CC", "C(=O)N", "c1ccccc1", "OC", "C(F)", "N(C)", "c1ccncc1", "C1CCCCC1", "C(C)", "S(=O)(=O)C", "C=C")
    with path.open("w", encoding="utf-8") as out:
        out.write("name,smiles,value\n")
        for row in range(rows):
            smiles = "C" + "".join(generator.choices(parts, k=generator.randint(4, 9)))
            out.write(f"molecule {row},{smiles},{generator.gauss(0, 1):.3f}\n")
    return path


PARTS: dict[str, Callable[[argparse.Namespace], None]] = {"start": start, "file": file, "train": train, "chart": chart}

if __name__ == "__main__":
    main()
