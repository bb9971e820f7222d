"""Digits that binary arithmetic has left behind a number, and those that somebody has written."""

from __future__ import annotations

import pytest

from app.text import without_noise


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("-2.8310000000000004", "-2.831"),
        ("0.8999999999999999", "0.9"),
        ("0.30000000000000004", "0.3"),
        ("100.00000000000001", "100"),
        ("0,60000000000000009", "0,6"),
        # Kept with single precision, written with double.
        ("0.8999999761581421", "0.9"),
        ("5.659999847412109", "5.66"),
    ],
)
def test_digits_that_nobody_has_written_are_left_out(written, said):
    assert without_noise(written) == said


@pytest.mark.parametrize(
    "written",
    [
        *("1.10", "0,60", "n/a", "> 50", "", "1e-17", "12345678901234567", "2,500,000,000,000.5", "1.000000000000000"),
        *("3.141592653589793", "123456.7890123456", "0.1234567890123456789"),
    ],
)
def test_what_a_file_says_stays(written):
    assert without_noise(written) == written
