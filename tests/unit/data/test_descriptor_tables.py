"""Descriptor tables: the same from workers, from the cache and computed."""

from __future__ import annotations

import numpy as np
import pytest

from mole_engine.chem.descriptors import compute_descriptors
from mole_engine.contracts.errors import Cancelled
from mole_engine.data import descriptor_tables
from mole_engine.data.descriptor_tables import describe

SMILES = ["CCO", "c1ccccc1", "?", "[Na+].[Cl-]", "CC(=O)N"] * 2


def test_workers_give_what_one_process_gives(monkeypatch):
    monkeypatch.setattr(descriptor_tables, "PARALLEL_FROM", 1)
    monkeypatch.setattr(descriptor_tables, "CHUNK", 3)
    monkeypatch.setattr(descriptor_tables, "worker_count", lambda: 2)
    seen = []
    table = describe(SMILES, on_progress=lambda *told: seen.append(told))
    assert np.array_equal(table, compute_descriptors(SMILES), equal_nan=True)
    assert seen[-1][1:] == (10, 10)


def test_the_cache_answers_the_second_time_and_only_for_the_same_molecules(monkeypatch, tmp_path):
    first = describe(SMILES, cache_dir=tmp_path)
    calls = []
    original = descriptor_tables.compute_descriptors
    monkeypatch.setattr(
        descriptor_tables, "compute_descriptors", lambda *given: (calls.append(given), original(*given))[1]
    )
    assert np.array_equal(describe(SMILES, cache_dir=tmp_path), first, equal_nan=True)
    assert not calls
    describe(SMILES[:3], cache_dir=tmp_path)
    assert len(calls) == 1


def test_cancelling_leaves_no_table(tmp_path):
    def cancel(stage, done, total):
        raise Cancelled

    with pytest.raises(Cancelled):
        describe(SMILES, cache_dir=tmp_path, on_progress=cancel)
    assert not list(tmp_path.iterdir())
