"""What a run that goes on has told before: nothing of it stands twice in its log."""

from __future__ import annotations

import math
from types import SimpleNamespace

import pytest

from mole_engine.contracts.events import CheckpointSaved, EpochMetrics, Notice, PinnedPredictions, event_from_json
from mole_engine.contracts.run_state import RunControl
from mole_engine.training.emitter import EventEmitter
from mole_engine.training.members import member_folder
from mole_engine.training.series import Series
from mole_engine.training.side_by_side import EVENTS, SideBySide


def epoch(number, loss=0.5):
    return EpochMetrics(
        epoch=number, total_epochs=3, step=4 * number, train_loss=loss, validation_loss=math.nan, seconds=loss
    )


def told_of(number):
    """Return what an epoch tells: itself, its checkpoint, and what it says of a pinned molecule."""
    saved = CheckpointSaved(path="last.ckpt", epoch=number)
    return [epoch(number), saved, PinnedPredictions(epoch=number, smiles=("C",), outputs=("y",), values=((math.nan,),))]


def test_an_epoch_that_is_trained_once_more_does_not_stand_twice_in_the_log(tmp_path):
    """The network was killed between what it told of its epoch and the checkpoint behind it."""
    path, shown = tmp_path / "events.jsonl", []
    first = EventEmitter("r", None, path)
    assert all(first.emit(event) for event in [*told_of(1), *told_of(2)])
    first.close()
    again = EventEmitter("r", shown.append, path)
    assert not any(again.emit(event) for event in told_of(2))
    assert all(again.emit(event) for event in told_of(3))
    # Another training that ends elsewhere is none that was told.
    assert again.emit(epoch(3, loss=0.25))
    again.close()
    lines = [event_from_json(line) for line in path.read_text(encoding="utf-8").splitlines()]
    assert [event.seq for event in lines] == list(range(10))
    assert [event.epoch for event in lines] == [1, 1, 1, 2, 2, 2, 3, 3, 3, 3]
    assert len(shown) == 4


def test_the_last_word_on_an_epoch_stands_also_where_it_is_an_older_one(tmp_path):
    """Trained three times: the third says what the first did, and is what the network went on from."""
    path = tmp_path / "events.jsonl"
    for loss in (0.5, 0.25, 0.5, 0.5):
        emitter = EventEmitter("r", None, path)
        emitter.emit(epoch(3, loss))
        emitter.close()
    lines = [event_from_json(line) for line in path.read_text(encoding="utf-8").splitlines()]
    assert [event.train_loss for event in lines] == [0.5, 0.25, 0.5]


def test_an_epoch_that_comes_again_within_a_run_is_told_again(tmp_path):
    """As a network does that is trained once more from its start; only what stood in the log before is known."""
    path = tmp_path / "events.jsonl"
    first = EventEmitter("r", None, path)
    first.emit(epoch(1))
    first.close()
    with path.open("a", encoding="utf-8") as file:
        file.write(epoch(2).to_json()[:40])
    again = EventEmitter("r", None, path)
    assert [again.emit(event) for event in (epoch(1), epoch(1, 0.25), epoch(1), epoch(2))] == [False, True, True, True]
    again.close()


@pytest.mark.parametrize("shown", range(4))
def test_what_a_network_had_to_say_is_told_once_also_when_the_run_goes_on(tmp_path, shown):
    """The second and the third of three networks warn of the same; the second warns of one thing more."""
    warning = Notice(message="The validation part is too small.", level="warning")
    other = Notice(message="Memory has run out.", level="warning")
    for number, events in ((1, [warning, other]), (2, [warning])):
        emitter = EventEmitter("", None, member_folder(tmp_path, number) / EVENTS)
        for event in [Notice(message="Never kept."), *events]:
            emitter.emit(event)
        emitter.close()
    whole = EventEmitter("r", None, tmp_path / "events.jsonl")
    for event in [warning, other, warning][:shown]:
        whole.emit(event)
    whole.close()
    plan = [SimpleNamespace(number=number, turn=0, apart=True) for number in range(3)]
    series = Series(RunControl(), [2, 2, 2], [1.0] * 3)
    beside = SideBySide(SimpleNamespace(folder=tmp_path), plan, series, RunControl())
    expected = {0: (["v", "m"], ["v"]), 1: (["m"], ["v"]), 2: ([], ["v"]), 3: ([], [])}[shown]
    said = tuple([event.message[0].replace("T", "v").lower() for event in beside._events[number]] for number in (1, 2))
    assert said == expected
