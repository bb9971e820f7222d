"""A first look at the molecules of a pretraining job: which environments there are, and how labels are distributed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from rdkit.Chem import Mol

from mole_engine.chem.descriptors import compute_descriptors, quick_rdkit_descriptor_names
from mole_engine.chem.environments import atom_environments
from mole_engine.chem.molecules import UnreadableMolecule, parse_smiles
from mole_engine.contracts.errors import InputError
from mole_engine.contracts.events import ProgressHandler
from mole_engine.contracts.pretrain_config import PretrainConfig
from mole_engine.contracts.wording import counted, counted_of
from mole_engine.data.pretraining_labels import LabelTable, PretrainingTask
from mole_engine.data.smiles_stream import Block, SmilesStream

STAGE = "Looking at the molecules"
_DESCRIPTOR_SAMPLE = 2000
_BLOCK = 2000
_FEWEST_ROWS = 10
_SHARED = 0.98

NO_LIMIT = 10_000
"""Heavy atoms; no molecule that is read at all has more."""


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
    max_heavy_atoms
        Molecules with more are passed over.
    looked_at, unusable, example
        Rows that were looked at, how many of them are passed over, and why the first of them is.
    """

    rows: int
    environments: tuple[int, ...] = ()
    coverage: float = 0.0
    tasks: tuple[PretrainingTask, ...] = ()
    descriptor_names: tuple[str, ...] = field(default=(), repr=False)
    descriptor_mean: tuple[float, ...] = field(default=(), repr=False)
    descriptor_std: tuple[float, ...] = field(default=(), repr=False)
    max_heavy_atoms: int = NO_LIMIT
    looked_at: int = 0
    unusable: int = 0
    example: str = ""

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
            # Jobs that began before there was a limit go on without one.
            max_heavy_atoms=int(fields.get("max_heavy_atoms", NO_LIMIT)),
            looked_at=int(fields.get("looked_at", 0)),
            unusable=int(fields.get("unusable", 0)),
            example=str(fields.get("example", "")),
        )

    @property
    def passed_over(self) -> str:
        """What is passed over, in words; empty where nothing is."""
        if not self.unusable:
            return ""
        where = "" if self.looked_at == self.rows else "Among those looked at first, "
        return f"{where}{counted_of(self.unusable, self.looked_at, 'row', 'is', 'are')} passed over ({self.example})."


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
    found = _Found(objectives.radius, config.data.max_heavy_atoms)
    targets: list[npt.NDArray[np.float32]] = []
    for block in stream.blocks(_BLOCK):
        if on_progress is not None:
            on_progress(STAGE, min(block.start, seen), seen)
        targets.append(block.targets)
        found.add(block)
        if block.start + len(block) >= seen:
            break
    if not found.sample:
        raise InputError(
            f"{stream.path.name}: no structure in column '{stream.smiles_column}' can be used:", f"{found.example}.", ""
        )
    common = found.counts.most_common(objectives.environments)
    names, mean, deviation = _descriptor_statistics(found.sample) if objectives.descriptors else ((), (), ())
    return Survey(
        rows=rows,
        environments=tuple(identifier for identifier, _ in common),
        coverage=sum(count for _, count in common) / max(1, found.counts.total()),
        tasks=_tasks(config, stream, labels, np.concatenate(targets)),
        descriptor_names=names,
        descriptor_mean=mean,
        descriptor_std=deviation,
        max_heavy_atoms=config.data.max_heavy_atoms,
        looked_at=found.rows,
        unusable=found.unusable,
        example=found.example,
    )


def molecule_to_learn(text: str, max_heavy_atoms: int) -> Mol:
    """Return a molecule that is learnt from. Raises UnreadableMolecule, with the reason, for one that is passed over.

    A molecule of thousands of atoms would take the memory and time of thousands of others: its distances and the
    attention among its atoms grow with the square.
    """
    mol = parse_smiles(text)
    heavy = mol.GetNumHeavyAtoms()
    if heavy > max_heavy_atoms:
        raise UnreadableMolecule(f"it has {heavy} heavy atoms, more than {max_heavy_atoms}")
    return mol


class _Found:
    """Adds up what the molecules of blocks have, and which are passed over."""

    def __init__(self, radius: int, max_heavy_atoms: int) -> None:
        self._radius, self._max_heavy_atoms = radius, max_heavy_atoms
        self.counts: Counter[int] = Counter()
        self.sample: list[str] = []
        self.rows = 0
        self.unusable = 0
        self.example = ""

    def add(self, block: Block) -> None:
        for row, text in enumerate(block.smiles, start=block.start + 1):
            try:
                mol = molecule_to_learn(text, self._max_heavy_atoms)
            except UnreadableMolecule as reason:
                self.unusable += 1
                self.example = self.example or f"row {row}: {reason}"
                continue
            self.counts.update(atom_environments(mol, self._radius).tolist())
            if len(self.sample) < _DESCRIPTOR_SAMPLE:
                self.sample.append(text)
        self.rows += len(block)


def _tasks(
    config: PretrainConfig, stream: SmilesStream, labels: LabelTable | None, targets: npt.NDArray[np.float32]
) -> tuple[PretrainingTask, ...]:
    if not config.objectives.tasks:
        return ()
    for name, labels_seen in zip(stream.targets, targets.T, strict=True):
        if np.isnan(labels_seen).all():
            raise InputError(
                f"The target '{name}' is empty:",
                f"none of the first {counted(len(targets), 'row')} has a value in it.",
                "Leave it out, or look at more rows (data.survey_molecules).",
            )
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
