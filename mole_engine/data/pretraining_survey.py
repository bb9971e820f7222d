"""A first look at the molecules of a pretraining job: which environments there are, and how labels are distributed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from mole_engine.chem.descriptors import compute_descriptors, quick_rdkit_descriptor_names
from mole_engine.chem.environments import atom_environments
from mole_engine.chem.molecules import UnreadableMolecule, parse_smiles
from mole_engine.contracts.errors import InputError
from mole_engine.contracts.events import ProgressHandler
from mole_engine.contracts.pretrain_config import PretrainConfig
from mole_engine.data.pretraining_labels import LabelTable, PretrainingTask
from mole_engine.data.smiles_stream import SmilesStream

STAGE = "Looking at the molecules"
_DESCRIPTOR_SAMPLE = 2000
_BLOCK = 2000
_FEWEST_ROWS = 10
_SHARED = 0.98


@dataclass(frozen=True)
class Survey:
    """What must be known before pretraining starts, and stays the same when it is resumed.

    Attributes
    ----------
    rows
        Rows of the file.
    environments
        Morgan identifiers of the environments that are told apart, most frequent first.
    coverage
        Part of the atoms seen whose environment is among them.
    tasks
        The supervised tasks, in order.
    descriptor_names
        RDKit's descriptors that are learnt: the quick ones that tell molecules apart; empty where none is.
    descriptor_mean, descriptor_std
        (D) their mean and standard deviation.
    """

    rows: int
    environments: tuple[int, ...] = ()
    coverage: float = 0.0
    tasks: tuple[PretrainingTask, ...] = ()
    descriptor_names: tuple[str, ...] = field(default=(), repr=False)
    descriptor_mean: tuple[float, ...] = field(default=(), repr=False)
    descriptor_std: tuple[float, ...] = field(default=(), repr=False)

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as a JSON-able dictionary."""
        return asdict(self)

    @classmethod
    def from_dict(cls, fields: dict[str, Any]) -> Self:
        """Rebuild what `to_dict` wrote. Raises TypeError or KeyError for anything else."""
        return cls(
            rows=int(fields["rows"]),
            environments=tuple(fields["environments"]),
            coverage=float(fields["coverage"]),
            tasks=tuple(PretrainingTask(**task) for task in fields["tasks"]),
            descriptor_names=tuple(fields["descriptor_names"]),
            descriptor_mean=tuple(fields["descriptor_mean"]),
            descriptor_std=tuple(fields["descriptor_std"]),
        )


def validation_rows(rows: int, wanted: int) -> int:
    """Return how many first rows of a file only judge: as many as wanted, or a tenth of a file that is too short."""
    return wanted if rows > wanted else max(1, rows // 10)


def take_survey(
    config: PretrainConfig,
    stream: SmilesStream,
    labels: LabelTable | None,
    on_progress: ProgressHandler | None = None,
) -> Survey:
    """Go through the first molecules of a file.

    Raises
    ------
    InputError
        When the file is too short, no molecule is readable, or tasks are to be learnt and there are none.
    """
    objectives = config.objectives
    rows = stream.rows()
    if rows < _FEWEST_ROWS:
        raise InputError(
            f"{stream.path.name} has too few molecules:",
            f"{rows}, and at least {_FEWEST_ROWS} are needed.",
            "Give a longer file.",
        )
    seen = min(rows, config.data.survey_molecules)
    counts: Counter[int] = Counter()
    targets: list[npt.NDArray[np.float32]] = []
    readable: list[str] = []
    for block in stream.blocks(_BLOCK):
        if on_progress is not None:
            on_progress(STAGE, min(block.start, seen), seen)
        targets.append(block.targets)
        readable += _count(block.smiles, objectives.radius, counts)[: _DESCRIPTOR_SAMPLE - len(readable)]
        if block.start + len(block) >= seen:
            break
    if not readable:
        raise InputError(f"{stream.path.name}: no structure in column '{stream.smiles_column}' can be read.", "", "")
    common = counts.most_common(objectives.environments)
    names, mean, deviation = _descriptor_statistics(readable) if objectives.descriptors else ((), (), ())
    return Survey(
        rows=rows,
        environments=tuple(identifier for identifier, _ in common),
        coverage=sum(count for _, count in common) / max(1, counts.total()),
        tasks=_tasks(config, stream, labels, np.concatenate(targets)),
        descriptor_names=names,
        descriptor_mean=mean,
        descriptor_std=deviation,
    )


def _count(smiles: Sequence[str], radius: int, counts: Counter[int]) -> list[str]:
    """Add up the environments of readable molecules; return those molecules."""
    readable = []
    for text in smiles:
        try:
            mol = parse_smiles(text)
        except UnreadableMolecule:
            continue
        counts.update(atom_environments(mol, radius).tolist())
        readable.append(text)
    return readable


def _tasks(
    config: PretrainConfig, stream: SmilesStream, labels: LabelTable | None, targets: npt.NDArray[np.float32]
) -> tuple[PretrainingTask, ...]:
    if not config.objectives.tasks:
        return ()
    own = [PretrainingTask.of_values(name, targets[:, place]) for place, name in enumerate(stream.targets)]
    found = (*own, *(labels.tasks if labels is not None else ()))
    if not found:
        raise InputError(
            "There are no tasks to learn:", "no labels were named.", "Give --targets or --labels, or set tasks to 0."
        )
    return found


def _descriptor_statistics(smiles: Sequence[str]) -> tuple[tuple[str, ...], tuple[float, ...], tuple[float, ...]]:
    """Return names, means and deviations of the descriptors that differ among the molecules."""
    values = compute_descriptors(smiles, names=quick_rdkit_descriptor_names()).astype(np.float64)
    known = np.isfinite(values)
    count = np.maximum(1, known.sum(axis=0))
    mean = np.where(known, values, 0.0).sum(axis=0) / count
    deviation = np.sqrt((np.where(known, values - mean, 0.0) ** 2).sum(axis=0) / count)
    # One that nearly all molecules share would be learnt from its few exceptions, at huge standardised values.
    kept = [place for place in range(len(mean)) if known[:, place].any() and _shared(values[:, place]) < _SHARED]
    names = tuple(quick_rdkit_descriptor_names()[place] for place in kept)
    return names, tuple(mean[kept].tolist()), tuple(np.maximum(deviation[kept], 1e-12).tolist())


def _shared(values: npt.NDArray[np.float64]) -> float:
    """Return the part of the molecules that have the most frequent value."""
    _, counts = np.unique(values[np.isfinite(values)], return_counts=True)
    return float(counts.max() / counts.sum())
