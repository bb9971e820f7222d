"""How `mole` reads its arguments: one line on a usage error, and settings may stand anywhere."""

from __future__ import annotations

import argparse
import csv
import difflib
import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NoReturn

from mole_engine._version import __version__

Configure = Callable[[argparse.ArgumentParser], None]
Run = Callable[[argparse.Namespace], int]

_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*=")


@dataclass(frozen=True, slots=True)
class Command:
    """One command of `mole`.

    Attributes
    ----------
    name, help
        The word, and the line that `mole --help` shows.
    configure
        Adds the command's arguments to its parser.
    run
        Does the work; returns the exit code.
    accepts_settings
        Whether `section.field=value` words are taken (into `arguments.settings`).
    """

    name: str
    help: str
    configure: Configure
    run: Run
    accepts_settings: bool = False


def column_names(text: str) -> list[str]:
    """Return the column names in "A,B"; one that has a comma itself stands between quotes, as in a CSV file."""
    row = next(csv.reader([text], skipinitialspace=True), [])
    return [name.strip() for name in row if name.strip()]


class UsageError(SystemExit):
    """Leaves with exit code 2 after the line that says what is wrong with the words, which it keeps as `said`."""

    def __init__(self, said: str) -> None:
        super().__init__(2)
        self.said = said


class OneLineParser(argparse.ArgumentParser):
    """A parser whose errors are one line: what is wrong and where to look."""

    def error(self, message: str) -> NoReturn:
        """Say what is wrong and leave with exit code 2."""
        stop = "" if message.endswith("?") else "."
        said = f"{self.prog}: {message}{stop} See `{self.prog} --help`."
        sys.stderr.write(f"{said}\n")
        raise UsageError(said)


def build_parser(commands: Sequence[Command]) -> OneLineParser:
    """Return the parser of `mole` with all its commands."""
    parser = OneLineParser(
        prog="mole",
        description="Train a MolE transformer on a table of molecules, and predict with it.",
        epilog="`mole COMMAND --help` explains a command. Exit codes: 0 done, 2 wrong input, 1 our fault, 130 stopped.",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"MolE Studio {__version__}")
    parser.set_defaults(command=None, settings=[], accepts_settings=False)
    subparsers = parser.add_subparsers(title="commands", metavar="COMMAND", parser_class=OneLineParser)
    for command in commands:
        sub = subparsers.add_parser(command.name, help=command.help, description=command.help, allow_abbrev=False)
        command.configure(sub)
        sub.set_defaults(command=command.name, run=command.run, parser=sub, accepts_settings=command.accepts_settings)
    return parser


def parse(parser: OneLineParser, argv: Sequence[str]) -> argparse.Namespace:
    """Parse `argv`; `section.field=value` words go to `settings`, wherever they stand.

    Raises
    ------
    SystemExit
        With code 2 after one line on stderr, or 0 after `--help` and `--version`.
    """
    words = list(argv)
    command = _chosen(parser, words)
    settings = _settings_among(words, command) if command is not None else []
    arguments, unknown = parser.parse_known_args([word for number, word in enumerate(words) if number not in settings])
    if unknown:
        # Told by the command's parser, which knows its options.
        known = getattr(arguments, "parser", parser)
        known.error(f"{unknown[0]} is not understood{_nearest(unknown[0], known)}")
    arguments.settings = [words[position] for position in settings]
    return arguments


def _nearest(word: str, parser: argparse.ArgumentParser) -> str:
    """Return whether `--smiles-column` was meant by `--smiles`, as a question, or nothing where no option is near."""
    options = [option for option in parser._option_string_actions if option.startswith("--")]
    name = word.partition("=")[0]
    found = [option for option in options if option.startswith(name)] or difflib.get_close_matches(name, options, 1)
    return f"; did you mean {found[0]}?" if name.startswith("--") and found else ""


def _chosen(parser: OneLineParser, words: Sequence[str]) -> argparse.ArgumentParser | None:
    """Return the parser of the command in `words` if that command takes settings."""
    name = next((word for word in words if not word.startswith("-")), "")
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            chosen: argparse.ArgumentParser | None = action.choices.get(name)
            return chosen if chosen is not None and chosen.get_default("accepts_settings") else None
    return None


def _settings_among(words: Sequence[str], command: argparse.ArgumentParser) -> list[int]:
    """Return the positions of words like `training.epochs=3` that are not the value of an option."""
    options = command._option_string_actions
    found = []
    for position, word in enumerate(words):
        before = options.get(words[position - 1]) if position else None
        is_value = before is not None and before.nargs is None
        if _ASSIGNMENT.match(word) and not is_value:
            found.append(position)
    return found
