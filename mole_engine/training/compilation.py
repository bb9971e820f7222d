"""Layers compiled for the GPU while a model learns."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Protocol

from torch import nn
from torch.fx.experimental import _config as fx_config

from mole_engine.contracts.config import RuntimeConfig
from mole_engine.models.encoder import Encoder


class HasEncoder(Protocol):
    """A model with an encoder."""

    encoder: Encoder


def compiles(runtime: RuntimeConfig, accelerator: str, *, long: bool) -> bool:
    """Whether layers are compiled: on CUDA where asked to, by itself in `long` jobs where Triton is there.

    On a CPU the network has packed batches of its own, which are faster.
    """
    if accelerator != "cuda" or runtime.compile == "never" or runtime.strategy == "fsdp":
        return False
    return runtime.compile == "always" or (long and find_spec("triton") is not None)


@contextmanager
def compiled_layers(model: HasEncoder, wanted: bool) -> Iterator[None]:
    """Compile each layer of the encoder, for as long as the context lasts.

    Layer by layer, since all layers share one compilation; for any width of a batch. Weights and names stay the same.
    """
    if not wanted:
        yield
        return
    layers: list[nn.Module] = list(model.encoder.encoder.layers)
    for layer in layers:
        layer.compile(dynamic=True)
    try:
        # Two sizes that happen to be the same in the first batch (tokens, rows of the table) are not so for ever.
        with fx_config.patch(use_duck_shape=False):  # type: ignore[attr-defined]
            yield
    finally:
        for layer in layers:
            # What is made on a GPU for training is of no use afterwards, on a CPU least of all.
            layer._compiled_call_impl = None
