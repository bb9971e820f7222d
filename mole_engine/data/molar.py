"""Concentrations as -log10 of mol/L: an IC50 in nM becomes a pIC50."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from mole_engine.contracts.config import DataConfig
from mole_engine.contracts.dataset import ColumnInfo
from mole_engine.contracts.errors import InputError
from mole_engine.data.profile import profile_columns
from mole_engine.data.table import RawTable
from mole_engine.data.values import is_null, is_number, parse_number

UNIT = "-log10(mol/L)"
_POWERS = {"m": 0, "mol/l": 0, "mm": -3, "mmol/l": -3, "um": -6, "umol/l": -6, "nm": -9, "nmol/l": -9, "pm": -12}
_POWERS |= {"pmol/l": -12, "fm": -15, "fmol/l": -15, "mol/dm3": 0, "mol/dm³": 0}
_IN_NAME = re.compile(r"(.*?)[_ .-]+([mµμunpf]?M|[mµμunpf]?mol/l)", re.IGNORECASE)
_IS_LOGARITHM = re.compile(r"(?:.*[\W_])?(?:p(?![HM](?![A-Za-z]))[A-Z]|(?i:log|ln|lg)(?:10|2)?(?![a-z]))")
"""pIC50, logS, "measured log solubility" and their like; "potency", "logistic", "IC50 at pH 7" and pM are none."""
_IS_CONCENTRATION = re.compile(
    r"(?i:(?<![a-z])(?:[a-z]{1,2}[cdi][ _-]?[259][05]|k[ _-]?(?:i|d|m|b|app)|mic|mbc|mfc|cmc|potency|affinity|"
    r"solubility|conc(?:entration)?s?|standard[ _]value)(?![a-z]))"
)
"""In the names of columns whose "nm" can only mean nM. D50 is the size of particles, activity in mm that of a halo."""
_MOST_WITHOUT = 0.1
"""Share of numbers that are no concentrations (none above zero) up to which a column is one of concentrations."""
_BRACKETS = re.compile(r"\s*[\[(][^\])]*[\])]\s*$")
_FLIPPED = {">": "<", "<": ">", "~": "~", "": ""}


@dataclass(frozen=True, slots=True)
class MolarOffer:
    """A column of concentrations that could be learned on the logarithmic scale.

    Attributes
    ----------
    column, unit
        The column and its unit, from the header or typed by the user; "nM" where these say "nm" of an IC50.
    name
        What the new column is called: "pIC50".
    """

    column: str
    unit: str
    name: str


def power_of(unit: str) -> int | None:
    """Return the power of ten of a concentration unit in mol/L ("nM": -9), or None where it is none."""
    text = unit.strip().replace("µ", "u").replace("μ", "u")
    return _POWERS.get(text.casefold())


def unit_in(name: str, unit: str = "") -> str:
    """Return the concentration unit of a column: the given one, or the one its name ends in ("IC50_nM"), or empty."""
    if unit:
        return unit if power_of(unit) is not None else ""
    match = _IN_NAME.fullmatch(name.strip())
    return match.group(2) if match and power_of(match.group(2)) is not None else ""


def is_logarithm(column: str) -> bool:
    """Whether the name of a column says that it holds logarithms: pIC50, logS."""
    return bool(_IS_LOGARITHM.match(column.strip()))


def molar_offers(table: RawTable, units: dict[str, str] | None = None) -> tuple[MolarOffer, ...]:
    """Return the columns of concentrations: numbers, hardly any of them negative, with a molar unit.

    Lengths are none: of a unit such as "nm", which is a nanometre, the name has to say that it is meant for "nM".

    Parameters
    ----------
    table
        The file.
    units
        Units typed by the user, by column; they win over those of the header.
    """
    offers = []
    for column in table.info.columns:
        written = unit_in(column.name, (units or {}).get(column.name, "") or column.unit)
        unit = _meant(column.name, written)
        if column.kind == "number" and unit and _holds_concentrations(table, column):
            offers.append(MolarOffer(column.name, unit, molar_name(column.name, written)))
    return tuple(offers)


def _meant(column: str, unit: str) -> str:
    """Return a molar unit as it is written rightly; empty where it is a length and the column may be one."""
    if not unit.strip().endswith("m"):
        return unit
    return f"{unit.strip()[:-1]}M" if _IS_CONCENTRATION.search(column) else ""


def _holds_concentrations(table: RawTable, column: ColumnInfo) -> bool:
    if is_logarithm(column.name):
        return False
    values = table.numbers(column.name)
    return bool((values <= 0).sum() <= _MOST_WITHOUT * (~np.isnan(values)).sum())


def molar_name(column: str, unit: str) -> str:
    """Return what the new column is called: "IC50 (nM)" becomes "pIC50"."""
    base = _BRACKETS.sub("", column).strip()
    match = _IN_NAME.fullmatch(base)
    if match and match.group(2) == unit:
        base = match.group(1)
    return f"p{base}" if base else "p value"


def with_molar_columns(table: RawTable, data: DataConfig) -> RawTable:
    """Return a table with a column for each of `data.molar_log`, or the same table where nothing is asked for.

    A bound is turned around (an IC50 above 50 µM is a pIC50 below 4.3); what is no positive number gets no label,
    and is told as such.

    Raises
    ------
    InputError
        When a column is missing or has no unit of concentration.
    """
    if not data.molar_log:
        return table
    frame, columns = table.frame.copy(deep=False), list(table.info.columns)
    notes = list(table.info.notes)
    for wanted in data.molar_log:
        column = table.resolve(wanted, "column")
        unit = unit_in(column, data.units.get(column, "") or table.info.column(column).unit)
        power = power_of(unit) if unit else None
        if power is None:
            raise InputError(
                f"'{column}' has no unit of concentration.",
                "Neither its name nor the settings say one, such as nM.",
                f"Set it: data.units={{'{column}': nM}}.",
            )
        name = molar_name(column, unit)
        if name in frame.columns:
            continue
        decimal = table.info.column(column).decimal
        texts = [_converted(text, decimal, power) for text in table.column_values(column)]
        frame[name] = pd.array(texts, dtype="str")
        columns.append(_described(texts, name, decimal))
        meant = _meant(column, unit)
        read = f"read as {meant}; {unit} is taken for that" if meant not in ("", unit) else f"read as {unit}"
        notes.append(f"The column '{name}' is -log10 of '{column}' in mol/L ({read}).")
    info = replace(table.info, columns=tuple(columns), notes=tuple(notes))
    return table.replaced(info, frame)


def with_present_molar_columns(table: RawTable, data: DataConfig) -> RawTable:
    """Do as `with_molar_columns` does for a file that need not have the columns, such as one of test molecules."""
    names = {column.name.strip().casefold() for column in table.info.columns}
    present = [name for name in data.molar_log if name.strip().casefold() in names]
    return with_molar_columns(table, data.model_copy(update={"molar_log": present}))


def molar_sources(table: RawTable, data: DataConfig) -> dict[str, str]:
    """Return the logarithmic column of each column that has one in the table."""
    names = {}
    present = {column.name for column in table.info.columns}
    for wanted in data.molar_log:
        column = table.resolve(wanted, "column")
        name = molar_name(column, unit_in(column, data.units.get(column, "") or table.info.column(column).unit))
        if name in present:
            names[column] = name
    return names


def molar_targets(table: RawTable, data: DataConfig, targets: list[str]) -> list[str]:
    """Replace targets that have a logarithmic column by that column."""
    names = molar_sources(table, data)
    return [names.get(name, name) for name in targets]


def _described(texts: list[str], name: str, decimal: str) -> ColumnInfo:
    frame = pd.DataFrame({0: pd.array(texts, dtype="str")})
    return replace(profile_columns(frame, [name], [decimal])[0], unit=UNIT)


def _converted(text: str, decimal: str, power: int) -> str:
    if is_null(text):
        return ""
    number = parse_number(text, decimal)
    if not is_number(number) or number.value <= 0:
        return f"{text.strip()} (no logarithm)"
    value = f"{-(math.log10(number.value) + power):.6g}"
    return _FLIPPED[number.bound] + (value.replace(".", ",") if decimal != "." else value)
