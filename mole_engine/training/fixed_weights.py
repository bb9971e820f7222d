"""Weights that do not learn, written once: every later checkpoint of a training leaves them out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor, nn

from mole_engine.models.base import fixed_of
from mole_engine.store.files import atomic_path

FIXED = "fixed.safetensors"


class FixedWeights:
    """The parameters of a network that stay as they are, in a file of their own beside its checkpoints.

    Epochs of a head take less time than writing the encoder below it, which is the same in each of its checkpoints.

    Parameters
    ----------
    folder
        Of the checkpoints.
    model
        Those of its parameters that ask for no gradient are meant.

    Attributes
    ----------
    names
        Of the parameters that checkpoints leave out.
    """

    def __init__(self, folder: Path, model: nn.Module) -> None:
        self.path = folder / FIXED
        self.names = frozenset(fixed_of(model))

    def save(self, model: nn.Module) -> None:
        """Write them, if there are any. Raises InputError, KnownError."""
        if not self.names:
            return
        state = {name: value.detach().cpu().contiguous() for name, value in fixed_of(model).items()}
        with atomic_path(self.path) as temporary:
            # `save_file` would leave a file that nobody else may read.
            temporary.write_bytes(save(state))

    def drop(self, state: dict[str, Any]) -> None:
        """Remove them from a state of the whole network."""
        for name in self.names:
            state.pop(name, None)

    def whole(self, state: dict[str, Tensor]) -> dict[str, Tensor]:
        """Return a checkpoint's state with what it leaves out.

        Raises
        ------
        OSError, ValueError
            When the file cannot be read, or does not have them all.
        """
        if self.names <= state.keys():
            return state
        try:
            return {**load_file(self.path), **state}
        except SafetensorError as error:
            raise ValueError(str(error)) from error
