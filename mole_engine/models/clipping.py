"""What all models that learn under Lightning have in common."""

from __future__ import annotations

from typing import Any

import pytorch_lightning as pl
import torch
from torch.optim import Optimizer


class ClippedModule(pl.LightningModule):
    """A LightningModule whose gradients are clipped by their norm wherever it learns.

    Lightning's own clipping refuses an optimiser that updates in one kernel under any mixed precision, for the sake of
    fp16, whose gradients are scaled up; and it cannot clip gradients whose parts lie on several devices (FSDP).

    Attributes
    ----------
    gradient_norm
        Of the last step, before it was clipped; None where nothing is clipped.
    """

    gradient_norm: torch.Tensor | None = None

    def configure_gradient_clipping(
        self,
        optimizer: Optimizer,
        gradient_clip_val: int | float | None = None,
        gradient_clip_algorithm: str | None = None,
    ) -> None:
        """Scale the gradients down to a norm of `gradient_clip_val`; leave them as they are for None and 0."""
        if not gradient_clip_val:
            return
        model: Any = self.trainer.model
        if hasattr(model, "clip_grad_norm_"):
            # Only the wrapper of FSDP knows all the parts.
            self.gradient_norm = model.clip_grad_norm_(gradient_clip_val)
        else:
            self.gradient_norm = torch.nn.utils.clip_grad_norm_(self.parameters(), gradient_clip_val)
