"""The commands of the set-up: setup, run, test."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import bootstrap_demo
from bootstrap_console import BootstrapError, Console, duration, failure
from bootstrap_system import has_display
from bootstrap_venv import Environment, set_up


def main(arguments: Sequence[str]) -> int:
    """Parse the arguments, run the command and return the exit code."""
    options = _parser().parse_args(arguments)
    console = Console()
    environment = Environment()
    try:
        set_up(environment, console, tests=options.command == "test")
        if options.command == "run":
            return run(environment, console, options.file)
        if options.command == "test":
            return test(environment, console)
        console.say(f"Ready in {environment.folder}. Start it with: {start_command()}")
        return 0
    except BootstrapError as error:
        return _explain(error, console)
    except OSError as error:
        return _explain(failure("The files of the set-up cannot be changed.", [str(error)]), console)
    except KeyboardInterrupt:
        console.say("Interrupted. Start again to go on.")
        return 130
    finally:
        console.close()


def start_command(system: str = sys.platform) -> str:
    """Return what a user types to start the program; `python3` opens the Microsoft Store on Windows."""
    return "py packaging\\bootstrap.py run" if system == "win32" else "python3 packaging/bootstrap.py run"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python3 packaging/bootstrap.py", description="Set up MolE Studio on this computer and start it."
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="run | test | setup")
    runner = commands.add_parser("run", help="open the window (without a display: train on the sample and say so)")
    runner.add_argument("file", nargs="?", metavar="FILE", help="a table of molecules to open")
    commands.add_parser("test", help="run every check and test")
    commands.add_parser("setup", help="only make .venv and install")
    return parser


def _explain(error: BootstrapError, console: Console) -> int:
    lines = [str(error), *error.remedy.splitlines()]
    if console.log_path is not None:
        lines.append(f"Everything that was printed: {console.log_path}")
    print("\n".join(lines), file=sys.stderr, flush=True)
    for line in lines:
        console.note(line)
    return error.code


def run(environment: Environment, console: Console, file: str | None) -> int:
    """Open the window on `file`; without a display, do the same job in the terminal."""
    path = Path(file).expanduser().resolve() if file else None
    if path is not None and not path.is_file():
        raise BootstrapError(f"There is no file {path}.", "Check the name.", code=2)
    if not has_display(os.environ):
        return bootstrap_demo.run(environment, console, path)
    return _wait_for([str(environment.python), "-m", "app", *([str(path)] if path else [])])


def _wait_for(command: Sequence[str]) -> int:
    """Run a command in the foreground; an interrupt reaches it too, so wait for what it makes of it."""
    with subprocess.Popen(list(command)) as process:
        while True:
            try:
                return process.wait()
            except KeyboardInterrupt:
                continue


def checks(environment: Environment) -> list[tuple[str, list[str | Path]]]:
    """Return the checks of the test command in order: title and command; the tests come last."""
    python, scripts = environment.python, environment.scripts
    # Files in their order: sorted by their number of tests, the longest, which have few, would all come last.
    workers = ["-n", str(min(os.cpu_count() or 1, 4)), "--dist", "loadfile", "--no-loadscope-reorder"]
    return [
        ("style: ruff check", [python, "-m", "ruff", "check", "."]),
        ("format: ruff format", [python, "-m", "ruff", "format", "--check", "."]),
        ("types: mypy", [python, "-m", "mypy"]),
        ("types of the set-up: mypy", [python, "-m", "mypy", "packaging"]),
        ("layers: import-linter", [scripts / "lint-imports"]),
        ("tests: pytest", [python, "-m", "pytest", "-q", *workers]),
    ]


def test(environment: Environment, console: Console) -> int:
    """Run every check, go on after a failure, and return 1 if any failed."""
    failed: list[str] = []
    start = time.monotonic()
    todo = checks(environment)
    for number, (title, command) in enumerate(todo, start=1):
        console.say(f"== {number}/{len(todo)} {title} (after {duration(time.monotonic() - start)})")
        if number == len(todo) and failed:
            console.say(f"   failed so far: {'; '.join(failed)}")
        code = subprocess.call([str(word) for word in command], cwd=environment.root, stdin=subprocess.DEVNULL)
        if code:
            failed.append(title)
    if failed:
        print(f"Failed: {'; '.join(failed)}.", file=sys.stderr, flush=True)
    return 1 if failed else 0
