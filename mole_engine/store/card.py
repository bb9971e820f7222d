"""The card of a model: all that prediction, a colleague or a program needs to know about the weights beside it."""

from __future__ import annotations

import base64
import binascii
import math
import zlib
from dataclasses import asdict, dataclass, field, fields
from typing import Any

import numpy as np
import numpy.typing as npt

from mole_engine.contracts.config import TrainConfig
from mole_engine.contracts.dataset import TaskSpec

FORMAT_VERSION = 4
"""Newest format that this version reads: 2 has blends, 3 descriptors of solvation behind RDKit's, 4 packed trees.

Models are written in the oldest format that holds them, for older versions to read: single networks without
descriptors as 1, other models without simple ones as 3.
"""

SINGLE_FORMAT, DESCRIBED_FORMAT = 1, 3
PROGRAM = "mole-studio"
"""Under which the versions of a card name the program itself."""

FINGERPRINT_BYTES = 256
_MAX_FINGERPRINTS = FINGERPRINT_BYTES << 20
"""Bytes of a million molecules; what unpacks to more was made to fill the memory."""


@dataclass(frozen=True, slots=True)
class Difficulty:
    """How the expected error of a molecule follows from what is known of it beforehand.

    Its logarithm, beside the typical molecule's, is
    `constant + distance * (1 - similarity) + disagreement * log(spread + 0.01)`.

    Attributes
    ----------
    constant, distance, disagreement
        See above; the slopes are not negative. `similarity` is that to the nearest training molecule (Tanimoto, ECFP4),
        `spread` the weighted standard deviation of a blend's models in the scaled space.
    """

    constant: float
    distance: float
    disagreement: float


