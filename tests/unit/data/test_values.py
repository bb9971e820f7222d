from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mole_engine.data.values import is_null, numbers_of, parse_number


@pytest.mark.parametrize(
    ("text", "decimal", "value", "bound"),
    [
        ("1.5", ".", 1.5, ""),
        (" 1.2e3 ", ".", 1200.0, ""),
        ("-.5", ".", -0.5, ""),
        ("−3", ".", -3.0, ""),
        ("1,5", ",", 1.5, ""),
        ("1,5", ".", 1.5, ""),
        ("1,234", ".", 1234.0, ""),
        ("1,234", ",", 1.234, ""),
        ("1.234,5", ",", 1234.5, ""),
        ("1,234.5", ".", 1234.5, ""),
        ("1.234.567", ",", 1234567.0, ""),
        ("12\u00a0345", ".", 12345.0, ""),
        (">50", ".", 50.0, ">"),
        (">= 50", ".", 50.0, ">"),
        ("≤0,1", ",", 0.1, "<"),
        ("~7", ".", 7.0, "~"),
        ("=7", ".", 7.0, ""),
    ],
)
def test_numbers_as_people_write_them(text, decimal, value, bound):
    number = parse_number(text, decimal)
    assert (number.value, number.bound) == (value, bound)


@pytest.mark.parametrize(
    "text", ["", "n/a", "abc", "1_000", "0x10", "inf", "nan", "1e999", "5 nM", "1.2.3", "1,2,3", "１２", ">"]
)
def test_everything_else_is_no_number(text):
    assert math.isnan(parse_number(text).value)


@pytest.mark.parametrize("text", ["", " ", "NA", "n/a", "NaN", "None", "-", "?", "n.d.", "#N/A"])
def test_words_for_no_value(text):
    assert is_null(text)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_column_reads_what_python_writes(value):
    assert numbers_of([repr(value), "", f"{value!r} "]).tolist()[::2] == [value, value]


@given(st.text(max_size=30), st.sampled_from([".", ","]))
def test_any_text_gives_a_finite_number_or_none(text, decimal):
    value = parse_number(text, decimal).value
    assert math.isnan(value) or math.isfinite(value)
