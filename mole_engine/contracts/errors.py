"""Errors that cross room borders, and the words a user reads about them.

Two families, after qutebrowser: a `KnownError` says that the input or the environment is at fault and what to do
about it; everything else that escapes is a `BugError`, a fault of ours, and carries a traceback.
"""

from __future__ import annotations

import traceback
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Problem:
    """What went wrong, in words for a chemist.

    Attributes
    ----------
    title
        One short sentence: what cannot be done.
    cause
        Why, naming the file, row and column where there are any.
    remedy
        What to do now.
    details
        Technical text (a traceback), shown only on request; may be empty.
    """

    title: str
    cause: str = ""
    remedy: str = ""
    details: str = ""

    def one_line(self) -> str:
        """Return title, cause and remedy as one line, as the command line prints it."""
        text = " ".join(part.strip() for part in (self.title, self.cause, self.remedy) if part.strip())
        # A column's name may have line breaks of its own.
        return " ".join(text.splitlines())

    def to_dict(self) -> dict[str, str]:
        """Return the fields as a JSON-able dictionary."""
        return asdict(self)

    @classmethod
    def from_dict(cls, fields: dict[str, Any]) -> Problem:
        """Rebuild a problem that `to_dict` wrote."""
        return cls(**{name: str(fields.get(name, "")) for name in ("title", "cause", "remedy", "details")})


class MoleError(Exception):
    """Base of every error that the engine raises on purpose."""

    exit_code = 1

    def __init__(self, title: str, cause: str = "", remedy: str = "", details: str = "") -> None:
        self.problem = Problem(title, cause, remedy, details)
        super().__init__(self.problem.one_line())


class KnownError(MoleError):
    """The environment is at fault (disk full, device missing, no memory), not our code."""


class InputError(KnownError):
    """The input or the usage is at fault; the command line answers with exit code 2."""

    exit_code = 2


class StructureColumnError(InputError):
    """Which column of a table holds the structures is not clear, or what it holds cannot be read.

    Attributes
    ----------
    columns
        Those that could be meant. Whoever shows the error offers them in its own way: the window by a list, the
        command line by its option.
    """

    def __init__(self, title: str, cause: str = "", remedy: str = "", details: str = "", columns: Any = ()) -> None:
        super().__init__(title, cause, remedy, details)
        self.columns: tuple[str, ...] = tuple(columns)


class BugError(MoleError):
    """A fault of ours; carries a traceback."""


class Cancelled(Exception):  # noqa: N818 - a control-flow signal, not an error
    """The user asked to drop the work; raised inside it to unwind, never shown as a failure."""


_NO_MEMORY = ("out of memory", "not enough memory", "can't allocate memory")
"""As torch says it of a GPU, of a processor under Windows, and of one under Linux or macOS."""

_NO_RUNTIME = ("DLL load failed", "or one of its dependencies")
"""As Python and torch say under Windows that a library does not find another one."""

_PAGING_FILE_TOO_SMALL = 1455
"""How Windows numbers it when memory does not suffice for a library (ERROR_COMMITMENT_LIMIT)."""


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an exception says that a device, or this machine, has no memory left."""
    text = str(error).lower()
    return (
        isinstance(error, MemoryError)
        or (isinstance(error, RuntimeError) and any(words in text for words in _NO_MEMORY))
        or getattr(error, "winerror", None) == _PAGING_FILE_TOO_SMALL
    )


def problem_of(error: BaseException) -> Problem:
    """Turn any exception into the problem a user reads.

    Parameters
    ----------
    error
        A `MoleError` keeps its own words; a few faults of the environment get words of their own; any other exception
        becomes an "unexpected fault" with its traceback as text.
    """
    details = "".join(traceback.format_exception(error))
    if isinstance(error, MoleError):
        own = error.problem
        return own if own.details else Problem(own.title, own.cause, own.remedy, details)
    if is_out_of_memory(error):
        return Problem(
            "There is not enough memory.",
            str(error),
            "Close other programs, or use a smaller preset or batch.",
            details,
        )
    if isinstance(error, OSError) and error.filename is not None:
        return Problem(
            f"Cannot use {error.filename}.",
            f"{error.strerror or error}.",
            "Check that it exists and may be used.",
            details,
        )
    if isinstance(error, ImportError) and "cannot open shared object file" in str(error):
        return Problem(
            "A library of the system is missing.",
            f"{error}.",
            "Install the package that brings it (on Debian and Ubuntu, libxrender1 brings libXrender.so.1).",
            details,
        )
    if isinstance(error, OSError | ImportError) and any(words in str(error) for words in _NO_RUNTIME):
        return Problem(
            "A library of Windows is missing.",
            f"{error}.",
            "Install the Microsoft Visual C++ Redistributable from https://aka.ms/vs/17/release/vc_redist.x64.exe, "
            "then start again.",
            details,
        )
    cause = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    return Problem(
        "Something went wrong inside MolE Studio.", cause, "Please report it with the details below.", details
    )
