"""Which column means what: found by content and name, and always correctable by the configuration."""

from __future__ import annotations

import re
from collections import Counter

import numpy as np

from mole_engine.contracts.config import DataConfig, SplitConfig
from mole_engine.contracts.dataset import ColumnInfo, ColumnRoles, TableInfo, TaskKind, TaskSpec
from mole_engine.contracts.errors import InputError, StructureColumnError
from mole_engine.data.molar import molar_sources, molar_targets
from mole_engine.data.profile import MARK_NAMES, SPLIT_NAMES, part_of_word
from mole_engine.data.recognise import NO_STRUCTURE_NAME, structure_name_rank, structure_share
from mole_engine.data.table import RawTable
from mole_engine.data.targets import task_of
from mole_engine.data.timeline import find_order_column
from mole_engine.data.unit_cells import unit_targets
from mole_engine.data.values import numbers_of, shown

_WORD_SPLIT = re.compile(r"[^a-z0-9]+")
_IDENTIFIER = re.compile(
    r"(.*[_ .-])?(ids?|names?|title|code|cas|casrn|cid|inchikey|compound|drug|molecule|chembl|zinc)"
    r"([_ .-]?(id|no|nr|name|number))?",
    re.IGNORECASE,
)
_INDEX = re.compile(
    r"(|unnamed.*|column 1|index|idx|row|row[_ ]?(name|number|id|nr)?|no\.?|nr\.?|#|number)", re.IGNORECASE
)
_ROW_NUMBER = re.compile(r"(source|file)?[_ ]?(line|row)([_ ]?(number|no|nr|id))?|index|idx", re.IGNORECASE)
_WEIGHT = re.compile(r"(sample|row|instance|case)[_ .-]?weights?", re.IGNORECASE)
_TARGET_NAMES = (
    re.compile(r"y|target|targets|label|labels"),
    re.compile(r"activity|class|value|endpoint|response|outcome|property|result|measurement|y[_ ]?true"),
    re.compile(r"(.*[_ ])?(measured|exp|experimental|observed|expt)([_ ].*)?"),
    re.compile(r"(p?(ic50|ec50|ki|kd|ac50|gi50|ld50|mic)|pka).*"),
    # After potencies, beside which a logP is mostly a computed one.
    re.compile(r"(.* )?log ?[spd]( .*)?"),
    re.compile(r"(.*[_ ])?(activity|class|value|target|label|y)([_ ].*)?"),
)


def detect_roles(table: RawTable, config: DataConfig, split: SplitConfig) -> ColumnRoles:
    """Fill in what the configuration leaves empty.

    Parameters
    ----------
    table
        The file.
    config
        Columns and task as far as the user has fixed them.
    split
        Whether a split column is wanted.

    Returns
    -------
    ColumnRoles
        Without tasks when nothing was asked for and no column looks like a target.

    Raises
    ------
    InputError
        When there is no structure column, a named column is missing, or a target fits no task.
    """
    smiles = find_smiles_column(table, config.smiles_column)
    parts = _split_column(table, split)
    weight = table.resolve(config.weight_column, "weight column") if config.weight_column else _weight(table)
    identifier = (
        table.resolve(config.identifier_column, "identifier column")
        if config.identifier_column
        else _name(table, smiles)
    )
    order = find_order_column(table, split.column) if split.method == "time" else None
    used = {smiles, *(column for column in (parts, weight, order) if column)}
    used |= set(molar_sources(table, config))
    asked = unit_targets(table, [table.resolve(name, "target column") for name in config.targets])
    targets = molar_targets(table, config, asked)
    for name in targets:
        if name == smiles:
            raise InputError(f"'{name}' is the structure column; it cannot be a target.", "", "Choose another target.")
    targets = list(dict.fromkeys(targets)) or _find_targets(table, used | ({identifier} if identifier else set()))
    tasks = tuple(_task(table, name, config) for name in targets)
    if not config.targets:
        tasks = _usable_together(tasks)
    tasks = _one_kind(table, tasks, config)
    if identifier in targets:
        identifier = None
    return ColumnRoles(smiles=smiles, tasks=tasks, identifier=identifier, weight=weight, split=parts, order=order)


