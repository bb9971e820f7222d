"""Which devices this machine can train on, and how fast they are. Torch is imported here, in a worker thread only."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass

from mole_engine.contracts.wording import counted


@dataclass(frozen=True, slots=True)
class Device:
    """One device to choose.

    Attributes
    ----------
    key
        As `RuntimeConfig.device` wants it: "cpu", "cuda:0", "mps".
    title
        As the user knows it: "NVIDIA RTX 4070, 12 GB".
    flops
        Multiply-adds times two a second, as measured on a matrix of the network's kind; 0 where unknown.
    """

    key: str
    title: str
    flops: float = 0.0


def find_devices() -> list[Device]:
    """Return the devices that a job can use, the fastest kind first, each with a short measurement. Takes seconds."""
    import torch

    found = []
    for index in range(torch.cuda.device_count() if torch.cuda.is_available() else 0):
        properties = torch.cuda.get_device_properties(index)
        title = f"{properties.name}, {properties.total_memory / 1e9:.0f} GB"
        found.append(Device(f"cuda:{index}", title, _measure(f"cuda:{index}")))
    if torch.backends.mps.is_available():
        found.append(Device("mps", "Apple GPU", _measure("mps")))
    cores = os.cpu_count() or 1
    found.append(Device("cpu", f"CPU, {counted(cores, 'core')}", _measure("cpu")))
    return found


def training_threads() -> int:
    """Return how many CPU threads a job uses by itself: one core stays with the window."""
    return min(8, max(1, (os.cpu_count() or 1) - 1))


def _measure(device: str, seconds: float = 0.3) -> float:
    """Return the speed of a matrix product of the network's kind on `device`, in operations a second."""
    import torch

    # As many as a job uses: more would get into each other's way, and hold for this thread only.
    torch.set_num_threads(training_threads())
    rows, width, inner = (960, 192, 768) if device == "cpu" else (4096, 768, 3072)
    left = torch.ones((rows, width), device=device)
    right = torch.ones((width, inner), device=device)
    best = float("inf")
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        start = time.perf_counter()
        product = left @ right
        # Reading one number waits for the device.
        float(product[0, 0])
        best = min(best, time.perf_counter() - start)
    return 2.0 * rows * width * inner / best
