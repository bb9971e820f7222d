"""What was read, in a sentence, and the form that corrects it."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from PySide6.QtCore import QSignalBlocker, QSize, Qt, Signal, Slot
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import (
    QComboBox,
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QVBoxLayout,
    QWidget,
)

from app.text import count
from app.theme import SPACE
from app.widgets.basic import label, link_button, named, set_role
from app.widgets.combo import Combo
from app.widgets.field_pairs import field_pairs, turn_pairs
from app.widgets.progress import ProgressStrip
from app.widgets.target_columns import TargetColumns
from app.widgets.unit_field import UnitField
from mole_engine.contracts.config import DataConfig
from mole_engine.contracts.dataset import ColumnRoles, TableInfo, TaskKind, TaskSpec

_TASKS = (
    ("By content", "auto"),
    ("A number", "regression"),
    ("Two classes", "classification"),
    ("Several classes", "multiclass"),
)
_TRANSFORMS = (
    ("Automatic", "auto"),
    ("As they are", "none"),
    ("As their log10", "log10"),
    ("As their logit", "logit"),
    ("As Box-Cox", "box-cox"),
)
_SEPARATORS = (("Found", ""), ("Comma", ","), ("Semicolon", ";"), ("Tab", "\t"), ("Bar", "|"), ("Blank", " "))
_DECIMALS = (("Found", ""), ("Point", "."), ("Comma", ","))
_ENCODINGS = (
    ("Found", ""),
    ("UTF-8", "utf-8"),
    ("UTF-16", "utf-16"),
    ("Western (Windows-1252)", "cp1252"),
    ("Western (ISO-8859-15)", "iso8859_15"),
    ("Central European (Windows-1250)", "cp1250"),
    ("Cyrillic (Windows-1251)", "cp1251"),
    ("Greek (Windows-1253)", "cp1253"),
    ("Turkish (Windows-1254)", "cp1254"),
    ("Japanese (Shift JIS)", "shift_jis"),
    ("Chinese (GB 18030)", "gb18030"),
    ("Chinese (Big5)", "big5"),
    ("Korean (EUC-KR)", "euc_kr"),
)
_LEAST_FURTHER = 2
"""Columns that look like targets, too, from which on they are told: one more is often just a descriptor."""

_LEAST_WIDTH, _BESIDE = 300, 690
_MOST_NOTES = 2
"""Unusual things that are told at once; the tool tip has them all."""

_TEXT_FORMATS = frozenset({"csv", "tsv", "txt", "smi"})
_DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab", "tab": "tab", "|": "bar", " ": "blank"}
_KINDS = {TaskKind.REGRESSION: "a number", TaskKind.CLASSIFICATION: "two classes", TaskKind.MULTICLASS: "classes"}


def read_words(info: TableInfo, roles: ColumnRoles, no_target: str = "") -> str:
    """Return what was read as rich text: one line, and one more for each thing that was unusual."""
    no_target_words = "none found, tick one here" if len(info.columns) > 1 else "none"
    targets = ", ".join(_target_words(task) for task in roles.tasks[:3]) or no_target_words
    if len(roles.tasks) > 3:
        targets += f" and {len(roles.tasks) - 3} more"
    noun = "target" if len(roles.tasks) < 2 else "targets"
    parts = [f"structure: <b>{escape(roles.smiles)}</b>", f"{noun}: {targets}"]
    if roles.split:
        parts.append(f"parts: <b>{escape(roles.split)}</b>")
    parts.append(escape(_format_words(info)))
    targets_named = [f"'{task.name}' " for task in roles.tasks]
    made = [note for note in info.notes if note.startswith("The ") and any(name in note for name in targets_named)]
    lines = [no_target] if no_target else []
    lines += [*made, *(note for note in info.notes if note not in made)][:_MOST_NOTES]
    told = "".join(f"<br>{escape(line)}" for line in lines)
    return "<b>What we read</b>&nbsp;&nbsp; " + "&nbsp;&nbsp; ".join(parts) + told


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
        self._smiles = named(Combo(), "smilesColumnCombo", "Column with the structures")
        self._targets = TargetColumns()
        self._task = named(Combo(), "taskCombo", "Kind of target")
        self._unit = UnitField()
        self._transform = named(Combo(), "transformCombo", "How numbers are learned")
        self._transform.setToolTip("What the network learns; predictions come in the unit of the file all the same")
        self._separator = named(Combo(), "separatorCombo", "Column separator")
        self._decimal = named(Combo(), "decimalCombo", "Decimal mark")
        self._encoding = named(Combo(), "encodingCombo", "Text encoding")
        self._encoding.setToolTip("How the file writes letters beyond English; another choice reads it again")
        self._offer = link_button("", "molarButton")
        self._offer.clicked.connect(self._molar_chosen)
        self._offer.hide()
        self._learn_all = link_button("", "learnAllButton", "One model for all of them; rows without a value are kept")
        self._learn_all.clicked.connect(self._learn_further)
        self._learn_all.hide()
        self._below: bool | None = None
        self._further: list[str] = []
        self._molar: list[str] = []
        self._offered = ""
        self._lay_out()
        self._change.clicked.connect(self._toggle_form)
        self._smiles.currentIndexChanged.connect(self._smiles_chosen)
        self._targets.chosen.connect(self._targets_chosen)
        self._task.currentIndexChanged.connect(self._task_chosen)
        self._unit.typed.connect(self._unit_typed)
        for box, field in (
            (self._transform, "target_transform"),
            (self._separator, "delimiter"),
            (self._decimal, "decimal"),
            (self._encoding, "encoding"),
        ):
            box.currentIndexChanged.connect(lambda _index, box=box, field=field: self._tell(field, box.currentData()))

    def show_roles(
        self,
        info: TableInfo,
        roles: ColumnRoles,
        data: DataConfig,
        offers: Sequence[tuple[str, str, str]] = (),
        no_target: str = "",
        further: Sequence[str] = (),
    ) -> None:
        """Show what holds now; nothing is announced.

        Parameters
        ----------
        info, roles, data
            The file, what its columns mean, and the settings.
        offers
            Columns of concentrations, their units, and the names of their logarithms.
        no_target
            Why no column was found to learn, where none was.
        further
            Columns that look like targets, too, but are not learned.
        """
        self._words.setText(read_words(info, roles, no_target))
        self._words.setToolTip("\n".join(info.notes))
        text_boxes = (self._separator, self._decimal, self._encoding)
        boxes = (self._smiles, self._task, self._transform, *text_boxes)
        blockers = [QSignalBlocker(box) for box in boxes]
        names = [column.name for column in info.columns]
        _fill(self._smiles, [(name, name) for name in names], roles.smiles)
        _fill(self._task, _TASKS, data.task)
        _fill(self._transform, _TRANSFORMS, data.target_transform)
        _fill(self._separator, _SEPARATORS, data.delimiter)
        _fill(self._decimal, _DECIMALS, data.decimal)
        other = [] if data.encoding in dict(_ENCODINGS).values() else [(data.encoding, data.encoding)]
        _fill(self._encoding, [*_ENCODINGS, *other], data.encoding)
        regression = any(task.kind is TaskKind.REGRESSION for task in roles.tasks)
        self._unit.show_tasks(roles.tasks)
        self._transform.setEnabled(regression)
        for box in text_boxes:
            box.setEnabled(info.format in _TEXT_FORMATS)
        self._show_offer(roles, data, offers)
        targets = {spec.name for spec in roles.tasks}
        self._targets.show_columns([column for column in info.columns if column.name != roles.smiles], targets)
        self._place_targets()
        self._show_further(further)
        for blocker in blockers:
            blocker.unblock()
        set_role(self, tone="accent" if roles.tasks else "warning")
        if not roles.tasks and self._form.isHidden():
            self._toggle_form()

    def close_form(self) -> None:
        """Hide what the user has corrected of another file."""
        if not self._form.isHidden():
            self._toggle_form()

    def show_progress(self, stage: str, done: int, total: int) -> None:
        """Show a change under way in place of the words."""
        self._progress.show_progress(stage, done, total)
        self._set_working(True)

    def end_progress(self) -> None:
        """Show the words again."""
        self._set_working(False)

    def _show_offer(self, roles: ColumnRoles, data: DataConfig, offers: Sequence[tuple[str, str, str]]) -> None:
        """Offer the logarithm of concentrations that are a target, or the way back."""
        targets = {task.name for task in roles.tasks}
        found = next(((column, name, unit) for column, unit, name in offers if column in targets), None)
        self._molar = list(data.molar_log)
        if found is not None and found[0] not in self._molar:
            self._offered = found[0]
            words, tip = f"Learn {found[1]}", f"Learn -log10 of {found[0]} in mol/L instead of the concentration itself"
            if found[2] not in found[0]:
                tip += f"; its unit is read as {found[2]}"
        elif self._molar:
            self._offered = ""
            words, tip = f"Learn {self._molar[0]} itself", "Learn the concentration instead of its logarithm"
        else:
            words, tip = "", ""
        self._offer.setText(words)
        self._offer.setToolTip(tip)
        self._offer.setVisible(bool(words))

    def _show_further(self, further: Sequence[str]) -> None:
        """Offer to learn what looks like a target, too."""
        self._further = list(further)
        few = len(self._further) < _LEAST_FURTHER
        self._learn_all.setText(f"{count(len(self._further))} more columns look like targets: learn all")
        self._learn_all.setVisible(not few)

    def _set_working(self, working: bool) -> None:
        if working:
            self._offer.hide()
            self._learn_all.hide()
        self._progress.setVisible(working)
        self._words.setVisible(not working)
        self._change.setVisible(not working)

    def _lay_out(self) -> None:
        head = QHBoxLayout()
        head.setSpacing(SPACE[2])
        head.addWidget(self._words, 1)
        head.addWidget(self._progress, 1)
        head.addWidget(self._offer, 0, Qt.AlignmentFlag.AlignTop)
        head.addWidget(self._change, 0, Qt.AlignmentFlag.AlignTop)
        left = field_pairs(
            116,
            ("Structures", self._smiles),
            ("Kind of target", self._task),
            ("Numbers learned", self._transform),
            ("Unit", self._unit),
        )
        text = (("Separator", self._separator), ("Decimal mark", self._decimal), ("Encoding", self._encoding))
        self._text = QWidget()
        self._pairs = field_pairs(84, *text)
        self._pairs.setContentsMargins(0, 0, 0, 0)
        self._text.setLayout(self._pairs)
        self._columns = QGridLayout(self._form)
        self._columns.setContentsMargins(0, SPACE[1], 0, SPACE[0])
        self._columns.setHorizontalSpacing(SPACE[3])
        self._columns.addLayout(left, 0, 0)
        self._columns.setColumnStretch(0, 4)
        self._place_targets()
        outer = QVBoxLayout(self)
        outer.setContentsMargins(SPACE[2], 7, SPACE[2], 7)
        outer.setSpacing(0)
        outer.addLayout(head)
        outer.addWidget(self._learn_all)
        outer.addWidget(self._form)

    def minimumSizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """The form gives way (see `resizeEvent`) before the window has to be wider."""
        return QSize(_LEAST_WIDTH, super().minimumSizeHint().height())

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 - Qt's name
        """Put how the text is read between the other fields and the targets, or below where that is too narrow."""
        super().resizeEvent(event)
        self._place_targets()

    def _place_targets(self) -> None:
        below = self.width() < _BESIDE
        if below is self._below:
            return
        self._below = below
        self._columns.removeWidget(self._text)
        self._columns.removeWidget(self._targets)
        turn_pairs(self._pairs, lying=below)
        self._unit.set_narrow(below)
        line, column, wide = (1, 0, 3) if below else (0, 1, 1)
        self._columns.addWidget(self._text, line, column, 1, wide)
        self._columns.addWidget(self._targets, 0, 2, Qt.AlignmentFlag.AlignTop)
        self._columns.setColumnStretch(1, 0 if below else 3)
        self._columns.setColumnStretch(2, 4 if below else 3)

    @Slot()
    def _toggle_form(self) -> None:
        opening = self._form.isHidden()
        self._form.setVisible(opening)
        self._change.setText("Done" if opening else "Change")
        if opening:
            self._smiles.setFocus()
            self._targets.show_ticked()

    @Slot()
    def _smiles_chosen(self) -> None:
        name = str(self._smiles.currentData())
        # What was read as the structure may now be a target, and the other way round; targets are found anew.
        keep = [target for target in self._targets.ticked() if target != name]
        self.changed.emit({"smiles_column": name, "targets": keep}, {})

    @Slot(object)
    def _targets_chosen(self, ticked: list[str]) -> None:
        self.changed.emit({"targets": ticked}, {})

    @Slot()
    def _learn_further(self) -> None:
        self._targets.tick_also(self._further)

    @Slot()
    def _task_chosen(self) -> None:
        self.changed.emit({"task": self._task.currentData()}, {})

    @Slot(dict)
    def _unit_typed(self, units: dict[str, str]) -> None:
        self.changed.emit({"units": units}, {})

    @Slot()
    def _molar_chosen(self) -> None:
        if self._offered:
            self.changed.emit({"molar_log": [*self._molar, self._offered]}, {})
        else:
            self.changed.emit({"molar_log": [], "targets": []}, {})

    def _tell(self, field: str, value: object) -> None:
        self.changed.emit({field: value}, {})


def _fill(box: QComboBox, entries: Sequence[tuple[str, str]], chosen: str) -> None:
    box.clear()
    for text, data in entries:
        box.addItem(text, data)
    box.setCurrentIndex(max(0, box.findData(chosen)))
