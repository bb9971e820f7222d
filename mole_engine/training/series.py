"""Networks of one training, whose epochs are counted through, also where some are trained at the same time."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from mole_engine.contracts.run_state import RunControl
from mole_engine.store.files import write_text
from mole_engine.training.times import ONE_THREAD

END = "series.json"


class Series:
    """Where each network's epochs lie in the whole, and where the whole ends by the user's word.

    Parameters
    ----------
    control
        The user's words; a last epoch is one of the whole.
    epochs, costs
        Of each network as planned, in their order: how many, and the time of one beside the others'.
    afterwards
        Seconds that the job takes when all networks are trained.
    beside
        Whether one thread begins with that while the last network is trained.
    turns
        Networks with the same number are trained at the same time; None: each by itself.
    """

    def __init__(
        self,
        control: RunControl,
        epochs: Sequence[int],
        costs: Sequence[float],
        afterwards: float = 0.0,
        turns: Sequence[int] | None = None,
        *,
        beside: bool = False,
    ) -> None:
        self.control = control
        self.epochs = list(epochs)
        self.costs = list(costs)
        self.turns = list(range(len(self.epochs)) if turns is None else turns)
        self.afterwards = afterwards
        self.beside = beside
        self._heard = 0
        self._seconds: dict[float, float] = {}

    @property
    def planned(self) -> int:
        """Epochs of all networks."""
        return sum(self.epochs)

    @property
    def end(self) -> int:
        """Epoch with which the whole ends, as things stand."""
        return min(self.control.last_epoch or self.planned, self.planned)

    def before(self, number: int) -> int:
        """Return how many epochs there are before a network (the first is 0)."""
        return sum(self.epochs[:number])

    def after(self, number: int) -> int:
        """Return how many epochs are still to come when a network has ended."""
        return max(0, self.end - self.before(number + 1))

    def later(self, number: int) -> float:
        """Return the time of the turns to come, beside that of a network as planned."""
        times: dict[int, float] = {}
        left = self.after(number)
        for other in range(number + 1, len(self.epochs)):
            turn, time = self.turns[other], min(self.epochs[other], left) * self.costs[other]
            times[turn] = max(times.get(turn, 0.0), time)
            left = max(0, left - self.epochs[other])
        # The others of its own turn are as far as it is.
        times.pop(self.turns[number], None)
        return math.fsum(times.values()) / (self.epochs[number] * self.costs[number])

    def rest(self, number: int, own: float) -> float:
        """Return the seconds behind the last network, where network `number` takes `own` seconds in all."""
        if not self.beside or math.isnan(own):
            return self.afterwards
        last = own * self.epochs[-1] * self.costs[-1] / (self.epochs[number] * self.costs[number])
        return max(0.0, self.afterwards - last / ONE_THREAD)

    def seconds(self, number: int) -> float:
        """Return how long a network takes, after what was heard of those of its kind; NaN where nothing was."""
        return self._seconds.get(self.costs[number], math.nan) * self.epochs[number]

    def hear_seconds(self, number: int, seconds: float) -> None:
        """Take note of how long a network takes in all."""
        self._seconds[self.costs[number]] = seconds / self.epochs[number]

    def is_over(self, number: int) -> bool:
        """Whether a network would begin behind the end."""
        return self.before(number) >= self.end

    def own_last(self, number: int, epoch: int) -> int:
        """Return which of a network's own epochs an epoch of the whole is; of several networks at most its last."""
        own = epoch - self.before(number)
        return own if len(self.epochs) == 1 else min(own, self.epochs[number])

    def news(self, now: int) -> str:
        """Return what is to be said of a last epoch that was not heard before, in epoch `now` of the whole; else ""."""
        asked = self.control.last_epoch
        if asked == self._heard:
            return ""
        self._heard = asked
        if asked > self.planned and len(self.epochs) > 1:
            return f"Several networks learn no longer than planned: training ends with epoch {self.planned}."
        return f"Training now ends with epoch {max(asked, now)}."


@dataclass(frozen=True)
class SeriesEnd:
    """Where the user has had a series of networks end, earlier than planned.

    Attributes
    ----------
    last_epoch
        Of the whole; 0: nothing was said.
    networks
        How many are used; 0: more may follow.
    """

    last_epoch: int = 0
    networks: int = 0


def write_end(folder: Path, end: SeriesEnd) -> None:
    """Keep in a run folder what its user has said, for a run that goes on when its networks are finished.

    Raises
    ------
    InputError, KnownError
        When the folder cannot be written.
    """
    write_text(folder / "checkpoints" / END, json.dumps(asdict(end)) + "\n")


def read_end(folder: Path) -> SeriesEnd:
    """Return what `write_end` kept; where there is nothing that can be read, nothing was said."""
    try:
        fields = json.loads((folder / "checkpoints" / END).read_text(encoding="utf-8"))
        return SeriesEnd(int(fields["last_epoch"]), int(fields["networks"]))
    except (OSError, ValueError, KeyError, TypeError):
        return SeriesEnd()
