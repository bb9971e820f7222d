"""A job that tries its number of threads gives what it gives when it is told that number."""

from __future__ import annotations

import pytest
import torch

from mole_engine.contracts.config import TrainConfig
from mole_engine.contracts.events import Notice
from mole_engine.store.bundle import read_bundle
from mole_engine.store.reproduce import reproduction
from mole_engine.store.run_folder import RunFolder
from mole_engine.store.run_place import open_place
from mole_engine.train import train
from mole_engine.training import threads


@pytest.mark.parametrize("number", [1, 2])
def test_the_same_as_with_the_number_set_by_hand(make_config, tmp_path, monkeypatch, number):
    monkeypatch.setattr(threads, "WORTH_SECONDS", 0.0)
    monkeypatch.setattr(threads, "WORTH_BATCHES", 0)
    monkeypatch.setattr(threads, "usable_cores", lambda: 2)
    # Which one is faster here is of no interest.
    monkeypatch.setattr(threads, "fewest_of_the_fastest", lambda seconds, cores: number)
    model = {"hidden_dropout": 0.1, "attention_dropout": 0.1, "standardise_pooled": True}
    events = []
    first = train(make_config(model=model, runtime={"threads": 0}), on_event=events.append)
    said = [event.message for event in events if isinstance(event, Notice) and "molecules/s" in event.message]
    assert len(said) == 1
    assert said[0].startswith("2 threads: " if number == 2 else "1 thread: ")
    assert RunFolder(first.run_dir).read_config().runtime.threads == number

    by_hand = train(make_config(model=model, runtime={"threads": number}, out=str(tmp_path / "by hand")))
    again = train(reproduction(first.run_dir, tmp_path / "data", {"out": str(tmp_path / "again")}))
    for other in (by_hand, again):
        assert other.metrics == first.metrics
        one, two = (read_bundle(record.model_path).tensors for record in (first, other))
        assert one.keys() == two.keys()
        assert all(torch.equal(one[name], two[name]) for name in one)


def test_a_run_that_goes_on_keeps_its_number(make_config):
    folder = open_place(make_config(runtime={"threads": 2, "side_by_side": 2})).folder.path
    # The window says only where it runs.
    again = open_place(TrainConfig(), str(folder)).config.runtime
    assert (again.threads, again.side_by_side) == (2, 2)
    told = TrainConfig.from_dict({"runtime": {"threads": 3}})
    assert open_place(told, str(folder)).config.runtime.threads == 3
