"""Predicted against measured: one point a molecule, its structure under the pointer."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtWidgets import QWidget

from app.text import fixed
from app.widgets.figures import places_for
from app.widgets.molecule_scatter import MoleculeScatter, ScatterPoint
from app.widgets.molecule_table import Depictions

_DESCRIPTION = "Predicted against measured values of the test molecules"


@dataclass(frozen=True, slots=True)
class ParityPoint:
    """One test molecule; `spread` is half the width of its 90% interval, NaN where unknown."""

    smiles: str
    measured: float
    predicted: float
    spread: float = math.nan
    remark: str = ""

    def words(self) -> str:
        """Return "measured 1.20 · predicted 3.30 ± 0.90"."""
        places = places_for([self.measured, self.predicted])
        spread = f" ± {fixed(self.spread, places)}" if math.isfinite(self.spread) else ""
        return f"measured {fixed(self.measured, places)} · predicted {fixed(self.predicted, places)}{spread}"


class ParityPlot(MoleculeScatter):
    """A perfect model would put all points on the diagonal."""

    def __init__(self, depictions: Depictions, parent: QWidget | None = None) -> None:
        super().__init__("parityPlot", _DESCRIPTION, depictions, "diagonal", parent)

    def show_points(self, points: Sequence[ParityPoint], unit: str = "") -> None:
        """Show other molecules."""
        places = [
            ScatterPoint(item.smiles, item.measured, item.predicted, item.words(), item.remark) for item in points
        ]
        words = f", {unit}" if unit else ""
        self.show_scatter(places, f"measured{words}", f"predicted{words}")
