"""What a column holds is the same, whether its cells are looked at one by one or, being plain numbers, at once."""

from __future__ import annotations

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mole_engine.data import profile
from mole_engine.data.profile import profile_columns
from mole_engine.data.values import are_plain_numbers

CELLS = st.one_of(
    st.integers(-3, 3).map(str),
    st.floats(-1e6, 1e6).map("{:.3f}".format),
    st.sampled_from(["", "-", "1e3", "> 5", "007", "1.", ".5", "1,5", "2 nM", "0.0", "-0", "'3", " 4", "1\n2", "CCO"]),
)


@given(st.lists(CELLS, min_size=1, max_size=8), st.sampled_from([".", ",", ",."]))
def test_a_quick_look_says_what_a_close_one_says(cells, decimal):
    frame = pd.DataFrame({"y (nM)": pd.Series(cells, dtype="str")})
    quick = profile_columns(frame, ["y (nM)"], [decimal])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(profile, "are_plain_numbers", lambda texts: False)
        assert profile_columns(frame, ["y (nM)"], [decimal]) == quick


@pytest.mark.parametrize(
    ("cells", "plain"),
    [
        (["1", "-2.50", "007"], True),
        (["1\n2"], False),
        (["1", ""], False),
        (["1,5"], False),
        (["1e400"], False),
        (["12345678901234567890"], False),
        ([], False),
    ],
)
def test_only_digits_and_a_point_are_plain(cells, plain):
    assert are_plain_numbers(cells) is plain
