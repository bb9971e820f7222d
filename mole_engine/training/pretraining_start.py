"""Where a pretraining begins: at an encoder, or at another pretraining job with all that its network has learnt."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self, cast

import torch
from torch import Tensor

from mole_engine.chem.vocabulary import Vocabulary
from mole_engine.contracts.config import ModelConfig
from mole_engine.contracts.errors import InputError
from mole_engine.contracts.pretrain_config import PretrainConfig
from mole_engine.contracts.settings import read_yaml
from mole_engine.data.pretraining_survey import Survey
from mole_engine.models.mole import MolE
from mole_engine.models.pretraining import PretrainingModel
from mole_engine.models.widening import widen, widening_factor
from mole_engine.store.pretraining_folder import PretrainingFolder
from mole_engine.store.run_place import with_encoder_of_init
from mole_engine.training.setup import NO_INIT, load_encoder

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class EarlierJob:
    """A pretraining job that another one goes on from, with other settings.

    Attributes
    ----------
    folder
        Where it lies.
    config
        Its configuration.
    survey
        Its classes of environments and scale of descriptors.
    """

    folder: PretrainingFolder
    config: PretrainConfig
    survey: Survey

    @classmethod
    def find(cls, init: str) -> Self | None:
        """Return the job in the folder `init`; None where that names a model.

        Raises
        ------
        InputError
            When the folder is damaged, or its job has no checkpoint yet.
        """
        folder = PretrainingFolder(init) if init != NO_INIT else None
        survey = folder.read_survey() if folder else None
        if folder is None or survey is None:
            return None
        if not (folder.best_checkpoint.is_file() or folder.last_checkpoint.is_file()):
            raise InputError(
                f"Nothing can start from {init}:", "that job has no checkpoint yet.", "Let it learn first."
            )
        return cls(folder, PretrainConfig.recorded(read_yaml(folder.config), str(folder.config)), survey)

    def classes_kept(self, found: Survey, config: PretrainConfig) -> Survey:
        """Return a survey with this job's environments and descriptors, as far as `config` means the same by them."""
        old, new = self.config.objectives, config.objectives
        if (old.radius, old.environments) == (new.radius, new.environments) and self.survey.environments:
            found = replace(found, environments=self.survey.environments, coverage=self.survey.coverage)
        if new.descriptors and self.survey.descriptor_names:
            names = ("descriptor_names", "descriptor_mean", "descriptor_std")
            found = replace(found, **{name: getattr(self.survey, name) for name in names})
        return found

    def weights(self) -> dict[str, Tensor]:
        """Return its best weights, or its last ones where none were judged. Raises InputError."""
        folder = self.folder
        path = folder.best_checkpoint if folder.best_checkpoint.is_file() else folder.last_checkpoint
        try:
            content = torch.load(path, map_location="cpu", weights_only=True)
            return dict(content["state_dict"])
        except (OSError, RuntimeError, KeyError, TypeError, ValueError) as error:
            raise InputError(f"{path} is damaged:", f"{error}.", "Start from another job or model.") from error

    def heads_known(self, found: Survey) -> set[str]:
        """Return the heads whose outputs mean the same under another survey."""
        same = {
            "atoms": self.survey.environments == found.environments,
            "tasks": [task.name for task in self.survey.tasks] == [task.name for task in found.tasks],
            "descriptors": self.survey.descriptor_names == found.descriptor_names,
        }
        return {name for name, known in same.items() if known}


def with_network_of_init(config: PretrainConfig) -> PretrainConfig:
    """Return the configuration with the network of the model or job that it starts from.

    Another job's network may be changed (widened): of its settings those are taken that `config` was not given.

    Raises
    ------
    InputError
        When the model cannot be read; when the job's folder is damaged, or it has no checkpoint yet.
    """
    job = EarlierJob.find(config.init)
    if job is None:
        return with_encoder_of_init(config)
    given = config.model.model_fields_set
    untold = {name: value for name, value in job.config.model if name not in given}
    return config.updated({"model": untold})


def begin(
    model: PretrainingModel, vocabulary: Vocabulary, found: Survey, config: PretrainConfig, job: EarlierJob | None
) -> None:
    """Give a new model the weights that its job starts from; heads that nobody has trained stay random.

    Raises
    ------
    InputError
        When the model or job cannot be read, or its network cannot be spread over this one.
    """
    if job is None:
        if config.init != NO_INIT:
            load_encoder(cast(MolE, model), vocabulary, config.init)
        return
    narrow = job.config.model.model_copy(update={"vocabulary_size": vocabulary.size})
    factor = widening_factor(narrow, model.config)
    if not factor:
        raise _unfit(config.init, narrow, model.config)
    known = job.heads_known(found)
    own = model.state_dict()
    given = {
        name: value
        for name, value in job.weights().items()
        if name in own and (name.startswith("encoder.") or name.split(".")[1] in known)
    }
    if factor > 1:
        given = widen(given, factor, narrow, config.seed)
    model.load_state_dict(own | given, strict=True)
    log.info("Took %d of %d tensors from %s, %d times as wide", len(given), len(own), config.init, factor)


def _unfit(init: str | Path, narrow: ModelConfig, wide: ModelConfig) -> InputError:
    def size(config: ModelConfig) -> str:
        return f"{config.layers} layers, width {config.hidden_size}, {config.heads} heads, {config.pooling}"

    return InputError(
        f"Nothing can start from {init}:",
        f"its network ({size(narrow)}) cannot be spread over this one ({size(wide)}).",
        "Take the same layers and pooling, and a width and number of heads that are the same whole multiple.",
    )
