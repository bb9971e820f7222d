"""LAPACK by address: the same numbers as SciPy's, and Python goes on meanwhile."""

from __future__ import annotations

import threading
import time

import numpy as np
import pytest
from scipy import linalg

from mole_engine.training import lapack


def definite(size: int) -> np.ndarray:
    """Return a symmetric positive definite matrix."""
    points = np.random.default_rng(size).normal(size=(size, size))
    return points @ points.T / size + 0.1 * np.eye(size)


@pytest.mark.parametrize("size", [1, 2, 60])
def test_the_root_is_that_of_the_inverse(size):
    root = lapack.inverse_root(definite(size))
    assert root is not None
    np.testing.assert_array_equal(root, np.triu(root))
    np.testing.assert_allclose(root @ root.T, np.linalg.inv(definite(size)), rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("columns", [(), (1,), (3,)])
def test_solutions_are_scipys(columns):
    right = np.random.default_rng(0).normal(size=(60, *columns))
    expected = linalg.solve(definite(60), right, assume_a="pos")
    before = right.copy()
    np.testing.assert_allclose(lapack.solve(definite(60), right), expected, rtol=1e-10)
    # Rows of any layout, and right sides that are left as they were.
    np.testing.assert_allclose(lapack.solve(np.asfortranarray(definite(60)), right), expected, rtol=1e-10)
    np.testing.assert_allclose(lapack.solve(np.kron(definite(60), np.ones((2, 2)))[::2, ::2], right), expected)
    np.testing.assert_array_equal(right, before)


def test_what_is_not_definite_is_told():
    indefinite = np.diag([1.0, -1.0, 1.0])
    assert lapack.inverse_root(indefinite.copy()) is None
    with pytest.raises(np.linalg.LinAlgError):
        lapack.solve(indefinite.copy(), np.ones(3))


@pytest.mark.parametrize("numbers", ["long *", "blas_int *"])
def test_a_scipy_that_counts_otherwise_is_refused_before_it_is_called(numbers):
    known = "void (char *, int *, __pyx_t_5scipy_6linalg_13cython_lapack_d *, int *, int *)"
    lapack.check_signature("dpotrf", known)
    with pytest.raises(RuntimeError, match="dpotrf takes other arguments"):
        lapack.check_signature("dpotrf", known.replace("int *", numbers))
    with pytest.raises(RuntimeError, match="dtrtri takes other arguments"):
        lapack.check_signature("dtrtri", known)


def test_other_threads_go_on_meanwhile():
    matrix, right = definite(2000), np.ones(2000)
    began = threading.Event()

    def work():
        began.set()
        lapack.solve(matrix, right)

    thread = threading.Thread(target=work)
    thread.start()
    began.wait()
    turns = 0
    while thread.is_alive():
        time.sleep(0.001)
        turns += 1
    # With the lock held there would be one or two: before LAPACK begins and after it has ended.
    assert turns > 8
