"""The user's words to a job, as another thread or another process hears them."""

from __future__ import annotations

import json
from dataclasses import asdict

import pytest

from mole_engine.contracts.run_state import RunControl, Wishes


def test_every_word_is_told_to_listeners_while_they_listen():
    control, heard = RunControl(), []
    with control.heard_by(heard.append):
        control.pause()
        control.resume()
        control.set_learning_rate(0.5)
        control.set_last_epoch(7)
        control.stop()
    control.cancel()
    assert [wishes.paused for wishes in heard] == [True, False, False, False, False]
    assert heard[-1] == Wishes(learning_rate_factor=0.5, last_epoch=7, stops=1)
    assert control.wishes.cancel


@pytest.mark.parametrize(("verb", "value"), [("set_learning_rate", 0.0), ("set_learning_rate", float("nan"))])
def test_wrong_rates_are_refused(verb, value):
    with pytest.raises(ValueError, match="factor"):
        getattr(RunControl(), verb)(value)


def test_wrong_epochs_are_refused():
    with pytest.raises(ValueError, match="epoch"):
        RunControl().set_last_epoch(0)


def test_words_cross_a_process_and_a_second_stop_counts():
    ours, theirs = RunControl(), RunControl()
    before = Wishes()

    def hand_over(wishes):
        nonlocal before
        arrived = Wishes(**json.loads(json.dumps(asdict(wishes))))
        theirs.obey(arrived, before)
        before = arrived

    with ours.heard_by(hand_over):
        ours.pause()
        assert theirs.is_paused
        ours.resume()
        assert not theirs.is_paused
        ours.set_learning_rate(0.25)
        ours.set_last_epoch(3)
        ours.stop()
        assert (theirs.learning_rate_factor, theirs.last_epoch) == (0.25, 3)
        # A search for settings ends, and the training after it goes on until it is stopped as well.
        assert theirs.take_stop()
        ours.set_learning_rate(0.5)
        assert not theirs.stop_requested
        ours.stop()
        assert theirs.stop_requested
        ours.interrupt()
    assert theirs.interrupt_requested
    assert theirs.cancel_requested
