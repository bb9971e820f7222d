"""One editor for one setting, made from its description in the configuration model."""

from __future__ import annotations

import math
import types
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, Union, get_args, get_origin

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtGui import QDoubleValidator, QFocusEvent, QWheelEvent
from PySide6.QtWidgets import QComboBox, QLineEdit, QSpinBox, QWidget

from app.widgets.basic import Switch
from app.widgets.file_drags import let_files_through
from mole_engine.contracts.settings import Section

TITLES = {
    "learning_rate": "Learning rate",
    "head_learning_rate": "Learning rate of the head",
    "adam_eps": "AdamW epsilon",
    "ema_decay": "EMA decay",
    "hidden_size": "Width",
    "heads": "Attention heads",
    "init": "Start from",
    "baselines": "Simple models to compare with",
    "kind": "Kind",
    "trees": "Blend with simple models",
    "name": "Title",
    "layer_norm_eps": "Layer norm epsilon",
    "num_nodes": "Nodes",
    "keep": "Epoch to keep",
    "smiles_column": "Structure column",
    "molar_log": "Molar logarithm",
    "decimal": "Decimal mark",
}
"""Titles of fields whose names alone would not do."""

_LARGEST_INT = 2**31 - 1


@dataclass(frozen=True, slots=True)
class FieldSpec:
    """A setting as the form needs it; everything comes from the configuration model.

    Attributes
    ----------
    path
        Dotted name: "training.epochs".
    kind
        "flag", "choice", "integer", "number", "text" or "list" (of texts, with commas between them).
    low, high
        Bounds; `open_low`, `open_high` say that the bound itself is not allowed.
    """

    path: str
    title: str
    help: str
    unit: str
    kind: str
    advanced: bool
    choices: tuple[str, ...] = ()
    low: float = -math.inf
    high: float = math.inf
    open_low: bool = False
    open_high: bool = False

    def hint(self) -> str:
        """Return help, range and unit as one text."""
        return " ".join(part for part in (self.help, self.range_words()) if part)

    def range_words(self) -> str:
        """Return the range as a sentence, "" where there is none."""
        if self.kind not in {"integer", "number"} or (math.isinf(self.low) and math.isinf(self.high)):
            return ""
        unit = f" {self.unit}" if self.unit else ""
        if math.isinf(self.high):
            return f"{'Above' if self.open_low else 'At least'} {_figure(self.low)}{unit}."
        low, high = "Above " if self.open_low else "", "below " if self.open_high else ""
        words = f"{low}{_figure(self.low)} to {high}{_figure(self.high)}{unit}."
        return words[:1].upper() + words[1:]


def field_title(path: str) -> str:
    """Return what a setting is called, by its name or its dotted name."""
    name = path.rpartition(".")[2]
    return TITLES.get(name, name.replace("_", " ").capitalize())


def field_specs(section: type[Section], prefix: str) -> list[FieldSpec]:
    """Return the settings of one section that a form can edit, in their order."""
    specs = []
    for name, info in section.model_fields.items():
        kind, choices = _kind(info.annotation)
        if not kind:
            continue
        extra = info.json_schema_extra if isinstance(info.json_schema_extra, dict) else {}
        bounds = {type(item).__name__: item for item in info.metadata}
        low = getattr(bounds.get("Ge"), "ge", getattr(bounds.get("Gt"), "gt", -math.inf))
        high = getattr(bounds.get("Le"), "le", getattr(bounds.get("Lt"), "lt", math.inf))
        specs.append(
            FieldSpec(
                path=f"{prefix}.{name}" if prefix else name,
                title=field_title(name),
                help=info.description or "",
                unit=str(extra.get("unit", "")),
                kind=kind,
                advanced=bool(extra.get("advanced", False)),
                choices=choices,
                low=float(low),
                high=float(high),
                open_low="Gt" in bounds,
                open_high="Lt" in bounds,
            )
        )
    return specs


def _kind(annotation: Any) -> tuple[str, tuple[str, ...]]:
    if get_origin(annotation) is Literal:
        return "choice", tuple(str(choice) for choice in get_args(annotation))
    if annotation == list[str]:
        return "list", ()
    if get_origin(annotation) in (Union, types.UnionType):
        return "", ()
    return {bool: "flag", int: "integer", float: "number", str: "text"}.get(annotation, ""), ()


class _CalmSpin(QSpinBox):
    """A spin box that a mouse wheel over a scrolling form does not change by accident."""

    def wheelEvent(self, event: QWheelEvent) -> None:  # noqa: N802 - Qt's name
        """Turn only with the focus."""
        if self.hasFocus():
            super().wheelEvent(event)
        else:
            event.ignore()


class _CalmCombo(QComboBox):
    """The same for a list of choices."""

    def wheelEvent(self, event: QWheelEvent) -> None:  # noqa: N802 - Qt's name
        """Turn only with the focus."""
        if self.hasFocus():
            super().wheelEvent(event)
        else:
            event.ignore()


