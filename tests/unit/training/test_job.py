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
