"""The other end of `isolated`: `python -m mole_engine.isolated_child`, spoken to over its standard streams."""

from __future__ import annotations

import json
import sys
import threading
from typing import Any

from mole_engine.child_process import Answers, open_ends
from mole_engine.contracts.config import TrainConfig
from mole_engine.contracts.errors import Cancelled
from mole_engine.contracts.run_state import RunControl, hear_wishes
from mole_engine.isolated import problem_message

GOODBYE_SECONDS = 10.0
"""How long the parent has to end its wishes, after the last answer."""


def main() -> int:
    """Train what the first line of the input describes; return the exit code."""
    requests, answers = open_ends()
    first = json.loads(requests.readline() or b"{}")
    if "job" not in first:
        return 2
    control = RunControl()
    ear = threading.Thread(target=hear_wishes, args=(requests, control), name="wishes", daemon=True)
    ear.start()
    try:
        answers.say({"record": _train(first, answers, control).to_dict()})
    except Cancelled:
        return 1
    except BaseException as error:  # noqa: BLE001 - the parent raises it again
        answers.say(problem_message(error))
    finally:
        # The parent hears the end of the answers and ends its wishes: no thread is left for the interpreter's end.
        answers.close()
        ear.join(GOODBYE_SECONDS)
    return 0


def _train(first: dict[str, Any], answers: Answers, control: RunControl) -> Any:
    from mole_engine.train import train_here

    def tell_folder(path: str) -> None:
        answers.say({"folder": path})

    config = TrainConfig.from_dict(first["job"])
    return train_here(config, answers.show, control, resume=first["resume"], on_folder=tell_folder)


if __name__ == "__main__":
    sys.exit(main())
