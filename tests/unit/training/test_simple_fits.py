"""Simple models that begin beside networks say what they say after them, hear what is meant for them, and end."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from mole_engine.contracts.dataset import TaskKind, TaskSpec
from mole_engine.contracts.events import Notice, StateChanged
from mole_engine.contracts.run_state import RunControl
from mole_engine.training import simple_models
from mole_engine.training.emitter import EventEmitter
from mole_engine.training.folds import make_folds
from mole_engine.training.simple_fits import SimpleFits
from mole_engine.training.simple_models import STAGE, SimpleModels


@pytest.fixture(autouse=True)
def few_trees(monkeypatch):
    monkeypatch.setattr(simple_models, "TREES", 5)


@pytest.fixture
def told():
    return []


@pytest.fixture
def make(job, helpers, told):
    folds = {"kind": "folds", "members": 3, "trees": True}
    config = helpers.config().updated({"ensemble": folds, "training": {"freeze": "encoder"}})
    ready = job.prepare(config, helpers.dataset(helpers.sizes(60)), helpers.split(45, 5, 10))

    def build(control=None, heard=None):
        emitter = EventEmitter("run", told.append)
        folds = make_folds(config, ready.data)
        models = SimpleModels(config, ready.data, ready.scaler, folds, 2, control or RunControl(), algebra_threads=1)
        return SimpleFits(models, emitter, beside=1, on_progress=heard), folds

    yield build
    assert not [thread for thread in threading.enumerate() if "simple models" in thread.name]


def _hold(monkeypatch, name):
    """Have the model called `name` wait for a word; return the word, and that it has begun."""
    begun, word, own = threading.Event(), threading.Event(), SimpleModels.fit

    def fit(self, which, tables):
        if which == name:
            begun.set()
            while not word.wait(0.01):
                self.check()
        return own(self, which, tables)

    monkeypatch.setattr(SimpleModels, "fit", fit)
    return begun, word


def test_begun_early_or_not_they_say_the_same(make, told, monkeypatch):
    begun, word = _hold(monkeypatch, "similar")
    heard = []
    early, folds = make(heard=lambda *given: heard.append((*given, threading.current_thread())))
    with early:
        early.begin()
        assert begun.wait(60)
        # Nothing is said while networks are shown.
        assert (told, heard) == ([], [])
        word.set()
        early.finish(folds)
    assert [type(event) for event in told] == [StateChanged]
    assert {stage for stage, _, _, _ in heard} <= {STAGE, "Computing fingerprints"}
    assert all(thread is threading.current_thread() for *_, thread in heard)
    # Only what is new: who hears nothing for long may ask what is the matter.
    assert len({tuple(given[1:3]) for given in heard}) == len(heard)
    late, _ = make()
    with late:
        late.finish(folds)
    assert list(early.left_out) == list(late.left_out) == list(early.parts)
    for name, values in early.left_out.items():
        np.testing.assert_array_equal(values, late.left_out[name])


def test_a_stop_is_meant_for_what_is_shown(make, told, monkeypatch):
    begun, word = _hold(monkeypatch, "similar")
    control = RunControl()
    fits, folds = make(control)
    with fits:
        fits.begin()
        assert begun.wait(60)
        control.stop()
        threading.Event().wait(0.1)
        assert not fits._begun.done(), "it was the network's"
        told_before = len(told)

        def stop_again(*given):
            control.stop()

        fits._on_progress = stop_again
        fits.finish(folds)
    assert told_before == 0
    assert [event.message for event in told if isinstance(event, Notice)] == [
        "Stopped: 1 of 5 simple models is fitted."
    ]
    assert list(fits.parts) == ["kernel"]
    assert not word.is_set()


def test_nobody_waits_for_them_where_a_network_fails(make, monkeypatch):
    begun, _ = _hold(monkeypatch, "kernel")
    control = RunControl()
    fits, _ = make(control)

    def run():
        with fits:
            fits.begin()
            assert begun.wait(60)
            # Also while the user has paused.
            control.pause()
            raise ZeroDivisionError("a network")

    with pytest.raises(ZeroDivisionError, match="a network"):
        run()


def test_what_goes_wrong_among_them_is_told_by_who_waits(make, monkeypatch):
    def broken(self, *given):
        raise MemoryError("in a tree")

    monkeypatch.setattr(SimpleModels, "fit", broken)
    fits, folds = make()
    with fits:
        fits.begin()
        with pytest.raises(MemoryError, match="in a tree"):
            fits.finish(folds)


@pytest.mark.parametrize(
    ("kind", "weighs", "said"),
    [
        (TaskKind.CLASSIFICATION, True, 1),
        (TaskKind.CLASSIFICATION, False, 0),
        (TaskKind.REGRESSION, True, 0),
    ],
)
def test_class_weights_that_hold_for_networks_alone_are_said_to(make, told, kind, weighs, said):
    fits, _ = make()
    models = fits._models
    models.config = models.config.updated({"training": {"class_weights": weighs}})
    models.tasks = (TaskSpec("y", kind, classes=("no", "yes") if kind is TaskKind.CLASSIFICATION else ()),)
    with fits:
        pass
    assert [event.level for event in told if isinstance(event, Notice)] == ["warning"] * said
    assert all("training.class_weights" in event.message for event in told)
