"""MolE: the encoder and a head that predicts the tasks, ready to be trained."""

from __future__ import annotations

from mole_engine.models.base import Model
from mole_engine.models.network import MolENetwork, head_input_size, pool

__all__ = ["MolE", "head_input_size", "pool"]


class MolE(MolENetwork, Model):
    """The trained subject: `MolENetwork` with the steps, metrics and optimisers of `Model`.

    Parameters
    ----------
    config
        `vocabulary_size` and `outputs` must be filled in, with `descriptors` also `descriptor_size`.

    Raises
    ------
    ValueError
        When a size is not filled in.
    """
