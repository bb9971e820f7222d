"""Replicates of one structure: the scale on which they agree, and on which their mean is taken."""

from __future__ import annotations

import numpy as np
import pytest

from app.services.merged_values import merged_values
from mole_engine.contracts.config import CurationConfig, DataConfig, SplitConfig
from mole_engine.contracts.dataset import IssueKind, TaskKind, TaskSpec
from mole_engine.data.columns import detect_roles
from mole_engine.data.curation import curate
from mole_engine.data.duplicates import agreements, merge
from mole_engine.data.sources import parse_pasted

SPREAD_OUT = [10 ** (0.15 * i) for i in range(40)]
"""Six decades, the middle half of them over three: values such as IC50 in nM."""


def measured(replicates, others=SPREAD_OUT, **steps):
    rows = [f"{'C' * (i + 2)}N,{value!r}" for i, value in enumerate(others)]
    table = parse_pasted("smiles,y\n" + "\n".join([*(f"CO,{value!r}" for value in replicates), *rows]) + "\n")
    roles = detect_roles(table, DataConfig(targets=["y"], task="regression"), SplitConfig(method="random"))
    return curate(table, roles, CurationConfig(**steps))


def test_replicates_over_decades_are_merged_to_their_geometric_mean():
    dataset = measured([10.0, 1000.0])
    assert dataset.targets[0, 0] == pytest.approx(100.0)
    (words,) = merged_values(dataset, "mean")[0].values()
    assert words.words == "100 (geometric mean of 2: 10, 1000)"


def test_a_factor_of_ten_is_a_disagreement_however_small_both_values_are():
    """A tenth of the interquartile range in the unit itself is hundreds of nM, so that 3 and 30 had agreed."""
    assert measured([3.0, 30.0]).report.disagreeing == 1
    assert measured([3.0, 30.0], agree_within=50.0).report.disagreeing == 0
    close = measured([1.0e5, 1.2e5])
    assert close.report.disagreeing == 0
    assert [issue.kind for issue in close.report.issues] == [IssueKind.DUPLICATE]


def test_values_without_decades_are_merged_as_they_stand():
    dataset = measured([3.0, 4.0], others=[float(i) for i in range(1, 41)])
    assert dataset.targets[0, 0] == 3.5
    assert merged_values(dataset, "mean")[0]["y"].way == "mean"


@pytest.mark.parametrize("how", ["mean", "median", "majority"])
def test_a_value_that_all_or_most_replicates_have_keeps_its_digits(how):
    assert measured([0.3, 0.3, 0.3], duplicates=how).targets[0, 0] == 0.3
    if how != "mean":
        assert measured([0.3, 0.3, 700.0], duplicates=how).targets[0, 0] == 0.3


def test_merged_labels_are_nearer_the_truth_where_errors_are_factors():
    generator = np.random.default_rng(0)
    truth = generator.normal(2.5, 1.2, 300)
    values = 10.0 ** (np.repeat(truth, 2) + generator.normal(0.0, 0.4, 600))[:, None]
    tasks = (TaskSpec("y", TaskKind.REGRESSION),)
    known = agreements(values, tasks)
    merged = [merge([2 * i, 2 * i + 1], values, tasks, known).labels[0] for i in range(300)]
    errors = np.log10(merged) - truth
    # The mean of the values themselves is off by as much to one side as its chance amounts to.
    assert abs(errors.mean()) < 0.05
    assert errors.std() == pytest.approx(0.4 / np.sqrt(2), rel=0.1)


def test_a_few_values_without_a_logarithm_do_not_change_how_the_others_are_merged():
    """One zero among a hundred had made 505 of 10 and 1000 again."""
    many = [value * (1 + 0.01 * i) for i in range(5) for value in SPREAD_OUT]
    for odd in (0.0, -1.0):
        dataset = measured([10.0, 1000.0], others=[odd, *many])
        assert dataset.targets[0, 0] == pytest.approx(100.0)
        assert measured([3.0, 30.0], others=[odd, *many]).report.disagreeing == 1
    # Of more than one in a hundred the column is of another sort.
    assert measured([10.0, 1000.0], others=[*[0.0] * 3, *many]).targets[0, 0] == 505.0


def test_a_group_with_a_zero_is_merged_as_it_stands():
    values = np.array([*[value for value in SPREAD_OUT for _ in range(5)], 0.0, 30.0])[:, None]
    tasks = (TaskSpec("y", TaskKind.REGRESSION),)
    group = merge([200, 201], values, tasks, agreements(values, tasks))
    assert group.labels[0] == 15.0
    # A tenth of the interquartile range, as in a column without decades.
    assert not group.disagreements