@dataclass(frozen=True, slots=True)
class TaskUncertainty:
    """How far off the model was on the validation molecules, for one task.

    Attributes
    ----------
    half_width
        Of numbers: half width of the 90% interval of a typical molecule in the scaled space (split conformal); NaN
        where there were too few molecules.
    std
        Of numbers: standard deviation of the residuals in the scaled space, likewise.
    count
        Labelled validation molecules behind it all.
    difficulty
        What makes an interval wider or narrower than the typical one; None: all are equally wide.
    least
        Of classes: for each, the probability below which it is ruled out, as 9 in 10 of its validation molecules got
        more. Empty where there were too few of any.
    """

    half_width: float = math.nan
    std: float = math.nan
    count: int = 0
    difficulty: Difficulty | None = None
    least: tuple[float, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as a JSON-able dictionary."""
        own: dict[str, Any] = {} if self.difficulty is None else {"difficulty": asdict(self.difficulty)}
        if self.least:
            own["least"] = list(self.least)
        return {"half_width": _number(self.half_width), "std": _number(self.std), "count": self.count, **own}

    @classmethod
    def from_dict(cls, content: dict[str, Any]) -> TaskUncertainty:
        """Rebuild what `to_dict` wrote. Raises TypeError or ValueError for anything else."""
        known = content.get("difficulty")
        difficulty = None if known is None else Difficulty(**{name: float(value) for name, value in known.items()})
        widths = (_float(content.get("half_width")), _float(content.get("std")))
        least = tuple(float(value) for value in content.get("least") or ())
        return cls(*widths, int(content.get("count", 0)), difficulty, least)


@dataclass(frozen=True, slots=True)
class DomainReference:
    """The training molecules as fingerprints, to tell whether a new molecule resembles them.

    Attributes
    ----------
    threshold
        A molecule whose nearest similarity is at least this counts as inside the domain.
    fingerprints
        (n, 256) uint8, packed ECFP4 of the training molecules, or of a sample of a large set.
    molecules
        How many training molecules there were.
    elements
        All that training molecules have, as symbols; None of a model from before they were written down.
    """

    threshold: float
    fingerprints: npt.NDArray[np.uint8]
    molecules: int
    elements: frozenset[str] | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as a JSON-able dictionary (the fingerprints compressed, base64)."""
        packed = zlib.compress(np.ascontiguousarray(self.fingerprints).tobytes(), 6)
        return {
            "threshold": self.threshold,
            "molecules": self.molecules,
            "kind": "ECFP4, 2048 bits, Tanimoto",
            "fingerprints": base64.b64encode(packed).decode("ascii"),
            **({} if self.elements is None else {"elements": sorted(self.elements)}),
        }

    @classmethod
    def from_dict(cls, content: dict[str, Any]) -> DomainReference:
        """Rebuild what `to_dict` wrote. Raises ValueError."""
        try:
            unpacking = zlib.decompressobj()
            raw = unpacking.decompress(base64.b64decode(content["fingerprints"], validate=True), _MAX_FINGERPRINTS)
        except (binascii.Error, zlib.error) as error:
            raise ValueError("the fingerprints cannot be decoded") from error
        if not unpacking.eof:
            raise ValueError("the fingerprints are cut off, or too many")
        fingerprints = np.frombuffer(raw, dtype=np.uint8).reshape(-1, FINGERPRINT_BYTES)
        elements = content.get("elements")
        known = None if elements is None else frozenset(map(str, elements))
        return cls(float(content["threshold"]), fingerprints, int(content["molecules"]), known)


@dataclass(frozen=True, slots=True)
class ModelCard:
    """What a bundle says about itself; JSON-able through `to_dict`.

    Attributes
    ----------
    config
        The job, with file names instead of paths (a model is sent to others). `model.vocabulary_size`, `outputs` and
        `descriptor_size` are filled in, so that the network can be built from it.
    tasks
        What is predicted, in the order of the outputs; empty for an encoder without a head.
    scaler, vocabulary
        `TargetScaler.to_dict()` and `Vocabulary.to_dict()`.
    data
        "name", "sha256", "rows" of the training file and "smiles_column".
    split
        "method", "counts" (train, val, test) and "overlap" in words.
    metrics, validation_metrics
        In the user's units.
    uncertainty
        By task name; empty where there was no validation set.
    domain
        None where the training molecules are not known.
    versions
        Of the program and of what computed the weights.
    blend
        Of several networks and simple models: "networks" (how many), "weights" by name, and "metrics" by name on the
        molecules that were left out; empty for a single network.
    """

    name: str
    created: float
    config: dict[str, Any]
    tasks: tuple[TaskSpec, ...]
    scaler: dict[str, Any]
    vocabulary: dict[str, Any]
    data: dict[str, Any] = field(default_factory=dict)
    split: dict[str, Any] = field(default_factory=dict)
    metrics: dict[str, float] = field(default_factory=dict)
    validation_metrics: dict[str, float] = field(default_factory=dict)
    uncertainty: dict[str, TaskUncertainty] = field(default_factory=dict)
    domain: DomainReference | None = None
    versions: dict[str, str] = field(default_factory=dict)
    parameters: int = 0
    best_epoch: int = 0
    run_id: str = ""
    notes: tuple[str, ...] = ()
    blend: dict[str, Any] = field(default_factory=dict)
    format_version: int = SINGLE_FORMAT

    def train_config(self, file: str = "") -> TrainConfig:
        """Return the configuration of the job.

        Parameters
        ----------
        file
            Name of the file that the card stands in, for the user.

        Raises
        ------
        InputError
            When it has settings that this version does not know.
        """
        return TrainConfig.recorded(self.config, file or f"The model '{self.name}'", maker(self.versions))

    def to_dict(self) -> dict[str, Any]:
        """Return the card as a JSON-able dictionary."""
        content = {item.name: getattr(self, item.name) for item in fields(self)}
        content["tasks"] = [task.to_dict() for task in self.tasks]
        content["uncertainty"] = {name: value.to_dict() for name, value in self.uncertainty.items()}
        content["domain"] = self.domain.to_dict() if self.domain is not None else None
        content["notes"] = list(self.notes)
        for name in ("metrics", "validation_metrics"):
            content[name] = {key: _number(value) for key, value in content[name].items()}
        return content

    @classmethod
    def from_dict(cls, content: dict[str, Any]) -> ModelCard:
        """Rebuild a card that `to_dict` wrote; unknown fields are left aside.

        Raises
        ------
        ValueError, KeyError, TypeError, AttributeError
            When the content is not a card.
        """
        known = {item.name: content[item.name] for item in fields(cls) if item.name in content}
        known["tasks"] = tuple(TaskSpec.from_dict(task) for task in content["tasks"])
        known["uncertainty"] = {
            str(name): TaskUncertainty.from_dict(value) for name, value in (content.get("uncertainty") or {}).items()
        }
        domain = content.get("domain")
        known["domain"] = DomainReference.from_dict(domain) if domain else None
        known["notes"] = tuple(str(note) for note in content.get("notes") or ())
        for name in ("metrics", "validation_metrics"):
            known[name] = {key: _float(value) for key, value in (content.get(name) or {}).items()}
        for name in ("config", "scaler", "vocabulary"):
            if not isinstance(known[name], dict):
                raise TypeError(f"'{name}' is not an object")
        return cls(**known)


def maker(versions: Any) -> str:
    """Return which version of the program has written a card that has these `versions`; "" where it does not say."""
    return str(versions.get(PROGRAM, "")) if isinstance(versions, dict) else ""


def portable_config(config: TrainConfig) -> dict[str, Any]:
    """Return the configuration as it may be sent to others: file names instead of paths, no workspace."""
    content = config.to_dict()
    content["out"] = content["workspace"] = ""
    for key in ("path", "validation_path", "test_path"):
        content["data"][key] = _file_name(content["data"][key])
    content["data"]["extra_paths"] = [_file_name(path) for path in content["data"]["extra_paths"]]
    content["init"] = _file_name(content["init"])
    content["model"]["vocabulary"] = _file_name(content["model"]["vocabulary"])
    return content


def _file_name(path: str) -> str:
    return path.replace("\\", "/").rsplit("/", 1)[-1]


def _number(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def _float(value: Any) -> float:
    return math.nan if value is None else float(value)
