"""Training one network of an ensemble, in the job's own process or in one beside it: the same to the last digit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from mole_engine.contracts.config import TrainConfig
from mole_engine.contracts.dataset import Split
from mole_engine.contracts.run_state import RunControl
from mole_engine.data.data_modules import MolDataModule
from mole_engine.data.scaling import TargetScaler
from mole_engine.training.blend import TUNED
from mole_engine.training.checkpoints import LAST
from mole_engine.training.emitter import EventEmitter
from mole_engine.training.fitting import FitResult, fit_model
from mole_engine.training.members import member_folder, round_to_half
from mole_engine.training.pinned import PinnedMolecules
from mole_engine.training.plan import PlannedNetwork
from mole_engine.training.series import Series
from mole_engine.training.setup import Prepared, prepare_network

LEAST_SHARE = 0.5
"""Of its epochs that a network must have learnt for to count, where the user has set an earlier last epoch."""


@dataclass(frozen=True, eq=False)
class MemberWork:
    """What the networks of an ensemble have in common; another process gets a copy.

    Attributes
    ----------
    config
        The job.
    data
        Its molecules, featurised.
    scaler
        The one scale in which all networks speak.
    folder
        The run folder.
    encoder
        Weights of a fixed encoder, whose vectors all of them read; empty where each begins by itself.
    pinned
        Molecules that each network predicts after each of its epochs.
    """

    config: TrainConfig
    data: MolDataModule
    scaler: TargetScaler
    folder: Path
    encoder: Mapping[str, Tensor]
    pinned: PinnedMolecules | None = None

    def prepared(self, item: PlannedNetwork) -> Prepared:
        """Return a network that has not learnt yet, with what it learns from."""
        split = Split(tuple(item.fold.train.tolist()), tuple(item.fold.held.tolist()), (), method="fold")
        data = self.data.with_split(split, item.config)
        prepared = prepare_network(item.config, data, data.vocabulary, scaler=self.scaler)
        if self.encoder:
            prepared.model.encoder.load_state_dict(self.encoder)
        if item.kind == TUNED:
            # Their standard is the fixed encoder's vectors, but what the head reads changes with the encoder.
            data.use_pooled(None)
        return prepared

    def fit(
        self, item: PlannedNetwork, prepared: Prepared, emitter: EventEmitter, control: RunControl, series: Series
    ) -> FitResult:
        """Train a network, from its last checkpoint where it has one.

        Raises
        ------
        Cancelled, InputError, KnownError
            As `fit_model`.
        """
        folder = member_folder(self.folder, item.number)
        folder.mkdir(parents=True, exist_ok=True)
        last = folder / "checkpoints" / LAST
        fit = fit_model(
            item.config,
            prepared,
            folder,
            emitter,
            control,
            resume_from=last if last.is_file() else None,
            pinned=self.pinned,
            series=series,
            number=item.number,
        )
        control.checkpoint()
        if item.kind == TUNED:
            round_to_half(prepared.model.encoder)
        return fit


def is_cut_off(item: PlannedNetwork, fit: FitResult, control: RunControl) -> bool:
    """Whether a network that has ended early has learnt too little to count as much as the others do."""
    if fit.stopped:
        return control.stop_requested
    # A last epoch that was set meanwhile has the learning rate fall to its end, which takes some epochs.
    return fit.epochs < LEAST_SHARE * item.epochs


def is_kept(item: PlannedNetwork, fit: FitResult, control: RunControl) -> bool:
    """Whether a network that has ended is used: hardly begun, it would count as much as one that is finished.

    The first one is all that there is.
    """
    return item.number == 0 or not is_cut_off(item, fit, control)
