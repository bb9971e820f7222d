"""Descriptor tables: the same from workers, from the cache and computed."""

from __future__ import annotations

import itertools
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

from mole_engine.chem.descriptors import compute_descriptors
from mole_engine.contracts.errors import Cancelled
from mole_engine.data import descriptor_tables
from mole_engine.data.descriptor_tables import DescriptorsAhead, describe, describe_ahead

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


MOLECULES = ["CCO", "c1ccccc1", "CC(=O)N", "not a molecule"]


def test_what_is_computed_ahead_is_waited_for_by_whoever_asks(monkeypatch, tmp_path):
    whole = compute_descriptors(MOLECULES)
    go_on, computed, told = threading.Event(), [], []

    def slow(smiles, on_progress):
        computed.append(len(smiles))
        assert go_on.wait(5)
        return whole

    def tell(*stage):
        told.append(stage)
        go_on.set()

    monkeypatch.setattr(descriptor_tables, "_compute", slow)
    ahead = DescriptorsAhead(MOLECULES, tmp_path)
    assert describe(MOLECULES, cache_dir=tmp_path, on_progress=tell) is whole
    assert describe(MOLECULES) is whole
    assert computed == [4]
    assert told[0][1:] == (0, 4)
    ahead.end()
    # It stays in the cache, and what is begun afterwards stands on its own.
    assert np.array_equal(describe(MOLECULES, cache_dir=tmp_path), whole, equal_nan=True)
    assert computed == [4]
    describe(MOLECULES)
    assert computed == [4, 4]


def test_what_could_not_be_computed_ahead_is_computed_then(monkeypatch):
    whole = compute_descriptors(MOLECULES)
    asked = []

    def fail_once(smiles, on_progress):
        asked.append(len(smiles))
        if len(asked) == 1:
            raise RuntimeError("a worker process has died")
        return whole

    monkeypatch.setattr(descriptor_tables, "_compute", fail_once)
    ahead = DescriptorsAhead(MOLECULES)
    assert describe(MOLECULES) is whole
    assert asked == [4, 4]
    ahead.end()


def test_who_ends_what_was_begun_ahead_leaves_no_thread(monkeypatch):
    began = threading.Event()

    def slow(smiles, on_progress):
        began.set()
        for done in itertools.count():
            on_progress("x", done, len(smiles))
            time.sleep(0.01)

    monkeypatch.setattr(descriptor_tables, "_compute", slow)
    ahead = DescriptorsAhead(MOLECULES)
    assert began.wait(5)
    ahead.end()
    assert not [thread for thread in threading.enumerate() if thread.name == "descriptors ahead"]
    assert not descriptor_tables._AHEAD


@pytest.mark.parametrize(
    ("library", "count", "workers", "begins"),
    [("not there", 4, 2, True), ("numpy", 4, 2, False), ("not there", 3, 2, False), ("not there", 4, 1, False)],
)
def test_only_long_work_is_begun_and_only_while_libraries_load(monkeypatch, library, count, workers, begins):
    monkeypatch.setattr(descriptor_tables, "LIBRARIES", library)
    monkeypatch.setattr(descriptor_tables, "PARALLEL_FROM", 4)
    monkeypatch.setattr(descriptor_tables, "worker_count", lambda: workers)
    monkeypatch.setattr(descriptor_tables, "_compute", lambda *given: np.zeros((4, 1)))
    ahead = describe_ahead(MOLECULES[:count])
    assert (ahead is not None) == begins
    if ahead is not None:
        ahead.end()


def test_reading_a_job_s_data_loads_no_library_that_takes_seconds():
    # Otherwise nothing would be left to do ahead of it.
    code = "import sys, mole_engine.train, mole_engine.data.assemble; print({'torch', 'sklearn'} & set(sys.modules))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "set()"
