"""The verdict on a run: whether the model beats the strongest baseline on molecules that neither has met.

One sentence for the window and the report, so both say the same. The baseline is the one that does best on the very
test molecules, which is hard on the model (docs/adr/0031).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from mole_engine.contracts.dataset import TaskKind, TaskSpec
from mole_engine.contracts.errors import InputError
from mole_engine.contracts.wording import counted
from mole_engine.data.scaling import TaskScale
from mole_engine.inference.bootstrap import FEWEST, METRIC_OF, Comparison, statistic
from mole_engine.inference.columns import PredictionColumns
from mole_engine.inference.learnt_scale import compare_as_learnt
from mole_engine.inference.results import LOOKED_UP, TaskResult, baseline_titles, read_results
from mole_engine.store.bundle import read_card
from mole_engine.store.run_folder import RunFolder

FEW_MOLECULES = 30
"""With fewer test molecules a verdict hangs on chance, and is said to."""
FEW_OF_A_CLASS = 5
"""The same for the rarer of two classes, however many the other has."""

_LEVEL, _Z95 = 0.05, 1.959964
"""Of all comparisons of a run together; half the width of a 95% interval, in standard deviations."""

_ONE_CLASS = "All test molecules belong to the same class."
_TITLES = {"rmse": "RMSE", "auroc": "AUROC", "macro_f1": "Macro F1"}


@dataclass(frozen=True, slots=True)
class TaskJudgement:
    """One task against every baseline.

    Attributes
    ----------
    task
        What is predicted.
    strongest
        Name of the baseline that is best on the test molecules; "" where none could be compared.
    comparisons
        By name of the baseline, strongest first.
    rarest
        Molecules of the rarer of two classes; all of them for other kinds.
    """

    task: TaskSpec
    strongest: str
    comparisons: dict[str, Comparison]
    rarest: int

    @property
    def comparison(self) -> Comparison | None:
        """The comparison with the strongest baseline."""
        return self.comparisons.get(self.strongest)


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a run's test molecules say.

    Attributes
    ----------
    headline, words, tone
        As the window and the report show it; the tone is "good", "warning", "danger" or "".
    tasks
        Each task against its baselines.
    titles
        How the baselines are called.
    """

    headline: str
    words: str
    tone: str
    tasks: tuple[TaskJudgement, ...] = ()
    titles: Mapping[str, str] | None = None

    def title_of(self, baseline: str) -> str:
        """Return how a baseline is called."""
        return (self.titles or {}).get(baseline, baseline)


def judge_folder(folder: RunFolder, tasks: Sequence[TaskSpec]) -> tuple[Judgement, list[TaskResult]]:
    """Return the verdict on a run and the test molecules that it rests on."""
    scales = _scales(folder.model)
    results = [
        replace(result, scale=scales.get(result.task.name))
        for result in read_results(folder.predictions, folder.baselines_table, tasks)
    ]
    return judge(results, baseline_titles(folder.baselines)), results


def _scales(model: Path) -> dict[str, TaskScale | None]:
    """Return how each target of a run was learnt; nothing where its model is missing or damaged."""
    try:
        known = PredictionColumns.of_card(read_card(model))
    except InputError:
        return {}
    return {task.name: scale for task, scale in zip(known.tasks, known.scaler.scales, strict=True)}


def judge(results: Sequence[TaskResult], titles: Mapping[str, str] | None = None) -> Judgement:
    """Return the verdict on the test molecules of a run."""
    named = titles or baseline_titles(Path())
    judged = tuple(_judge_task(result) for result in results if len(result))
    if not judged:
        words = "Give the split a test part to see how the model does on molecules that it has not met."
        return Judgement("No test molecules", words, "", judged, named)
    if len(judged) == 1:
        return Judgement(*_one(judged[0], named), judged, named)
    return Judgement(*_several([item for item in results if len(item)], judged), judged, named)


def _judge_task(result: TaskResult) -> TaskJudgement:
    kind = result.task.kind
    rarest = len(result)
    if kind is TaskKind.CLASSIFICATION:
        positives = int((result.truth == 1).sum())
        rarest = min(positives, len(result) - positives)
    found = compare_as_learnt(result)
    known = {name: item for name, item in found.items() if math.isfinite(item.difference)}
    ranked = dict(sorted(known.items(), key=lambda entry: entry[1].difference))
    return TaskJudgement(result.task, next(iter(ranked), ""), ranked, rarest)


