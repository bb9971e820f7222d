"""Entry of the command `mole`: picks the command, and turns every error into a line and an exit code.

Only light modules are imported here and in the commands' modules; what is heavy loads when a command runs.
"""

from __future__ import annotations

import errno
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from types import FrameType

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
from mole_engine.cli.console import error_line, is_broken_pipe, quiet_libraries, silence, write_fault
from mole_engine.cli.parser import Command, build_parser, parse
from mole_engine.contracts.errors import Cancelled, KnownError, MoleError, StructureColumnError, problem_of
from mole_engine.isolated import CHILD_FLAG
from mole_engine.training.network_process import CHILD_FLAG as NETWORK_FLAG

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


def run_command(argv: Sequence[str] | None = None) -> int:
    """Run `mole` and return the exit code; see `mole_engine.cli.main`."""
    if argv is None:
        work = _work_as_child(sys.argv[1:])
        if work is not None:
            return work()
        quiet_libraries()
        _heed_terminate()
    try:
        code = _run(sys.argv[1:] if argv is None else argv)
        sys.stdout.flush()
    except SystemExit as request:
        code = request.code if isinstance(request.code, int) else EXIT_DONE
    except (KeyboardInterrupt, Cancelled):
        error_line("Interrupted.")
        code = EXIT_INTERRUPTED
    except OSError as error:
        code = _not_written(error)
    except (KnownError, MemoryError) as error:
        option = " Or name it with --smiles-column." if isinstance(error, StructureColumnError) else ""
        error_line(problem_of(error).one_line() + option)
        code = error.exit_code if isinstance(error, MoleError) else EXIT_FAULT
    except Exception as error:  # noqa: BLE001 - the last door: whatever comes is told in one line and logged
        error_line(f"{problem_of(error).one_line()} Details: {write_fault(error)}")
        code = EXIT_FAULT
    return code


def _not_written(error: OSError) -> int:
    if is_broken_pipe(error):
        return _reader_left()
    full = error.filename is None and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EIO)
    if full:
        # What is left of the results would fail again when the interpreter closes the stream.
        silence(sys.stdout)
    words = "Cannot write to standard output: the disk is full. Write the results to a file elsewhere (--out)."
    error_line(words if full else problem_of(error).one_line())
    return EXIT_FAULT


def _work_as_child(argv: Sequence[str]) -> Callable[[], int] | None:
    """Return what a packaged program does that was started by another process of ours; None: a user's command."""
    if list(argv) == [CHILD_FLAG]:
        from mole_engine.isolated_child import main as train_isolated

        return train_isolated
    if list(argv) == [NETWORK_FLAG]:
        from mole_engine.training.network_process import main as train_networks

        return train_networks
    return None


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
