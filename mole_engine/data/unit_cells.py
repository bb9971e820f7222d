"""Cells such as "5.2 nM" and "> 10 uM": a column of numbers in one unit is made of them, beside the column itself."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from mole_engine.contracts.config import DataConfig
from mole_engine.contracts.dataset import ColumnInfo, TaskKind, TaskSpec
from mole_engine.contracts.wording import counted
from mole_engine.data.molar import is_logarithm, power_of, unit_in
from mole_engine.data.profile import profile_columns, unit_of
from mole_engine.data.table import RawTable
from mole_engine.data.values import Number, are_plain_numbers, is_null, is_number, parse_number, shown

_CELL = re.compile(r"(.*?[\d.,])\s*([^\d\s.,<>=~]\S{0,15})", re.DOTALL)
_BRACKETS = re.compile(r"\s*[\[(][^\])]*[\])]\s*$")
_IN = re.compile(r"\s+in$", re.IGNORECASE)
_OTHER_UNITS = frozenset(
    {"%", "g/l", "mg/l", "ug/l", "ng/l", "mg/ml", "ug/ml", "ng/ml", "pg/ml", "mg/kg", "ug/kg", "g/kg", "g/mol", "da"}
    | {"kda", "h", "hr", "hrs", "hours", "min", "mins", "s", "sec", "ms", "days", "°c", "degc", "°f"}
    | {"kcal/mol", "kj/mol", "ev", "cm/s", "nm/s", "ml/min/kg", "ul/min/mg", "ul/min/10^6", "l/kg", "ml/g", "atm"}
    | {"bar", "pa", "kpa", "mmhg", "g/ml", "g/cm3", "å", "fold", "ppm", "ppb"}
)
"""Units besides those of concentrations in mol/L, in lower case; none of them is converted into another.

