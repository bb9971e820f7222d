"""What a check says, for results whose meaning is plain."""

from __future__ import annotations

import json
import math

import pytest

from mole_engine.contracts.checks import CheckPoint, CheckResult


def learning(*means, metric="rmse", spread=0.0):
    points = tuple(CheckPoint(100 * place, (mean - spread, mean + spread)) for place, mean in enumerate(means, start=1))
    return CheckResult("learning", "fingerprints", "a forest", "y", metric, "", points)


def scramble(real, *values, metric="rmse", chance=1.0):
    return CheckResult("scramble", "network", "n", "y", metric, "", (CheckPoint(90, values),), real, chance)


@pytest.mark.parametrize(
    ("result", "words", "tone"),
    [
        (learning(1.0, 0.8, 0.7, 0.6), "More data is worth it", "good"),
        (learning(1.0, 0.61, 0.605, 0.6), "More data alone will hardly help", "warning"),
        (learning(1.0, 0.8, 0.7, 0.6, spread=0.3), "More data alone will hardly help", "warning"),
        (learning(0.6, 0.7, 0.75, 0.8, metric="auroc"), "More data is worth it", "good"),
        (learning(0.6), "too few molecules", ""),
        (scramble(0.5, 1.0, 1.1, 1.05), "No signal in shuffled values", "good"),
        (scramble(1.02, 1.0, 1.1), "no better than shuffled ones", "warning"),
        (scramble(0.4, 0.6, 0.65), "look for leakage", "warning"),
        (scramble(0.9, 0.45, 0.55, metric="auroc", chance=0.5), "No signal", "good"),
        (scramble(math.nan, 1.0), "could not be judged", ""),
    ],
)
def test_what_a_check_says(result, words, tone):
    assert words in result.judgement()[0]
    assert result.judgement()[1] == tone


def test_a_check_survives_its_file():
    result = scramble(0.5, 1.0, 1.1)
    assert CheckResult.from_dict(json.loads(json.dumps(result.to_dict()))) == result
    undefined = scramble(math.nan, math.nan).to_dict()
    assert math.isnan(CheckResult.from_dict(json.loads(json.dumps(undefined, allow_nan=False))).real)
