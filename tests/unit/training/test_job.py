"""The end of a job, whatever is going on beside it."""

from __future__ import annotations

import sys
from types import ModuleType

import pytest

from mole_engine.training.job import give_memory_back


def test_a_job_may_end_while_another_thread_is_loading_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    # As it stands in `sys.modules` from its first line on: the window loads it beside a job that is dropped at once.
    monkeypatch.setitem(sys.modules, "torch", ModuleType("torch"))
    give_memory_back()


@pytest.mark.parametrize("has_one", [True, False])
def test_memory_of_an_apple_gpu_is_given_back(monkeypatch: pytest.MonkeyPatch, has_one: bool) -> None:
    import torch

    given_back: list[bool] = []
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: has_one)
    monkeypatch.setattr(torch.mps, "empty_cache", lambda: given_back.append(True))
    give_memory_back()
    assert given_back == [True] * has_one
