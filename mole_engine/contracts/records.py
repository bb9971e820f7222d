"""What remains of a run."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from mole_engine.contracts.run_state import RunState


@dataclass(frozen=True, slots=True)
class RunRecord:
    """The result of `train`, and one row of the table of runs.

    Attributes
    ----------
    run_id, name
        Identifier (also the folder's name) and the title that a user reads.
    status
        Where the run ended.
    metrics
        Test metrics in the user's units ("rmse" mean over tasks, "rmse/<task>" one task).
    validation_metrics
        The same for the validation part, at the kept epoch.
    model_path, run_dir
        The `.mole` bundle ("" where there is none) and the run folder.
    created, seconds
        Start, seconds since the epoch (UTC); duration.
    best_epoch
        The epoch whose weights are kept; 0: not known, or several networks have their own.
    networks
        How many predict together; 0: not known.
    counts
        Molecules in "train", "val", "test".
    notes, tags, starred
        What the user has written about the run; kept beside it, never changed by the job.
    """

    run_id: str
    name: str
    status: RunState
    metrics: dict[str, float] = field(default_factory=dict)
    validation_metrics: dict[str, float] = field(default_factory=dict)
    model_path: str = ""
    run_dir: str = ""
    preset: str = ""
    data_name: str = ""
    created: float = 0.0
    seconds: float = 0.0
    best_epoch: int = 0
    epochs: int = 0
    networks: int = 0
    parameters: int = 0
    seed: int = 0
    device: str = ""
    counts: dict[str, int] = field(default_factory=dict)
    error: str = ""
    notes: str = ""
    tags: list[str] = field(default_factory=list)
    starred: bool = False

    def to_dict(self) -> dict[str, Any]:
        """Return the record as a JSON-able dictionary (NaN becomes None)."""
        fields = asdict(self)
        fields["status"] = self.status.value
        for name in ("metrics", "validation_metrics"):
            fields[name] = {key: value if math.isfinite(value) else None for key, value in fields[name].items()}
        return fields

    @classmethod
    def from_dict(cls, fields: dict[str, Any]) -> RunRecord:
        """Rebuild a record that `to_dict` wrote; unknown fields of a newer version are left aside."""
        known = {name: value for name, value in fields.items() if name in cls.__slots__}
        known["status"] = RunState(known["status"])
        for name in ("metrics", "validation_metrics"):
            values = known.get(name) or {}
            known[name] = {key: math.nan if value is None else float(value) for key, value in values.items()}
        return cls(**known)


def shown_metrics(
    test: Mapping[str, float], validation: Mapping[str, float], counts: Mapping[str, int]
) -> tuple[dict[str, float], str]:
    """Return the metrics that stand for a run or a model, and of which part they are: "test" or "validation".

    Without test molecules there is at least what the validation molecules said.

    Parameters
    ----------
    test, validation, counts
        As in `RunRecord`. Older runs without test molecules hold the validation metrics as test metrics.
    """
    if any(map(math.isfinite, test.values())):
        return dict(test), "test" if counts.get("test", 1) else "validation"
    if any(map(math.isfinite, validation.values())):
        return dict(validation), "validation"
    return dict(test), "test"


SET_SEPARATOR = " | "
"""Between the classes that a `<task>_set` names."""
