"""Several networks, and simple models beside them, weighted by molecules that none of them was fitted on.

With "folds", training and validation molecules together are divided; each network leaves one fold out and predicts it.
With "seeds", or a single network, the validation part is what is left out. Test molecules are never looked at.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
from torch import Tensor, from_numpy

from mole_engine.contracts.config import TrainConfig
from mole_engine.contracts.events import Notice, ProgressHandler
from mole_engine.contracts.run_state import RunControl
from mole_engine.contracts.wording import counted_of
from mole_engine.data.data_modules import Part as DataPart
from mole_engine.data.weights import counting
from mole_engine.training.blend import LEAST, NETWORK, NETWORKS, TUNED, Blend, in_words, to_logits, to_values
from mole_engine.training.blend_weights import averaged_away, choose_weights
from mole_engine.training.checkpoints import LAST
from mole_engine.training.emitter import EventEmitter
from mole_engine.training.ensemble_fit import EnsembleFit
from mole_engine.training.evaluation import Evaluation, evaluate_part
from mole_engine.training.fitting import FitResult
from mole_engine.training.folds import common_scaler, pool_of
from mole_engine.training.kept_folds import kept_folds
from mole_engine.training.left_out import Flags, fitted_on, fold_notes, left_out_values, partly_judged
from mole_engine.training.member_fit import LEAST_SHARE, MemberWork, is_kept
from mole_engine.training.members import MemberEmitter, is_trained, member_folder, read_member, write_member
from mole_engine.training.metrics import compute_metrics
from mole_engine.training.metrics_table import write_waiting
from mole_engine.training.outputs import Readout
from mole_engine.training.pinned import PinnedMolecules
from mole_engine.training.plan import PlannedNetwork, plan_networks, spare_threads
from mole_engine.training.series import Series, SeriesEnd, read_end, write_end
from mole_engine.training.setup import Prepared
from mole_engine.training.side_by_side import SideBySide
from mole_engine.training.simple_fits import SimpleFits
from mole_engine.training.simple_models import SimpleModels
from mole_engine.training.times import blend_seconds
from mole_engine.training.trainer import resolve_device, use_threads

log = logging.getLogger(__name__)

Floats = npt.NDArray[np.float64]
Positions = npt.NDArray[np.int64]

PARTS: tuple[DataPart, ...] = ("test", "val", "train")


def is_ensemble(config: TrainConfig) -> bool:
    """Whether a job trains more than one network on its own."""
    return config.ensemble.kind != "none" or config.ensemble.trees


def fit_ensemble(
    config: TrainConfig,
    prepared: Prepared,
    folder: Path,
    emitter: EventEmitter,
    control: RunControl,
    *,
    cache_dir: Path | None = None,
    on_progress: ProgressHandler | None = None,
    pinned: PinnedMolecules | None = None,
) -> EnsembleFit:
    """Train the networks, fit the simple models, and weigh them.

    Networks that are finished in `folder` (of a run that goes on) are taken from there. Asked to stop, it finishes with
    the networks there are; asked once more, while simple models are fitted, with those. The first network's weights
    stay in `prepared.model`.

    Parameters
    ----------
    config, prepared
        The job, and what `prepare_model` made of it.
    folder
        The run folder.
    emitter, control
        As for `fit_model`.
    cache_dir
        Keeps descriptors; None: not kept.
    on_progress
        Told how far the work is; may raise `Cancelled`.
    pinned
        Molecules that each network predicts after each of its epochs.

    Raises
    ------
    Cancelled, InputError, KnownError
        As `fit_model`.
    """
    work = _Ensemble(config, prepared, folder, emitter, control, cache_dir, on_progress, pinned)
    return work.run()


def _shareable(config: TrainConfig) -> TrainConfig:
    """Return a job whose networks may be trained side by side: on the CPU alone, all of them in the same precision."""
    device, runtime = resolve_device(config.runtime), config.runtime
    if device.accelerator != "cpu" or runtime.devices * runtime.num_nodes > 1:
        return config.updated({"runtime": {"side_by_side": 0}})
    return config.updated({"runtime": {"precision": device.precision}}) if runtime.side_by_side > 1 else config


class _Ensemble:
    def __init__(
        self,
        config: TrainConfig,
        prepared: Prepared,
        folder: Path,
        emitter: EventEmitter,
        control: RunControl,
        cache_dir: Path | None,
        on_progress: ProgressHandler | None,
        pinned: PinnedMolecules | None,
    ) -> None:
        self.config = config
        self.prepared = prepared
        self.folder = folder
        self.emitter = emitter
        self.control = control
        self.cache_dir = cache_dir
        self.on_progress = on_progress
        self.data = prepared.data
        self.tasks = self.data.dataset.roles.tasks
        self.folds = kept_folds(config, self.data, folder)
        self.scaler = common_scaler(config, self.data, prepared.scaler)
        self.threads = use_threads(config.runtime)
        lengths = self.data.features.lengths[pool_of(self.data)]
        self.plan = plan_networks(_shareable(config), self.folds, len(lengths), float(lengths.mean()))
        self.spare = spare_threads(self.plan, self.threads)
        epochs, costs, turns = zip(*((item.epochs, item.cost, item.turn) for item in self.plan), strict=True)
        self.series = Series(control, epochs, costs, self._afterwards(), turns, beside=bool(self.spare))
        fixed = config.training.freeze == "encoder"
        # The vectors that all of them read come from this one; without a model to start from it is random.
        encoder = prepared.model.encoder.state_dict() if fixed else {}
        # Without who is told of the job's progress: another process has no use for that.
        data = self.data.with_split(self.data.split, config)
        self.work = MemberWork(config, data, self.scaler, folder, encoder, pinned)
        self.beside: SideBySide | None = None
        self.simple: SimpleFits | None = None
        self.fits: list[FitResult] = []
        self.members: list[dict[str, Tensor]] = []
        self._spread: Floats | None = None

    def run(self) -> EnsembleFit:
        with self._simple_fits() as self.simple:
            return self._run()

    def _run(self) -> EnsembleFit:
        values = self._networks()
        plan = self.plan[: len(values)]
        kinds = [kind for kind in NETWORKS if any(item.kind == kind for item in plan)]
        left_out = {
            kind: left_out_values(
                self.folds,
                [(item.fold, own) for item, own in zip(plan, values, strict=True) if item.kind == kind],
                like=values[0],
            )
            for kind in kinds
        }
        used = {
            kind: np.mean([own for item, own in zip(plan, values, strict=True) if item.kind == kind], axis=0)
            for kind in kinds
        }
        if self.simple is not None:
            self.simple.finish(self.folds)
            left_out |= self.simple.left_out
        # What is judged now has the machine to itself.
        use_threads(self.config.runtime)
        blend = self._weighed(left_out)
        honest = blend.combine(left_out)
        gaps = np.isnan(honest)
        rows = np.flatnonzero(gaps.any(axis=1))
        final = used | {name: np.full_like(values[0], np.nan) for name in blend.parts}
        if self.simple is not None:
            for name, part in blend.parts.items():
                final[name][rows] = self.simple.tables.said(name, part, rows)
        whole = np.where(gaps, blend.combine(final), honest)
        self._spread = np.where(gaps, blend.spread(final), blend.spread(left_out))
        self.prepared.model.load_state_dict(self.members[0])
        missed = np.asarray(gaps.any(axis=1))
        held = np.flatnonzero(~missed)
        learnt = [item.fold.train for item in plan if item.kind in blend.weights]
        fitted = fitted_on(missed, [*learnt, *([pool_of(self.data)] if blend.parts else [])])
        members = [own for item, own in zip(plan, self.members, strict=True) if item.kind in blend.weights]
        return EnsembleFit(
            fit=self._fit(),
            members=tuple(members),
            tuned=sum(item.kind == TUNED for item in plan) if TUNED in blend.weights else 0,
            blend=blend,
            evaluations={part: self._judged(part, whole, fitted) for part in PARTS},
            calibration=self._evaluation(whole, held),
            folds=tuple(self.folds),
            scaler=self.scaler,
            notes=self._notes(blend, fitted),
        )

    def _judged(self, part: DataPart, values: Floats, fitted: Flags) -> Evaluation:
        """Return all of a part; its metrics are of molecules that were left out, but for the training part's."""
        positions = self.data.positions(part)
        result = self._evaluation(values, positions)
        if part != "train" and fitted[positions].any():
            result = replace(result, metrics=self._evaluation(values, positions[~fitted[positions]]).metrics)
        return replace(result, fitted=fitted[positions])

    def _notes(self, blend: Blend, fitted: Flags) -> tuple[str, ...]:
        count, tuned = len(self.members), sum(item.kind == TUNED for item in self.plan[: len(self.members)])
        networks = f"{count}, {tuned} of them fine-tuned" if tuned and TUNED in blend.weights else str(count - tuned)
        shares = f"Shares of the prediction: {in_words(blend.weights)}; n" if len(blend.weights) > 1 else "N"
        notes = [f"{shares}etworks: {networks}."]
        if self.config.ensemble.kind == "folds":
            notes += fold_notes(fitted, pool_of(self.data), apart=bool(self.config.data.validation_path))
        if words := partly_judged(fitted, self.data.positions("val")):
            notes.append(words)
            self._notice(words, "warning")
        return tuple(notes)

    def _afterwards(self) -> float:
        """Return about how many seconds the simple models will take after the last network."""
        if not self.config.ensemble.trees:
            return 0.0
        count = self.config.ensemble.members if self.config.ensemble.kind != "none" else 1
        return blend_seconds(count, len(self.data.positions("train")))

    def _networks(self) -> list[Floats]:
        """Return for each network (n, outputs) values of all molecules."""
        values: list[Floats] = []
        end = read_end(self.folder)
        if end.last_epoch and not self.control.last_epoch:
            self.control.set_last_epoch(end.last_epoch)
        with self._processes() as self.beside:
            for item in self.plan:
                over = self.series.is_over(item.number) or item.number == end.networks
                # What another process has finished by then is used as well.
                stopped = self.control.stop_requested and not is_trained(member_folder(self.folder, item.number))
                if item.number and (stopped or over):
                    break
                if item.number == self.plan[-1].turn:
                    self._begin_simple()
                said = self._network(item)
                if said is None:
                    break
                values.append(said)
        used = self.plan[: len(values)]
        if len(used) < len(self.plan):
            write_end(self.folder, SeriesEnd(self.control.last_epoch, len(used)))
            self._notice(f"Stopped: {counted_of(len(used), len(self.plan), 'network', 'is', 'are')} used.")
            self.folds = [fold for fold in self.folds if any(fold is item.fold for item in used)]
        self._complete(used, values)
        return values

    def _complete(self, used: Sequence[PlannedNetwork], values: Sequence[Floats]) -> None:
        """Ask all networks about the molecules that not every kind of them left out: these are predicted by all."""
        held = [
            np.concatenate([item.fold.held for item in used if item.kind == kind])
            for kind in {item.kind for item in used}
        ]
        lacking = np.unique(np.concatenate([np.setdiff1d(pool_of(self.data), own) for own in held]))
        for item, own in zip(used, values, strict=True):
            rows = np.intersect1d(lacking, item.fold.train)
            if np.isnan(own[rows]).any():
                prepared = self.work.prepared(item)
                prepared.model.load_state_dict(self.members[item.number])
                own[rows] = self._said(prepared, "train")[rows]

    def _network(self, item: PlannedNetwork) -> Floats | None:
        """Return (n, outputs) values; None for a network that does not count.

        With several folds, what it learnt from stays NaN: other networks leave that out, if the user waits for them.
        """
        prepared = self.work.prepared(item)
        folder = member_folder(self.folder, item.number)
        if self.beside is not None and self.beside.has(item.number):
            fit = self._followed(item, prepared, folder, self.beside)
        else:
            fit = read_member(folder, prepared.model) or self._trained(item, prepared, folder)
        if fit is None:
            return None
        # Also what another process has trained, or a run before, is asked with the network's own number.
        use_threads(item.config.runtime)
        self.fits.append(fit)
        self.members.append({name: value.detach().clone() for name, value in prepared.model.state_dict().items()})
        return self._said(prepared, "rest" if len(self.folds) > 1 else "all")

    def _processes(self) -> AbstractContextManager[SideBySide | None]:
        """Begin to train networks in processes of their own, where any are planned so."""
        apart = any(item.apart for item in self.plan)
        return SideBySide(self.work, self.plan, self.series, self.control) if apart else nullcontext()

    def _simple_fits(self) -> AbstractContextManager[SimpleFits | None]:
        if not self.config.ensemble.trees:
            return nullcontext()
        own = (self.config, self.data, self.scaler, self.folds, self.threads, self.control)
        # Also where they do not begin early: a run that goes on behind its networks says the same.
        models = SimpleModels(*own, algebra_threads=self.spare)
        told, kept = self.on_progress, self.cache_dir
        return SimpleFits(models, self.emitter, beside=self.spare, on_progress=told, cache_dir=kept)

    def _begin_simple(self) -> None:
        """Have simple models fitted beside the last networks, if this run trains any of these."""
        last = [item.number for item in self.plan if item.turn == self.plan[-1].turn]
        if self.simple is not None and self.beside is not None and self.spare and any(map(self.beside.trains, last)):
            self.simple.begin()

    def _followed(self, item: PlannedNetwork, prepared: Prepared, folder: Path, beside: SideBySide) -> FitResult | None:
        """Show what another process trains; what that could not do is done here."""
        is_over = beside.follow(item.number, self._introduced(item))
        if not is_over and (item.number == 0 or not self.control.stop_requested):
            if not self.control.stop_requested:
                which = f"The process for network {item.number + 1}"
                self._notice(f"{which} could not be started, or has died: it is trained here.", "warning")
            return self._trained(item, prepared, folder)
        fit = read_member(folder, prepared.model)
        own = self.series.own_last(item.number, self.series.end)
        if fit is None and not self.control.stop_requested and own >= LEAST_SHARE * item.epochs:
            # A last epoch that had cut it off was taken back, or what was kept is damaged: once more, from the start.
            (folder / "checkpoints" / LAST).unlink(missing_ok=True)
            return self._trained(item, prepared, folder)
        self._ended(item, fit is not None)
        return fit

    def _said(self, prepared: Prepared, part: DataPart) -> Floats:
        """Return (n, outputs) values of the molecules of a part, NaN for the others."""
        device = resolve_device(self.config.runtime).torch_device
        judged = evaluate_part(prepared, part, device=device, control=self.control, on_progress=self.on_progress)
        prepared.model.cpu()
        logits = np.full((len(self.data.features), judged.logits.shape[1]), np.nan)
        logits[judged.positions] = judged.logits
        return to_values(logits, self.tasks)

    def _trained(self, item: PlannedNetwork, prepared: Prepared, folder: Path) -> FitResult | None:
        emitter = self._introduced(item)
        fit = self.work.fit(item, prepared, emitter, self.control, self.series)
        kept = is_kept(item, fit, self.control)
        self._ended(item, kept)
        if not kept:
            return None
        write_member(folder, prepared.model, fit)
        return fit

    def _introduced(self, item: PlannedNetwork) -> MemberEmitter:
        """Say which network is next; what it tells goes through what is returned."""
        if len(self.plan) > 1:
            words = ", fine-tuned" if item.kind == TUNED else ""
            self._notice(f"Network {item.number + 1} of {len(self.plan)}{words}.")
        return MemberEmitter(self.emitter, self.series, item.number, self.folder / "metrics.csv")

    def _ended(self, item: PlannedNetwork, kept: bool) -> None:
        """Keep what the user has said until the end of a network, for a run that goes on."""
        write_waiting(self.folder / "metrics.csv")
        if self.control.stop_requested or self.control.last_epoch:
            used = item.number + kept if self.control.stop_requested else 0
            write_end(self.folder, SeriesEnd(self.control.last_epoch, used))

    def _weighed(self, left_out: dict[str, Floats]) -> Blend:
        parts = {} if self.simple is None else self.simple.parts
        held = np.flatnonzero(~np.isnan(np.concatenate(list(left_out.values()), axis=1)).any(axis=1))
        rows, own = counting(self.data.dataset.weights, held)
        some = {name: values[rows] for name, values in left_out.items()}
        labels = self.scaler.transform(self.data.labels.targets[rows])
        networks = [(item.kind, item.fold.number) for item in self.plan[: len(self.members)]]
        weights = choose_weights(some, labels, self.tasks, own, averaged_away(networks))
        metrics = {name: self._evaluation(values, held).metrics for name, values in left_out.items()}
        if parts and not len(held):
            self._notice("There are no molecules to weigh the models by: each counts the same.", "warning")
        # What counts for nothing need not be kept or computed.
        kept = {name: weight for name, weight in weights.items() if name == NETWORK or weight >= LEAST}
        total = sum(kept.values())
        weights = {name: weight / total for name, weight in kept.items()}
        if len(weights) > 1:
            self._notice(f"Shares of the models: {in_words(weights)}.")
        return Blend(self.tasks, weights, {name: parts[name] for name in weights if name in parts}, metrics)

    def _evaluation(self, values: Floats, positions: Positions) -> Evaluation:
        logits = to_logits(values[positions], self.tasks)
        readout = Readout(self.tasks, self.scaler)
        outputs = readout(from_numpy(logits).float()).double().numpy() if len(positions) else logits
        targets = self.data.labels.targets[positions]
        mask = ~np.isnan(targets)
        metrics = compute_metrics(outputs, targets, mask, self.tasks) if len(positions) else {}
        spread = None if self._spread is None else self._spread[positions]
        return Evaluation(positions, logits, outputs, targets, mask, metrics, spread)

    def _fit(self) -> FitResult:
        kept = sorted(fit.kept_epoch for fit in self.fits)
        return replace(
            self.fits[0], kept_epoch=kept[len(kept) // 2], seconds=math.fsum(fit.seconds for fit in self.fits)
        )

    def _notice(self, message: str, level: str = "info") -> None:
        self.emitter.emit(Notice(message=message, level=level))
