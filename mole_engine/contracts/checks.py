"""What the two checks on a run found: whether more data is worth it, and whether the result is more than chance."""

from __future__ import annotations

import math
import statistics
from dataclasses import asdict, dataclass
from typing import Any, Literal

from mole_engine.contracts.wording import counted

CheckKind = Literal["learning", "scramble"]
CheckModel = Literal["fingerprints", "network"]

LOWER_IS_BETTER = frozenset({"rmse"})
_WORTH = 0.03
"""Gain, as a share of the value, below which more data is hardly felt."""


@dataclass(frozen=True, slots=True)
class CheckPoint:
    """One step of a check: how many molecules trained, and the test metric of each repetition."""

    molecules: int
    values: tuple[float, ...]

    @property
    def mean(self) -> float:
        """Mean over the repetitions whose metric is defined; NaN without any."""
        known = [value for value in self.values if math.isfinite(value)]
        return statistics.fmean(known) if known else math.nan

    @property
    def spread(self) -> float:
        """Standard deviation over the repetitions, 0 with a single one."""
        known = [value for value in self.values if math.isfinite(value)]
        return statistics.stdev(known) if len(known) > 1 else 0.0


@dataclass(frozen=True, slots=True)
class CheckResult:
    """A check that was made on one target of a run.

    Attributes
    ----------
    kind
        "learning": test metric over the number of training molecules. "scramble": with shuffled training values.
    model, trained
        What was trained, and how that is said to a reader ("ECFP4 + random forest, not the network").
    task, metric, unit
        Target and metric ("rmse", "auroc", "macro_f1"), and the unit of the metric.
    points
        Learning curve: from few molecules to all. Scramble: one point with a value for each shuffle.
    real
        Scramble: the metric with the true values.
    chance
        The metric of saying the same of every molecule.
    """

    kind: CheckKind
    model: CheckModel
    trained: str
    task: str
    metric: str
    unit: str
    points: tuple[CheckPoint, ...]
    real: float = math.nan
    chance: float = math.nan

    @property
    def lower_is_better(self) -> bool:
        """Whether less of the metric is better."""
        return self.metric in LOWER_IS_BETTER

    def judgement(self) -> tuple[str, str]:
        """Return what the check says in a sentence, and its tone ("good", "warning" or "")."""
        return self._learning() if self.kind == "learning" else self._scramble()

    def _learning(self) -> tuple[str, str]:
        known = [point for point in self.points if math.isfinite(point.mean)]
        if len(known) < 2:
            return "There are too few molecules for a curve.", ""
        half = min(known[:-1], key=lambda point: abs(point.molecules - known[-1].molecules / 2))
        last = known[-1]
        gain = (half.mean - last.mean) if self.lower_is_better else (last.mean - half.mean)
        noise = 2 * max(half.spread, last.spread) / math.sqrt(len(last.values))
        steps = f"from {half.molecules:,} to {counted(last.molecules, 'molecule')} the test metric went from "
        steps += f"{_number(half.mean)} to {_number(last.mean)}"
        if gain > max(noise, _WORTH * abs(half.mean)):
            return f"More data is worth it: {steps}, and the curve is still on its way.", "good"
        return f"More data alone will hardly help: {steps}, which is within the scatter or a small gain.", "warning"

    def _scramble(self) -> tuple[str, str]:
        values = [value for point in self.points for value in point.values if math.isfinite(value)]
        if not values or not math.isfinite(self.real):
            return "The check could not be judged.", ""
        best = min(values) if self.lower_is_better else max(values)
        better = self.real < best if self.lower_is_better else self.real > best
        ends = f"{_number(min(values))} to {_number(max(values))}"
        words = f"{_number(self.real)} with the true values, {ends} after shuffling them"
        if better and not self._leaks(values):
            return f"No signal in shuffled values, as it should be: {words}.", "good"
        if better:
            return f"Shuffled values can be predicted better than by chance ({words}): look for leakage.", "warning"
        return f"The true values are predicted no better than shuffled ones: {words}.", "warning"

    def _leaks(self, values: list[float]) -> bool:
        """Whether shuffled values are predicted clearly better than chance allows."""
        if not math.isfinite(self.chance):
            return False
        mean = statistics.fmean(values)
        gain = self.chance - mean if self.lower_is_better else mean - self.chance
        reach = abs(self.real - self.chance)
        return gain > 0.35 * reach

    def to_dict(self) -> dict[str, Any]:
        """Return the result as a JSON-able dictionary (NaN becomes None)."""
        fields = asdict(self)
        fields["points"] = [{"molecules": p.molecules, "values": [_plain(v) for v in p.values]} for p in self.points]
        return {**fields, "real": _plain(self.real), "chance": _plain(self.chance)}

    @classmethod
    def from_dict(cls, content: dict[str, Any]) -> CheckResult:
        """Rebuild what `to_dict` wrote. Raises KeyError, TypeError, ValueError."""
        points = tuple(
            CheckPoint(int(item["molecules"]), tuple(_float(value) for value in item["values"]))
            for item in content["points"]
        )
        numbers = {name: _float(content.get(name)) for name in ("real", "chance")}
        texts = {name: str(content[name]) for name in ("kind", "model", "trained", "task", "metric", "unit")}
        return cls(points=points, **numbers, **texts)  # type: ignore[arg-type]  # kind and model are texts in JSON


def _plain(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _float(value: Any) -> float:
    return math.nan if value is None else float(value)


def _number(value: float) -> str:
    return f"{value:.3g}".replace("-", "\u2212")
