"""LAPACK for symmetric positive definite matrices, without Python's lock.

SciPy's own wrappers hold the lock while LAPACK works: seconds for thousands of molecules, in which the window stands
still and no other model can be fitted. These call the same routines by address, from `scipy.linalg.cython_lapack`,
which SciPy publishes for that, and `ctypes` lets the lock go.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from ctypes import POINTER, byref, c_char_p, c_int, c_void_p
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

_NUMBER = POINTER(c_int)
_ARGUMENTS: dict[str, tuple[Any, ...]] = {
    # half, n, matrix, rows, failed
    "dpotrf": (c_char_p, _NUMBER, c_void_p, _NUMBER, _NUMBER),
    # half, diagonal, n, matrix, rows, failed
    "dtrtri": (c_char_p, c_char_p, _NUMBER, c_void_p, _NUMBER, _NUMBER),
    # half, n, right sides, factor, its rows, right sides, their rows, failed
    "dpotrs": (c_char_p, _NUMBER, _NUMBER, c_void_p, _NUMBER, c_void_p, _NUMBER, _NUMBER),
}


def inverse_root(matrix: Floats) -> Floats | None:
    """Return the upper triangular (n, n) root of an inverse, which is root @ root.T; None: not positive definite.

    Parameters
    ----------
    matrix
        (n, n), symmetric, n at least 1; overwritten.
    """
    root = _factor(matrix)
    if root is None:
        return None
    for column in range(len(root)):
        # LAPACK leaves the other half as it was.
        root[column + 1 :, column] = 0.0
    size = c_int(len(root))
    _call("dtrtri", b"U", b"N", size, root.ctypes.data, size)
    return root


def solve(matrix: Floats, right: Floats) -> Floats:
    """Return x, (n, k), of matrix @ x = right.

    Parameters
    ----------
    matrix
        (n, n), symmetric and positive definite, n at least 1; overwritten.
    right
        (n, k) or (n,).

    Raises
    ------
    numpy.linalg.LinAlgError
        When the matrix is not positive definite.
    """
    root = _factor(matrix)
    if root is None:
        raise np.linalg.LinAlgError("the matrix is not positive definite")
    solved = np.array(right, dtype=np.float64, order="F")
    size, columns = c_int(len(root)), c_int(1 if solved.ndim == 1 else solved.shape[1])
    _call("dpotrs", b"U", size, columns, root.ctypes.data, size, solved.ctypes.data, size)
    return solved


def _factor(matrix: Floats) -> Floats | None:
    """Return the upper Cholesky factor, whose lower half means nothing; None: not positive definite."""
    # LAPACK counts along columns. Of what is symmetric, that is the transpose.
    columns = np.require(matrix, np.float64, ("C", "W")).T
    size = c_int(len(columns))
    return None if _call("dpotrf", b"U", size, columns.ctypes.data, size) else columns


def _call(name: str, *given: Any) -> int:
    """Call a routine and return what it says of its failure, 0 where there is none."""
    failed = c_int()
    numbers = [byref(item) if isinstance(item, c_int) else item for item in given]
    _routine(name)(*numbers, byref(failed))
    return failed.value


@cache
def _routine(name: str) -> Callable[..., None]:
    from scipy.linalg import cython_lapack

    capsule = cython_lapack.__pyx_capi__[name]
    api = ctypes.pythonapi
    api.PyCapsule_GetName.restype, api.PyCapsule_GetName.argtypes = ctypes.c_char_p, [ctypes.py_object]
    api.PyCapsule_GetPointer.restype, api.PyCapsule_GetPointer.argtypes = c_void_p, [ctypes.py_object, c_char_p]
    signature = api.PyCapsule_GetName(capsule)
    check_signature(name, signature.decode())
    return ctypes.CFUNCTYPE(None, *_ARGUMENTS[name])(api.PyCapsule_GetPointer(capsule, signature))


def check_signature(name: str, signature: str) -> None:
    """Raise RuntimeError where a routine takes other arguments than are handed to it here: numbers of 64 bits, say."""
    given = signature.removeprefix("void (").removesuffix(")").split(", ")
    known = {c_char_p: "char *", _NUMBER: "int *"}
    fits = len(given) == len(_ARGUMENTS[name]) and all(
        known.get(kind, text) == text for kind, text in zip(_ARGUMENTS[name], given, strict=True)
    )
    if not fits:
        raise RuntimeError(f"SciPy's {name} takes other arguments than are known here: {signature}")
