from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mole_engine.contracts.config import SplitConfig
from mole_engine.contracts.dataset import ColumnRoles, CurationReport, TableInfo, TaskKind, TaskSpec
from mole_engine.contracts.errors import InputError
from mole_engine.data.dataset import CuratedDataset
from mole_engine.data.splits import make_split

RINGS = [
    "c1ccccc1",
    "C1CCCCC1",
    "c1ccncc1",
    "C1CCNCC1",
    "c1ccsc1",
    "c1ccoc1",
    "C1CCOC1",
    "c1cc[nH]c1",
    "C1CC1",
    "C1CCC1",
]


def molecules(count):
    """`count` different molecules over ten scaffolds of very different frequency, and some without rings."""
    smiles = ["C" * (i + 3) for i in range(count // 10)]
    for i in range(count - len(smiles)):
        ring = RINGS[min(int(np.sqrt(i)) % 14, 9)]
        smiles.append("OSNF"[i // 20 % 4] * (i >= 20) + "C" * (i % 20 + 1 + i // 100) + ring)
    return smiles


def dataset_of(smiles, targets=None, given=None, kind=TaskKind.REGRESSION, column="split"):
    count = len(smiles)
    classes = ("0", "1") if kind is TaskKind.CLASSIFICATION else ()
    values = np.arange(count, dtype=float) if targets is None else np.asarray(targets, dtype=float)
    roles = ColumnRoles("smiles", (TaskSpec("y", kind, "", classes),), split=column if given else None)
    return CuratedDataset(
        TableInfo("a.csv", "a.csv", count, ()), roles, CurationReport(count, count), list(smiles), np.arange(count),
        values.reshape(count, -1), np.ones(count), [""] * count, given, np.arange(count),
    )  # fmt: skip


def parts(split):
    return (split.train, split.validation, split.test)


def check(split, count):
    together = sorted([*split.train, *split.validation, *split.test])
    assert together == sorted(set(together))
    assert together == list(range(count))
    assert split.train
    assert all(list(part) == sorted(part) for part in parts(split))


@pytest.mark.parametrize("method", ["random", "scaffold", "stratified", "kfold"])
def test_parts_are_disjoint_complete_and_of_the_wanted_size(method):
    split = make_split(dataset_of(molecules(200)), SplitConfig(method=method, folds=10), 0)
    check(split, 200)
    assert abs(len(split.test) - 20) <= 2
    assert abs(len(split.validation) - 20) <= 2


@pytest.mark.parametrize("method", ["random", "scaffold", "stratified", "kfold"])
def test_a_seed_gives_the_same_parts_again(method):
    dataset, config = dataset_of(molecules(100)), SplitConfig(method=method)
    assert make_split(dataset, config, 3) == make_split(dataset, config, 3)


@pytest.mark.parametrize("method", ["random", "stratified", "kfold"])
def test_another_seed_gives_other_parts(method):
    dataset, config = dataset_of(molecules(100)), SplitConfig(method=method)
    assert make_split(dataset, config, 0).test != make_split(dataset, config, 1).test


def test_no_scaffold_stands_on_both_sides_of_a_scaffold_split():
    dataset = dataset_of(molecules(300))
    split = make_split(dataset, SplitConfig(method="scaffold"), 0)
    sides = [{dataset.scaffolds[i] for i in part} for part in parts(split)]
    assert not sides[0] & sides[1]
    assert not sides[0] & sides[2]
    assert split.overlap == ()


def test_a_scaffold_split_does_not_depend_on_the_order_of_the_file():
    smiles = molecules(60) + [f"C1CC1{'C' * i}C1CC1" for i in range(60)]
    forward, backward = dataset_of(smiles), dataset_of(smiles[::-1])
    config = SplitConfig(method="scaffold")
    tested = [{dataset.scaffolds[i] for i in make_split(dataset, config, 0).test} for dataset in (forward, backward)]
    assert tested[0] == tested[1]


def test_one_scaffold_only_is_divided_at_random_and_told():
    split = make_split(dataset_of(["C" * i + "c1ccccc1" for i in range(30)]), SplitConfig(method="scaffold"), 0)
    check(split, 30)
    assert "too few scaffolds" in split.method
    assert "1 scaffold stands in both train and test." in split.overlap


def test_a_group_that_is_too_large_for_the_test_part_trains():
    smiles = ["C" * i + "c1ccccc1" for i in range(60)] + ["C" * i + "C1CCCCC1" for i in range(30)]
    smiles += [f"C1CC1{'C' * i}C1CC1" for i in range(10)]
    split = make_split(
        dataset_of(smiles), SplitConfig(method="scaffold", test_fraction=0.2, validation_fraction=0.2), 0
    )
    assert split.train == tuple(range(90))
    assert len(split.validation) == len(split.test) == 5


def test_a_dominating_scaffold_trains():
    smiles = ["C" * i + "c1ccccc1" for i in range(80)] + ["C" * i + "C1CCCCC1" for i in range(8)] + RINGS[2:]
    split = make_split(dataset_of(smiles), SplitConfig(method="scaffold"), 0)
    assert set(range(80)) <= set(split.train)
    assert split.test


def test_strata_keep_the_share_of_a_rare_class():
    labels = [1] * 10 + [0] * 190
    dataset = dataset_of(molecules(200), labels, kind=TaskKind.CLASSIFICATION)
    for seed in range(5):
        split = make_split(dataset, SplitConfig(method="stratified"), seed)
        assert [sum(labels[i] for i in part) for part in (split.validation, split.test)] == [1, 1]


def test_strata_spread_values_and_the_unlabelled():
    values = [*np.linspace(0, 1, 180), *[np.nan] * 20]
    split = make_split(dataset_of(molecules(200), values), SplitConfig(method="stratified"), 0)
    check(split, 200)
    tested = np.array(values)[list(split.test)]
    assert np.isnan(tested).sum() == 2
    assert abs(np.nanmedian(tested) - 0.5) < 0.08


def test_folds_cover_everything_once():
    dataset = dataset_of(molecules(53))
    tested = [make_split(dataset, SplitConfig(method="kfold", folds=5, fold=fold), 0).test for fold in range(5)]
    assert sorted(i for part in tested for i in part) == list(range(53))


GIVEN = ["train"] * 6 + ["Valid", "validation"] + ["TEST", "test"]


def test_a_given_split_is_followed():
    split = make_split(dataset_of(molecules(10), given=GIVEN), SplitConfig(), 0)
    assert parts(split) == ((0, 1, 2, 3, 4, 5), (6, 7), (8, 9))
    assert split.method == "column 'split'"


def test_a_missing_validation_part_is_taken_out_of_training():
    split = make_split(dataset_of(molecules(40), given=["train"] * 30 + ["test"] * 10), SplitConfig(), 0)
    check(split, 40)
    assert split.test == tuple(range(30, 40))
    assert len(split.validation) == 3
    assert "validation taken from training" in split.method


def test_rows_without_a_part_are_left_out_and_told():
    split = make_split(dataset_of(molecules(10), given=["train"] * 7 + ["", "val", "test"]), SplitConfig(), 0)
    assert 7 not in {*split.train, *split.validation, *split.test}
    assert "1 molecule without a part is left out" in split.method


def test_molecules_without_a_fold_are_left_out_and_told():
    given = ["0", "1", "2", "", "n/a"] * 8
    for method in ("column", "kfold"):
        split = make_split(dataset_of(molecules(40), given=given), SplitConfig(method=method, fold=1), 0)
        assert {given[position] for position in split.test} == {"1"}
        assert {given[position] for position in (*split.train, *split.validation)} == {"0", "2"}
        assert split.method.endswith("fold 1 as test (16 molecules without a fold are left out)")


def test_fold_numbers_divide():
    given = [str(i % 4) for i in range(40)]
    split = make_split(dataset_of(molecules(40), given=given), SplitConfig(method="column", fold=2), 0)
    check(split, 40)
    assert split.test == tuple(range(2, 40, 4))


@pytest.mark.parametrize(
    ("column", "marks", "words"),
    [
        ("isTest", "0001", "it marks the test part"),
        ("is_train", ["True", "yes", "1.0", "False"], "it marks the training part"),
        ("Holdout set", ["n", "n", "", "y"], "it marks the test part"),
    ],
)
def test_a_column_that_marks_one_part_holds_no_folds(column, marks, words):
    given = [*marks] * 10
    split = make_split(dataset_of(molecules(40), given=given, column=column), SplitConfig(method="column"), 0)
    assert split.test == tuple(range(3, 40, 4))
    assert {*split.train, *split.validation} == {i for i in range(40) if i % 4 != 3 and given[i]}
    assert words in split.method


@pytest.mark.parametrize(("column", "marks"), [("fold", "0001"), ("test", "0123")])
def test_numbers_of_other_columns_stay_folds(column, marks):
    split = make_split(
        dataset_of(molecules(40), given=[*marks] * 10, column=column), SplitConfig(method="column", fold=1), 0
    )
    assert split.test == tuple(i for i in range(40) if marks[i % 4] == "1")
    assert split.method == f"column '{column}', fold 1 as test"


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (["train"] * 9 + ["foo"], "'foo' (first in data row 10)"),
        (["test"] * 10, "no training molecules"),
        ([str(i) for i in range(10)], "does not hold folds"),
    ],
)
def test_a_split_column_that_cannot_be_used(given, words):
    with pytest.raises(InputError) as caught:
        make_split(dataset_of(molecules(10), given=given), SplitConfig(method="column"), 0)
    assert words in caught.value.problem.one_line()


def test_leakage_is_told_in_words():
    smiles = ["CCO", "CC1CC1", "CCC1CC1", "CCCC", "CCO", "CC1CCC1"]
    split = make_split(dataset_of(smiles, given=["train", "train", "val", "val", "test", "test"]), SplitConfig(), 0)
    assert split.overlap == (
        "1 structure stands in both train and test.",
        "1 scaffold stands in both train and validation.",
    )


def test_what_validation_and_test_share_is_told_too():
    smiles = ["CCO", "CC1CCCC1", "CCCC", "CC1CC1", "CC1CCC1", "CCCC", "CCC1CC1", "CCC1CCC1"]
    given = ["train", "train", "val", "val", "val", "test", "test", "test"]
    split = make_split(dataset_of(smiles, given=given), SplitConfig(), 0)
    assert split.overlap == (
        "1 structure stands in both validation and test.",
        "2 scaffolds stand in both validation and test.",
    )


@pytest.mark.parametrize("count", [1, 2])
def test_too_few_molecules(count):
    with pytest.raises(InputError, match="too few molecules"):
        make_split(dataset_of(molecules(20)[:count], np.zeros(count)), SplitConfig(), 0)


@settings(max_examples=80, deadline=None)
@given(
    count=st.integers(3, 30),
    method=st.sampled_from(["random", "scaffold", "stratified", "kfold"]),
    validation=st.floats(0, 0.5),
    test=st.floats(0, 0.5),
    seed=st.integers(0, 5),
)
def test_small_sets_always_train(count, method, validation, test, seed):
    config = SplitConfig(method=method, validation_fraction=validation, test_fraction=test, folds=3, fold=seed % 3)
    split = make_split(dataset_of(molecules(30)[:count]), config, seed)
    check(split, count)
