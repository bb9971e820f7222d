"""Where the time of some steps goes: the dearest kernels of a GPU, or operations of a CPU, and their kinds."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from typing import Any

import torch
from speed_parts import synchronise
from torch.profiler import ProfilerActivity, profile

PROFILED = "12x768"
"""The size whose training is looked at."""

DEAREST = 12
NAME_LENGTH = 96
SPANS = ("Optimizer.", "ProfilerStep", "Torch-Compiled", "## Call")

KINDS = (
    ("compiled (triton)", ("triton",)),
    ("matrix products", ("gemm", "nvjet", "cutlass", "xmma", "cublas", "splitk", "addmm", "bmm", "::mm")),
    ("optimiser, norms of gradients", ("multi_tensor", "adam")),
    ("gather and scatter", ("gather", "scatter", "index", "embedding")),
    ("softmax", ("softmax",)),
    ("layer norm", ("layer_norm", "layernorm", "gammabeta")),
    ("dropout", ("dropout", "bernoulli", "random", "philox")),
    ("copies and conversions", ("copy", "memcpy", "memset", "catarray", "fill")),
    ("sums", ("reduce", "sum")),
    ("element by element", ("elementwise", "gelu", "add", "mul")),
)
"""What a kernel is counted as: the first kind of whose words its name holds one."""


def tell_profile(title: str, turn: Callable[..., object], steps: int, device: torch.device, usual: float) -> None:
    """Print where the time of the first steps of a turn goes.

    Parameters
    ----------
    usual
        Seconds that a step takes on the wall without the profiler.
    """
    on_gpu = device.type == "cuda"
    kinds = [ProfilerActivity.CPU, ProfilerActivity.CUDA] if on_gpu else [ProfilerActivity.CPU]
    synchronise(device)
    with profile(activities=kinds) as found:
        turn(steps)
        synchronise(device)
    times, calls = _times(found, on_gpu)
    total = sum(times.values())
    if not total:
        print("   profile: the profiler saw nothing", flush=True)
        return
    busy = (
        f", {total / steps / 1e6 / usual:.0%} of a step's {usual * 1e3:.1f} ms on the wall" if usual and on_gpu else ""
    )
    what = "kernels" if on_gpu else "operations"
    print(f"   profile of {title}: {total / steps / 1e3:.2f} ms of {what} a step{busy}", flush=True)
    for name in sorted(times, key=lambda name: -times[name])[:DEAREST]:
        print(f"   {times[name] / total:>6.1%} {calls[name] / steps:>7.0f} a step  {short(name)}", flush=True)
    shares: dict[str, float] = defaultdict(float)
    for name, time in times.items():
        shares[kind_of(name)] += time / total
    ordered = sorted(shares.items(), key=lambda pair: -pair[1])
    print("   by kind: " + ", ".join(f"{kind} {share:.1%}" for kind, share in ordered), flush=True)


def _times(found: Any, on_gpu: bool) -> tuple[dict[str, float], dict[str, int]]:
    """Return microseconds and calls by name."""
    times: dict[str, float] = defaultdict(float)
    calls: dict[str, int] = defaultdict(int)
    for event in found.key_averages():
        # Spans of an optimiser's step or a compiled region are drawn on the GPU as well, over the kernels within.
        is_span = getattr(event, "is_user_annotation", False) or event.key.startswith(SPANS)
        if on_gpu and (event.device_type.name != "CUDA" or is_span):
            continue
        times[event.key] += event.self_device_time_total if on_gpu else event.self_cpu_time_total
        calls[event.key] += event.count
    return times, calls


def kind_of(name: str) -> str:
    """Return what a kernel or operation is counted as."""
    lower = name.lower()
    return next((kind for kind, words in KINDS if any(word in lower for word in words)), "others")


def short(name: str) -> str:
    """Return a kernel's name without what all of them have in common."""
    return name.replace("void ", "").replace("at::native::", "").replace("(anonymous namespace)::", "")[:NAME_LENGTH]
