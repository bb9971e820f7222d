"""Numbers as a reader sees them."""

from __future__ import annotations

import math

import pytest

from app.text import count, counted, duration, fixed, number, plain_minus, progress_words, size


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (0, "0"),
        (-11.61, "\u221211.6"),
        (0.00012, "1.20e\u221204"),
        (0.0512, "0.0512"),
        (1234567.0, "1,234,567"),
        (math.nan, "\u2013"),
        (math.inf, "\u2013"),
    ],
)
def test_number(value, words):
    assert number(value) == words


def test_counts_have_separators_and_the_right_noun():
    assert count(1234567) == "1,234,567"
    assert counted(1, "row") == "1 row"
    assert counted(2, "duplicate", "duplicates") == "2 duplicates"


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.2, "1 s"), (59.4, "59 s"), (60, "1 min"), (91, "1 min 31 s"), (7500, "2 h 5 min"), (math.nan, ""), (-1, "")],
)
def test_duration(seconds, words):
    assert duration(seconds) == words


def test_sizes_and_signs():
    assert size(3.14e9) == "3.1 GB"
    assert size(812_345) == "812 kB"
    assert fixed(-0.5) == "\u22120.50"
    assert plain_minus("-1.5") == "\u22121.5"
    assert plain_minus("-OH") == "-OH"


def test_what_is_read_is_counted_in_bytes_what_is_cleaned_up_in_molecules():
    assert progress_words("read", 4235, 12_400_000) == "4.2 kB of 12 MB"
    assert progress_words("download", 4235, 0) == "4.2 kB"
    assert progress_words("curate", 4210, 10_000) == "4,210 of 10,000"
    assert progress_words("curate", 0, 0) == ""
