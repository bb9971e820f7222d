"""A weighted average of networks and simple models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import special

from mole_engine.chem.descriptors import quick_descriptor_names, quick_descriptors_digest, quick_rdkit_descriptor_names
from mole_engine.contracts.dataset import TaskKind, TaskSpec
from mole_engine.training.outputs import OutputLayout
from mole_engine.training.parts import DESCRIPTORS, PARTS, SMALLEST, Part, Tables, part_from_arrays

Arrays = dict[str, npt.NDArray[Any]]
Floats = npt.NDArray[np.float64]

NETWORK, TUNED = "network", "tuned"
NETWORKS = (NETWORK, TUNED)
"""Networks as they are, or those with a fixed encoder; and beside the latter, those whose encoder has learnt."""

LEAST = 0.01
"""Weights below this count for nothing."""

TITLES = {NETWORK: "Network", TUNED: "Fine-tuned network", **PARTS}


@dataclass(frozen=True)
class Blend:
    """What stands beside the network, and what weighs how much.

    Attributes
    ----------
    tasks
        What is predicted.
    weights
        By name, networks first; not negative, 1 in all.
    parts
        The simple models by name.
    metrics
        By name, how well each predicted the molecules that were left out.
    descriptors
        How many columns of the table of descriptors the parts know; there may be further ones by now.
    """

    tasks: tuple[TaskSpec, ...]
    weights: dict[str, float]
    parts: dict[str, Part] = field(default_factory=dict)
    metrics: dict[str, dict[str, float]] = field(default_factory=dict)
    descriptors: int = field(default_factory=lambda: len(quick_descriptor_names()))

    def values(self, networks: Mapping[str, Floats], tables: Tables) -> dict[str, Floats]:
        """Return what each model says, (n, outputs) by name, of molecules with these tables.

        Parameters
        ----------
        networks
            The networks' values by name.
        tables
            What the simple models read.
        """
        own = {name: networks[name] for name in NETWORKS if name in self.weights}
        if DESCRIPTORS in tables:
            tables = {**tables, DESCRIPTORS: tables[DESCRIPTORS][:, : self.descriptors]}
        return own | {name: part.predict(tables) for name, part in self.parts.items()}

    def combine(self, values: Mapping[str, Floats]) -> Floats:
        """Return the weighted mean, (n, outputs), of what each model says."""
        return np.asarray(sum(weight * values[name] for name, weight in self.weights.items()))

    def spread(self, values: Mapping[str, Floats]) -> Floats:
        """Return how much the models disagree: (n, outputs) weighted standard deviation around their mean."""
        mean = self.combine(values)
        return np.sqrt(sum(weight * (values[name] - mean) ** 2 for name, weight in self.weights.items()))

    def to_arrays(self) -> Arrays:
        """Return the parts as arrays by name."""
        return {key: value for name, part in self.parts.items() for key, value in part.to_arrays(f"{name}.").items()}

    def to_dict(self) -> dict[str, Any]:
        """Return what is no array, JSON-able."""
        finite = {
            name: {key: value for key, value in values.items() if np.isfinite(value)}
            for name, values in self.metrics.items()
        }
        columns = {"descriptors": self.descriptors, "columns": quick_descriptors_digest(self.descriptors)}
        return {"weights": dict(self.weights), "metrics": finite, **columns}

    @classmethod
    def load(
        cls, content: Mapping[str, Any], arrays: Mapping[str, npt.NDArray[Any]], tasks: Sequence[TaskSpec]
    ) -> Blend:
        """Rebuild from `to_dict` and `to_arrays`.

        Raises
        ------
        ValueError, KeyError
            When something is missing, or a part is not known.
        """
        weights = {str(name): float(value) for name, value in content["weights"].items()}
        names = [name for name in weights if name not in NETWORKS]
        if not set(names) <= set(PARTS) or NETWORK not in weights:
            raise ValueError("its blend has parts that are not known")
        parts = {name: part_from_arrays(name, arrays, f"{name}.", tasks) for name in names}
        # Models of format 2 say nothing: they know RDKit's.
        known = int(content.get("descriptors", len(quick_rdkit_descriptor_names())))
        return cls(tuple(tasks), weights, parts, dict(content.get("metrics") or {}), known)


def in_words(weights: Mapping[str, float]) -> str:
    """Return shares as a sentence has them: "network 60%, Gaussian process 40%"; none below 1%."""
    counting = {name: weight for name, weight in weights.items() if weight >= LEAST}
    # A name keeps its capital.
    titles = {name: TITLES[name] if TITLES[name].startswith("Gaussian") else TITLES[name].lower() for name in counting}
    return ", ".join(f"{titles[name]} {weight:.0%}" for name, weight in counting.items())


def to_values(logits: Floats, tasks: Sequence[TaskSpec]) -> Floats:
    """Return what is averaged: regression as it is (scaled), probabilities for classes."""
    values = logits.copy()
    for task, columns in zip(tasks, OutputLayout(tasks).columns, strict=True):
        if task.kind is TaskKind.CLASSIFICATION:
            values[:, columns] = special.expit(logits[:, columns])
        elif task.kind is TaskKind.MULTICLASS:
            values[:, columns] = special.softmax(logits[:, columns], axis=1)
    return values


def to_logits(values: Floats, tasks: Sequence[TaskSpec]) -> Floats:
    """Undo `to_values`, so that averages are read out like a network's logits."""
    logits = values.copy()
    for task, columns in zip(tasks, OutputLayout(tasks).columns, strict=True):
        safe = values[:, columns].clip(SMALLEST, 1 - SMALLEST)
        if task.kind is TaskKind.CLASSIFICATION:
            logits[:, columns] = special.logit(safe)
        elif task.kind is TaskKind.MULTICLASS:
            logits[:, columns] = np.log(safe)
    return logits
