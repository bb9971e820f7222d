"""Searches by structure find every row whose structure is shown, also those that no model learns from."""

import pytest


@pytest.mark.parametrize(
    ("mode", "text", "wanted"),
    [
        # Row 4 stands for row 5, row 6 has no value, row 3 is an acid once it is neutralised; row 2 cannot be read.
        ("smarts", "[OX2H]", [0, 3, 4, 5, 6]),
        ("similar", "Oc1ccccc1", [4, 5]),
    ],
)
def test_rows_left_out_or_merged_are_found_by_their_structure(
    qtbot, window, open_file, molecules_csv, find, mode, text, wanted
):
    open_file(molecules_csv)
    assert set(wanted) - set(window.session.dataset.smiles)
    rows = window.data_page.rows
    find("similaritySpin").setValue(0.9)
    rows._search.look_for(mode, text)
    qtbot.waitUntil(lambda: rows.shown is not None)
    assert rows.shown == wanted
    assert 2 not in rows.shown