def find_smiles_column(table: RawTable, wanted: str = "") -> str:
    """Return the column with the structures: `wanted`, or the one found by content and name.

    Raises
    ------
    InputError
        Saying which columns were looked at.
    """
    if wanted:
        return table.resolve(wanted, "structure column")
    columns = table.info.columns
    found = [column for column in columns if column.kind == "smiles"]
    if found:
        best = min(found, key=lambda column: (structure_name_rank(column.name), -_share(column, table)))
        return best.name
    named = [column for column in columns if structure_name_rank(column.name) < NO_STRUCTURE_NAME]
    named = [column for column in named if column.kind in {"text", "class", "binary", "empty"}]
    if named:
        return min(named, key=lambda column: structure_name_rank(column.name)).name
    raise StructureColumnError(
        f"{table.info.called or table.info.name} has no column with SMILES.",
        f"Looked at {shown([column.name for column in columns], 8)}.",
        "Add a column with SMILES.",
        columns=[column.name for column in columns],
    )


def _share(column: ColumnInfo, table: RawTable) -> float:
    return structure_share(table.column_values(column.name)[:500])


def _split_column(table: RawTable, split: SplitConfig) -> str | None:
    if split.method == "time":
        return None
    if split.column:
        return table.resolve(split.column, "split column")
    if split.method not in {"auto", "column"}:
        return None
    for column in table.info.columns:
        if column.kind == "split" and "train" in {part_of_word(text) for text in set(table.column_values(column.name))}:
            return column.name
    marks = next((column.name for column in table.info.columns if _marks_a_part(column)), None)
    if marks or split.method == "auto":
        return marks
    for column in table.info.columns:
        if (
            SPLIT_NAMES.fullmatch(column.name)
            and column.kind in {"number", "binary", "class"}
            and column.distinct <= 20
        ):
            return column.name
    raise InputError(
        f"{table.info.name} has no split column.",
        f"Looked at {shown([column.name for column in table.info.columns], 8)}.",
        "Name the column with train/val/test or fold numbers, or choose another way to divide.",
    )


def _marks_a_part(column: ColumnInfo) -> bool:
    """Whether a column such as "isTest" says by its name, not only by "test", that it marks a part of the file."""
    match = MARK_NAMES.fullmatch(column.name.strip())
    return bool(match and match["is"]) and column.kind in {"binary", "class"} and column.distinct == 2


def _weight(table: RawTable) -> str | None:
    return next((column.name for column in table.info.columns if _WEIGHT.fullmatch(column.name)), None)


def _name(table: RawTable, smiles: str) -> str | None:
    for column in table.info.columns:
        if column.name == smiles or column.kind in {"smiles", "empty", "split"}:
            continue
        if bears_names(column.name) and column.distinct > 0.5 * column.filled:
            return column.name
    return None


def bears_names(column: str) -> bool:
    """Return whether a column is called as one with the molecules' names or numbers: "Compound ID", "name", "CAS"."""
    return bool(_IDENTIFIER.fullmatch(column.strip()))


def _find_targets(table: RawTable, used: set[str]) -> list[str]:
    candidates = [column for column in table.info.columns if column.name not in used and _may_be_target(table, column)]
    numeric = [column for column in candidates if column.kind in {"number", "binary"}]
    if not candidates:
        return []
    ranks = {column.name: _target_rank(column.name) for column in candidates}
    best = min(ranks.values())
    if len(numeric) > 1 and all(column.kind == "binary" for column in numeric) and best > 1:
        return [column.name for column in numeric]
    pool = [column for column in candidates if ranks[column.name] == best] if best < len(_TARGET_NAMES) else numeric
    return [(pool or candidates)[-1].name]


def _target_rank(name: str) -> int:
    words = " ".join(part for part in _WORD_SPLIT.split(name.casefold()) if part)
    if "predicted" in words.split():
        return len(_TARGET_NAMES)
    for rank, pattern in enumerate(_TARGET_NAMES):
        if pattern.fullmatch(words):
            return rank
    return len(_TARGET_NAMES)


def _may_be_target(table: RawTable, column: ColumnInfo) -> bool:
    if column.kind not in {"number", "binary", "class"} or column.distinct < 2 or _marks_a_part(column):
        return False
    name = column.name.strip()
    if _target_rank(name) <= 1:
        return True
    if SPLIT_NAMES.fullmatch(name) and column.kind != "binary" and column.distinct <= 20:
        return False
    if _WEIGHT.fullmatch(name) or (_ROW_NUMBER.fullmatch(name) and column.kind == "number"):
        return False
    if column.kind != "number":
        return True
    return not _counts_up(table, column) and not (bears_names(name) and _all_whole_and_distinct(table, column))


def further_targets(table: RawTable, roles: ColumnRoles) -> list[str]:
    """Return the columns that were as good a guess as the first target: of its kind, and no worse by name.

    Judged by what is known of each column without reading its cells again, since there may be thousands.
    """
    if not roles.tasks:
        return []
    first = table.info.column(roles.tasks[0].name)
    if first.kind not in {"number", "binary"}:
        return []
    used = _used(roles)
    rank = _target_rank(first.name)
    return [
        column.name
        for column in table.info.columns
        if column.name not in used
        and column.kind == first.kind
        and column.distinct >= 2
        and _target_rank(column.name) == rank
        and not any(named.fullmatch(column.name.strip()) for named in (_WEIGHT, _ROW_NUMBER, _IDENTIFIER, SPLIT_NAMES))
        and not _marks_a_part(column)
    ]


