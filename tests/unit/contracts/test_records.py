"""Which metrics stand for a run."""

import math

import pytest

from mole_engine.contracts.records import shown_metrics

TEST, VALIDATION, NOTHING = {"rmse": 0.5, "r2": math.nan}, {"rmse": 0.4}, {"rmse": math.nan}


@pytest.mark.parametrize(
    ("test", "validation", "counts", "shown"),
    [
        (TEST, VALIDATION, {"test": 3}, (TEST, "test")),
        (TEST, {}, {}, (TEST, "test")),
        ({}, VALIDATION, {"test": 0}, (VALIDATION, "validation")),
        # A test whose molecules say nothing is no reason to hide what is known.
        (NOTHING, VALIDATION, {"test": 1}, (VALIDATION, "validation")),
        # Older runs without a test wrote the validation metrics in its place.
        (VALIDATION, VALIDATION, {"test": 0}, (VALIDATION, "validation")),
        ({}, {}, {"test": 0}, ({}, "test")),
    ],
)
def test_without_a_test_the_validation_molecules_speak_and_it_is_said(test, validation, counts, shown):
    assert shown_metrics(test, validation, counts) == shown
