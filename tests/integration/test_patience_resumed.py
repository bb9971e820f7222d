"""A run that had ended for lack of improvement, and is gone on with, has nothing left to train."""

import pytest

from mole_engine.contracts.config import TrainConfig
from mole_engine.contracts.events import EpochMetrics, Notice, StateChanged
from mole_engine.contracts.run_state import RunControl, RunState
from mole_engine.store.run_folder import RunFolder
from mole_engine.train import train

# At this rate nothing changes, so that the first epoch stays the best for certain.
PATIENT = {"epochs": 9, "patience": 2, "learning_rate": 1e-30}


def _interrupted_while_judging(config: TrainConfig):
    control, events = RunControl(), []

    def interrupt(event):
        events.append(event)
        if isinstance(event, StateChanged) and event.state is RunState.EVALUATING:
            control.interrupt()

    part = train(config, on_event=interrupt, control=control)
    assert part.status is RunState.INTERRUPTED
    return part, [event.epoch for event in events if isinstance(event, EpochMetrics)]


@pytest.mark.parametrize("averaging", ["none", "ema"])
def test_patience_that_was_used_up_trains_nothing_more(make_config, averaging):
    part, trained = _interrupted_while_judging(make_config(training={**PATIENT, "averaging": averaging}))
    assert trained == [1, 2, 3]

    events = []
    record = train(None, on_event=events.append, resume=part.run_dir)
    assert record.status is RunState.COMPLETED
    assert not any(isinstance(event, EpochMetrics) for event in events)
    assert (record.epochs, record.best_epoch) == (3, 1)
    words = [event.message for event in events if isinstance(event, Notice)]
    assert "Training had ended with epoch 3: 2 epochs without improvement." in words


def test_more_patience_goes_on(make_config):
    part, _ = _interrupted_while_judging(make_config(training=PATIENT))
    folder = RunFolder(part.run_dir)
    folder.read_config().updated({"training": {"patience": 4}}).to_yaml(folder.config)

    events = []
    record = train(None, on_event=events.append, resume=part.run_dir)
    assert [event.epoch for event in events if isinstance(event, EpochMetrics)] == [4, 5]
    assert record.epochs == 5
