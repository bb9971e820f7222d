"""A few real steps say how long a job takes: measured beside the window, ended when nobody wants to know any more."""

from __future__ import annotations

import pytest

from app.services.trial_steps import measure_steps
from mole_engine.contracts.config import TrainConfig
from mole_engine.contracts.errors import Cancelled, InputError
from mole_engine.training.trial_steps import TrialSteps, trial_steps

SMILES = ["CCO", "c1ccccc1", "CC(=O)NC1CCCCC1", "not a molecule"]


def job(**changes):
    model = {"layers": 1, "hidden_size": 16, "heads": 2, **changes}
    settings = {"model": model, "training": {"batch_size": 8}, "runtime": {"device": "cpu", "threads": 1}}
    return TrainConfig.from_dict(settings)


def test_steps_are_measured_in_a_process_beside():
    found = measure_steps(job(), SMILES)
    assert found is not None
    assert found.fits
    assert found.molecules_per_second > 0
    assert found.memory_bytes > 50_000_000
    assert found.epoch_seconds(100, 10) == pytest.approx(
        100 / found.molecules_per_second + 10 / found.judged_per_second
    )


def test_larger_networks_take_longer_and_descriptors_are_counted():
    small = trial_steps(job(), SMILES, steps=3)
    large = trial_steps(job(layers=6, hidden_size=128, descriptors=True), SMILES, steps=3)
    assert large.molecules_per_second < small.molecules_per_second


def test_memory_that_does_not_suffice_is_an_answer(monkeypatch):
    from mole_engine.models.mole import MolE

    def full(self, batch):
        raise RuntimeError("CUDA out of memory")

    monkeypatch.setattr(MolE, "predict_batch", full)
    assert trial_steps(job(), SMILES) == TrialSteps(fits=False)


def test_unreadable_molecules_are_said():
    with pytest.raises(InputError, match="no molecule"):
        trial_steps(job(), ["not a molecule"])


def test_measuring_ends_when_the_window_closes():
    def cancel(*_):
        raise Cancelled

    with pytest.raises(Cancelled):
        measure_steps(job(), SMILES, cancel)
