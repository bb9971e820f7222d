"""Numbers with their nouns, for every sentence that a user reads."""

from __future__ import annotations

import math


def counted(value: int, one: str, many: str = "") -> str:
    """Return "1 row" or "1,128 rows".

    Parameters
    ----------
    value
        How many.
    one, many
        What follows the number where there is one, and else; `many` may be left out where it is `one` with an s. A
        verb can come along: `counted(left, "row is", "rows are")`.
    """
    return f"{value:,} {one if value == 1 else many or one + 's'}"


def counted_of(part: int, whole: int, noun: str, one: str, many: str) -> str:
    """Return "1 of 5 rows is" or "2 of 1,128 rows are", for the noun "row" and the verbs `one` and `many`."""
    return f"{part:,} of {counted(whole, noun)} {one if part == 1 else many}"


def four_digits(value: float | None) -> str:
    """Return a metric with four digits, or "-" where it is not defined."""
    return "-" if value is None or not math.isfinite(value) else f"{value:.4g}"