def _used(roles: ColumnRoles) -> set[str | None]:
    tasks = (task.name for task in roles.tasks)
    return {roles.smiles, roles.identifier, roles.weight, roles.split, roles.order, *tasks}


def found_words(info: TableInfo, roles: ColumnRoles) -> str:
    """Say which columns were found by content, and which others hold values or classes that are not learnt."""
    used = _used(roles)
    learnt = ", ".join(f"'{task.name}' ({task.kind.value})" for task in roles.tasks[:6])
    more = f" and {len(roles.tasks) - 6} more" if len(roles.tasks) > 6 else ""
    words = f"Structures: '{roles.smiles}'. Learnt: {learnt}{more}."
    words += f" Weights: '{roles.weight}'." if roles.weight else ""
    others = [
        column.name
        for column in info.columns
        if column.name not in used and column.kind in {"number", "binary", "class"} and column.distinct >= 2
    ]
    return words + (f" Not learnt: {shown(others, 6)}; name the targets (data.targets) to choose." if others else "")


def why_no_target(table: RawTable, roles: ColumnRoles) -> str:
    """Say for the first columns besides the structures why they are no targets: "'y' is always '5.3'"."""
    words = []
    for column in table.info.columns:
        if column.name == roles.smiles:
            continue
        if column.kind == "empty":
            words.append(f"'{column.name}' is empty")
        elif column.filled == 1 and len(table) > 1:
            words.append(f"'{column.name}' has one value alone")
        elif column.distinct == 1:
            words.append(f"'{column.name}' is always {shown(column.examples)}")
        elif column.kind in {"text", "smiles"}:
            words.append(f"'{column.name}' holds texts such as {shown(column.examples[:1])}")
        else:
            words.append(f"'{column.name}' looks like a number or name of the row")
    return ("Besides the structures: " + "; ".join(words[:5]) + ".") if words else "It has only structures."


def _counts_up(table: RawTable, column: ColumnInfo) -> bool:
    """Whether the column is 0, 1, 2, ... or 1, 2, 3, ..., as an index that was saved along."""
    if len(table) < 3:
        return bool(_INDEX.fullmatch(column.name.strip()))
    first = numbers_of(table.frame[column.name].iloc[:3], column.decimal)
    if first[0] not in (0.0, 1.0) or not np.all(np.diff(first) == 1.0):
        # Said of nearly every column without reading all of it.
        return False
    return bool(np.all(np.diff(table.numbers(column.name)) == 1.0))


def _all_whole_and_distinct(table: RawTable, column: ColumnInfo) -> bool:
    values = table.numbers(column.name)
    values = values[np.isfinite(values)]
    return bool(np.all(values == np.round(values))) and len(np.unique(values)) > 0.9 * len(values)


def _task(table: RawTable, name: str, config: DataConfig) -> TaskSpec:
    column = table.info.column(name)
    unit = config.units.get(name) or column.unit
    texts = table.column_values(name)
    return task_of(name, texts, column.decimal, config.task, unit, config.positive_class.get(name, ""))


def _usable_together(tasks: tuple[TaskSpec, ...]) -> tuple[TaskSpec, ...]:
    kinds = Counter(task.kind for task in tasks).most_common(1)
    return tuple(task for task in tasks if task.kind is kinds[0][0])


def _one_kind(table: RawTable, tasks: tuple[TaskSpec, ...], config: DataConfig) -> tuple[TaskSpec, ...]:
    kinds = {task.kind for task in tasks}
    if len(kinds) < 2:
        return tasks
    if kinds == {TaskKind.REGRESSION, TaskKind.MULTICLASS} and all(_is_numeric(table, task.name) for task in tasks):
        # Small counts (0, 1, 2, ...) beside measured values are values too.
        as_numbers = config.model_copy(update={"task": "regression"})
        return tuple(_task(table, task.name, as_numbers) for task in tasks)
    listed = ", ".join(f"'{task.name}' ({task.kind.value})" for task in tasks[:6])
    raise InputError(
        "The targets are of different kinds.",
        f"One run learns either values or classes, but the targets are {listed}.",
        "Train them in separate runs, or fix the task for all of them.",
    )


def _is_numeric(table: RawTable, name: str) -> bool:
    return table.info.column(name).kind in {"number", "binary"}