Single letters that people number things with (1a, 3D, 5x) are none of them.
"""

_SPELLINGS = {
    **dict.fromkeys(("hr", "hrs", "hours"), "h"),
    **dict.fromkeys(("mins",), "min"),
    **dict.fromkeys(("sec",), "s"),
    **dict.fromkeys(("degc",), "°c"),
}
"""Other spellings of those."""

_LEAST_SHARE = 0.9
"""Of the filled cells that must be numbers, with or without a unit."""

_SAMPLE_ROWS, _SAMPLE_CELLS = 2_000, 1_000_000
_LONGEST_CELL = 60
_NO_UNIT = "(no unit)"


@dataclass(frozen=True, slots=True)
class _Reading:
    """The distinct filled texts of a column: number and unit of each ("" for a bare number, None for neither)."""

    numbers: dict[str, tuple[Number, str] | None]
    counts: Counter[str]

    @property
    def units(self) -> Counter[str]:
        """How many cells have each unit."""
        found: Counter[str] = Counter()
        for text, many in self.counts.items():
            known = self.numbers[text]
            if known is not None and known[1]:
                found[known[1]] += many
        return found

    @property
    def share(self) -> float:
        """Part of the filled cells that are numbers."""
        good = sum(many for text, many in self.counts.items() if self.numbers[text] is not None)
        return good / max(1, self.counts.total())


def with_unit_columns(
    table: RawTable,
    wanted: Sequence[str] = (),
    *,
    of_another_file: bool = False,
    units: Mapping[str, str] | None = None,
) -> RawTable:
    """Return a table with a column of plain numbers for each whose cells carry units, or the same table without any.

    Where all cells are in one unit, that is stripped; molar concentrations in several units are converted to the one
    in the header, else to the commonest. A bare number counts as being in the header's unit, or in the only unit
    there is; where neither is known it gets no value, and is told as such. Bounds stay bounds: "> 10 uM" is "> 10000"
    in nM, which clean-up tells of. Units that cannot be converted into each other leave the column alone, with a note.

    Parameters
    ----------
    table
        The file.
    wanted
        Names of such columns that the table is to have, in their units, where its units can be converted into them.
        "IC50 in (nM)" is made of a column IC50 too, as "t (h)" is of one that is called "t (hours)".
    of_another_file
        Whether these are columns of another file. Then a column of this one that is itself called "IC50 (nM)" has its
        own cells replaced by numbers, and one of plain numbers whose header alone says the unit is understood too.
    units
        Units of wanted columns whose names do not say them.
    """
    known = {name: _unit_wanted(name, units) for name in wanted}
    asked = {name: unit for name, unit in known.items() if unit}
    readings = {
        column.name: _read(table.column_values(column.name), column.decimal)
        for column in table.info.columns
        if _may_carry_units(table, column) or (of_another_file and _is_by_header(table, column, asked))
    }
    if not readings:
        return table
    called = _called_as(table, readings, asked, replaces=of_another_file)
    frame, columns, notes = table.frame.copy(deep=False), list(table.info.columns), list(table.info.notes)
    taken = {column.name for column in columns} | {name for name, _ in called.values()}
    for place, column in enumerate(table.info.columns):
        if column.name not in readings:
            continue
        reading = readings[column.name]
        name, target = called.get(column.name) or _usual(column, reading, notes)
        if not target or (name in taken and column.name not in called):
            continue
        texts, words = _converted(column, table, reading, target)
        frame[name] = pd.array(texts, dtype="str")
        described = _described(texts, name, column.decimal, target)
        if name == column.name:
            columns[place] = described
            notes.append(f"The cells of '{name}' were read as numbers in {target}: {words}.")
        else:
            columns.append(described)
            notes.append(f"The column '{name}' was made of '{column.name}': {words}.")
        taken.add(name)
    if len(notes) == len(table.info.notes):
        return table
    return table.replaced(replace(table.info, columns=tuple(columns), notes=tuple(notes)), frame)


def wanted_columns(tasks: Sequence[TaskSpec], data: DataConfig) -> tuple[list[str], dict[str, str]]:
    """Return the columns that a separate file is asked for, and the units of those that are numbers."""
    units = {task.name: task.unit for task in tasks if task.kind is TaskKind.REGRESSION}
    return [*(task.name for task in tasks), *data.molar_log], units | data.units


def unit_name(column: str, unit: str) -> str:
    """Return what the column of numbers is called: "IC50 (nM)" for IC50, IC50_nM or IC50 [uM]."""
    name = f"{_base(column)} ({unit})"
    return name if name != column else f"{_base(column)} in ({unit})"


def _base(column: str) -> str:
    """Return the name of a column without its unit."""
    base = _BRACKETS.sub("", column).strip() or column.strip()
    known = unit_in(base)
    return base[: -len(known)].rstrip("_ .-") if known and base != known else base


def unit_targets(table: RawTable, targets: Sequence[str]) -> list[str]:
    """Replace targets whose cells carry units by the columns of numbers that were made of them."""
    names = {column.name: column for column in table.info.columns}
    made = []
    for target in targets:
        columns = [one for one in table.info.columns if one.unit and unit_name(target, one.unit) == one.name]
        numeric = names[target].kind in {"number", "binary"}
        made.append(columns[-1].name if columns and not numeric else target)
    return made


def _may_carry_units(table: RawTable, column: ColumnInfo) -> bool:
    """Whether some cells of a sample are a number and a unit, and nearly all others are numbers."""
    if column.kind not in {"text", "class", "number", "binary"}:
        return False
    rows = min(len(table), _SAMPLE_ROWS, max(50, _SAMPLE_CELLS // len(table.info.columns)))
    texts = table.frame[column.name]
    if rows < len(table):
        texts = texts.iloc[np.unique(np.linspace(0, len(table) - 1, rows).astype(np.int64))]
    sample = texts.tolist()
    if are_plain_numbers(sample) or all(text.rstrip()[-1:].isdigit() for text in sample if not is_null(text)):
        # The usual column, told without a second look at its numbers.
        return False
    reading = _read(sample, column.decimal)
    return bool(reading.units) and reading.share >= _LEAST_SHARE


def _read(texts: Sequence[str], decimal: str) -> _Reading:
    counts = Counter(text for text in texts if not is_null(text))
    return _Reading({text: _number_and_unit(text, decimal) for text in counts}, counts)


def _number_and_unit(text: str, decimal: str) -> tuple[Number, str] | None:
    number = parse_number(text, decimal)
    if is_number(number):
        return number, ""
    match = _CELL.fullmatch(text.strip()) if len(text) <= _LONGEST_CELL else None
    if match is None:
        return None
    unit = match.group(2)
    number = parse_number(match.group(1), decimal)
    return (number, unit) if is_number(number) and _is_unit(unit) else None


def _unit_wanted(name: str, units: Mapping[str, str] | None) -> str:
    """Return the unit of a wanted column: the given one, or that of its name; empty where cells may not have it."""
    given = (units or {}).get(name, "")
    return given if given and _is_unit(given) else unit_of(name) or unit_in(name)


def _is_by_header(table: RawTable, column: ColumnInfo, asked: Mapping[str, str]) -> bool:
    """Whether plain numbers are of a wanted column that is not there, in a unit that the header says."""
    there = {one.name.strip().casefold() for one in table.info.columns}
    unit = _header_unit(column)
    if column.kind not in {"number", "binary"} or not unit:
        return False
    return any(
        name.strip().casefold() not in there and _but_for_the_unit(column.name, name) and _scales(column, unit, target)
        for name, target in asked.items()
    )


def _scales(column: ColumnInfo, unit: str, target: str) -> bool:
    """Whether numbers in one unit can be told in another; logarithms ("logS (mol/L)") cannot by a factor."""
    return _same(unit) == _same(target) or (_converts(unit, target) and not is_logarithm(column.name))


def _called_as(
    table: RawTable, readings: Mapping[str, _Reading], asked: Mapping[str, str], *, replaces: bool
) -> dict[str, tuple[str, str]]:
    """Return names and units of the wanted columns, by the column that each is to be made of.

    One that is called so comes first, then one that gives a column of this name by itself, then the only one that
    gives it but for the way in which the header writes its unit; last, one whose header alone says its unit.
    """
    there = {column.name.strip().casefold() for column in table.info.columns}
    new = [name for name in asked if name.strip().casefold() not in there]
    own = [name for name in asked if replaces and name not in new]
    in_cells = [name for name, reading in readings.items() if reading.units]
    by_header = [name for name in readings if name not in in_cells]
    found: dict[str, tuple[str, str]] = {}
    for is_called, wanted, among in (
        (_itself, own, in_cells),
        (_exactly, new, in_cells),
        (_but_for_the_unit, new, in_cells),
        (_but_for_the_unit, new, by_header),
    ):
        for name in wanted:
            unit = asked[name]
            fitting = [column for column in among if column not in found and is_called(column, name)]
            # Minutes are no hours because the column of another file is in hours.
            fitting = [column for column in fitting if all(_converts(known, unit) for known in readings[column].units)]
            is_made = any(name == known for known, _ in found.values())
            if fitting and not is_made and (len(fitting) == 1 or is_called is not _but_for_the_unit):
                found[fitting[0]] = (fitting[0] if is_called is _itself else name, unit)
    return found


def _itself(column: str, wanted: str) -> bool:
    return column.strip().casefold() == wanted.strip().casefold()


def _exactly(column: str, wanted: str) -> bool:
    return unit_name(column, unit_of(wanted)).casefold() == wanted.strip().casefold()


def _but_for_the_unit(column: str, wanted: str) -> bool:
    """Whether both are of the same thing: t (hours) and "t in (h)"."""
    one, other = (_IN.sub("", _base(name)).casefold() for name in (column, wanted))
    return one == other


def _usual(column: ColumnInfo, reading: _Reading, notes: list[str]) -> tuple[str, str]:
    """Return name and unit of the new column ("" for none, and why is added to the notes)."""
    units = reading.units
    if not units:
        return "", ""
    header, commonest = unit_in(column.name, column.unit), units.most_common(1)[0][0]
    # Of a unit that is not converted all cells have the same, whatever way the header writes it.
    for target in (header, commonest):
        if target and all(_converts(unit, target) for unit in units):
            return unit_name(column.name, target), target
    told = ", ".join(f"{many} in {unit}" for unit, many in units.most_common(4))
    notes.append(
        f"The values of '{column.name}' are in several units that cannot be converted ({told}); none was taken."
    )
    return "", ""


def _header_unit(column: ColumnInfo) -> str:
    """Return the unit that a column's header or the user names; empty where that is none that cells may have."""
    return unit_in(column.name, column.unit) or (column.unit if _is_unit(column.unit) else "")


