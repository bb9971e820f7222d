"""Target scaling: transforms of regression targets, fitted on the training part and undone in every prediction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, Self

import numpy as np
import numpy.typing as npt
from scipy import special

from mole_engine.contracts.config import TransformName
from mole_engine.contracts.dataset import TaskKind, TaskSpec
from mole_engine.contracts.errors import InputError
from mole_engine.contracts.wording import counted_of

Floats = npt.NDArray[np.float64]
Transform = Literal["none", "log10", "logit", "box-cox"]

MIN_LABELS_FOR_AUTO = 20
MIN_SPAN_FOR_LOG = 100.0
MIN_SKEW_FOR_LOG = 1.0
LARGEST_EXPONENT = 37.0
"""Powers of ten beyond this do not fit into 32-bit numbers."""

SMALLEST_EXPONENT = 1e-3
"""Of Box-Cox; below this it is the logarithm."""

FARTHEST, TOLERANCE = 5.0, 0.01
"""How far beyond the mean label a prediction goes, and what rounding to 32 bits may cost, in deviations."""

SMALLEST_SPREAD = 1e-36
"""Numbers below this lose digits in 32 bits."""


@dataclass(frozen=True, slots=True)
class TaskScale:
    """How one target is scaled: `(transform(y) - mean) / std`.

    Attributes
    ----------
    transform
        "none", "log10", "logit" or "box-cox".
    mean, std
        Of the transformed training labels; std is 1 where they are all equal.
    low, high
        The transform is defined strictly between these; values beyond are moved to the margin before it.
    exponent
        Lambda of Box-Cox.
    """

    transform: Transform = "none"
    mean: float = 0.0
    std: float = 1.0
    low: float = -np.inf
    high: float = np.inf
    exponent: float = 1.0

    def forward(self, values: Floats) -> Floats:
        """Scale values in the user's unit; NaN stays NaN."""
        return (_transformed(np.clip(values, self.low, self.high), self) - self.mean) / self.std

    def inverse(self, scaled: Floats) -> Floats:
        """Undo `forward`."""
        return _restored(scaled * self.std + self.mean, self)


