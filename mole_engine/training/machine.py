"""How busy the machine is with a job: memory, processor, GPU."""

from __future__ import annotations

import contextlib
import logging
import math
import os
import sys
import time
from functools import cache
from pathlib import Path

import torch

log = logging.getLogger(__name__)

SHORTEST_SECONDS = 0.5
"""A share of time over less than this would only jump."""

_MEMORY, _GROUP, _OWN_GROUPS = Path("/proc/meminfo"), Path("/sys/fs/cgroup"), Path("/proc/self/cgroup")

_GROUP_FILES = (
    ("memory.max", "memory.current", "inactive_file"),
    ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
)
"""Of a group's folder, in both versions: its limit, what it uses, and how much of that are files read before."""

USUAL_MEMORY = 6 * 2**30
"""Of a machine that does not tell how much it has."""

QUICK = 1.5
"""How many times as fast products of bfloat16 must be."""

TRIED_ROWS, TRIED_WIDTH, TRIED_TIMES = 1024, 256, 8
"""The product that is tried, of a batch's tokens and a small network, and how often: milliseconds in all."""

ENOUGH_SECONDS = 0.1
"""A product that has taken so long in two tries is not tried again: no chance makes a quick one as slow."""


def devices_words() -> str:
    """Say which devices this computer has: "This computer has: cpu, cuda:0 (NVIDIA H100)."."""
    found = ["cpu"]
    found += [f"cuda:{index} ({torch.cuda.get_device_name(index)})" for index in range(torch.cuda.device_count())]
    if torch.backends.mps.is_available():
        found.append("mps (Apple GPU)")
    return f"This computer has: {', '.join(found)}."


def peak_memory(device: torch.device) -> int:
    """Bytes at the peak: of the GPU's memory, or of this process; 0 where it is not known."""
    if device.type == "cuda":
        return int(torch.cuda.max_memory_allocated(device))
    if device.type == "mps":
        return int(torch.mps.driver_allocated_memory())
    if sys.platform == "win32":
        return 0
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def total_memory(device: torch.device) -> int:
    """Bytes of the GPU, or of the machine; 0 where it is not known."""
    if device.type == "cuda":
        return int(torch.cuda.get_device_properties(device).total_memory)
    try:
        return int(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    except (AttributeError, ValueError, OSError):
        return 0


def free_memory() -> int:
    """Bytes that programs can still be given without taking them from others; where that is not known, half of all.

    Where not even that is known (Windows), enough for a few processes is taken to be there.
    """
    free = total_memory(torch.device("cpu")) // 2 or USUAL_MEMORY
    with contextlib.suppress(OSError, ValueError, IndexError):
        for line in _MEMORY.read_text(encoding="ascii").splitlines():
            if line.startswith("MemAvailable:"):
                free = int(line.split()[1]) * 1024
    # A container, or a job of a cluster, may be given less.
    return max(0, min([free, *_left_to_groups()]))


def _left_to_groups() -> list[int]:
    """Return the bytes left to each group of processes (cgroup) with a limit that this process is in."""
    left = []
    for folder in _group_folders():
        for limit, used, cached in _GROUP_FILES:
            # Without a limit the file says "max", or there is none.
            with contextlib.suppress(OSError, ValueError):
                most, taken = (int((folder / name).read_text(encoding="ascii")) for name in (limit, used))
                left.append(most - taken + _counted_in(folder / "memory.stat", cached))
    return left


def _group_folders() -> list[Path]:
    """Return the folders of this process's groups and of those around them, as far as they can be seen."""
    folders = [_GROUP, _GROUP / "memory"]
    with contextlib.suppress(OSError):
        for line in _OWN_GROUPS.read_text(encoding="utf-8").splitlines():
            _, kinds, place = line.split(":", 2)
            if not kinds or "memory" in kinds.split(","):
                own = (_GROUP / "memory" if kinds else _GROUP) / place.strip("/")
                folders += [folder for folder in (own, *own.parents) if _GROUP in folder.parents]
    return list(dict.fromkeys(folders))


def _counted_in(path: Path, name: str) -> int:
    """Return a number of a file of names and numbers; 0 where it is not there."""
    with contextlib.suppress(OSError, ValueError):
        for line in path.read_text(encoding="ascii").splitlines():
            if line.startswith(f"{name} "):
                return int(line.split()[1])
    return 0


def usable_cores() -> int:
    """Return how many cores this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:
        return os.cpu_count() or 1


@cache
def multiplies_bf16_quickly() -> bool:
    """Return whether the processor multiplies bfloat16 matrices in much less time than those of 32 bits.

    Tried, once a process: a list of processors and libraries that do would be long and soon out of date. With
    instructions for them they take a fourth of the time, without ten times as long, so that chance cannot decide.
    """
    narrow, wide = (_seconds_of_product(kind) for kind in (torch.bfloat16, torch.float32))
    return narrow * QUICK < wide


def _seconds_of_product(kind: torch.dtype) -> float:
    first, second = torch.ones(TRIED_ROWS, TRIED_WIDTH, dtype=kind), torch.ones(TRIED_WIDTH, TRIED_WIDTH, dtype=kind)
    taken = []
    for _ in range(TRIED_TIMES):
        began = time.perf_counter()
        torch.mm(first, second)
        taken.append(time.perf_counter() - began)
        if len(taken) > 1 and sum(taken) > ENOUGH_SECONDS:
            break
    # The shortest is the one that nothing else of the machine came into.
    return min(taken)


class MachineUse:
    """Use of processor and GPU between one look and the next.

    Parameters
    ----------
    device
        Where the network is.
    """

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self.memory_total = total_memory(device)
        self._cores = usable_cores()
        self._wall, self._busy = time.monotonic(), time.process_time()
        self._cpu = math.nan
        self._counts_gpu = device.type == "cuda"

    def cpu_percent(self) -> float:
        """Return the share of all cores that this process uses, 0 to 100; NaN in the first half second."""
        wall, busy = time.monotonic(), time.process_time()
        if wall - self._wall >= SHORTEST_SECONDS:
            share = (busy - self._busy) / (wall - self._wall) / self._cores
            self._cpu = 100 * min(1.0, max(0.0, share))
            self._wall, self._busy = wall, busy
        return self._cpu

    def gpu_percent(self) -> float:
        """Return the GPU's use, 0 to 100; NaN without a GPU or without NVIDIA's library (the extra "gpu")."""
        if not self._counts_gpu:
            return math.nan
        try:
            return float(torch.cuda.utilization(self.device))
        except (ImportError, RuntimeError, OSError) as error:
            log.info("The use of the GPU is not known: %s", error)
            self._counts_gpu = False
            return math.nan