def _is_unit(text: str) -> bool:
    return power_of(text) is not None or _plain(text) in _OTHER_UNITS


def _plain(unit: str) -> str:
    return unit.replace("µ", "u").replace("μ", "u").casefold()


def _same(unit: str) -> str:
    """Return what all spellings of a unit have in common."""
    power = power_of(unit)
    return _SPELLINGS.get(_plain(unit), _plain(unit)) if power is None else str(power)


def _converts(unit: str, target: str) -> bool:
    """Whether values in one unit can be told in another: both molar, or the same."""
    return _same(unit) == _same(target) or (power_of(unit) is not None and power_of(target) is not None)


def _converted(column: ColumnInfo, table: RawTable, reading: _Reading, target: str) -> tuple[list[str], str]:
    """Return the texts of the new column, and in words what became of the old ones."""
    decimal, units = column.decimal, reading.units
    only = units.most_common(1)[0][0] if len({_same(unit) for unit in units}) == 1 else ""
    bare = _header_unit(column) or only
    bare = bare if bare and _converts(bare, target) else ""
    made = {text: _cell(text, known, bare, target, decimal) for text, known in reading.numbers.items()}
    texts = ["" if is_null(text) else made[text] for text in table.column_values(column.name)]
    told = [
        f"{many:,} in {unit}{'' if _same(unit) == _same(target) else ' converted'}"
        for unit, many in units.most_common()
    ]
    counts = reading.counts
    plain = sum(counts[text] for text, known in reading.numbers.items() if known is not None and not known[1])
    bounds = sum(counts[text] for text, known in reading.numbers.items() if known is not None and known[0].bound)
    odd = [text for text, known in reading.numbers.items() if known is None]
    if plain:
        taken = f"taken as {bare}{'' if units else ', as its header says'}" if bare else "left without a value"
        told.append(f"{plain:,} without a unit {taken}")
    if odd:
        told.append(f"{sum(counts[text] for text in odd):,} without a number ({shown(odd)})")
    if bounds:
        told.append(f"{counted(bounds, 'of them a bound', 'of them bounds')} such as > 100, told in the clean-up")
    return texts, ", ".join(told)


def _cell(text: str, known: tuple[Number, str] | None, bare: str, target: str, decimal: str) -> str:
    if known is None:
        return text.strip()
    number, unit = known
    unit = unit or bare
    if not unit:
        return f"{text.strip()} {_NO_UNIT}"
    value = number.value
    power, other = power_of(unit), power_of(target)
    if power is not None and other is not None and power != other:
        value = float(f"{value * math.pow(10.0, power - other):.10g}")
    words = f"{value:.10g}"
    return number.bound + (words.replace(".", ",") if decimal != "." else words)


def _described(texts: Sequence[str], name: str, decimal: str, unit: str) -> ColumnInfo:
    frame = pd.DataFrame({0: pd.array(list(texts), dtype="str")})
    return replace(profile_columns(frame, [name], [decimal])[0], unit=unit)