@dataclass(frozen=True, slots=True)
class TargetScaler:
    """The scaling of all targets, in task order; None for a task with classes, which is left as it is."""

    scales: tuple[TaskScale | None, ...]

    @classmethod
    def fit(
        cls,
        targets: Floats,
        tasks: Sequence[TaskSpec],
        transform: TransformName = "auto",
        weights: Floats | None = None,
    ) -> Self:
        """Fit on the labels of the training part.

        Parameters
        ----------
        targets
            (n, T), NaN where a label is missing. Only rows of the training part.
        tasks
            The T tasks.
        transform
            One transform for all regression targets, or "auto": log10 for positive, heavy-tailed targets, logit for
            fractions that come close to both 0 and 1, else none.
        weights
            (n,) above 0, of the rows; None: all count the same. See `counting`.

        Raises
        ------
        InputError
            When a chosen transform is not defined for a target's values.
        """
        return cls(
            tuple(
                _fit_one(column, task, transform, weights) if task.kind is TaskKind.REGRESSION else None
                for column, task in zip(np.asarray(targets, dtype=np.float64).T, tasks, strict=True)
            )
        )

    def transform(self, targets: Floats) -> Floats:
        """Scale (n, T) targets; NaN stays NaN."""
        return self._each(targets, "forward")

    def inverse(self, scaled: Floats) -> Floats:
        """Bring (n, T) scaled values back to the user's units."""
        return self._each(scaled, "inverse")

    def _each(self, values: Floats, method: str) -> Floats:
        result = np.array(values, dtype=np.float64)
        for column, scale in enumerate(self.scales):
            if scale is not None:
                result[:, column] = getattr(scale, method)(result[:, column])
        return result

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-able dictionary that `from_dict` reads; open bounds are None."""
        return {"scales": [None if scale is None else _finite(asdict(scale)) for scale in self.scales]}

    @classmethod
    def from_dict(cls, fields: dict[str, Any]) -> Self:
        """Rebuild a scaler that `to_dict` wrote."""
        return cls(
            tuple(
                None
                if item is None
                else TaskScale(**{name: value for name, value in item.items() if value is not None})
                for item in fields["scales"]
            )
        )


def propose_transform(values: Floats) -> Transform:
    """Return the transform that suits a target's labels; "none" in doubt.

    log10 is proposed for positive labels that span more than two decades and are skewed to the right, more than their
    logarithms are skewed to either side; logit for labels strictly inside (0, 1) that come close to both ends.
    """
    if len(values) < MIN_LABELS_FOR_AUTO or values.min() <= 0 or np.ptp(values) == 0:
        return "none"
    low, high = values.min(), values.max()
    if 1e-3 <= low < 0.05 and 0.95 < high <= 1 - 1e-3:
        return "logit"
    # Imported where it is needed: predicting reads this module too, and never fits.
    from scipy import stats

    skew = float(stats.skew(values))
    heavy = high / low > MIN_SPAN_FOR_LOG and skew > MIN_SKEW_FOR_LOG
    return "log10" if heavy and abs(float(stats.skew(np.log10(values)))) < skew else "none"


def _fit_one(column: Floats, task: TaskSpec, wanted: TransformName, weights: Floats | None) -> TaskScale:
    known = ~np.isnan(column)
    values, own = column[known], None if weights is None else weights[known]
    transform: Transform = propose_transform(values) if wanted == "auto" else wanted
    if transform == "none" or not len(values):
        return _standardised(values, TaskScale(), own)
    if np.ptp(values) == 0:
        # Nothing can be learnt about the shape of a constant.
        return _standardised(values, TaskScale(), own)
    _check_defined(values, task, transform)
    low, high = values.min() / 10, np.inf
    if transform == "logit":
        high = 1 - (1 - values.max()) / 10
    exponent = _box_cox_exponent(values) if transform == "box-cox" else 1.0
    scale = TaskScale(transform=transform, low=float(low), high=float(high), exponent=exponent)
    return _standardised(values, scale, own)


def _box_cox_exponent(values: Floats) -> float:
    """Return the likeliest exponent with which a network can compute, else half of it, a quarter ..., or 0.

    Percentages close to 100 ask for an exponent of 25, with which they do not fit into 32 bits; narrow values far from
    0 lose their digits.
    """
    from scipy import stats

    # Without a bound of its own, about which SciPy would warn.
    exponent = float(stats.boxcox_normmax(values, method="mle", ymax=np.inf))
    while abs(exponent) > SMALLEST_EXPONENT and not _fits_32_bits(values, exponent):
        exponent /= 2
    return exponent if abs(exponent) > SMALLEST_EXPONENT else 0.0


def _fits_32_bits(values: Floats, exponent: float) -> bool:
    """Whether Box-Cox and its inverse, also of predictions far beyond the labels, keep their digits in 32 bits."""
    with np.errstate(all="ignore"):
        scale = _standardised(values, TaskScale("box-cox", exponent=exponent), None)
        power, mean, std = (np.float32(number) for number in (exponent, scale.mean, scale.std))
        exact = scale.forward(values)
        single = ((values.astype(np.float32) ** power - 1) / power - mean) / std
        probes = np.append(exact, [-FARTHEST, FARTHEST])
        base = np.maximum((probes.astype(np.float32) * std + mean) * power + 1, np.finfo(np.float32).tiny)
        back = np.exp(np.log(base) / power)
        there = bool(np.isfinite(exact).all()) and np.allclose(single, exact, rtol=0.0, atol=TOLERANCE)
        inverse = np.clip(scale.inverse(probes), np.finfo(np.float32).tiny, 10.0**LARGEST_EXPONENT)
        return there and np.allclose(back, inverse, rtol=TOLERANCE, atol=TOLERANCE * float(values.std()))


def _standardised(values: Floats, scale: TaskScale, weights: Floats | None) -> TaskScale:
    if not len(values):
        return scale
    changed = _transformed(values, scale)
    mean, std = float(changed.mean()), float(changed.std())
    if weights is not None:
        mean = float(np.average(changed, weights=weights))
        std = float(np.sqrt(np.average((changed - mean) ** 2, weights=weights)))
    # A spread within rounding of the mean is a constant; what is small in the user's unit (1e-13 mol/L) is none.
    constant = std <= max(1e-12 * abs(mean), SMALLEST_SPREAD)
    return TaskScale(scale.transform, mean, 1.0 if constant else std, scale.low, scale.high, scale.exponent)


def _check_defined(values: Floats, task: TaskSpec, transform: Transform) -> None:
    outside = values <= 0
    needed = "positive values"
    if transform == "logit":
        outside = outside | (values >= 1)
        needed = "values between 0 and 1"
    if outside.any():
        count = int(outside.sum())
        raise InputError(
            f"The transform {transform} cannot be used for '{task.name}':",
            f"it needs {needed}, and {counted_of(count, len(values), 'training label', 'is', 'are')} not "
            f"(for example {values[outside][0]:g}).",
            "Choose another transform, or correct the labels.",
        )


def _transformed(values: Floats, scale: TaskScale) -> Floats:
    if scale.transform == "log10":
        return np.asarray(np.log10(values))
    if scale.transform == "logit":
        return np.asarray(special.logit(values))
    if scale.transform == "box-cox":
        if abs(scale.exponent) < 1e-8:
            return np.asarray(np.log(values))
        return np.asarray((values**scale.exponent - 1) / scale.exponent)
    return values


def _restored(values: Floats, scale: TaskScale) -> Floats:
    if scale.transform == "log10":
        return np.asarray(10.0 ** np.clip(values, -LARGEST_EXPONENT, LARGEST_EXPONENT))
    if scale.transform == "logit":
        return np.asarray(special.expit(values))
    if scale.transform == "box-cox":
        largest = LARGEST_EXPONENT * np.log(10.0)
        if abs(scale.exponent) < 1e-8:
            return np.asarray(np.exp(np.clip(values, -largest, largest)))
        # Beyond the pole of Box-Cox there is no value: the closest one is taken.
        base = np.maximum(values * scale.exponent + 1, np.finfo(np.float64).tiny)
        return np.asarray(np.exp(np.clip(np.log(base) / scale.exponent, -largest, largest)))
    return values


def _finite(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: None if isinstance(value, float) and np.isinf(value) else value for name, value in fields.items()}
