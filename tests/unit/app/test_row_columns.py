"""Columns as the Data page shows them."""

from __future__ import annotations

import numpy as np

from app.services.row_columns import RowColumn, summarise


def test_a_mistyped_exponent_leaves_a_column_its_bars():
    shown = summarise(RowColumn("y", "y", "number", np.array([1.0, -2.0, 3.0, np.nan, 1e300])))
    assert (shown.filled, sum(shown.counts), shown.counts[0], shown.counts[-1]) == (4, 4, 3, 1)
    assert (shown.high, shown.deviation) == (1e300, np.inf)


def test_the_figures_of_a_column_are_those_of_its_known_values():
    shown = summarise(RowColumn("y", "y", "number", np.array([1.0, 2.0, 3.0, np.nan])))
    assert (shown.mean, shown.median, shown.deviation) == (2.0, 2.0, np.std([1.0, 2.0, 3.0]))
