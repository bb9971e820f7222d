"""The columns of a prediction table: the same in Python, in files and in the window."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from mole_engine.contracts.dataset import TaskKind, TaskSpec
from mole_engine.contracts.errors import InputError
from mole_engine.contracts.records import SET_SEPARATOR
from mole_engine.data.scaling import TargetScaler
from mole_engine.inference.difficulty import factors
from mole_engine.inference.uncertainty import both_classes, class_sets, deviation, interval
from mole_engine.store.card import ModelCard, TaskUncertainty

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class PredictionColumns:
    """Turns outputs of the network into the columns a user reads.

    Attributes
    ----------
    tasks, scaler, uncertainty
        As in the model's card.
    has_domain
        Whether the card knows the training molecules.
    """

    tasks: tuple[TaskSpec, ...]
    scaler: TargetScaler
    uncertainty: dict[str, TaskUncertainty]
    has_domain: bool

    @classmethod
    def of_card(cls, card: ModelCard) -> PredictionColumns:
        """Return the columns that a model with this card writes. Raises InputError."""
        try:
            scaler = TargetScaler.from_dict(card.scaler)
        except (KeyError, TypeError, AttributeError) as error:
            raise InputError(f"'{card.name}' is damaged:", "its scaling of targets cannot be read.") from error
        if len(scaler.scales) != len(card.tasks):
            raise InputError(f"'{card.name}' is damaged:", "its scaling is not that of its targets.")
        return cls(card.tasks, scaler, card.uncertainty, card.domain is not None)

    def values(
        self, outputs: Floats, logits: Floats, similarity: Floats | None = None, spread: Floats | None = None
    ) -> dict[str, Any]:
        """Return the tasks' columns.

        Parameters
        ----------
        outputs, logits
            (n, outputs) in the user's units or as probabilities, and as the network gives them (regression in the
            scaled space); rows of NaN where there is no prediction.
        similarity
            (n,) nearest similarity to the training molecules, NaN where unknown; None without a domain.
        spread
            (n, outputs) disagreement of a blend's models; None for a single model.
        """
        columns: dict[str, Any] = {}
        start = 0
        for place, task in enumerate(self.tasks):
            part = outputs[:, start : start + task.outputs]
            if task.kind is TaskKind.REGRESSION:
                apart = None if spread is None else spread[:, start]
                columns.update(self._number(task, place, part[:, 0], logits[:, start], similarity, apart))
            elif task.kind is TaskKind.CLASSIFICATION:
                columns[f"{task.name}_pred"] = part[:, 0]
                columns.update(self._class(task, both_classes(part[:, 0]), (part[:, 0] >= 0.5).astype(np.int64)))
            else:
                columns.update({f"{task.name}_prob_{label}": part[:, k] for k, label in enumerate(task.classes)})
                columns.update(self._class(task, part, np.nan_to_num(part).argmax(axis=1)))
            start += task.outputs
        return columns

    def units(self) -> dict[str, str]:
        """Return the unit of each column that has one."""
        units = {}
        for task in self.tasks:
            if task.kind is TaskKind.REGRESSION and task.unit:
                units.update({f"{task.name}{suffix}": task.unit for suffix in ("_pred", "_std", "_lower", "_upper")})
        return units

    def names(self) -> list[str]:
        """Return all columns in their order."""
        nothing = np.zeros((0, sum(task.outputs for task in self.tasks)))
        own = list(self.values(nothing, nothing))
        return own + (["in_domain", "nearest_similarity"] if self.has_domain else []) + ["error"]

    def frame(
        self,
        outputs: Floats,
        logits: Floats,
        similarity: Floats | None,
        inside: npt.NDArray[np.bool_] | None,
        errors: Sequence[str],
        spread: Floats | None = None,
    ) -> pd.DataFrame:
        """Return the whole table, one row an input.

        Parameters
        ----------
        outputs, logits, similarity, spread
            See `values`.
        inside
            (n,) whether a molecule lies in the domain; None where similarities are not known.
        errors
            Why a row has no prediction; "" where it has one.
        """
        columns = self.values(outputs, logits, similarity, spread)
        if self.has_domain and similarity is not None and inside is not None:
            known = pd.array(inside, dtype="boolean")
            known[np.isnan(similarity)] = pd.NA
            columns["in_domain"] = known
            columns["nearest_similarity"] = similarity
        # Of texts also where there is no row.
        columns["error"] = pd.Series(list(errors), dtype="str")
        frame = pd.DataFrame(columns)
        frame.attrs["units"] = self.units()
        return frame

    def _number(
        self,
        task: TaskSpec,
        place: int,
        values: Floats,
        scaled: Floats,
        similarity: Floats | None,
        spread: Floats | None,
    ) -> dict[str, Floats]:
        columns = {f"{task.name}_pred": values}
        known, scale = self.uncertainty.get(task.name), self.scaler.scales[place]
        if known is None or scale is None:
            return columns
        times = factors(known.difficulty, similarity, spread, len(scaled))
        if not math.isnan(known.std):
            columns[f"{task.name}_std"] = deviation(scaled, scale, known, times)
        if not math.isnan(known.half_width):
            columns[f"{task.name}_lower"], columns[f"{task.name}_upper"] = interval(scaled, scale, known, times)
        return columns

    def _class(
        self, task: TaskSpec, probabilities: Floats, likely: npt.NDArray[np.int64]
    ) -> dict[str, list[str | None]]:
        names = list(task.classes) or ["0", "1"]
        columns = {f"{task.name}_class": _labels(likely, np.isnan(probabilities).any(axis=1), names)}
        known = self.uncertainty.get(task.name)
        # A name that holds what stands between names could not be told from two.
        if known is None or len(known.least) != len(names) or any(SET_SEPARATOR in name for name in names):
            return columns
        inside = class_sets(probabilities, known.least, likely)
        texts = [SET_SEPARATOR.join(name for name, is_in in zip(names, row, strict=True) if is_in) for row in inside]
        return {**columns, f"{task.name}_set": [text or None for text in texts]}


def _labels(chosen: Any, missing: Any, names: Sequence[str]) -> list[str | None]:
    return [None if gap else names[int(place)] for place, gap in zip(chosen, missing, strict=True)]
