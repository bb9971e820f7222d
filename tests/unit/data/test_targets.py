from __future__ import annotations

import numpy as np
import pytest

from mole_engine.contracts.dataset import TaskKind, TaskSpec
from mole_engine.contracts.errors import InputError
from mole_engine.data.targets import read_labels, task_of


@pytest.mark.parametrize(
    ("texts", "classes"),
    [
        (["0", "1"], ("0", "1")),
        (["1.0", "0.0", ""], ("0", "1")),
        (["-1", "1"], ("-1", "1")),
        (["1", "2"], ("1", "2")),
        (["active", "inactive"], ("inactive", "active")),
        (["Toxic", "Non-toxic"], ("Non-toxic", "Toxic")),
        (["TRUE", "FALSE"], ("FALSE", "TRUE")),
        (["yes", "no", "n/a"], ("no", "yes")),
        (["soluble", "insoluble"], ("insoluble", "soluble")),
        (["mutagen", "not mutagen"], ("not mutagen", "mutagen")),
        (["cis", "trans"], ("cis", "trans")),
        (["+", "-", ""], ("-", "+")),
        (["+ve", "-ve"], ("-ve", "+ve")),
        (["(+)", "(−)"], ("(−)", "(+)")),
        (["pos", "neg", "-"], ("neg", "pos")),
        (["'+ve", "'-ve"], ("-ve", "+ve")),
    ],
)
def test_which_of_two_classes_is_positive(texts, classes):
    task = task_of("y", texts * 6, ".")
    assert task.kind is TaskKind.CLASSIFICATION
    assert task.classes == classes


def test_a_dash_is_a_class_among_signs_and_nothing_elsewhere():
    signs = task_of("y", ["+", "-", "++", "n/a"] * 5, ".")
    assert set(signs.classes) == {"+", "++", "-"}
    labels = read_labels(["+", "-", "–", "'-", ""], task_of("y", ["+", "-"] * 5, "."), ".")
    assert labels.values[:4].tolist() == [1.0, 0.0, 0.0, 0.0]
    assert np.isnan(labels.values[4])
    assert task_of("y", ["yes", "no", "-"] * 5, ".").classes == ("no", "yes")


def test_the_user_names_the_positive_class():
    assert task_of("y", ["a", "b"] * 5, ".", positive="A").classes == ("b", "a")
    with pytest.raises(InputError, match="no class 'c'"):
        task_of("y", ["a", "b"] * 5, ".", positive="c")


@pytest.mark.parametrize(
    ("texts", "kind"),
    [
        (["1.5", "2.5"] * 6, TaskKind.REGRESSION),
        ([str(i) for i in range(40)], TaskKind.REGRESSION),
        (["0", "1", "2"] * 10, TaskKind.MULTICLASS),
        (["0", "1", "2"], TaskKind.REGRESSION),
        (["low", "mid", "high"] * 5, TaskKind.MULTICLASS),
        ([">50", "1,5", "2,5", "3,5", "4,5", "n/a"], TaskKind.REGRESSION),
        (["1.5", "2.5", "3.5", "see note", "4.5", "x"], TaskKind.REGRESSION),
    ],
)
def test_kinds_by_content(texts, kind):
    assert task_of("y", texts, ",").kind is kind


def test_the_user_fixes_the_kind():
    assert task_of("y", ["0", "1"] * 5, ".", "regression").classes == ()
    assert task_of("y", ["0", "1"] * 5, ".", "multiclass").outputs == 2
    with pytest.raises(InputError, match="does not have two classes"):
        task_of("y", ["0", "1", "2"] * 5, ".", "classification")
    with pytest.raises(InputError, match="does not hold numbers"):
        task_of("y", ["a", "b"] * 5, ".", "regression")


def test_several_classes_are_in_a_stable_order():
    assert task_of("y", ["10", "9", "8"] * 10, ".").classes == ("8", "9", "10")
    assert task_of("y", ["mid", "low", "high"] * 5, ".").classes == ("high", "low", "mid")


def test_spellings_of_one_class_are_one_class():
    task = task_of("y", ["Active", "active ", "ACTIVE", "inactive"] * 3, ".")
    labels = read_labels(["Active", "active ", "inactive", "", "maybe"], task, ".")
    assert labels.values[:3].tolist() == [1.0, 1.0, 0.0]
    assert np.isnan(labels.values[3:]).all()
    assert list(labels.bad) == [4]
    assert "'maybe'" in labels.bad[4]


def test_long_numbers_are_classes_of_their_own():
    texts = ["20240101", "20240102.0", "20240102", "0.12345678", "0.12345679"] * 6
    task = task_of("y", texts, ".", "multiclass")
    assert task.classes == ("0.12345678", "0.12345679", "20240101", "20240102")
    assert read_labels(texts[:3], task, ".").values.tolist() == [2.0, 3.0, 3.0]


def test_values_that_32_bits_cannot_tell_apart_are_refused():
    with pytest.raises(InputError, match="differ too little") as caught:
        task_of("y", [f"{1e8 + step / 10}" for step in range(40)], ".")
    assert "Subtract a constant such as 100000000 " in str(caught.value)
    assert task_of("y", [f"{1e6 + step / 10}" for step in range(40)], ".").kind is TaskKind.REGRESSION


def test_bounds_count_with_their_value_and_are_told():
    labels = read_labels(["1,5", ">50", "<0.1", "~7", "12 nM", "n/a"], TaskSpec("y", TaskKind.REGRESSION), ",")
    assert labels.values[:4].tolist() == [1.5, 50.0, 0.1, 7.0]
    assert list(labels.censored) == [1, 2, 3]
    assert labels.bad == {4: "'12 nM' is not a number"}
    assert np.isnan(labels.values[5])


def test_a_label_that_the_training_file_lacks_is_bad():
    task = TaskSpec("y", TaskKind.MULTICLASS, classes=("a", "b"))
    assert list(read_labels(["a", "c"], task, ".").bad) == [1]


def test_a_label_too_large_for_32_bits_is_bad_and_told():
    labels = read_labels(["1e300", "-1e38", "1,7e308", "9e36", "-3"], TaskSpec("y", TaskKind.REGRESSION), ".")
    assert np.isnan(labels.values[:3]).all()
    assert labels.values[3:].tolist() == [9e36, -3.0]
    assert labels.bad[0] == "'1e300' is too large a number to learn from"
    assert set(labels.bad) == {0, 1, 2}
