"""One training job on `devices` processes, run as a script by test_ddp: CONFIG.yaml RESULT.json.

Every process of the job runs this file; the first one writes the result.
"""

from __future__ import annotations

import json
import sys
import warnings
from pathlib import Path

from mole_engine.chem.vocabulary import Vocabulary
from mole_engine.contracts.config import TrainConfig
from mole_engine.contracts.events import EpochMetrics, Event
from mole_engine.data.assemble import load_training_data
from mole_engine.training.companion import accompany
from mole_engine.training.emitter import EventEmitter
from mole_engine.training.evaluation import evaluate_part
from mole_engine.training.fitting import fit_model
from mole_engine.training.processes import process_rank
from mole_engine.training.setup import prepare_model


def lead(config: TrainConfig, result: Path) -> None:
    """Train as the first process and write down what came out."""
    events: list[Event] = []
    dataset, split = load_training_data(config)
    prepared = prepare_model(config, dataset, split, Vocabulary.load())
    fit = fit_model(config, prepared, result.parent / result.stem, EventEmitter("run", events.append))
    epochs = [event for event in events if isinstance(event, EpochMetrics)]
    content = {
        "train_loss": [event.train_loss for event in epochs],
        "validation_loss": [event.validation_loss for event in epochs],
        "rmse": [event.metrics["rmse"] for event in epochs],
        "train_rmse": [event.train_metrics["rmse"] for event in epochs],
        "steps": [event.step for event in epochs],
        "best_epoch": fit.best_epoch,
        "test": evaluate_part(prepared, "test").outputs[:, 0].tolist(),
        "seqs": [event.seq for event in events],
    }
    result.write_text(json.dumps(content))


if __name__ == "__main__":
    warnings.simplefilter("error")
    job = TrainConfig.from_yaml(sys.argv[1])
    if process_rank(job.runtime):
        accompany(job)
        Path(sys.argv[2]).with_suffix(".companion").touch()
    else:
        lead(job, Path(sys.argv[2]))
