"""Ways for a training to go wrong; also a program: a child with such a fault built in.

The child is one of an isolated training, or ("networks" as the second argument) one of several that train networks.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

LIMIT = 60_000
"""Bytes a file may have on the full disk: enough for the logs, too few for a checkpoint."""


def install(kind: str, change: Callable[[Any, str, Any], None] = setattr) -> None:
    """Build a fault in: "exception", "nan", "memory" (always), "crash" (in the second epoch)."""
    import torch

    from mole_engine.models.mole import MolE

    whole = MolE.training_step

    def step(self: Any, batch: Any, batch_idx: int) -> Any:
        if kind == "exception":
            raise ZeroDivisionError("in a step")
        if kind == "memory":
            # As PyTorch says it when its allocator fails.
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
        if kind == "crash" and self.current_epoch == 1:
            import faulthandler

            faulthandler._sigsegv()
        loss = whole(self, batch, batch_idx)
        return loss * float("nan") if kind == "nan" else loss

    change(MolE, "training_step", step)


def fill_disk() -> Callable[[], None]:
    """Let no file of this process grow beyond `LIMIT`; return what undoes it."""
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (LIMIT, hard))
    return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


if __name__ == "__main__":
    if sys.argv[2:] == ["networks"]:
        from mole_engine.training.network_process import main
    else:
        from mole_engine.isolated_child import main

    if sys.argv[1] == "disk":
        fill_disk()
    elif sys.argv[1] != "none":
        install(sys.argv[1])
    sys.exit(main())