class NumberEdit(QLineEdit):
    """A line for numbers of any size: 0.0002 and 2e-4 are the same.

    Signals
    -------
    committed
        The text is another number than before.
    refused(str)
        What was typed is no number, or out of range; the words say so.
    """

    committed = Signal()
    refused = Signal(str)

    def __init__(self, spec: FieldSpec, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        let_files_through(self)
        self._spec = spec
        self._value = 0.0
        validator = QDoubleValidator(self)
        validator.setNotation(QDoubleValidator.Notation.ScientificNotation)
        validator.setLocale(validator.locale().c())
        self.setValidator(validator)
        self.setAlignment(Qt.AlignmentFlag.AlignRight)
        self.editingFinished.connect(self._commit)
        # A zero to be shown is no change, and would leave the line empty.
        self.set_value(0.0)

    def value(self) -> float:
        """Return the number."""
        return self._value

    def set_value(self, value: float) -> None:
        """Show a number."""
        self._value = value
        self.setText(number_text(value))

    def focusOutEvent(self, event: QFocusEvent) -> None:  # noqa: N802 - Qt's name
        """Take what was typed, or put back what stood there."""
        super().focusOutEvent(event)
        self._commit()

    @Slot()
    def _commit(self) -> None:
        typed = self.text()
        try:
            value = float(typed.replace(",", "."))
        except ValueError:
            value = math.nan
        if not self._allowed(value):
            value = self._value
            kept = f"{self._spec.title} stays {number_text(value)}, since {typed.strip() or 'nothing'} cannot be."
            self.refused.emit(f"{kept} {self._spec.range_words()}".strip())
        changed = value != self._value
        self.set_value(value)
        if changed:
            self.committed.emit()

    def _allowed(self, value: float) -> bool:
        spec = self._spec
        above = value > spec.low if spec.open_low else value >= spec.low
        below = value < spec.high if spec.open_high else value <= spec.high
        return above and below


def _figure(value: float) -> str:
    """Return a bound: 10,000 rather than 1e+04."""
    return f"{int(value):,}" if value == int(value) and abs(value) < 1e12 else f"{value:g}"


def number_text(value: float) -> str:
    """Return a setting's number as one types it: 2e-4, 0.1, 30."""
    if value and (abs(value) < 1e-2 or abs(value) >= 1e6):
        mantissa, _, exponent = f"{value:.3e}".partition("e")
        mantissa = mantissa.rstrip("0").rstrip(".")
        return f"{mantissa}e{int(exponent)}"
    return f"{value:.6g}"


def rate_text(value: float) -> str:
    """Return a learning rate on its way: two digits say enough."""
    return number_text(float(f"{value:.1e}"))


class FieldEditor:
    """An editor of any kind behind one interface.

    Attributes
    ----------
    widget
        What stands in the form.
    """

    def __init__(
        self, spec: FieldSpec, on_change: Callable[[], None], on_refusal: Callable[[str], None] | None = None
    ) -> None:
        self.spec = spec
        self._on_refusal = on_refusal
        self.widget: QWidget
        self._read, self._write = self._make(on_change)
        self.widget.setToolTip(spec.hint())
        self.widget.setAccessibleName(spec.title)
        self.widget.setAccessibleDescription(spec.hint())

    def value(self) -> Any:
        """Return what is set."""
        return self._read()

    def set_value(self, value: Any) -> None:
        """Show a value, without telling anybody."""
        self.widget.blockSignals(True)
        self._write(value)
        self.widget.blockSignals(False)

    def _make(self, on_change: Callable[[], None]) -> tuple[Callable[[], Any], Callable[[Any], None]]:
        return {
            "flag": self._flag,
            "choice": self._choice,
            "integer": self._integer,
            "number": self._number,
            "text": self._text,
            "list": self._list,
        }[self.spec.kind](on_change)

    def _flag(self, on_change: Callable[[], None]) -> tuple[Callable[[], Any], Callable[[Any], None]]:
        self.widget = switch = Switch("")
        switch.toggled.connect(on_change)
        return switch.isChecked, switch.setChecked

    def _choice(self, on_change: Callable[[], None]) -> tuple[Callable[[], Any], Callable[[Any], None]]:
        self.widget = combo = _CalmCombo()
        combo.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        combo.addItems(list(self.spec.choices))
        combo.currentIndexChanged.connect(on_change)
        return combo.currentText, combo.setCurrentText

    def _integer(self, on_change: Callable[[], None]) -> tuple[Callable[[], Any], Callable[[Any], None]]:
        self.widget = spin = _CalmSpin()
        spin.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        low, high = self.spec.low, self.spec.high
        spin.setRange(-_LARGEST_INT if math.isinf(low) else int(low), _LARGEST_INT if math.isinf(high) else int(high))
        spin.setKeyboardTracking(False)
        spin.setAlignment(Qt.AlignmentFlag.AlignRight)
        spin.valueChanged.connect(on_change)
        return spin.value, spin.setValue

    def _number(self, on_change: Callable[[], None]) -> tuple[Callable[[], Any], Callable[[Any], None]]:
        self.widget = edit = NumberEdit(self.spec)
        edit.committed.connect(on_change)
        if self._on_refusal is not None:
            edit.refused.connect(self._on_refusal)
        return edit.value, edit.set_value

    def _text(self, on_change: Callable[[], None]) -> tuple[Callable[[], Any], Callable[[Any], None]]:
        self.widget = edit = QLineEdit()
        let_files_through(edit)
        edit.editingFinished.connect(on_change)
        return edit.text, edit.setText

    def _list(self, on_change: Callable[[], None]) -> tuple[Callable[[], Any], Callable[[Any], None]]:
        self.widget = edit = QLineEdit()
        let_files_through(edit)
        edit.setPlaceholderText("a, b, …")
        edit.editingFinished.connect(on_change)

        def read() -> list[str]:
            return [part.strip() for part in edit.text().split(",") if part.strip()]

        return read, lambda value: edit.setText(", ".join(value))
