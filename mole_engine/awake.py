"""Keeping the computer from falling asleep while it works: a laptop that sleeps has trained nothing by the morning."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator

log = logging.getLogger(__name__)


@contextlib.contextmanager
def kept_awake(wanted: bool = True) -> Iterator[bool]:
    """Ask the system not to fall asleep by itself while the body runs; the screen may turn off, a closed lid wins.

    Also a decorator. The wish ends with the process, however that ends. Never a reason for a job to fail: servers and
    containers have nobody to ask, and a session may be gone by the morning.

    Parameters
    ----------
    wanted
        False: nothing is asked.

    Yields
    ------
    bool
        Whether the system has agreed.
    """
    if not wanted:
        yield False
        return
    from wakepy import keep

    mode = keep.running(on_fail="pass").__enter__()
    log.debug("kept awake: %s", mode.active)
    try:
        yield bool(mode.active)
    finally:
        try:
            mode.__exit__(None, None, None)
        except RuntimeError as error:
            log.info("the system did not hear that it may sleep again: %s", error)
