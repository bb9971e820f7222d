"""What a prediction rests on: each atom is hidden in turn, and the whole model is asked again.

The contribution of an atom is the prediction minus the prediction with that atom hidden (occlusion: Zeiler and Fergus,
ECCV 2014). Hidden means that no part of the model sees it: its token takes no part in attention and pooling, its
environments are missing from the count fingerprint, and descriptors see an atom of no element in its place. The parts
of a blend are combined as in any prediction, so that contributions are those of the value that the user reads.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, from_numpy

from mole_engine.chem.descriptors import descriptor_names, descriptor_row, quick_descriptor_names
from mole_engine.chem.fingerprints import counts_without, nearest_similarity
from mole_engine.chem.hiding import canonical_ranks, places_in_given
from mole_engine.chem.molecules import parse_smiles
from mole_engine.contracts.config import CurationConfig
from mole_engine.contracts.dataset import TaskKind, TaskSpec
from mole_engine.contracts.errors import InputError
from mole_engine.contracts.events import ProgressHandler
from mole_engine.contracts.explanations import LOG10, ExplainedAtom, Explanation, TaskExplanation
from mole_engine.data.batching import MolBatch
from mole_engine.data.features import features_of
from mole_engine.data.progress import report
from mole_engine.data.standardise import Standardised
from mole_engine.inference.domain import fingerprints_of, unseen_elements
from mole_engine.inference.inputs import cleaned
from mole_engine.inference.network import batch_size_for, within_memory
from mole_engine.store.card import DomainReference
from mole_engine.training.additive import GROUPS
from mole_engine.training.kernels import COUNTS
from mole_engine.training.outputs import OutputLayout
from mole_engine.training.parts import DESCRIPTORS

if TYPE_CHECKING:
    from rdkit import Chem

    from mole_engine.chem.vocabulary import Vocabulary
    from mole_engine.data.scaling import TaskScale
    from mole_engine.inference.blended import BlendedModel
    from mole_engine.inference.columns import PredictionColumns
    from mole_engine.inference.onnx_network import OnnxNetwork
    from mole_engine.models.network import MolENetwork
    from mole_engine.training.outputs import Readout

Floats = npt.NDArray[np.float64]
Table = npt.NDArray[np.float32]

MOST_TOGETHER = 256
"""Variants of a molecule that are computed at a time, at most."""

LEAST_REACH = 0.05
"""Of the deviation of the training labels: smaller contributions than this do not get the full colour."""

LEAST_PROBABILITY = 0.02
"""The same for probabilities."""

STAGE = "Explaining"
_STEPS = 100
"""Reports of progress a molecule."""

Tick = Callable[[float], None]


@dataclass(frozen=True)
class Explainer:
    """Asks a model about a molecule with each of its atoms hidden.

    Attributes
    ----------
    columns, readout
        How its logits become values.
    network, blended
        What computes them.
    vocabulary, device
        As in a prediction.
    domain
        The training molecules, if the model knows them.
    """

    columns: PredictionColumns
    readout: Readout
    network: MolENetwork | OnnxNetwork
    blended: BlendedModel | None
    vocabulary: Vocabulary
    device: torch.device
    domain: DomainReference | None = None

    def tasks(self, wanted: str | None) -> list[int]:
        """Return the places of the targets to explain. Raises InputError for a name that the model does not have."""
        names = [task.name for task in self.columns.tasks]
        if wanted is None:
            return list(range(len(names)))
        if wanted not in names:
            raise InputError(f"The model does not predict '{wanted}'.", f"It predicts {', '.join(names)}.", "")
        return [names.index(wanted)]

    def explain(self, given: str, cleaned: Standardised, places: Sequence[int], tick: Tick) -> Explanation:
        """Explain one molecule.

        Parameters
        ----------
        given, cleaned
            The molecule as the user wrote it and as the model reads it.
        places
            Of the targets.
        tick
            Called with the share that is done; it may raise to stop the work.
        """
        if not cleaned.smiles:
            reason = next(finding.reason for finding in cleaned.findings if finding.dropped)
            return Explanation(given, error=reason)
        mol = parse_smiles(cleaned.smiles)
        logits, spread = self._logits(cleaned.smiles, mol, tick)
        outputs = self.readout(from_numpy(logits).float()).double().numpy()
        where = places_in_given(given, cleaned.smiles)
        nearest = self._nearest(cleaned.smiles)
        own = (None if nearest is None else np.array([nearest]), None if spread is None else spread[:1])
        table = self.columns.values(outputs[:1], logits[:1], *own)
        symbols = [atom.GetSymbol() for atom in mol.GetAtoms()]
        unseen = () if self.domain is None else unseen_elements(self.domain, cleaned.smiles)
        return Explanation(
            smiles=given,
            read=cleaned.smiles,
            atoms=tuple(ExplainedAtom(*pair) for pair in zip(symbols, where, strict=True)),
            tasks=tuple(self._task(place, outputs, logits, table) for place in places),
            notes=(*_notes(cleaned), *_of_elements(unseen)),
            similarity=math.nan if nearest is None else nearest,
            in_domain=None
            if self.domain is None or nearest is None
            else nearest >= self.domain.threshold and not unseen,
            unseen=unseen,
        )

    def _nearest(self, smiles: str) -> float | None:
        """Return the similarity to the nearest training molecule, if those are known."""
        if self.domain is None:
            return None
        return float(nearest_similarity(fingerprints_of([smiles]), self.domain.fingerprints)[0])

    # The model with atoms hidden -------------------------------------------------------------------------------

    def _logits(self, smiles: str, mol: Chem.Mol, tick: Tick) -> tuple[Floats, Floats | None]:
        """Return (1 + atoms, outputs): the molecule as it is, then with each atom hidden; and what models disagree."""
        hidden, rows = _variants(mol)
        reads_all, reads_some = bool(self.network.config.descriptors), self._has_parts
        names = descriptor_names() if reads_all else quick_descriptor_names() if reads_some else ()
        # Descriptors take a few milliseconds a variant, the network about one: so are the shares of the progress.
        edge = 0.8 if names else 0.0
        descriptors = _descriptors(mol, hidden, names, lambda share: tick(edge * share)) if names else None
        width = self.blended.width if self.blended is not None else sum(task.outputs for task in self.columns.tasks)
        compute = self.blended.compute if self.blended is not None else self.network.predict_batch
        computed = self._computed(
            smiles,
            hidden,
            descriptors if reads_all else None,
            (compute, width),
            lambda share: tick(edge + (1 - edge) * share),
        )
        if self.blended is None:
            return computed[rows], None
        tables = {}
        if reads_some and descriptors is not None:
            counts = {COUNTS: counts_without(mol, hidden), GROUPS: counts_without(mol, hidden, radius=1)}
            tables = {DESCRIPTORS: descriptors, **counts}
        logits, spread = self.blended.logits_of(computed, tables)
        return logits[rows], spread[rows]

    @property
    def _has_parts(self) -> bool:
        return self.blended is not None and bool(self.blended.blend.parts)

    def _computed(
        self,
        smiles: str,
        hidden: Sequence[tuple[int, ...]],
        descriptors: Table | None,
        network: tuple[Callable[[MolBatch], Tensor], int],
        tick: Tick,
    ) -> Floats:
        found = features_of(smiles, self.vocabulary)
        if isinstance(found, str):
            raise ValueError(found)
        tokens, distances = (from_numpy(np.ascontiguousarray(part)) for part in (found[0].astype(np.int64), found[1]))
        compute, width = network

        def batch_of(rows: npt.NDArray[np.int64]) -> MolBatch:
            count, length = len(rows), len(tokens)
            mask = torch.ones(count, length, dtype=torch.bool)
            for row, variant in enumerate(rows.tolist()):
                # CLS stands before the atoms.
                mask[row, [1 + atom for atom in hidden[variant]]] = False
            return MolBatch(
                tokens=tokens.repeat(count, 1),
                distances=distances.repeat(count, 1, 1),
                mask=mask,
                targets=torch.zeros(count, 0),
                target_mask=torch.zeros(count, 0, dtype=torch.bool),
                weights=torch.ones(count),
                index=from_numpy(rows),
                descriptors=None if descriptors is None else from_numpy(descriptors[rows]),
            ).to(self.device)

        result = np.full((len(hidden), width), np.nan)
        size = batch_size_for(len(tokens), MOST_TOGETHER)
        with torch.inference_mode():
            for start in range(0, len(hidden), size):
                tick(start / len(hidden))
                rows = np.arange(start, min(start + size, len(hidden)), dtype=np.int64)
                for part, values in within_memory(rows, batch_of, compute):
                    result[part] = values
        return result

    # From logits to contributions ------------------------------------------------------------------------------

    def _task(self, place: int, outputs: Floats, logits: Floats, table: Mapping[str, Any]) -> TaskExplanation:
        task = self.columns.tasks[place]
        columns = OutputLayout(self.columns.tasks).columns[place]
        if task.kind is TaskKind.REGRESSION:
            scale = self.columns.scaler.scales[place]
            contributions = _differences(outputs[:, columns.start], logits[:, columns.start], scale)
            ends = (table.get(f"{task.name}_{end}", [math.nan])[0] for end in ("lower", "upper"))
            lower, upper = (float(end) for end in ends)
            name = LOG10 if scale is not None and scale.transform == LOG10 else ""
            value, label, least = float(outputs[0, columns.start]), "", _least_reach(scale)
        else:
            column, label = _class_column(task, outputs[0, columns])
            shown = outputs[:, columns.start + column]
            contributions, value, least = shown[0] - shown[1:], float(shown[0]), LEAST_PROBABILITY
            lower, upper, name = math.nan, math.nan, ""
        reach = max(least, float(np.abs(contributions).max(initial=0.0)))
        return TaskExplanation(task, value, tuple(contributions.tolist()), reach, name, lower, upper, label)


def _notes(item: Standardised) -> tuple[str, ...]:
    """Return what clean-up did, as a sentence, where it did something."""
    reasons = "; ".join(finding.reason for finding in item.findings if finding.step)
    return (f"The model read '{item.smiles}': {reasons}.",) if reasons else ()


def _of_elements(unseen: Sequence[str]) -> tuple[str, ...]:
    """Say, in a sentence, which elements the model knows nothing about."""
    return (f"No training molecule has {', '.join(unseen)}: take the prediction as a guess.",) if unseen else ()


def _variants(mol: Chem.Mol) -> tuple[list[tuple[int, ...]], npt.NDArray[np.int64]]:
    """Return which atoms are hidden in each variant, and the variants of the whole molecule and of each atom.

    Atoms that stand alike in the molecule (both ortho positions of a phenyl ring) share a variant.
    """
    ranks = list(canonical_ranks(mol))
    first = {rank: ranks.index(rank) for rank in ranks}
    order = {rank: number for number, rank in enumerate(first, start=1)}
    rows = np.array([0, *(order[rank] for rank in ranks)], dtype=np.int64)
    return [(), *((atom,) for atom in first.values())], rows


def _descriptors(mol: Chem.Mol, hidden: Sequence[tuple[int, ...]], names: Sequence[str], tick: Tick) -> Table:
    """Return (len(hidden), D) descriptors of the molecule with atoms blanked; NaN where one cannot be computed."""
    table = np.empty((len(hidden), len(names)), dtype=np.float32)
    for row, atoms in enumerate(hidden):
        tick(row / len(hidden))
        table[row] = descriptor_row(mol, names, atoms)
    return table


def _differences(values: Floats, logits: Floats, scale: TaskScale | None) -> Floats:
    """Return prediction minus prediction with an atom hidden: in the unit, or of log10 where that was learnt."""
    if scale is not None and scale.transform in ("none", LOG10):
        # From what the network says, before 32-bit rounding of large values.
        return np.asarray((logits[0] - logits[1:]) * scale.std)
    return np.asarray(values[0] - values[1:])


def _least_reach(scale: TaskScale | None) -> float:
    if scale is None:
        return 1e-6
    if scale.transform in ("none", LOG10):
        return LEAST_REACH * scale.std
    ends = scale.inverse(np.array([-LEAST_REACH / 2, LEAST_REACH / 2]))
    return float(ends[1] - ends[0])


def _class_column(task: TaskSpec, probabilities: Floats) -> tuple[int, str]:
    """Return the output whose probability is explained, and its class: the positive one of two, else the likeliest."""
    if task.kind is TaskKind.CLASSIFICATION:
        return 0, (task.classes or ("0", "1"))[-1]
    best = int(np.argmax(probabilities))
    return best, task.classes[best]


def explain_all(
    explainer: Explainer,
    smiles: Sequence[str],
    task: str | None,
    curation: CurationConfig,
    on_progress: ProgressHandler | None = None,
) -> list[Explanation]:
    """Explain molecules one after the other; see `LoadedModel.explain`.

    Parameters
    ----------
    curation
        The clean-up of the training molecules, which these go through as well.
    """
    places = explainer.tasks(task)
    found = []
    for number, (given, item) in enumerate(zip(smiles, cleaned(smiles, curation), strict=True)):

        def tick(share: float, number: int = number) -> None:
            report(on_progress, STAGE, round(_STEPS * (number + share)), _STEPS * len(smiles))

        found.append(explainer.explain(given, item, places, tick))
    report(on_progress, STAGE, _STEPS * len(smiles), _STEPS * len(smiles))
    return found
