from __future__ import annotations

import numpy as np

from mole_engine.data.outliers import find_outliers


def test_a_value_out_of_all_proportion_is_told_in_few_digits():
    values = np.append(np.linspace(0.0, 1.0, 40), 1e36)
    words = find_outliers(values, 6.0)[40]
    assert len(words) < 100
    assert "e+36 robust standard deviations" in words
