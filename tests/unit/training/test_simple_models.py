"""The simple models of an ensemble: fitted for several folds at a time, with the same result, and ended by a word."""

from __future__ import annotations

import threading
import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import threadpoolctl

from mole_engine.contracts.config import RuntimeConfig
from mole_engine.contracts.errors import Cancelled
from mole_engine.contracts.run_state import RunControl
from mole_engine.training import simple_models
from mole_engine.training.folds import make_folds
from mole_engine.training.simple_models import SimpleModels, Stopped
from mole_engine.training.simple_tables import simple_tables
from mole_engine.training.trainer import use_threads


@pytest.fixture(autouse=True)
def few_trees(monkeypatch):
    monkeypatch.setattr(simple_models, "TREES", 5)


@pytest.fixture
def prepared(job, helpers):
    folds = {"kind": "folds", "members": 4, "trees": True}
    config = helpers.config().updated({"ensemble": folds, "training": {"freeze": "encoder"}})
    return config, job.prepare(config, helpers.dataset(helpers.sizes(60)), helpers.split(45, 5, 10))


@pytest.fixture
def make(prepared):
    def build(threads, control=None):
        config, ready = prepared
        folds = make_folds(config, ready.data)
        return SimpleModels(config, ready.data, ready.scaler, folds, threads, control or RunControl())

    return build


@pytest.fixture
def tables(prepared):
    return simple_tables(prepared[1].data)


@pytest.mark.parametrize("name", ["kernel", "similar", "additive", "extra", "random", "boosting"])
def test_folds_that_are_fitted_at_the_same_time_say_what_they_say_one_after_the_other(name, make, tables, monkeypatch):
    monkeypatch.setattr(SimpleModels, "names", [name])
    filters = list(warnings.filters)
    said, part = make(1).fit(name, tables)
    again, other = make(3).fit(name, tables)
    np.testing.assert_array_equal(said, again)
    assert np.isfinite(said[make(1).pool]).all()
    everyone = np.arange(60)
    np.testing.assert_array_equal(tables.said(name, part, everyone), tables.said(name, other, everyone))
    assert warnings.filters == filters


def test_as_many_folds_at_a_time_as_threads_and_memory_allow(make, monkeypatch):
    models = make(1)
    assert [models.at_once("extra", 5, threads) for threads in (1, 3, 16)] == [1, 3, 5]
    # 50 molecules are learnt from; a Gaussian process takes a sample of many.
    monkeypatch.setattr(simple_models, "ROWS_AT_ONCE", 149)
    assert models.at_once("extra", 5, 16) == 2
    monkeypatch.setattr(simple_models, "ROWS_AT_ONCE", 49)
    assert models.at_once("extra", 5, 16) == 1
    monkeypatch.setitem(simple_models.MOST_LEARNT, "kernel", 10)
    assert models.at_once("kernel", 5, 16) == 4


@pytest.mark.parametrize(("small", "planned"), [(2000, 1), (10, 2)])
def test_sums_of_linear_algebra_follow_the_plan_and_not_the_clock(make, tables, monkeypatch, small, planned):
    """Whoever fits with more threads than planned, or in a thread of its own, has large matrices done as planned."""
    monkeypatch.setattr(simple_models, "SMALL_MATRIX", small)
    monkeypatch.setattr(simple_models, "ROWS_AT_ONCE", 59)
    seen, own = set(), SimpleModels._fitted

    def fitted(self, *given):
        seen.update(lib["num_threads"] for lib in threadpoolctl.threadpool_info() if lib["user_api"] == "blas")
        return own(self, *given)

    monkeypatch.setattr(SimpleModels, "_fitted", fitted)
    use_threads(RuntimeConfig(threads=4))
    try:
        for threads in (1, 2, 4):
            models = make(threads)
            models.algebra_threads = 2
            with ThreadPoolExecutor(1) as crew:
                crew.submit(models.fit, "kernel", tables).result()
        assert seen == {planned}
    finally:
        use_threads(RuntimeConfig())


def test_who_is_dropped_while_paused_ends_all_the_same(make):
    control = RunControl()
    models = make(1, control)
    control.pause()
    models.drop()
    with pytest.raises(Cancelled):
        models.check()


@pytest.mark.parametrize(("word", "error"), [("stop", Stopped), ("cancel", Cancelled)])
def test_a_word_ends_the_fits_that_run_and_those_that_wait(word, error, make, tables, monkeypatch):
    control, begun, own = RunControl(), [], SimpleModels._fitted
    models = make(2, control)
    two = threading.Barrier(2)

    def fitted(self, *given):
        begun.append(given)
        two.wait(20)
        getattr(control, word)()
        return own(self, *given)

    monkeypatch.setattr(SimpleModels, "_fitted", fitted)
    before = threading.active_count()
    with pytest.raises(error):
        models.fit("extra", tables)
    assert len(begun) == 2
    assert threading.active_count() == before


def test_a_fit_that_fails_is_told(make, tables, monkeypatch):
    def broken(self, *given):
        raise MemoryError("no room")

    monkeypatch.setattr(SimpleModels, "_fitted", broken)
    with pytest.raises(MemoryError, match="no room"):
        make(2).fit("extra", tables)


def test_what_is_weighed_has_as_many_trees_as_what_is_kept(make, tables, monkeypatch):
    """Boosting's trees are its rounds: folds with more of them would be judged for a model that nobody keeps."""
    models, grown = make(1), []
    fit = simple_models.fit_part

    def counted(*arguments, trees, **more):
        grown.append(trees)
        return fit(*arguments, trees=trees, **more)

    monkeypatch.setattr(simple_models, "fit_part", counted)
    # More than a fold's molecules, fewer than all.
    monkeypatch.setattr(simple_models, "MANY_CELLS", len(models.pool) - 1)
    monkeypatch.setattr(simple_models, "FEW_TREES", 3)
    models.fit("extra", tables)
    assert grown == [3] * 5
