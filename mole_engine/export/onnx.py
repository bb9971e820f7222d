"""A model as ONNX: one file that predicts without PyTorch, checked against PyTorch on real molecules."""

from __future__ import annotations

import contextlib
import io
import json
import logging
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from mole_engine.chem.descriptors import compute_descriptors
from mole_engine.chem.vocabulary import Vocabulary
from mole_engine.contracts.errors import BugError, InputError, KnownError
from mole_engine.data.batching import Labels, MolBatch, collate
from mole_engine.data.features import featurise
from mole_engine.models.mole import MolE
from mole_engine.store.bundle import Bundle, read_bundle
from mole_engine.store.card import ModelCard
from mole_engine.store.files import atomic_path, check_not_same

INPUTS = ("tokens", "distances", "mask")
DESCRIPTORS = "descriptors"
OUTPUTS = ("logits", "vectors")
CARD_KEY = "mole_card"
"""Entry of the file's metadata that holds the model's card as JSON."""

TOLERANCE = 1e-4
"""Largest deviation from PyTorch, relative to the logits where those exceed 1."""

CHECKED = (
    "C",
    "CC(=O)Oc1ccccc1C(=O)O",
    "CN1C=NC2=C1C(=O)N(C(=O)N2C)C",
    "[Na+].[O-]C(=O)c1ccccc1",
    "CC(C)Cc1ccc(cc1)C(C)C(=O)O",
    "C[N+](C)(C)CCO.[Cl-]",
    "OCC1OC(OC2(CO)OC(CO)C(O)C2O)C(O)C(O)C1O",
    "CCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCC",
)
"""Molecules on which an export is checked: small and long, charged, in several fragments."""


class _Exported(nn.Module):
    """What goes into the file: logits, and the vector that the head reads."""

    def __init__(self, network: MolE) -> None:
        super().__init__()
        self.network = network

    def forward(
        self, tokens: Tensor, distances: Tensor, mask: Tensor, descriptors: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        vectors = self.network.encode(tokens, distances, mask)
        return self.network.read_out(vectors, descriptors), vectors


def export_onnx(model: str | Path, out: str | Path) -> float:
    """Write a bundle as ONNX with free batch size and length; `mole predict` reads the file like a bundle.

    Inputs are tokens (B, N) int64, distances (B, N, N) uint8, mask (B, N) bool and, for a model that reads them,
    descriptors (B, D) float32; outputs are logits (B, T) and vectors (B, H). The card stands in the metadata.

    Returns
    -------
    float
        Largest deviation of the file's logits from PyTorch's, on molecules of many kinds.

    Raises
    ------
    InputError, KnownError
        When the bundle cannot be read, the file cannot be written, or the packages for ONNX are not installed.
    BugError
        When the file does not compute what the model computes; then nothing is written.
    """
    check_not_same(model, out)
    _check_installed()
    bundle = read_bundle(model)
    if bundle.card.blend:
        raise InputError(
            f"'{bundle.card.name}' cannot be exported to ONNX:",
            "it is a blend of several networks, or of a network and simple models, and ONNX would hold one network.",
            "Train a preset with a single network, for example Quick look or Small, and export that.",
        )
    network = MolE(bundle.card.train_config().model)
    network.load_state_dict(bundle.tensors, strict=True)
    network.eval()
    batch = _checked_batch(bundle)
    with atomic_path(Path(out)) as temporary:
        program = _program(network, batch)
        _embed_card(program, bundle.card)
        program.save(str(temporary))
        deviation = _largest_deviation(network, temporary, batch)
        if not deviation <= TOLERANCE:
            raise BugError("The ONNX file does not compute what the model computes:", f"off by {deviation:.2g}.")
    return deviation


def _check_installed() -> None:
    try:
        import onnx  # noqa: F401
        import onnxruntime  # noqa: F401
        import onnxscript  # noqa: F401
    except ImportError as error:
        raise KnownError(
            "Exporting to ONNX needs packages that are not installed:",
            f"{error.name}.",
            "Install them with pip install onnx onnxruntime onnxscript.",
        ) from error


def _checked_batch(bundle: Bundle) -> MolBatch:
    vocabulary = Vocabulary.from_dict(bundle.card.vocabulary)
    features = featurise(list(CHECKED), vocabulary)
    labels = Labels.none(len(CHECKED))
    config = bundle.card.train_config().model
    if config.descriptors:
        table = compute_descriptors(list(CHECKED), None)[:, : config.descriptor_size]
        labels = Labels(labels.targets, descriptors=table)
    return collate(features, np.arange(len(CHECKED)), labels, vocabulary.pad_id)


def _program(network: MolE, batch: MolBatch) -> Any:
    size, length = torch.export.Dim("batch"), torch.export.Dim("length")
    shapes: dict[str, Any] = {
        "tokens": {0: size, 1: length},
        "distances": {0: size, 1: length, 2: length},
        "mask": {0: size, 1: length},
        DESCRIPTORS: None if batch.descriptors is None else {0: size},
    }
    names = [*INPUTS, *([] if batch.descriptors is None else [DESCRIPTORS])]
    with torch.no_grad(), _quiet():
        return torch.onnx.export(
            _Exported(network),
            (batch.tokens, batch.distances, batch.mask, batch.descriptors),
            dynamo=True,
            verbose=False,
            dynamic_shapes=shapes,
            input_names=names,
            output_names=list(OUTPUTS),
        )


def _embed_card(program: Any, card: ModelCard) -> None:
    text = json.dumps(card.to_dict(), allow_nan=False, ensure_ascii=False)
    program.model.metadata_props[CARD_KEY] = text


def _largest_deviation(network: MolE, path: Path, batch: MolBatch) -> float:
    """Compare file and network on the whole batch, and on each molecule alone without padding."""
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    worst = 0.0
    for part in [batch, *_alone(batch)]:
        with torch.no_grad():
            expected = network.predict_batch(part).numpy()
        found = session.run([OUTPUTS[0]], _feed(part))[0]
        deviation = np.abs(found - expected) / np.maximum(1.0, np.abs(expected))
        worst = max(worst, float(deviation.max())) if np.isfinite(deviation).all() else float("inf")
    return worst


def _alone(batch: MolBatch) -> Iterator[MolBatch]:
    for row, length in enumerate(batch.mask.sum(dim=1).tolist()):
        rows = slice(row, row + 1)
        yield MolBatch(
            batch.tokens[rows, :length],
            batch.distances[rows, :length, :length],
            batch.mask[rows, :length],
            batch.targets[rows],
            batch.target_mask[rows],
            batch.weights[rows],
            batch.index[rows],
            None if batch.descriptors is None else batch.descriptors[rows],
        )


def _feed(batch: MolBatch) -> dict[str, Any]:
    feed = {name: getattr(batch, name).contiguous().numpy() for name in INPUTS}
    if batch.descriptors is not None:
        feed[DESCRIPTORS] = batch.descriptors.numpy()
    return feed


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep the exporter's remarks (on parts that we do not use) away from the user."""
    noisy = [logging.getLogger(name) for name in ("torch.onnx", "onnxscript")]
    levels = [logger.level for logger in noisy]
    for logger in noisy:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(noisy, levels, strict=True):
            logger.setLevel(level)
