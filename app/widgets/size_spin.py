"""A spin box for sizes of any order: what is typed is what is kept, be it 0.0004 or 1e-13."""

from __future__ import annotations

import math
import re

from PySide6.QtGui import QValidator
from PySide6.QtWidgets import QDoubleSpinBox, QWidget

_DECIMALS = 323
"""As many as Qt allows: with fewer, it would round what it is given."""

_LARGEST = 1e300
_FIRST_STEP = 0.1
_BEGUN = re.compile(r"\d*\.?\d*(e[+-]?\d*)?", re.IGNORECASE)
"""What may become a number. No commas: whether 1,000 is one or a thousand depends on who writes it."""


class SizeSpin(QDoubleSpinBox):
    """Takes numbers from zero on and shows the fewest digits that say them; `special` stands for zero."""

    def __init__(self, special: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setDecimals(_DECIMALS)
        self.setRange(0, _LARGEST)
        self.setSpecialValueText(special)

    def textFromValue(self, value: float) -> str:  # noqa: N802 - Qt's name
        """Return the shortest text that reads as the same number: less would change it when the text is read again."""
        return repr(value).removesuffix(".0")

    def valueFromText(self, text: str) -> float:  # noqa: N802 - Qt's name
        """Return the number that was typed, zero for the special word."""
        found = _read(text)
        return 0.0 if found is None else found

    def validate(self, text: str, position: int) -> tuple[QValidator.State, str, int]:
        """Say whether a text is a number, or may become one."""
        found = _read(text)
        if text == self.specialValueText() or (found is not None and found <= self.maximum()):
            state = QValidator.State.Acceptable
        else:
            state = QValidator.State.Intermediate if _BEGUN.fullmatch(text.strip()) else QValidator.State.Invalid
        return state, text, position

    def stepBy(self, steps: int) -> None:  # noqa: N802 - Qt's name
        """Go on by a step as large as the number is: a tenth is nothing beside 1000 and everything beside 0.001."""
        step, value = _FIRST_STEP, self.value()
        if value:
            size = math.floor(math.log10(value))
            step = 10.0**size if value < _FIRST_STEP else max(_FIRST_STEP, 10.0 ** (size - 1))
        # Twelve digits: 0.1 + 0.2 is 0.3.
        self.setValue(float(f"{max(0.0, value + steps * step):.12g}"))
        self.selectAll()


def _read(text: str) -> float | None:
    """Return the number that a text says in full."""
    try:
        found = float(text.strip())
    except ValueError:
        return None
    return found if math.isfinite(found) and found >= 0 and _BEGUN.fullmatch(text.strip()) else None
