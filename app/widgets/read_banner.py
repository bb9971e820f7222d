"""What was read, in a sentence, and the form that corrects it."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from PySide6.QtCore import QSignalBlocker, Qt, Signal, Slot
from PySide6.QtWidgets import (
    QComboBox,
    QFormLayout,
    QFrame,
    QHBoxLayout,
    QListWidget,
    QListWidgetItem,
    QVBoxLayout,
    QWidget,
)

from app.theme import SPACE
from app.widgets.basic import label, link_button, named, set_role
from app.widgets.progress import ProgressStrip
from mole_engine.contracts.config import SplitConfig
from mole_engine.contracts.dataset import ColumnRoles, TableInfo, TaskKind, TaskSpec

_TASKS = (
    ("By content", "auto"),
    ("A number", "regression"),
    ("Two classes", "classification"),
    ("Several classes", "multiclass"),
)
_SPLITS = (
    ("Chosen for me", "auto"),
    ("By scaffold", "scaffold"),
    ("At random", "random"),
    ("Stratified by the target", "stratified"),
    ("In folds", "kfold"),
)
_DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab", "tab": "tab", "|": "bar", " ": "blank"}
_KINDS = {TaskKind.REGRESSION: "a number", TaskKind.CLASSIFICATION: "two classes", TaskKind.MULTICLASS: "classes"}
_COLUMN = "column:"


def read_words(info: TableInfo, roles: ColumnRoles) -> str:
    """Return what was read as rich text on one line."""
    targets = ", ".join(_target_words(task) for task in roles.tasks[:3]) or "none found, tick one here"
    if len(roles.tasks) > 3:
        targets += f" and {len(roles.tasks) - 3} more"
    noun = "target" if len(roles.tasks) < 2 else "targets"
    parts = [f"structure: <b>{escape(roles.smiles)}</b>", f"{noun}: {targets}"]
    if roles.split:
        parts.append(f"parts: <b>{escape(roles.split)}</b>")
    parts.append(escape(_format_words(info)))
    return "<b>What we read</b>&nbsp;&nbsp; " + "&nbsp;&nbsp; ".join(parts)


def _target_words(task: TaskSpec) -> str:
    kind = _KINDS[task.kind]
    if task.kind is not TaskKind.REGRESSION:
        kind = f"{len(task.classes)} classes ({', '.join(task.classes[:3])}{', …' if len(task.classes) > 3 else ''})"
    unit = f" in {task.unit}" if task.unit and task.unit not in task.name else ""
    return f"<b>{escape(task.name)}</b>, {escape(kind + unit)}"


def _format_words(info: TableInfo) -> str:
    if info.format not in {"csv", "tsv", "txt"}:
        return info.format.upper()
    words = [_DELIMITERS.get(info.delimiter, info.delimiter), info.encoding.upper()]
    if info.decimal == ",":
        words.append("decimal comma")
    return ", ".join(word for word in words if word)


class ReadBanner(QFrame):
    """The sentence, "Change", the form behind it, and the progress of a change.

    Signals
    -------
    changed(dict, dict)
        Settings of `DataConfig` and of `SplitConfig` that the user has corrected.
    cancelled
        The user no longer wants the change under way.
    """

    changed = Signal(dict, dict)
    cancelled = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        set_role(self, role="card", tone="accent")
        self._words = label()
        self._words.setTextFormat(Qt.TextFormat.RichText)
        self._words.setObjectName("readSummary")
        self._words.setWordWrap(True)
        self._change = link_button("Change", "changeRolesButton", "Correct the columns, the kind of target, the parts")
        self._progress = ProgressStrip(compact=True)
        self._progress.cancelled.connect(self.cancelled)
        self._progress.hide()
        self._form = QWidget()
        self._form.hide()
        self._smiles = named(QComboBox(), "smilesColumnCombo", "Column with the structures")
        self._targets = named(QListWidget(), "targetColumnsList", "Target columns")
        self._task = named(QComboBox(), "taskCombo", "Kind of target")
        self._split = named(QComboBox(), "splitCombo", "How to divide into parts")
        self._lay_out()
        self._change.clicked.connect(self._toggle_form)
        self._smiles.currentIndexChanged.connect(self._smiles_chosen)
        self._targets.itemChanged.connect(self._targets_chosen)
        self._task.currentIndexChanged.connect(self._task_chosen)
        self._split.currentIndexChanged.connect(self._split_chosen)

    def show_roles(self, info: TableInfo, roles: ColumnRoles, task: str, split: SplitConfig) -> None:
        """Show what holds now; nothing is announced."""
        self._words.setText(read_words(info, roles))
        blockers = [QSignalBlocker(box) for box in (self._smiles, self._targets, self._task, self._split)]
        names = [column.name for column in info.columns]
        _fill(self._smiles, [(name, name) for name in names], roles.smiles)
        _fill(self._task, _TASKS, task)
        columns = [(f"Given in column {name}", _COLUMN + name) for name in _split_columns(info, roles)]
        chosen = _COLUMN + (split.column or roles.split or "") if split.method == "column" else split.method
        _fill(self._split, [*_SPLITS, *columns], chosen)
        self._targets.clear()
        targets = {spec.name for spec in roles.tasks}
        for column in info.columns:
            if column.name != roles.smiles:
                item = QListWidgetItem(column.name)
                item.setFlags(
                    Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsUserCheckable | Qt.ItemFlag.ItemIsSelectable
                )
                checked = column.name in targets
                item.setCheckState(Qt.CheckState.Checked if checked else Qt.CheckState.Unchecked)
                item.setToolTip(", ".join(column.examples[:3]))
                self._targets.addItem(item)
        for blocker in blockers:
            blocker.unblock()
        set_role(self, tone="accent" if roles.tasks else "warning")
        if not roles.tasks and self._form.isHidden():
            self._toggle_form()

    def show_progress(self, stage: str, done: int, total: int) -> None:
        """Show a change under way in place of the words."""
        self._progress.show_progress(stage, done, total)
        self._set_working(True)

    def end_progress(self) -> None:
        """Show the words again."""
        self._set_working(False)

    def _set_working(self, working: bool) -> None:
        self._progress.setVisible(working)
        self._words.setVisible(not working)
        self._change.setVisible(not working)

    def _lay_out(self) -> None:
        head = QHBoxLayout()
        head.setSpacing(SPACE[2])
        head.addWidget(self._words, 1)
        head.addWidget(self._progress, 1)
        head.addWidget(self._change, 0, Qt.AlignmentFlag.AlignTop)
        left = QFormLayout()
        left.setLabelAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        left.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        left.setHorizontalSpacing(SPACE[2])
        left.setVerticalSpacing(SPACE[1])
        for words, field in (("Structures", self._smiles), ("Kind of target", self._task), ("Parts", self._split)):
            caption = label(words, "muted")
            caption.setMinimumHeight(field.sizeHint().height())
            left.addRow(caption, field)
        right = QVBoxLayout()
        right.setSpacing(SPACE[0])
        right.addWidget(label("Targets", "muted"))
        self._targets.setFixedHeight(98)
        right.addWidget(self._targets)
        columns = QHBoxLayout(self._form)
        columns.setContentsMargins(0, SPACE[1], 0, SPACE[0])
        columns.setSpacing(SPACE[4])
        columns.addLayout(left, 3)
        columns.addLayout(right, 2)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(SPACE[2], 7, SPACE[2], 7)
        outer.setSpacing(0)
        outer.addLayout(head)
        outer.addWidget(self._form)

    @Slot()
    def _toggle_form(self) -> None:
        opening = self._form.isHidden()
        self._form.setVisible(opening)
        self._change.setText("Done" if opening else "Change")
        if opening:
            self._smiles.setFocus()

    @Slot()
    def _smiles_chosen(self) -> None:
        name = str(self._smiles.currentData())
        # What was read as the structure may now be a target, and the other way round; targets are found anew.
        keep = [target for target in self._checked() if target != name]
        self.changed.emit({"smiles_column": name, "targets": keep}, {})

    @Slot()
    def _targets_chosen(self) -> None:
        # Without any the engine would look for one itself and tick it again, against the user's wish.
        if checked := self._checked():
            self.changed.emit({"targets": checked}, {})

    @Slot()
    def _task_chosen(self) -> None:
        self.changed.emit({"task": self._task.currentData()}, {})

    @Slot()
    def _split_chosen(self) -> None:
        choice = str(self._split.currentData())
        column = choice.removeprefix(_COLUMN) if choice.startswith(_COLUMN) else ""
        self.changed.emit({}, {"method": "column" if column else choice, "column": column})

    def _checked(self) -> list[str]:
        items = [self._targets.item(index) for index in range(self._targets.count())]
        return [item.text() for item in items if item.checkState() is Qt.CheckState.Checked]


def _fill(box: QComboBox, entries: Sequence[tuple[str, str]], chosen: str) -> None:
    box.clear()
    for text, data in entries:
        box.addItem(text, data)
    box.setCurrentIndex(max(0, box.findData(chosen)))


def _split_columns(info: TableInfo, roles: ColumnRoles) -> list[str]:
    """Columns that could say who belongs to which part: few distinct values, and not a target."""
    targets = {task.name for task in roles.tasks} - {roles.split}
    found = [
        column.name
        for column in info.columns
        if column.name not in targets | {roles.smiles} and (column.kind == "split" or 2 <= column.distinct <= 20)
    ]
    return found if roles.split is None or roles.split in found else [roles.split, *found]
