"""The other end of `isolated`: `python -m mole_engine.isolated_child`, spoken to over its standard streams."""

from __future__ import annotations

import contextlib
import faulthandler
import io
import json
import os
import signal
import sys
import threading
from typing import IO, Any

from mole_engine.contracts.config import TrainConfig
from mole_engine.contracts.errors import Cancelled, MoleError, problem_of
from mole_engine.contracts.events import Event
from mole_engine.contracts.run_state import RunControl, Wishes

GOODBYE_SECONDS = 10.0
"""How long the parent has to end its wishes, after the last answer."""


def main() -> int:
    """Train what the first line of the input describes; return the exit code."""
    # The end of a native crash is told on stderr, which the parent keeps.
    faulthandler.enable()
    # Ctrl-C reaches the parent as well, and it says what shall happen.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Whatever a library prints, also from C, must not get between the messages.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8", buffering=1)
    os.dup2(2, 1)
    # Not `sys.stdin`: whoever waits for a line holds its buffer's lock, and an interpreter that ends meanwhile aborts.
    requests = open(sys.stdin.fileno(), "rb", buffering=0, closefd=False)  # noqa: SIM115 - read until the process ends
    first = json.loads(requests.readline() or b"{}")
    if "job" not in first:
        return 2
    control = RunControl()
    ear = threading.Thread(target=_hear, args=(requests, control), name="wishes", daemon=True)
    ear.start()
    mouth = _Mouth(answers)
    try:
        mouth.say({"record": _train(first, mouth, control).to_dict()})
    except Cancelled:
        return 1
    except BaseException as error:  # noqa: BLE001 - the parent raises it again
        kind = type(error).__name__ if isinstance(error, MoleError) else "BugError"
        mouth.say({"problem": problem_of(error).to_dict(), "kind": kind})
    finally:
        # The parent hears the end of the answers and ends its wishes: no thread is left for the interpreter's end.
        mouth.close()
        ear.join(GOODBYE_SECONDS)
    return 0


def _train(first: dict[str, Any], mouth: _Mouth, control: RunControl) -> Any:
    from mole_engine.train import train_here

    config = TrainConfig.from_dict(first["job"])
    return train_here(config, mouth.show, control, resume=first["resume"], on_folder=mouth.tell_folder)


class _Mouth:
    """Writes messages; events come from the one thread that trains."""

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream

    def say(self, message: dict[str, Any]) -> None:
        try:
            self._stream.write(json.dumps(message) + "\n")
            self._stream.flush()
        except (BrokenPipeError, ValueError):
            # The parent has died; its silence on the input says the same.
            return

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._stream.close()

    def show(self, event: Event) -> None:
        self.say({"event": json.loads(event.to_json())})

    def tell_folder(self, path: str) -> None:
        self.say({"folder": path})


def _hear(requests: io.FileIO, control: RunControl) -> None:
    before = Wishes()
    for line in requests:
        wishes = Wishes(**json.loads(line)["wishes"])
        obey(control, wishes, before)
        before = wishes
    control.interrupt()


def obey(control: RunControl, wishes: Wishes, before: Wishes) -> None:
    """Bring `control` to what the user wants now."""
    if wishes.paused != control.is_paused:
        (control.pause if wishes.paused else control.resume)()
    if wishes.learning_rate_factor and wishes.learning_rate_factor != control.learning_rate_factor:
        control.set_learning_rate(wishes.learning_rate_factor)
    if wishes.last_epoch and wishes.last_epoch != control.last_epoch:
        control.set_last_epoch(wishes.last_epoch)
    if wishes.stops > before.stops:
        control.stop()
    if wishes.interrupt:
        control.interrupt()
    elif wishes.cancel:
        control.cancel()


if __name__ == "__main__":
    sys.exit(main())
