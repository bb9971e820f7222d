"""The other end of `side_by_side`: `python -m mole_engine.training.network_process` trains networks of an ensemble."""

from __future__ import annotations

import io
import json
import os
import pickle
import sys
import threading
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from mole_engine.child_process import Answers, open_ends, read_exactly
from mole_engine.contracts.errors import Cancelled, is_out_of_memory
from mole_engine.contracts.events import Event
from mole_engine.contracts.run_state import RunControl, hear_wishes
from mole_engine.isolated import problem_message
from mole_engine.store.files import known_error

EVENTS = "events.jsonl"
"""In a network's folder: what it has told, for a run that goes on before anybody was shown it."""

GOODBYE_SECONDS = 10.0
"""How long the parent has to end its wishes, after the last answer."""


def main() -> int:
    """Train the networks that the parent names, one after the other; return the exit code."""
    requests, answers = open_ends()
    first = json.loads(requests.readline() or b"{}")
    if "work" not in first:
        return 2
    control, named = RunControl(), SimpleQueue[dict[str, Any]]()
    work = read_exactly(requests, int(first["work"]))
    begun = threading.Event()
    ear = threading.Thread(target=_hear, args=(requests, control, named, begun), name="wishes", daemon=True)
    ear.start()
    try:
        trainings = _Trainings(work, answers, control)
        begun.set()
        trainings.run(named)
    except Cancelled:
        return 1
    except Exception as error:
        if is_out_of_memory(error):
            # The parent, which has one process less beside it then, does it itself.
            raise
        answers.say(problem_message(known_error(error, Path(first["folder"]))))
    finally:
        # The parent hears the end of the answers and ends its wishes: no thread is left for the interpreter's end.
        answers.close()
        ear.join(GOODBYE_SECONDS)
    return 0


def _hear(requests: io.FileIO, control: RunControl, named: SimpleQueue[dict[str, Any]], begun: threading.Event) -> None:
    try:
        hear_wishes(requests, control, named.put)
    finally:
        if not begun.is_set():
            # It only loads libraries, which takes seconds and listens to nobody; there is nothing to lose.
            os._exit(0)
        control.interrupt()
        named.put({})


class _Trainings:
    def __init__(self, work: bytes, answers: Answers, control: RunControl) -> None:
        from mole_engine.training.series import Series

        # Written by our own parent, which has started this process to read it.
        self.work, self.plan, afterwards = pickle.loads(work)  # noqa: S301
        self.answers = answers
        self.control = control
        turns = [item.turn for item in self.plan]
        costs = [item.cost for item in self.plan]
        self.series = Series(control, [item.epochs for item in self.plan], costs, afterwards, turns)

    def run(self, named: SimpleQueue[dict[str, Any]]) -> None:
        """Train what is named, until nothing more is."""
        while "train" in (message := named.get()):
            self._train(int(message["train"]))
            self.answers.say({"done": message["train"]})

    def _train(self, number: int) -> None:
        from mole_engine.training.emitter import EventEmitter
        from mole_engine.training.member_fit import is_kept
        from mole_engine.training.members import member_folder, write_member

        def tell(event: Event) -> None:
            self.answers.show(event, network=number)

        item = self.plan[number]
        folder = member_folder(self.work.folder, number)
        prepared = self.work.prepared(item)
        emitter = EventEmitter("", tell, folder / EVENTS)
        try:
            fit = self.work.fit(item, prepared, emitter, self.control, self.series)
        finally:
            emitter.close()
        if is_kept(item, fit, self.control):
            write_member(folder, prepared.model, fit)


if __name__ == "__main__":
    sys.exit(main())
