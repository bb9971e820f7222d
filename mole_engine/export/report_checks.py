"""What a report says of the checks that were made on a run: the learning curve and the y-scramble."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from pathlib import Path

from mole_engine.contracts.checks import CheckResult
from mole_engine.export.drawings import line_chart
from mole_engine.export.page import bullets, figure, number, table
from mole_engine.store.run_checks import read_checks


def check_sections(path: Path) -> Iterator[str]:
    """Yield a section for each check in `checks.json`."""
    for result in read_checks(path):
        title = "Is more data worth it?" if result.kind == "learning" else "y-scramble check"
        yield f"<h2>{title}</h2>"
        yield from bullets("", [f"{result.task}: {result.judgement()[0]}", f"Trained: {result.trained}."])
        yield from _learning(result) if result.kind == "learning" else _scramble(result)


def _learning(result: CheckResult) -> Iterator[str]:
    sizes = [float(point.molecules) for point in result.points]
    curve = {"validation": [point.mean for point in result.points]}
    words = f"{result.metric} of the test molecules over the number of training molecules."
    drawn = line_chart(sizes, curve, "training molecules").replace(">validation<", f">{escape(result.metric)}<")
    yield figure(drawn, words)
    rows = [(f"{point.molecules:,}", number(point.mean), number(point.spread)) for point in result.points]
    yield from table(("training molecules", f"test {result.metric}", "standard deviation"), rows, numbers=(0, 1, 2))


def _scramble(result: CheckResult) -> Iterator[str]:
    rows = [("true values", number(result.real)), ("saying the same of all", number(result.chance))]
    values = [value for point in result.points for value in point.values]
    rows += [(f"shuffled, {place}", number(value)) for place, value in enumerate(values, start=1)]
    yield from table(("trained on", f"test {result.metric}"), rows, numbers=(1,))
