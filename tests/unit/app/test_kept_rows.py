"""What the window asks of single rows of a large file."""

from __future__ import annotations

import numpy as np
import pytest

from app.services.kept_rows import KeptRows, RowIssues
from app.services.typical_rows import typical_rows
from mole_engine.contracts.dataset import ColumnRoles, IssueKind, RowIssue, TaskKind, TaskSpec


def test_kept_rows_are_a_mapping_like_any_other():
    # The last structure is of a separate test file.
    kept = KeptRows(np.array([1, 2, 5]), ["CCO", "CCN", "CCC", "CCCC"], 7)
    assert dict(kept) == {1: "CCO", 2: "CCN", 5: "CCC"}
    assert [kept.get(row) for row in (-1, 0, 5, 6, 7)] == [None, None, "CCC", None, None]
    assert (len(kept), 2 in kept, 3 in kept, list(kept.values())) == (3, True, False, ["CCO", "CCN", "CCC"])


def test_issues_are_found_by_their_row():
    rows = [0, 3, 3, 9]
    issues = tuple(RowIssue(row, row + 2, IssueKind.SALT, f"reason {n}", False) for n, row in enumerate(rows))
    found = RowIssues(issues)
    assert {row: [issue.reason for issue in found[row]] for row in found} == {
        0: ["reason 0"],
        3: ["reason 1", "reason 2"],
        9: ["reason 3"],
    }
    assert (len(found), found.get(1, ()), found.get(10, ())) == (3, (), ())
    with pytest.raises(KeyError):
        found[4]


@pytest.mark.parametrize("rows", [100, 60_000])
def test_a_low_and_a_high_molecule_stand_for_all(rows):
    roles = ColumnRoles("smiles", (TaskSpec("y", TaskKind.REGRESSION),))
    values = np.random.default_rng(0).permutation(rows).astype(float)
    smiles = {row: "C" * (1 + row % 70) for row in range(rows)}
    parts = ["val" if row % 2 else "train" for row in range(rows)]
    low, high = typical_rows(None, roles, {"y": values}, smiles, parts)
    known = [values[row] for row in range(rows) if parts[row] == "val" and len(smiles[row]) <= 60]
    for row, share in ((low, 0.2), (high, 0.8)):
        assert np.mean(np.array(known) < values[row]) == pytest.approx(share, abs=0.03)
    assert parts[low] == parts[high] == "val"
    assert max(len(smiles[low]), len(smiles[high])) <= 60
