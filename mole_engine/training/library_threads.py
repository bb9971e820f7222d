"""Threads of libraries: linear algebra (NumPy's and SciPy's OpenBLAS) and OpenMP, which torch does not set.

Linear algebra has one number for the whole process. Threadpoolctl lets only one thread at a time set it: the first to
do so, until it is done. So whoever limits it for a piece of work is sure of its number, and nobody else is heard then.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator

_lock = threading.Lock()
"""Held while a number is set: whoever enters a limit then would not be heard, for the whole of its work."""


def set_linear_algebra_threads(threads: int) -> None:
    """Set the number of the process, unless a limit is in force."""
    # SciPy brings a library of its own, which can be limited once it is there.
    import scipy.linalg  # noqa: F401
    from threadpoolctl import OpenBLASController, threadpool_limits

    with _lock:
        threadpool_limits(threads, user_api="blas")
        # A thread of a window ends without being seen to; nobody else could set anything any more.
        OpenBLASController.clear_controlling_thread()


@contextlib.contextmanager
def linear_algebra_threads(threads: int) -> Iterator[None]:
    """Limit linear algebra for the block, whatever other threads set meanwhile."""
    from threadpoolctl import threadpool_limits

    with contextlib.ExitStack() as stack:
        with _lock:
            stack.enter_context(threadpool_limits(threads, user_api="blas"))
        yield


@contextlib.contextmanager
def openmp_threads(threads: int) -> Iterator[None]:
    """Limit the calling thread's OpenMP for the block, and nothing else: trees and boosting use it."""
    from threadpoolctl import ThreadpoolController

    # Not `threadpool_limits`, which would put back linear algebra's number as well, as it found it.
    with ThreadpoolController().select(user_api="openmp").limit(limits=threads):
        yield
