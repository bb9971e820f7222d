"""The tables that a blend's simple models read: small while they are kept, and made for those who read them alone."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from mole_engine.contracts.dataset import TaskKind, TaskSpec
from mole_engine.training import parts, simple_tables
from mole_engine.training.parts import PARTS, READS, fit_part, learnt_from
from mole_engine.training.simple_tables import SimpleTables, tables_of
from mole_engine.training.tabular import count_table, group_table, small_count_table, small_group_table

TASKS = (TaskSpec("size", TaskKind.REGRESSION),)


@pytest.fixture
def tables(helpers: Any) -> SimpleTables:
    smiles = helpers.molecules
    described = tables_of(smiles, None)["descriptors"]
    counts = {"counts": small_count_table(smiles), "groups": small_group_table(smiles)}
    return SimpleTables({"descriptors": described, **counts})


@pytest.mark.parametrize(("small", "whole"), [(small_count_table, count_table), (small_group_table, group_table)])
def test_small_tables_hold_the_same_counts_in_a_tenth_of_the_memory(small: Any, whole: Any, helpers: Any) -> None:
    smiles = [*helpers.molecules, "not a molecule", "C" * 400] * 6
    kept, wanted = small(smiles), whole(smiles)
    assert kept.shape == wanted.shape
    np.testing.assert_array_equal(kept.toarray(), wanted)
    assert kept.data.nbytes + kept.indices.nbytes + kept.indptr.nbytes < 0.1 * wanted.nbytes
    assert small([]).shape == (0, wanted.shape[1])


@pytest.mark.parametrize("name", PARTS)
def test_a_model_gets_what_it_reads_and_says_the_same_in_blocks(
    name: str, tables: SimpleTables, helpers: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    labels, rows = helpers.sizes(60), np.arange(0, 60, 2)
    own = tables.of(name, rows)
    assert set(own) == set(READS[name]) - {"embeddings"}
    assert all(table.shape[0] == len(rows) and table.dtype == np.float32 for table in own.values())
    part = fit_part(name, own, labels[rows], TASKS, trees=10)
    whole = part.predict(tables_of(helpers.molecules, None))
    monkeypatch.setattr(simple_tables, "ROWS_AT_A_TIME", 7)
    np.testing.assert_allclose(tables.said(name, part, np.arange(60)), whole, rtol=1e-6, atol=1e-9)
    assert tables.said(name, part, np.arange(0)).shape == (0, 1)


def test_of_many_molecules_a_sample_is_learnt_from_before_tables_are_written_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(parts, "MOST_LEARNT", {"kernel": 5})
    rows = np.arange(100, 150)
    some = learnt_from("kernel", rows, seed=0)
    assert len(some) == 5
    assert set(some) < set(rows)
    assert (np.diff(some) > 0).all()
    np.testing.assert_array_equal(learnt_from("kernel", rows, seed=0), some)
    np.testing.assert_array_equal(learnt_from("extra", rows, seed=0), rows)