def _one(judged: TaskJudgement, titles: Mapping[str, str]) -> tuple[str, str, str]:
    comparison = judged.comparison
    if comparison is None:
        return _without_comparison(judged)
    name, places = metric_words(comparison), places_of(comparison)
    own_unit = f" {judged.task.unit}" if judged.task.unit and comparison.lower_is_better else ""
    unit = "" if comparison.scale else own_unit
    size = counted(comparison.molecules, "test molecule")
    against = f"{figure(comparison.baseline, places)} for {titles.get(judged.strongest, judged.strongest)}"
    own = f"{name} {figure(comparison.model, places)}{unit}"
    words = f"{own} against {against}, on {size}: {_difference(comparison)}{_raw_words(comparison, own_unit)}"
    headline, tone = _headline(comparison, unit)
    if guess := _only_looked_up(judged):
        # To beat a guess is not to be good: who reads only the headline must not take it for that.
        headline, tone = headline.replace("the baseline", guess), "warning" if tone == "good" else tone
        words += " No other baseline was trained with this run."
    if FEWEST <= comparison.molecules < FEW_MOLECULES:
        words += f" With {size} chance plays a large part."
    elif judged.task.kind is TaskKind.CLASSIFICATION and 0 < judged.rarest < FEW_OF_A_CLASS:
        words += f" With {judged.rarest} of the rarer class chance plays a large part."
    else:
        return headline, words, tone
    return headline, words, "warning" if tone == "good" else tone


def metric_words(comparison: Comparison) -> str:
    """Return what is compared: "RMSE", or "RMSE of logarithms" where these were learnt."""
    title = _TITLES[comparison.metric]
    return f"{title} of {comparison.scale}" if comparison.scale else title


def _raw_words(comparison: Comparison, unit: str) -> str:
    """Give the figures in the values' own unit where others are compared, and say why these are not."""
    if not comparison.scale:
        return ""
    raw = replace(comparison, model=comparison.raw_model, baseline=comparison.raw_baseline)
    places = places_of(raw)
    figures = f"RMSE {figure(raw.model, places)}{unit} against {figure(raw.baseline, places)}"
    return f" It is judged as it was learnt; {comparison.as_measured}: {figures}."


def _without_comparison(judged: TaskJudgement) -> tuple[str, str, str]:
    if judged.task.kind is TaskKind.CLASSIFICATION and judged.rarest == 0:
        return "Only one class in the test part", _ONE_CLASS, "warning"
    return "Not compared with a baseline", "There are no training molecules to make one from.", ""


def _headline(comparison: Comparison, unit: str) -> tuple[str, str]:
    if comparison.beats:
        name = metric_words(comparison)
        return f"Beats the baseline by {figure(comparison.difference, places_of(comparison))}{unit} {name}", "good"
    if math.isnan(comparison.low):
        return "Too few test molecules to tell", "warning"
    return "Does not beat the baseline", "danger" if comparison.loses else "warning"


def _difference(comparison: Comparison) -> str:
    """Say by how much the model is better or worse, and how sure that is."""
    better, worse = ("lower", "higher") if comparison.lower_is_better else ("higher", "lower")
    if comparison.difference == 0 and comparison.low == comparison.high == 0:
        return "the same."
    way = better if comparison.difference >= 0 else worse
    places = places_of(comparison)
    size = figure(abs(comparison.difference), places)
    if math.isnan(comparison.low):
        return f"{size} {way}."
    low, high = figure(comparison.low, places), figure(comparison.high, places)
    if comparison.beats:
        return f"{size} {way} (95% interval {low} to {high}, paired bootstrap over the molecules)."
    if comparison.loses:
        ends = f"{figure(-comparison.high, places)} to {figure(-comparison.low, places)}"
        return f"{size} {way} (95% interval {ends}, paired bootstrap over the molecules)."
    return (
        f"{size} {way}, which may be chance: the 95% interval of the gain, {low} to {high}, holds zero "
        "(paired bootstrap over the molecules)."
    )


def _several(results: Sequence[TaskResult], judged: Sequence[TaskJudgement]) -> tuple[str, str, str]:
    """Say for how many tasks the model beats the strongest baseline; each has its own numbers below."""
    compared = [item for item in judged if item.comparison is not None]
    if not compared:
        told = {_without_comparison(item) for item in judged}
        return told.pop() if len(told) == 1 else ("Not compared with a baseline", "No target could be judged.", "")
    sure = beyond_chance([item.comparison for item in compared if item.comparison])
    won = sum(known.beats for known in sure)
    lost = sum(known.loses for known in sure)
    parts = [_mean_words(results)] if _mean_words(results) else []
    if lost:
        parts.append(f"Worse than it for {lost}.")
    alone = sum(item.comparison.beats for item in compared if item.comparison) - won
    if alone:
        parts.append(f"{alone} more would count alone, but not among {len(compared)} targets (Holm's correction).")
    left = [_without_comparison(item)[1] for item in judged if item.comparison is None]
    if left:
        why = "one class only in the test part" if set(left) == {_ONE_CLASS} else "nothing to compare it with"
        parts.append(f"{counted(len(left), 'target')} cannot be judged: {why}.")
    scaled = [item.comparison.scale for item in compared if item.comparison and item.comparison.scale]
    if scaled:
        judged_so = counted(len(scaled), "target is", "targets are")
        parts.append(f"{judged_so} judged on the {' and '.join(sorted(set(scaled)))} that were learnt.")
    few = sum(_is_few(item) for item in compared)
    if few:
        parts.append(f"For {few} of {len(compared)} the test molecules are so few that chance decides.")
    headline = f"Beats the baseline for {won} of {counted(len(compared), 'target')}"
    if not won:
        headline = f"Does not beat the baseline for any of {counted(len(compared), 'target')}"
    good = won > len(compared) / 2 and few <= len(compared) / 2
    guesses = [_only_looked_up(item) for item in compared]
    if all(guesses):
        headline, good = headline.replace("the baseline", " and ".join(dict.fromkeys(guesses))), False
        parts.append("No other baseline was trained with this run.")
    return headline, " ".join(parts), "good" if good else "warning"


