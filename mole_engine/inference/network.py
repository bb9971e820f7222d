"""The trained network at work: from features to outputs, in batches of like lengths."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import numpy.typing as npt
import torch

from mole_engine.contracts.errors import InputError, KnownError, is_out_of_memory
from mole_engine.data.batching import Labels, MolBatch, collate
from mole_engine.data.features import FeaturisedDataset
from mole_engine.inference.onnx_network import OnnxNetwork
from mole_engine.models.network import MolENetwork, pooled_size
from mole_engine.store.bundle import Bundle
from mole_engine.training.machine import devices_words

Floats = npt.NDArray[np.float64]

# Bounds the memory of one batch: attention needs room for molecules x tokens x tokens x heads.
_MAX_PAIRS = 4_000_000


def build_network(bundle: Bundle) -> MolENetwork:
    """Return the network of a bundle with its weights, for evaluation.

    Raises
    ------
    InputError
        When the weights do not fit the network that the card describes.
    """
    config = bundle.card.train_config().model
    try:
        # Shapes alone first: a card may describe a network that fills the memory.
        with torch.device("meta"):
            MolENetwork(config).load_state_dict(bundle.tensors, strict=True, assign=True)
        network = MolENetwork(config)
        network.load_state_dict(bundle.tensors, strict=True)
    except (RuntimeError, ValueError) as error:
        first = str(error).splitlines()[-1].strip()
        raise InputError(f"'{bundle.card.name}' is damaged:", f"its weights do not fit its card ({first})") from error
    return network.eval().requires_grad_(False)


def length_batches(lengths: npt.NDArray[np.int64], batch_size: int) -> Iterator[npt.NDArray[np.int64]]:
    """Yield the positions of readable molecules in batches of like lengths, longest first."""
    readable = np.flatnonzero(lengths)
    order = readable[np.argsort(-lengths[readable], kind="stable")]
    start = 0
    while start < len(order):
        longest = int(lengths[order[start]])
        count = batch_size_for(longest, batch_size)
        yield order[start : start + count]
        start += count


def batch_size_for(length: int, batch_size: int) -> int:
    """Return how many molecules of `length` tokens are computed together, at most `batch_size`."""
    return max(1, min(batch_size, _MAX_PAIRS // (length * length)))


def run_batches(
    features: FeaturisedDataset,
    compute: Callable[[MolBatch], torch.Tensor],
    *,
    width: int,
    pad_id: int,
    batch_size: int,
    device: torch.device,
    descriptors: npt.NDArray[np.float32] | None = None,
    after_batch: Callable[[int], None] | None = None,
) -> Floats:
    """Compute (n, width) values for all molecules, in their order; rows of NaN for unreadable ones.

    Parameters
    ----------
    compute
        (B,) batch -> (B, width) values.
    after_batch
        Called with the molecules done; it may raise to stop the work.

    Raises
    ------
    KnownError
        When memory does not suffice for a single molecule.
    """
    result = np.full((len(features), width), np.nan)
    labels = Labels(targets=np.full((len(features), 0), np.nan), descriptors=descriptors)

    def batch_of(some: npt.NDArray[np.int64]) -> MolBatch:
        return collate(features, some, labels, pad_id).to(device)

    done = 0
    with torch.inference_mode():
        for rows in length_batches(features.lengths, batch_size):
            for part, values in within_memory(rows, batch_of, compute):
                result[part] = values
            done += len(rows)
            if after_batch is not None:
                after_batch(done)
    return result


def within_memory(
    rows: npt.NDArray[np.int64],
    batch_of: Callable[[npt.NDArray[np.int64]], MolBatch],
    compute: Callable[[MolBatch], torch.Tensor],
) -> Iterator[tuple[npt.NDArray[np.int64], Floats]]:
    """Compute a batch and yield rows with their values; where memory runs out, in halves.

    Raises
    ------
    KnownError
        When it does not suffice for a single row.
    """
    try:
        values = compute(batch_of(rows)).float().cpu().double().numpy()
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        if len(rows) == 1:
            raise KnownError(
                "There is not enough memory to predict.",
                str(error).splitlines()[0],
                "Close other programs that use it, or predict on the CPU (--device cpu).",
            ) from error
    else:
        yield rows, values
        return
    for half in np.array_split(rows, 2):
        yield from within_memory(half, batch_of, compute)


def encoding(network: MolENetwork | OnnxNetwork) -> Callable[[MolBatch], torch.Tensor]:
    """Return the function from a batch to one vector a molecule."""
    return lambda batch: network.encode(batch.tokens, batch.distances, batch.mask)


def encoding_width(network: MolENetwork | OnnxNetwork) -> int:
    """Length of the vector that `encoding` computes for a molecule."""
    return pooled_size(network.config)


def choose_device(name: str) -> torch.device:
    """Return the device that `name` means; "auto" prefers a GPU.

    Raises
    ------
    InputError
        When there is no such device.
    """
    wanted = name.strip().lower().replace("gpu", "cuda") or "auto"
    if wanted == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        device = torch.device(wanted)
    except RuntimeError as error:
        raise InputError(f"'{name}' is not a device.", devices_words(), "Choose one of them, or auto.") from error
    counts = {"cpu": 1, "cuda": torch.cuda.device_count(), "mps": int(torch.backends.mps.is_available())}
    if (device.index or 0) >= counts.get(device.type, 0):
        remedy = "Choose one of them, or auto; `mole doctor` says more."
        raise InputError(f"This computer has no device '{name}'.", devices_words(), remedy)
    return device
