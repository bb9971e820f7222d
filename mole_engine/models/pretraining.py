"""What an encoder learns before it sees a task: masked atoms' environments, many tasks at once, descriptors."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from mole_engine.contracts.config import ModelConfig
from mole_engine.contracts.pretrain_config import ObjectivesConfig
from mole_engine.data.pretraining_blocks import IGNORED
from mole_engine.models.clipping import ClippedModule
from mole_engine.models.encoder import Encoder, initialise
from mole_engine.models.mole import head_input_size, pool
from mole_engine.nn.bert import ACTIVATIONS, TaskPredictionHead
from mole_engine.nn.masks import attention_span_mask

if TYPE_CHECKING:
    from mole_engine.data.pretraining_batches import PretrainingBatch


class EnvironmentHead(nn.Module):
    """Guesses the environment of an atom from its state: dense, activation, layer norm, classifier."""

    def __init__(self, config: ModelConfig, environments: int) -> None:
        super().__init__()
        self.dense = nn.Linear(config.hidden_size, config.hidden_size)
        self.activation = ACTIVATIONS[config.activation]()
        self.norm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.classifier = nn.Linear(config.hidden_size, environments)

    def forward(self, states: Tensor) -> Tensor:
        """Return (n, environments) logits of (n, H) states."""
        logits: Tensor = self.classifier(self.norm(self.activation(self.dense(states))))
        return logits


class PretrainingModel(ClippedModule):
    """An encoder with a head for each objective.

    Parameters
    ----------
    config
        Of the network; `vocabulary_size` filled in.
    objectives
        The weights of the three losses.
    environments
        Classes of masked atoms.
    binary
        For each supervised task whether its labels are 0 and 1 (others are standardised numbers).
    descriptors
        Number of descriptors; 0 where they are not learnt.
    optimisers
        Model -> what `configure_optimizers` returns.
    """

    is_binary: Tensor

    def __init__(
        self,
        config: ModelConfig,
        objectives: ObjectivesConfig,
        *,
        environments: int = 0,
        binary: Sequence[bool] = (),
        descriptors: int = 0,
        optimisers: Callable[[PretrainingModel], Any] | None = None,
    ) -> None:
        super().__init__()
        self.config = config
        self.objectives = objectives
        self.optimisers = optimisers
        self.encoder = Encoder(config)
        self.heads = nn.ModuleDict()
        if objectives.atoms:
            self.heads["atoms"] = EnvironmentHead(config, environments)
        # The heads of whole molecules read all that a later task could read.
        whole = config.model_copy(update={"descriptors": False})
        for name, outputs in (("tasks", len(binary)), ("descriptors", descriptors)):
            if getattr(objectives, name) and outputs:
                self.heads[name] = TaskPredictionHead(
                    head_input_size(whole), config.hidden_size, outputs, config.head_dropout, config.activation
                )
        initialise(self.heads, config.initializer_range)
        self.register_buffer("is_binary", torch.tensor(list(binary), dtype=torch.bool), persistent=False)
        self._sums: dict[str, list[Tensor]] = {}

    def span(self, batch: PretrainingBatch) -> Tensor | None:
        """Return which token may attend to which, (B, N, N) bool; None where everything is visible."""
        if not self.objectives.atoms or self.objectives.hidden_radius < 0:
            return None
        return attention_span_mask(batch.distances, batch.asked, self.objectives.hidden_radius)

    def losses(self, batch: PretrainingBatch) -> dict[str, tuple[Tensor, Tensor]]:
        """Return, for each objective, the sum of its terms and their number (both scalars)."""
        hidden = self.encoder(batch.tokens, batch.distances, batch.mask, self.span(batch))
        found: dict[str, tuple[Tensor, Tensor]] = {}
        if "atoms" in self.heads:
            found |= self._atom_terms(hidden, batch)
        if "tasks" in self.heads or "descriptors" in self.heads:
            pooled = pool(hidden, batch.mask, self.config.pooling)
        if "tasks" in self.heads:
            found["tasks"] = _masked(self._task_terms(self.heads["tasks"](pooled), batch.targets), batch.targets)
        if "descriptors" in self.heads:
            guessed = self.heads["descriptors"](pooled)
            terms = functional.mse_loss(guessed, _filled(batch.descriptors), reduction="none")
            found["descriptors"] = _masked(terms, batch.descriptors)
        return found

    def total(self, found: dict[str, tuple[Tensor, Tensor]]) -> Tensor:
        """Return the weighted sum of the mean losses; finite even where nothing is labelled."""
        parts = [
            getattr(self.objectives, name) * total / count.clamp(min=1)
            for name, (total, count) in found.items()
            if name in self.heads
        ]
        return torch.stack(parts).sum()

    def training_step(self, batch: PretrainingBatch, batch_idx: int) -> Tensor:
        """Return the loss of a batch."""
        return self.total(self.losses(batch))

    def validation_step(self, batch: PretrainingBatch, batch_idx: int) -> None:
        """Add up the losses of a batch."""
        for name, (total, count) in self.losses(batch).items():
            # In 32 bits: Apple's GPUs have no others. A batch has few enough atoms for them.
            pair = torch.stack([total.float(), count.float()])
            self._sums.setdefault(name, []).append(pair)

    def on_validation_epoch_start(self) -> None:
        """Forget the validation before."""
        self._sums = {}

    def on_validation_epoch_end(self) -> None:
        """Log `val_loss`, the mean loss of each objective, and the part of masked atoms that is guessed."""
        # An epoch has more atoms than 32 bits count one by one.
        sums = {name: torch.stack(self._sums[name]).cpu().double().sum(dim=0) for name in sorted(self._sums)}
        if self.trainer.world_size > 1:
            sums = {
                name: self.trainer.strategy.reduce(pair.to(self.device), reduce_op="sum") for name, pair in sums.items()
            }
        means = {name: float(pair[0] / pair[1].clamp(min=1)) for name, pair in sums.items()}
        self.log("val_loss", sum(getattr(self.objectives, name) * means[name] for name in self.heads if name in means))
        for name, value in means.items():
            self.log(f"val/{name}" if name == "accuracy" else f"val/{name}_loss", value)

    def configure_optimizers(self) -> Any:
        """Return what `optimisers` builds."""
        if self.optimisers is None:
            raise RuntimeError("model.optimisers must be set before training")
        return self.optimisers(self)

    def parts(self) -> Iterator[tuple[str, nn.Module]]:
        """Yield the parts from bottom to top: "embeddings", "layer 0" ..., "head"."""
        yield from self.encoder.parts()
        yield "head", self.heads

    def _atom_terms(self, hidden: Tensor, batch: PretrainingBatch) -> dict[str, tuple[Tensor, Tensor]]:
        states, classes = asked_states(hidden, batch.environments, self.objectives.mask_fraction)
        logits, count = self.heads["atoms"](states), (classes >= 0).sum()
        loss = functional.cross_entropy(logits.float(), classes, ignore_index=IGNORED, reduction="sum")
        found = {"atoms": (loss, count)}
        if not self.training:
            found["accuracy"] = ((logits.argmax(dim=-1) == classes).sum(), count)
        return found

    def _task_terms(self, logits: Tensor, targets: Tensor) -> Tensor:
        known = _filled(targets)
        logits = logits.float()
        # Without a branch on values: both losses are elementwise and cheap.
        as_classes = functional.binary_cross_entropy_with_logits(logits, known.clamp(0, 1), reduction="none")
        as_numbers = functional.mse_loss(logits, known, reduction="none")
        return torch.where(self.is_binary, as_classes, as_numbers)


def asked_states(hidden: Tensor, classes: Tensor, fraction: float) -> tuple[Tensor, Tensor]:
    """Return the states of the atoms that are asked for, and their classes.

    Parameters
    ----------
    hidden
        (B, N, H) states.
    classes
        (B, N) int64, negative where nothing is asked.
    fraction
        The part of a molecule's atoms that is asked for.

    Returns
    -------
    (n, H) and (n,); on a GPU some of them are only there to fill up, with the class `IGNORED`.
    """
    if hidden.device.type == "cpu":
        known = classes >= 0
        return hidden[known], classes[known]
    return padded_states(hidden, classes, fraction)


def padded_states(hidden: Tensor, classes: Tensor, fraction: float) -> tuple[Tensor, Tensor]:
    """Return `asked_states` equally many of each molecule: how many are asked for need not be waited for then."""
    most = min(classes.shape[1], int(classes.shape[1] * fraction) + 1)
    places = (classes >= 0).to(torch.uint8).topk(most, dim=1, sorted=False).indices
    states = hidden.gather(1, places[:, :, None].expand(-1, -1, hidden.shape[2]))
    return states.flatten(0, 1), classes.gather(1, places).flatten()


def _filled(values: Tensor) -> Tensor:
    return torch.nan_to_num(values, nan=0.0)


def _masked(terms: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    known = ~targets.isnan()
    return terms.masked_fill(~known, 0.0).sum(), known.sum()
