"""Writing files so that a crash or a full disk never leaves half of one in place of a whole one."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path

from mole_engine.contracts.errors import BugError, InputError, KnownError, MoleError, is_out_of_memory, problem_of
from mole_engine.contracts.paths import from_home, put_in_place

_TORCH_WRITER = "inline_container"
_NEARLY_FULL = 16 * 2**20

_NO_RIGHT = ("permission denied.", "Choose another folder.")
_REFUSALS = {
    errno.EACCES: _NO_RIGHT,
    errno.EPERM: _NO_RIGHT,
    errno.EROFS: _NO_RIGHT,
    errno.EISDIR: ("it is a folder.", "Name a file, for example one in it."),
    errno.ENAMETOOLONG: ("the name is too long.", "Give the result a shorter name."),
}
"""What a place that cannot be written to lacks, and what to do."""

_LONG_PATH = 220
"""Letters from which on Windows may refuse a path: 260, less those by which a file is written beside its place."""

_IN_USE = (5, 32, 33)
"""How Windows numbers a refusal because of rights or of others that use the file; it does not always say which."""


@contextlib.contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; on success it takes the place of `path`, on failure it is removed.

    Raises
    ------
    InputError
        When the folder does not exist or may not be written.
    KnownError
        When the disk is full.
    """
    temporary = _beside(path)
    try:
        temporary.open("xb").close()
        yield temporary
        with temporary.open("r+b") as stream:
            os.fsync(stream.fileno())
        put_in_place(temporary, path)
    except OSError as error:
        raise storage_problem(error, path) from error
    except RuntimeError as error:
        if _TORCH_WRITER not in str(error):
            raise
        # torch.save reports any failed write as a RuntimeError about positions in the file.
        raise storage_problem(OSError("writing failed"), path) from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


def remove_left_overs(folder: Path, name: str = "*") -> None:
    """Remove what `atomic_path` had begun in a folder, of files of this name, when its process was killed."""
    for path in folder.glob(f".{name}.*.part"):
        with contextlib.suppress(OSError):
            path.unlink()


def is_file(path: Path) -> bool:
    """Whether a file is there; not on a disk that does not answer, for which `Path.is_file` raises."""
    with contextlib.suppress(OSError):
        return path.is_file()
    return False


def is_folder(path: Path) -> bool:
    """Whether a folder is there; not on a disk that does not answer, for which `Path.is_dir` raises."""
    with contextlib.suppress(OSError):
        return path.is_dir()
    return False


def check_not_same(source: str | Path, target: str | Path) -> None:
    """Refuse to write a result over the file that it comes from. Raises InputError."""
    source, place = from_home(source), from_home(target)
    if place.exists() and source.exists() and place.samefile(source):
        raise InputError(f"{target} would be overwritten by its own result.", "", "Give the result another name.")


def check_writable(path: str | Path) -> None:
    """Refuse a place that cannot be written to, before the work whose result would be lost.

    Raises
    ------
    InputError
        When it is a folder or a file that is write-protected, or when its folder is missing or may not be written.
    KnownError
        When the disk is full.
    """
    path = Path(path)
    temporary = _beside(path)
    try:
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        if path.exists() and not os.access(path, os.W_OK):
            raise InputError(f"Cannot write {path}:", "the file is write-protected.", "Give the result another name.")
        if path.is_file():
            # A spreadsheet under Windows lets nobody else write the file that it shows.
            path.open("r+b").close()
        temporary.open("xb").close()
        temporary.unlink()
    except OSError as error:
        raise storage_problem(error, path) from error


def _beside(path: Path) -> Path:
    return path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")


def write_text(path: Path, text: str) -> None:
    """Write a text file (UTF-8) atomically, its line ends as they are. Raises InputError, KnownError."""
    with atomic_path(path) as temporary:
        # What Windows would make of them no shell reads: a script that is exported there runs on a cluster.
        temporary.write_text(text, encoding="utf-8", newline="")


def storage_problem(error: OSError, path: Path) -> KnownError:
    """Put an error of the file system in words."""
    # NumPy says how many bytes were written, and torch not even that: no reason comes with it.
    if error.errno in (errno.ENOSPC, errno.EDQUOT) or (error.errno is None and _is_full(path.parent)):
        return KnownError(f"Cannot write {path}:", "the disk is full.", "Free some space, or choose another folder.")
    words = _REFUSALS.get(error.errno or 0)
    if is_in_use(error) and is_file(path):
        words = ("it may not be written, or another program (a spreadsheet, say) has it open.", "Close it there first.")
    if error.errno in (errno.ENOENT, errno.ENOTDIR):
        return _no_folder(path)
    if words is not None:
        return InputError(f"Cannot write {path}:", *words)
    return KnownError(f"Cannot write {path}:", f"{error.strerror or error}.", "Choose another folder.")


def is_in_use(error: OSError) -> bool:
    """Whether Windows refuses something because of rights, or because somebody has the file, or one within, open."""
    return getattr(error, "winerror", None) in _IN_USE


def _no_folder(path: Path) -> InputError:
    file = next((parent for parent in path.parents if is_file(parent)), None)
    if file is not None:
        return InputError(f"Cannot write {path}:", f"{file} is a file, not a folder.", "Choose another folder.")
    letters = len(str(path.absolute()))
    if letters > _LONG_PATH and is_folder(path.parent):
        # Windows says of a path that has too many letters only that it is not there.
        cause = f"its path is too long for this system ({letters} letters)."
        return InputError(f"Cannot write {path}:", cause, "Choose a folder with a shorter path.")
    return InputError(f"Cannot write {path}:", "the folder does not exist.", "Make it first, or choose another.")


def _is_full(folder: Path) -> bool:
    with contextlib.suppress(OSError):
        return shutil.disk_usage(folder).free < _NEARLY_FULL
    return False


def known_error(error: Exception, folder: Path) -> MoleError:
    """Return an error that says whose fault it is: the input's, the machine's, or ours.

    Parameters
    ----------
    folder
        Named where an error of the file system names no file.
    """
    if isinstance(error, MoleError):
        return error
    if isinstance(error, OSError):
        return storage_problem(error, Path(str(error.filename or folder)))
    problem = problem_of(error)
    kind = KnownError if is_out_of_memory(error) else BugError
    return kind(problem.title, problem.cause, problem.remedy, problem.details)
