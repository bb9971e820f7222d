"""MolE: the encoder and a head that predicts the tasks, ready to be trained."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mole_engine.contracts.config import ModelConfig
from mole_engine.models.base import Model
from mole_engine.models.network import MolENetwork, head_input_size, pool

__all__ = ["MolE", "head_input_size", "pool"]


class MolE(MolENetwork, Model):
    """The trained subject: `MolENetwork` with the steps, metrics and optimisers of `Model`.

    Parameters
    ----------
    config
        `vocabulary_size` and `outputs` must be filled in, with `descriptors` also `descriptor_size`. A job's settings
        as an exported checkpoint holds them will do: `MolE.load_from_checkpoint("model.ckpt")` needs nothing else.

    Raises
    ------
    ValueError
        When a size is not filled in.
    """

    def __init__(self, config: ModelConfig | Mapping[str, Any]) -> None:
        super().__init__(config if isinstance(config, ModelConfig) else ModelConfig.model_validate(config["model"]))
