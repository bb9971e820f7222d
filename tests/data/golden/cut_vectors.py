"""Cut the vectors that the parity tests need out of the full set: `python cut_vectors.py FULL_SET_FOLDER`.

The full set holds what the original network computed in float32 on a CPU. Here stay: all of `tiny` and `tiny_sharp`
(padding rows zeroed), of `small` the inputs, outputs and a sample of states, gradients and updated weights. The weights
of `tiny` and `small` are normal draws of a seeded generator and are drawn again by the tests; those of `tiny_sharp`
are stored.
"""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import numpy as np
from safetensors import safe_open
from safetensors.numpy import load_file

HERE = Path(__file__).parent
SAMPLE = 400
"""Values kept of each gradient of `small`, evenly spaced."""


def sample(values: np.ndarray) -> np.ndarray:
    flat = values.reshape(-1)
    return flat[:: max(1, len(flat) // SAMPLE)]


def cut(source: Path, name: str) -> None:
    full = dict(np.load(source / name / "vectors.npz"))
    with safe_open(source / name / "state_dict.safetensors", "np") as weights:
        config = json.loads(weights.metadata()["config"])
    mask = full["input_mask"]
    kept: dict[str, np.ndarray] = {
        "tokens": full["input_ids"].astype(np.uint8),
        "mask": mask,
        "distances": full["relative_pos"].astype(np.uint8),
        "targets": full["labels"],
        "config": np.array(json.dumps(config)),
    }
    for key in ("cls", "logits", "loss_per_element", "loss_mean", "rel_embeddings_normed"):
        kept[key] = full[key]
    layers = [key for key in full if key.startswith("hidden_")]
    rows = slice(0, 2) if name == "small" else slice(None)
    for key in ["embeddings", *layers]:
        kept[key] = np.where(mask[rows, :, None], full[key][rows], 0).astype(np.float32)
    for key, gradient in load_file(source / name / "grads.safetensors").items():
        kept[key] = sample(gradient) if name == "small" else gradient
        kept[key.replace("grad.", "largest.", 1)] = np.abs(gradient).max()
    if name == "tiny_sharp":
        kept |= {f"weight.{key}": value for key, value in load_file(source / name / "state_dict.safetensors").items()}
    else:
        path = source / name / "after_3_adam_steps_subset.safetensors"
        with safe_open(path, "np") as after:
            kept["adam_norm"] = np.array(float(after.metadata()["grad_norm_step1"]))
            kept["adam_loss"] = np.array(float(after.metadata()["loss_after_3"]))
        for key, value in load_file(path).items():
            kept[f"after.{key}"] = sample(value)
            kept[f"seed_check.{key}"] = sample(load_file(source / name / "state_dict.safetensors")[key])
    np.savez_compressed(HERE / f"{name}.npz", **kept)


def cut_features(source: Path) -> None:
    folder = source / "featurisation"
    features = json.loads((folder / "features.json").read_text())
    text = json.dumps(features, separators=(",", ":"))
    (HERE / "features.json").write_text(text + "\n")
    distances = np.load(folder / "relative_pos.npz")
    np.savez_compressed(
        HERE / "features_distances.npz", flat=distances["flat"].astype(np.uint8), offsets=distances["offsets"]
    )


if __name__ == "__main__":
    full_set = Path(sys.argv[1])
    for part in ("tiny", "small", "tiny_sharp"):
        cut(full_set, part)
    cut_features(full_set)
    checkpoint = next((full_set / "tiny").glob("lightning_checkpoint-*.ckpt"))
    shutil.copyfile(checkpoint, HERE / "tiny_lightning.ckpt")
