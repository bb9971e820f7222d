"""Two windows with one workspace: neither loses, nor begins, what waits in the other's queue."""

from __future__ import annotations

import errno
from pathlib import Path
from unittest.mock import Mock

import pytest

from app.services.run_queue import RunQueue
from mole_engine.contracts.config import TrainConfig
from mole_engine.contracts.errors import KnownError


@pytest.fixture
def path(tmp_path):
    return tmp_path / "queue.json"


def names(queue: RunQueue) -> list[str]:
    return [run.name for run in queue.runs()]


def test_what_two_windows_have_queued_is_there_at_the_next_start(path):
    first, second = RunQueue(path), RunQueue(path)
    first.add(TrainConfig(name="a"))
    second.add(TrainConfig(name="b"))
    first.add(TrainConfig(name="c"))
    assert (names(first), names(second)) == (["a", "c"], ["b"])
    assert sorted(names(RunQueue(path))) == ["a", "b", "c"]
    assert [path.name for path in path.parent.iterdir()] == ["queue.json"]


def test_what_waits_since_an_earlier_session_is_begun_by_one_of_them(path):
    before = RunQueue(path)
    for name in ("a", "b", "c"):
        before.add(TrainConfig(name=name))
    first, second = RunQueue(path), RunQueue(path)
    second.drop(second.runs()[1].run_id)
    taken = [first.take(), second.take(), first.take(), second.take()]
    assert [run and run.name for run in taken] == ["a", "c", None, None]
    assert names(RunQueue(path)) == []


def test_a_file_that_cannot_be_read_for_a_moment_is_not_written_over(path, monkeypatch):
    first, second = RunQueue(path), RunQueue(path)
    second.add(TrainConfig(name="b"))
    with monkeypatch.context() as moment:
        moment.setattr(Path, "read_text", Mock(side_effect=PermissionError(errno.EACCES, "in use")))
        with pytest.raises(KnownError):
            first.add(TrainConfig(name="a"))
        assert names(RunQueue(path)) == []
    first.add(TrainConfig(name="a"))
    assert sorted(names(RunQueue(path))) == ["a", "b"]


@pytest.mark.parametrize("content", [None, "[", "{}"])
def test_a_file_that_is_gone_or_damaged_while_the_window_is_open_costs_nothing(path, content):
    queue = RunQueue(path)
    queue.add(TrainConfig(name="a"))
    path.unlink()
    if content is not None:
        path.write_text(content)
    queue.add(TrainConfig(name="b"))
    assert names(RunQueue(path)) == ["a", "b"]
    assert [queue.take().name, queue.take().name] == ["a", "b"]
