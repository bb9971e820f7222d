"""Entry of the command `mole`: picks the command, and turns every error into a line and an exit code.

Only light modules are imported here and in the commands' modules; what is heavy loads when a command runs.
"""

from __future__ import annotations

import errno
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from importlib import import_module
from types import FrameType

from mole_engine.child_process import CHILD_FLAG, CHILDREN
from mole_engine.cli import (
    curate,
    doctor,
    encode,
    evaluate,
    explain,
    export,
    import_reference,
    predict,
    presets,
    pretrain,
    reproduce,
    runs,
    search,
    train,
)
from mole_engine.cli.console import error_line, is_broken_pipe, json_line, quiet_libraries, silence, write_fault
from mole_engine.cli.parser import Command, build_parser, parse
from mole_engine.contracts.errors import Cancelled, KnownError, MoleError, StructureColumnError, problem_of

COMMANDS: tuple[Command, ...] = (
    train.COMMAND,
    search.COMMAND,
    predict.COMMAND,
    explain.COMMAND,
    evaluate.COMMAND,
    encode.COMMAND,
    curate.COMMAND,
    export.COMMAND,
    import_reference.COMMAND,
    pretrain.COMMAND,
    runs.COMMAND,
    reproduce.COMMAND,
    presets.COMMAND,
    doctor.COMMAND,
)
"""Every command, in the order in which `mole --help` lists them."""

EXIT_DONE, EXIT_FAULT, EXIT_INPUT, EXIT_INTERRUPTED = 0, 1, 2, 130

_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EIO)


def run_command(argv: Sequence[str] | None = None) -> int:
    """Run `mole` and return the exit code; see `mole_engine.cli.main`."""
    if argv is None:
        work = _work_as_child(sys.argv[1:])
        if work is not None:
            return work()
        quiet_libraries()
        _heed_terminate()
    words = sys.argv[1:] if argv is None else argv
    try:
        code = _run(words)
        sys.stdout.flush()
    except (Exception, KeyboardInterrupt, SystemExit) as error:  # noqa: BLE001 - the last door: whatever comes is told
        if isinstance(error, OSError) and is_broken_pipe(error):
            return _reader_left()
        code, said = _told(error)
        if said and "--json" in words:
            _write_failure(code, said)
    return code


def _told(error: BaseException) -> tuple[int, str]:
    """Tell an error in one line on stderr; return the exit code and the line, which is "" where nothing failed."""
    if isinstance(error, SystemExit):
        # The parser has told what is wrong with the words.
        code, said = error.code if isinstance(error.code, int) else EXIT_DONE, getattr(error, "said", "")
    else:
        code, said = _words(error)
        error_line(said)
    return code, said


def _words(error: BaseException) -> tuple[int, str]:
    if isinstance(error, KeyboardInterrupt | Cancelled):
        return EXIT_INTERRUPTED, "Interrupted."
    if isinstance(error, OSError) and error.filename is None and error.errno in _NO_ROOM:
        # What is left of the results would fail again when the interpreter closes the stream.
        silence(sys.stdout)
        remedy = "Write the results to a file elsewhere (--out)."
        return EXIT_FAULT, f"Cannot write to standard output: the disk is full. {remedy}"
    said = problem_of(error).one_line()
    if isinstance(error, StructureColumnError):
        said += " Or name it with --smiles-column."
    code = error.exit_code if isinstance(error, MoleError) else EXIT_FAULT
    if not isinstance(error, KnownError | OSError | MemoryError):
        said += f" Details: {write_fault(error)}"
    return code, said


def _write_failure(code: int, said: str) -> None:
    """Close stdout with one JSON object, as after success: whoever reads the last line finds out what happened."""
    status = "interrupted" if code == EXIT_INTERRUPTED else "failed"
    try:
        json_line({"status": status, "error": said, "exit_code": code})
        sys.stdout.flush()
    except OSError:
        # Nobody reads it, or there is no room: stderr has said it.
        silence(sys.stdout)


def _work_as_child(argv: Sequence[str]) -> Callable[[], int] | None:
    """Return what a packaged program does that was started by another process of ours; None: a user's command."""
    if len(argv) != 2 or argv[0] != CHILD_FLAG or argv[1] not in CHILDREN:
        return None
    main: Callable[[], int] = import_module(argv[1]).main
    return main


def _run(argv: Sequence[str]) -> int:
    parser = build_parser(COMMANDS)
    arguments = parse(parser, argv)
    if arguments.command is None:
        parser.print_help()
        return EXIT_DONE
    return int(arguments.run(arguments))


def _reader_left() -> int:
    # `mole runs | head -1`: nobody reads on, which is no fault. Python would complain while closing stdout.
    silence(sys.stdout)
    return EXIT_DONE


def _heed_terminate() -> None:
    """Let SIGTERM, with which a scheduler ends a job, unwind like Ctrl-C: half-written files go."""
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, _terminate)


def _terminate(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt
