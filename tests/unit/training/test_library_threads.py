"""Threads of linear algebra and of OpenMP: whoever limits them for a piece of work is sure of its number."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
import threadpoolctl

from mole_engine.contracts.config import RuntimeConfig
from mole_engine.training.library_threads import (
    linear_algebra_threads,
    openmp_threads,
    set_linear_algebra_threads,
)
from mole_engine.training.trainer import use_threads


def numbers(kind: str = "blas") -> set[int]:
    """Return the numbers of threads that libraries of a kind have."""
    return {library["num_threads"] for library in threadpoolctl.threadpool_info() if library["user_api"] == kind}


@pytest.fixture(autouse=True)
def as_before():
    yield
    use_threads(RuntimeConfig())


def test_every_thread_may_limit_linear_algebra_behind_another():
    """Jobs of a window have threads of their own, one after the other, of which nobody sees the end."""

    def job(threads: int) -> list[set[int]]:
        use_threads(RuntimeConfig(threads=threads))
        seen = [numbers()]
        with linear_algebra_threads(1):
            seen.append(numbers())
        return [*seen, numbers()]

    with ThreadPoolExecutor(1) as first, ThreadPoolExecutor(1) as second:
        assert first.submit(job, 2).result() == [{2}, {1}, {2}]
        assert second.submit(job, 3).result() == [{3}, {1}, {3}]
    use_threads(RuntimeConfig(threads=1))
    assert numbers() == {1}


def test_a_limit_holds_against_other_threads():
    set_linear_algebra_threads(2)
    with ThreadPoolExecutor(1) as other:
        with linear_algebra_threads(1):
            other.submit(set_linear_algebra_threads, 3).result()
            assert numbers() == {1}
        other.submit(set_linear_algebra_threads, 3).result()
    assert numbers() == {3}


def test_a_limit_of_openmp_leaves_linear_algebra_as_others_have_set_it():
    set_linear_algebra_threads(1)
    before = numbers("openmp")
    with ThreadPoolExecutor(1) as other:
        with openmp_threads(1):
            assert numbers("openmp") == {1}
            other.submit(set_linear_algebra_threads, 2).result()
        assert numbers() == {2}
    assert numbers("openmp") == before
