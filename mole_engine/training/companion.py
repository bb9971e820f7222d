"""What the further processes of a job on several devices do: the same work, without a word and without a file."""

from __future__ import annotations

import tempfile
from pathlib import Path

from mole_engine.chem.vocabulary import Vocabulary
from mole_engine.contracts.config import TrainConfig
from mole_engine.contracts.run_state import RunControl
from mole_engine.data.assemble import load_training_data
from mole_engine.training.emitter import EventEmitter
from mole_engine.training.fitting import fit_model
from mole_engine.training.setup import prepare_model


def accompany(
    config: TrainConfig,
    control: RunControl | None = None,
    *,
    vocabulary: Vocabulary | None = None,
    cache_dir: str | Path | None = None,
    resume_from: str | Path | None = None,
) -> None:
    """Prepare the same data and fit the same model as the first process, which alone writes and reports.

    Parameters
    ----------
    config
        Of the job, the same in every process.
    control
        An interruption of this process (Ctrl-C reaches all of them).
    vocabulary, cache_dir
        Of the features; the first process's. None: the vocabulary that the configuration names, no cache.
    resume_from
        The first process's checkpoint to continue from; must be readable from here.

    Raises
    ------
    Cancelled, InputError, KnownError
        As `fit_model`.
    """
    dataset, split = load_training_data(config)
    words = vocabulary or Vocabulary.load(config.model.vocabulary)
    prepared = prepare_model(config, dataset, split, words, cache_dir=cache_dir)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        fit_model(config, prepared, folder, EventEmitter("companion"), control, resume_from=resume_from)
