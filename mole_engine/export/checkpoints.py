"""A bundle's weights for other programs: `.safetensors`, and a `.ckpt` in Lightning's layout."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from mole_engine.store.bundle import read_bundle
from mole_engine.store.card import ModelCard
from mole_engine.store.files import atomic_path, check_not_same


def export_safetensors(model: str | Path, out: str | Path) -> None:
    """Write the weights of a bundle; the file's metadata holds the card (without the training fingerprints) as JSON.

    Of a blend it has all: the first network's weights under their own names, those of further networks
    ("network-2.head...") and the arrays of simple models ("extra.0.feature") beside them.

    Raises
    ------
    InputError, KnownError
        When the bundle cannot be read or the file cannot be written.
    """
    from safetensors.torch import save

    check_not_same(model, out)
    bundle = read_bundle(model)
    metadata = {"format": "pt", "card": json.dumps(_card(bundle.card), ensure_ascii=False)}
    with atomic_path(Path(out)) as temporary:
        temporary.write_bytes(save({**bundle.tensors, **bundle.blend}, metadata=metadata))


def export_checkpoint(model: str | Path, out: str | Path) -> None:
    """Write the weights of a bundle as a Lightning checkpoint, which `MolE.load_from_checkpoint` reads.

    It holds tensors and plain values only, so `torch.load(..., weights_only=True)` reads it: "state_dict",
    "hyper_parameters" (the job's configuration) and "card"; of a blend also "blend", the weights of further networks
    ("network-2.head...") and the arrays of simple models ("extra.0.feature"), since "state_dict" is the first network.
    It carries no optimiser, so training starts anew from it.

    Raises
    ------
    InputError, KnownError
        When the bundle cannot be read or the file cannot be written.
    """
    from importlib.metadata import version

    import torch

    check_not_same(model, out)
    bundle = read_bundle(model)
    content: dict[str, Any] = {
        "state_dict": bundle.tensors,
        "hyper_parameters": bundle.card.config,
        # Tells Lightning which argument of MolE they are.
        "hparams_name": "config",
        "card": _card(bundle.card),
        **({"blend": bundle.blend} if bundle.blend else {}),
        "pytorch-lightning_version": version("pytorch-lightning"),
        "epoch": bundle.card.best_epoch,
        "global_step": 0,
    }
    with atomic_path(Path(out)) as temporary:
        torch.save(content, temporary)


def _card(card: ModelCard) -> dict[str, Any]:
    content = card.to_dict()
    if content["domain"]:
        content["domain"] = {**content["domain"], "fingerprints": ""}
    return content
