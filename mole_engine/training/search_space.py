"""Which settings a search may vary, and between which values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mole_engine.contracts.config import TrainConfig
from mole_engine.contracts.errors import InputError

if TYPE_CHECKING:
    from optuna import Trial

USUAL = ("training.learning_rate", "training.batch_size", "training.weight_decay", "model.hidden_dropout")
"""What is varied when nothing is named."""

LOG_FROM = 20.0
"""A range whose ends differ by this factor is searched by orders of magnitude."""

_SECTIONS = ("training", "model")
_FIXED = frozenset(
    {
        *("model.vocabulary", "model.vocabulary_size", "model.outputs", "model.descriptors", "model.descriptor_size"),
        *("model.pooling", "training.freeze", "training.freeze_layers", "training.epochs", "training.monitor"),
        "training.keep",
    }
)
"""Settings that decide what is computed beforehand, or how the trials are compared."""


@dataclass(frozen=True)
class Dimension:
    """One setting and its values.

    Attributes
    ----------
    name
        "section.field".
    now
        Its value in the job as it stands.
    low, high
        Ends of a range of numbers; whole ones where both are `int`.
    choices
        The values to choose from, where it is no range.
    """

    name: str
    now: Any
    low: float = 0.0
    high: float = 0.0
    choices: tuple[Any, ...] = ()

    @property
    def is_log(self) -> bool:
        """Whether the range is searched by orders of magnitude."""
        return self.low > 0 and self.high / self.low >= LOG_FROM

    def holds(self, value: Any) -> bool:
        """Whether `value` is among those that are searched."""
        return value in self.choices if self.choices else self.low <= value <= self.high

    def suggest(self, trial: Trial) -> Any:
        """Return the value that a trial shall use."""
        if self.choices:
            return trial.suggest_categorical(self.name, self.choices)
        if isinstance(self.low, int) and isinstance(self.high, int):
            return trial.suggest_int(self.name, self.low, self.high, log=self.is_log)
        return trial.suggest_float(self.name, self.low, self.high, log=self.is_log)


def default_space(config: TrainConfig) -> tuple[Dimension, ...]:
    """Return what the search of a job varies.

    Raises
    ------
    InputError
        When a setting does not exist, cannot be varied, or has no range.
    """
    search = config.search
    names = dict.fromkeys([*(search.settings or ([] if search.ranges else USUAL)), *search.ranges])
    return tuple(_dimension(config, name, search.ranges.get(name)) for name in names)


def _dimension(config: TrainConfig, name: str, given: Sequence[Any] | None) -> Dimension:
    section, _, setting = name.partition(".")
    owner = getattr(config, section, None) if section in _SECTIONS else None
    if owner is None or setting not in type(owner).model_fields or name in _FIXED:
        raise InputError(
            f"'{name}' cannot be searched.", "", "Name settings of the training or the network, as in " + USUAL[0] + "."
        )
    now = getattr(owner, setting)
    values = list(given) if given else _usual_values(config.training.learning_rate).get(name, [])
    if not values:
        raise InputError(
            f"'{name}' has no usual range.", "", f"Give one, for example search.ranges={{{name}: [lowest, highest]}}."
        )
    if len(values) == 2 and all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in values):
        low, high = sorted(values)
        dimension = Dimension(name, now, low, high)
    else:
        dimension = Dimension(name, now, choices=tuple(values))
    for value in (*dimension.choices, *((dimension.low, dimension.high) if not dimension.choices else ())):
        # Said before the search begins, not by each trial.
        config.updated({section: {setting: value}} if name != "model.hidden_size" else {})
    return dimension


def _usual_values(rate: float) -> dict[str, list[Any]]:
    """Return the usual ranges for a job with a learning rate of `rate`."""
    return {
        "training.learning_rate": [max(1e-6, rate / 8), min(0.1, rate * 8)],
        "training.batch_size": [16, 32, 64, 128],
        "training.weight_decay": [1e-4, 0.3],
        "training.warmup_fraction": [0.0, 0.3],
        "training.schedule": ["constant", "linear", "cosine"],
        "training.averaging": ["none", "ema", "swa"],
        "training.layer_decay": [0.7, 1.0],
        "training.gradient_clip": [0.3, 3.0],
        "model.hidden_dropout": [0.0, 0.4],
        "model.attention_dropout": [0.0, 0.4],
        "model.head_dropout": [0.0, 0.5],
        "model.layers": [2, 8],
    }
