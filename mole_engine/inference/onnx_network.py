"""A network that was exported to ONNX, in the place of PyTorch's."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from mole_engine.contracts.config import ModelConfig
from mole_engine.contracts.errors import InputError, KnownError
from mole_engine.data.batching import MolBatch
from mole_engine.store.card import FORMAT_VERSION, ModelCard

SUFFIX = ".onnx"
_CARD_KEY = "mole_card"


class OnnxNetwork:
    """Computes on the CPU what the exported network computes.

    Attributes
    ----------
    config
        Of the network that was exported.
    """

    def __init__(self, session: Any, config: ModelConfig) -> None:
        self._session = session
        self.config = config

    def predict_batch(self, batch: MolBatch) -> Tensor:
        """Return the (B, outputs) logits of a batch."""
        return self._run("logits", batch.tokens, batch.distances, batch.mask, batch.descriptors)

    def encode(self, tokens: Tensor, distances: Tensor, mask: Tensor) -> Tensor:
        """Return one vector per molecule, (B, H) or (B, 2H)."""
        descriptors = torch.zeros(len(tokens), self.config.descriptor_size) if self.config.descriptors else None
        return self._run("vectors", tokens, distances, mask, descriptors)

    def to(self, device: torch.device) -> OnnxNetwork:
        """Stay where it is. Raises InputError for anything but the CPU."""
        if device.type != "cpu":
            raise InputError("An ONNX file is computed on the CPU.", "", "Choose --device cpu, or use the .mole file.")
        return self

    def _run(self, output: str, tokens: Tensor, distances: Tensor, mask: Tensor, descriptors: Tensor | None) -> Tensor:
        feed = {"tokens": tokens.numpy(), "distances": distances.numpy(), "mask": mask.numpy()}
        if descriptors is not None:
            feed["descriptors"] = descriptors[:, : self.config.descriptor_size].numpy()
        return torch.from_numpy(self._session.run([output], feed)[0])


def read_onnx(path: str | Path) -> tuple[ModelCard, OnnxNetwork]:
    """Open an ONNX file that MolE Studio exported.

    Raises
    ------
    InputError
        When it is missing, damaged, or was made by another program or a newer version.
    KnownError
        When onnxruntime is not installed.
    """
    path = Path(path)
    try:
        import onnxruntime
    except ImportError as error:
        raise KnownError(
            "Predicting with an ONNX file needs onnxruntime, which is not installed.",
            "",
            "Install it with pip install onnxruntime, or use the .mole file.",
        ) from error
    if not path.is_file():
        raise InputError(f"There is no model file {path}.", "", "Check the path.")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    try:
        session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        text = session.get_modelmeta().custom_metadata_map.get(_CARD_KEY)
    except Exception as error:
        first = (str(error).splitlines() or [""])[0]
        raise InputError(f"{path.name} is not a readable ONNX file:", f"{first}", "Export the model again.") from error
    if text is None:
        raise InputError(f"{path.name} was not exported by MolE Studio:", "it holds no model card.", "")
    card = _card(text, path)
    return card, OnnxNetwork(session, card.train_config(path.name).model)


def _card(text: str, path: Path) -> ModelCard:
    try:
        content = json.loads(text)
        newer = int(content["format_version"]) > FORMAT_VERSION
        card = ModelCard.from_dict(content)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{path.name} is damaged:", "its model card cannot be read.", "Export it again.") from error
    if newer:
        raise InputError(f"{path.name} was made by a newer MolE Studio.", "", "Update MolE Studio.")
    return card
