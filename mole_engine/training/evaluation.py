"""Judging a model on one part of the data."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from mole_engine.contracts.events import ProgressHandler
from mole_engine.contracts.run_state import RunControl
from mole_engine.data.data_modules import Part
from mole_engine.training.metrics import compute_metrics
from mole_engine.training.setup import Prepared

_STAGES: dict[Part, str] = {
    "train": "Judging the model on the training part",
    "val": "Judging the model on the validation part",
    "test": "Judging the model on the test part",
    "all": "Predicting all parts",
    "rest": "Predicting what was left out",
}

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Evaluation:
    """A model's outputs on the n molecules of one part, in ascending order of position.

    Attributes
    ----------
    positions
        (n,) positions in the data set.
    logits
        (n, outputs) as the network gives them; regression in scaled units.
    outputs
        (n, outputs) in the user's units, or probabilities.
    targets, mask
        (n, T) in the user's units, and where there is a label.
    metrics
        As `compute_metrics` names them; empty for a part without molecules that can be judged.
    spread
        (n, outputs) disagreement of the models in scaled units or probabilities; None for a single model.
    fitted
        (n,) which molecules are predicted by models that learnt from them; None for a single model.
    """

    positions: npt.NDArray[np.int64]
    logits: Floats
    outputs: Floats
    targets: Floats
    mask: npt.NDArray[np.bool_]
    metrics: dict[str, float]
    spread: Floats | None = None
    fitted: npt.NDArray[np.bool_] | None = None


def evaluate_part(
    prepared: Prepared,
    part: Part,
    *,
    device: torch.device | str = "cpu",
    control: RunControl | None = None,
    on_progress: ProgressHandler | None = None,
) -> Evaluation:
    """Run the model over one part, in evaluation mode, and compute its metrics.

    Parameters
    ----------
    prepared
        Model and data.
    part
        "train", "val", "test", "all" or "rest" (all that the model did not learn from).
    device
        Where to run; the model is left there.
    control, on_progress
        The user's words, and who is told how far the work is.

    Raises
    ------
    Cancelled
        When the user cancels.
    """
    model, learning, data, _ = prepared
    model.to(device).eval()
    positions = data.positions(part)
    logits = np.zeros((len(positions), model.config.outputs))
    outputs = np.zeros_like(logits)
    done = 0
    with torch.inference_mode():
        for batch in data.loader(part):
            if control is not None:
                control.checkpoint()
            if on_progress is not None:
                on_progress(_STAGES[part], done, len(positions))
            rows = np.searchsorted(positions, batch.index.numpy())
            raw = model.predict_batch(batch.to(device)).float().cpu()
            logits[rows] = raw.numpy()
            outputs[rows] = learning.outputs_of(raw).numpy()
            done += len(batch)
    if on_progress is not None:
        on_progress(_STAGES[part], done, len(positions))
    targets = data.labels.targets[positions]
    mask = ~np.isnan(targets)
    metrics = compute_metrics(outputs, targets, mask, data.dataset.roles.tasks) if len(positions) else {}
    return Evaluation(positions, logits, outputs, targets, mask, metrics)