def beyond_chance(comparisons: Sequence[Comparison]) -> list[Comparison]:
    """Return the comparisons that stay sure when all of them are judged together, by Holm's step-down at 5%.

    Of 20 targets for which model and baseline are equally good, one would be won or lost by chance if each had its own
    5%. The two-sided p-value of a comparison is that of a normal distribution as wide as its bootstrap interval, so
    that it is not limited by the number of resamples (S. Holm, Scand. J. Statist. 6, 1979, 65-70).
    """
    known = sorted((item for item in comparisons if item.beats or item.loses), key=_chance)
    # Those that are not sure even alone count among the number of comparisons; none of them could be kept.
    number = sum(math.isfinite(item.low) for item in comparisons)
    kept = []
    for place, item in enumerate(known):
        if _chance(item) > _LEVEL / (number - place):
            break
        kept.append(item)
    return kept


def _chance(comparison: Comparison) -> float:
    """Return the two-sided p-value of a difference with this 95% interval."""
    deviation = (comparison.high - comparison.low) / (2 * _Z95)
    if deviation <= 0:
        return 0.0 if comparison.difference else 1.0
    return math.erfc(abs(comparison.difference) / deviation / math.sqrt(2))


def _only_looked_up(judged: TaskJudgement) -> str:
    """Return what the strongest baseline is called where none was fitted for the run; empty where one was."""
    return LOOKED_UP[judged.strongest] if judged.comparisons.keys() <= LOOKED_UP.keys() else ""


def _is_few(judged: TaskJudgement) -> bool:
    size = judged.comparison.molecules if judged.comparison else 0
    return size < FEW_MOLECULES or judged.rarest < FEW_OF_A_CLASS


def _mean_words(results: Sequence[TaskResult]) -> str:
    """Compare the mean metric of tasks that are all of one kind and have all test molecules in common."""
    kinds = {item.task.kind for item in results}
    if len(kinds) != 1 or kinds == {TaskKind.REGRESSION}:
        return ""
    (kind,) = kinds
    names = set.intersection(*(set(item.baselines) for item in results))
    model = _mean_metric(kind, results, None)
    others = {name: _mean_metric(kind, results, name) for name in names}
    known = {name: value for name, value in others.items() if math.isfinite(value)}
    if not known or math.isnan(model):
        return ""
    best = max(known.values())
    way = "higher" if model >= best else "lower"
    return f"Mean {_TITLES[METRIC_OF[kind]]} {figure(model)} against {figure(best)}: {figure(abs(model - best))} {way}."


def _mean_metric(kind: TaskKind, results: Sequence[TaskResult], baseline: str | None) -> float:
    values = []
    for item in results:
        output = item.output if baseline is None else item.baselines[baseline]
        values.append(float(statistic(kind, item.truth, output)(np.ones((1, len(item))))[0]))
    known = [value for value in values if math.isfinite(value)]
    return sum(known) / len(known) if known else math.nan


def places_of(comparison: Comparison) -> int | None:
    """Return how many decimals give the larger metric of a comparison three significant digits.

    None where four decimals show hardly any of it: an RMSE of 1e-9 mol/L is written with an exponent.
    """
    sizes = [abs(value) for value in (comparison.model, comparison.baseline) if math.isfinite(value) and value]
    if not sizes:
        return 2
    digits = 2 - math.floor(math.log10(max(sizes)))
    return None if digits > 5 else min(4, max(0, digits))


def figure(value: float, places: int | None = None) -> str:
    """Return a value with a true minus sign: with so many decimals, or three significant digits; a dash for NaN."""
    if not math.isfinite(value):
        return "\u2013"
    if value == 0 and places is None:
        return "0"
    if places is not None:
        # A limit that rounds to zero is not called minus zero.
        text = f"{value:,.{places}f}"
        return text.replace("-", "\u2212") if float(text.replace(",", "")) else text.lstrip("-")
    size = math.floor(math.log10(abs(value)))
    text = f"{value:.2e}" if size < -3 or size > 6 else f"{value:,.{max(0, min(4, 2 - size))}f}"
    return text.replace("-", "\u2212")
