"""How the molecules are divided: method, sizes, how the target is spread in each part, and what leaks."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from PySide6.QtCore import QRectF, QSignalBlocker, QSize, Qt, QTimer, Signal, Slot
from PySide6.QtGui import QColor, QPainter, QPainterPath, QPaintEvent
from PySide6.QtWidgets import QGridLayout, QMenu, QSizePolicy, QSpinBox, QVBoxLayout, QWidget

from app.summaries import PartsSummary
from app.text import count, number
from app.theme import SPACE, theme
from app.widgets.basic import Card, label, link_button, named, padded, row, set_role
from app.widgets.combo import Combo
from app.widgets.histogram import Histogram
from mole_engine.contracts.config import DataConfig, SplitConfig
from mole_engine.contracts.dataset import ColumnInfo, ColumnRoles, Nearness, TableInfo

METHODS = (
    ("Chosen for me", "auto"),
    ("By scaffold", "scaffold"),
    ("By similarity", "cluster"),
    ("At random", "random"),
    ("Stratified by the target", "stratified"),
    ("In folds", "kfold"),
)
"""Words, and the engine's name."""

COLUMN, TIME = "column:", "time:"
"""Begin the choices that name a column: its parts, or its order."""

_PART_SHADES = ("train", "validation", "third")
_DATE = re.compile(r"\d{4}[-/.]\d{1,2}([-/.]\d{1,2})?|\d{1,2}[-/.]\d{1,2}[-/.]\d{2,4}")
_PAUSE_MS, _SPIN_WIDTH = 500, 96
_BY_CHANCE = frozenset({"random", "stratified", "kfold"})
"""Methods that a seed matters to."""

_MOST_COLUMNS = 40


class PartsBar(QWidget):
    """One bar in three colours."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._counts = (0, 0, 0)
        self.setFixedHeight(12)
        theme.changed.connect(self.update)

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """A card's width."""
        return QSize(278, 12)

    def show_counts(self, train: int, validation: int, test: int) -> None:
        """Show the three sizes."""
        self._counts = (train, validation, test)
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        """Paint the segments inside one rounded outline."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        outline = QPainterPath()
        outline.addRoundedRect(QRectF(self.rect()), 6, 6)
        painter.setClipPath(outline)
        painter.fillRect(self.rect(), QColor(theme.palette().neutral_soft))
        left, total = 0.0, sum(self._counts)
        for many, color in zip(self._counts, part_colors(), strict=True):
            width = self.width() * many / total if total else 0.0
            painter.fillRect(QRectF(left, 0, width, self.height()), QColor(color))
            left += width
        painter.end()


def part_colors() -> tuple[str, str, str]:
    """Return the colours of training, validation and test part."""
    tokens = theme.palette()
    return tokens.train, tokens.validation, tokens.third


class SplitCard(Card):
    """How the molecules are divided, and whether anything leaks.

    Signals
    -------
    changed(dict, dict)
        Settings of `DataConfig` and of `SplitConfig` that the user has chosen.
    file_wanted(str)
        A file is to be chosen for "validation_path" or "test_path".
    """

    changed = Signal(dict, dict)
    file_wanted = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("Split", parent=parent)
        self._choice = named(Combo(), "splitCombo", "How to divide into parts")
        self._choice.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self._choice.currentIndexChanged.connect(self._tell_method)
        self._choice.addItem(*METHODS[0])
        # The stretch of the title's row is the choice's.
        self.header.setStretch(2, 0)
        self.header.addWidget(self._choice, 1)
        self._bar = PartsBar()
        self._legend = [label() for _ in range(3)]
        for words in self._legend:
            words.setTextFormat(Qt.TextFormat.RichText)
        self._method = label("", "muted", wrap=True)
        self._spread, self._bars = QWidget(), [Histogram(height=44) for _ in range(3)]
        self._middles = [label("", "small") for _ in range(3)]
        self._lay_out_spread()
        self._words = label("", "muted", wrap=True)
        self._words.setObjectName("splitWords")
        self._near = label("", "muted", wrap=True)
        self._near.setObjectName("splitNearness")
        self.add(self._bar)
        self.body.addLayout(row(*self._legend, None, spacing=SPACE[3]))
        self.add(self._spread)
        for words in (self._method, self._words, self._near):
            self.add(words)
        self._counts = (0, 0, 0)
        self._settings = self._sizes()
        self._settings.hide()
        self._toggle = link_button("Sizes and files", "splitSettingsButton", "How large the parts are, or own files")
        self._toggle.clicked.connect(self._show_settings)
        self.body.addLayout(row(None, self._toggle))
        self.add(self._settings)
        theme.changed.connect(self._show_legend)

    # What is shown ---------------------------------------------------------------------------------------------

    def show_choices(self, info: TableInfo, roles: ColumnRoles, data: DataConfig, split: SplitConfig) -> None:
        """Show what can be chosen and what is; nothing is announced."""
        blockers = [
            QSignalBlocker(item) for item in (self._choice, self._validation, self._test, self._fold, self._seed)
        ]
        self._choice.clear()
        parts = [(f"Given in column {name}", COLUMN + name) for name in part_columns(info, roles)]
        orders = [(f"In order of {name}", TIME + name) for name in order_columns(info, roles)]
        for text, value in (*METHODS, *parts, *orders):
            self._choice.addItem(text, value)
        prefix = {"column": COLUMN, "time": TIME}.get(split.method)
        column = split.column or (roles.split if split.method == "column" else roles.order) or ""
        self._choice.setCurrentIndex(max(0, self._choice.findData(split.method if prefix is None else prefix + column)))
        self._validation.setValue(round(100 * split.validation_fraction))
        self._test.setValue(round(100 * split.test_fraction))
        self._fold.setRange(1, split.folds)
        self._fold.setValue(split.fold + 1)
        self._fold.setSuffix(f" of {split.folds}")
        for item in (self._fold, self._fold_words):
            item.setVisible(split.method == "kfold")
        self._seed.setValue(split.seed)
        for item in (self._seed, self._seed_words):
            item.setVisible(split.method in _BY_CHANCE)
        for blocker in blockers:
            blocker.unblock()
        self._pause.stop()
        files = [("Validation", data.validation_path), ("Test", data.test_path)]
        self._files.setText(" ".join(f"{part}: {Path(path).name}." for part, path in files if path))
        self._files.setVisible(any(path for _, path in files))

    def show_split(
        self,
        method: str,
        counts: tuple[int, int, int],
        overlap: Sequence[str],
        nearness: Sequence[Nearness] = (),
        target: PartsSummary | None = None,
    ) -> None:
        """Show sizes and spread of training, validation and test part, and leakage in words."""
        # Reasons get a line of their own: "random (too few scaffolds to divide by them)".
        name, _, reason = method.rstrip(")").replace(" (", ", ", 1).partition(", ")
        if self._choice.currentData() == "auto":
            self._choice.setItemText(0, f"Chosen: {name}")
        self._method.setText(f"{reason[:1].upper()}{reason[1:]}.")
        self._method.setVisible(bool(reason))
        self._choice.setToolTip(f"Divided: {method}")
        self._counts = counts
        self._bar.show_counts(*counts)
        self._show_legend()
        self._show_spread(target)
        set_role(self._words, tone="warning" if overlap else "")
        kept_apart = "No structure is in two parts."
        self._words.setText(" ".join(f"{words.rstrip('.')}." for words in overlap) or kept_apart)
        self._near.setText(" ".join(nearness_words(near) for near in nearness if near.part == "test"))
        self._near.setToolTip("\n".join(near.words() for near in nearness))
        self._near.setVisible(bool(self._near.text()))

    def _show_legend(self) -> None:
        names = ("train", "val", "test")
        for words, name, many, color in zip(self._legend, names, self._counts, part_colors(), strict=True):
            # The colours of plots are too pale for words.
            words.setText(f"<span style='color:{color}'>●</span> {name} {count(many)}")

    def _show_spread(self, target: PartsSummary | None) -> None:
        self._spread.setVisible(target is not None)
        if target is None:
            return
        names = ("training", "validation", "test")
        for place, bars in enumerate(self._bars):
            counts, middle = target.counts[place], target.middles[place]
            tips = [f"{word}: {count(many)}" for word, many in zip(target.labels, counts, strict=False)]
            words = f"{target.name} in the {names[place]} part"
            bars.show_counts(counts, tips=tips, shade=_PART_SHADES[place], name=words)
            if math.isnan(middle):
                said = ""
            elif target.labels:
                said = f"{100 * middle:.0f}% {target.labels[-1]}"
            else:
                said = f"median {number(middle)}"
            self._middles[place].setText(said)
            self._middles[place].setVisible(bool(said))
            self._middles[place].setToolTip(words)

    # Building --------------------------------------------------------------------------------------------------

    def _lay_out_spread(self) -> None:
        grid = QGridLayout(self._spread)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(SPACE[2])
        grid.setVerticalSpacing(2)
        for place, (bars, words) in enumerate(zip(self._bars, self._middles, strict=True)):
            words.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
            grid.addWidget(bars, 0, place)
            words.hide()
            grid.addWidget(words, 1, place)
            grid.setColumnStretch(place, 1)

    def _sizes(self) -> QWidget:
        holder = QWidget()
        column = QVBoxLayout(holder)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(SPACE[1])
        grid = QGridLayout()
        grid.setColumnStretch(0, 1)
        self._validation = self._percent("validationPercentSpin", "Size of the validation part")
        self._test = self._percent("testPercentSpin", "Size of the test part")
        self._fold = named(padded(QSpinBox()), "foldSpin", "Fold that is the test part")
        self._fold_words = label("Test fold", "muted")
        self._seed = named(padded(QSpinBox()), "splitSeedSpin", "Seed of the split")
        self._seed.setRange(-1, 2**31 - 1)
        self._seed.setSpecialValueText("the run's")
        self._seed.setFixedWidth(_SPIN_WIDTH)
        self._seed.setToolTip("Another number divides at random in another way; the same number always in the same way")
        self._seed_words = label("Seed", "muted")
        self._pause = QTimer(self)
        self._pause.setSingleShot(True)
        self._pause.setInterval(_PAUSE_MS)
        self._pause.timeout.connect(self._tell_sizes)
        captions = (label("Validation part", "muted"), label("Test part", "muted"), self._fold_words, self._seed_words)
        spins = (self._validation, self._test, self._fold, self._seed)
        for place, (caption, spin) in enumerate(zip(captions, spins, strict=True)):
            spin.valueChanged.connect(lambda _value: self._pause.start())
            grid.addWidget(caption, place, 0)
            grid.addWidget(spin, place, 1)
        self._files = label("", "muted", wrap=True)
        self._files.hide()
        button = link_button("Own files…", "splitFilesButton", "Take validation or test molecules from other files")
        menu = QMenu(button)
        for words, name in (
            ("Validation molecules from a file…", "validation_path"),
            ("Test molecules from a file…", "test_path"),
        ):
            menu.addAction(words).triggered.connect(lambda _checked=False, name=name: self.file_wanted.emit(name))
        menu.addAction("No separate files").triggered.connect(
            lambda: self.changed.emit({"validation_path": "", "test_path": ""}, {})
        )
        button.setMenu(menu)
        column.addLayout(grid)
        column.addWidget(self._files)
        column.addLayout(row(button, None))
        return holder

    def _percent(self, name: str, spoken: str) -> QSpinBox:
        made = named(padded(QSpinBox()), name, spoken)
        made.setRange(0, 50)
        made.setSuffix(" %")
        made.setFixedWidth(_SPIN_WIDTH)
        return made

    # Choosing --------------------------------------------------------------------------------------------------

    @Slot()
    def _show_settings(self) -> None:
        opening = self._settings.isHidden()
        self._settings.setVisible(opening)
        self._toggle.setText("Done" if opening else "Sizes and files")

    @Slot(int)
    def _tell_method(self, _index: int) -> None:
        choice = str(self._choice.currentData())
        for prefix, method in ((COLUMN, "column"), (TIME, "time")):
            if choice.startswith(prefix):
                self.changed.emit({}, {"method": method, "column": choice.removeprefix(prefix)})
                return
        self.changed.emit({}, {"method": choice, "column": ""})

    @Slot()
    def _tell_sizes(self) -> None:
        sizes: dict[str, Any] = {
            "validation_fraction": self._validation.value() / 100,
            "test_fraction": self._test.value() / 100,
        }
        if self._fold.isVisibleTo(self._settings):
            sizes["fold"] = self._fold.value() - 1
        if self._seed.isVisibleTo(self._settings):
            sizes["seed"] = self._seed.value()
        self.changed.emit({}, sizes)


def nearness_words(near: Nearness) -> str:
    """Return how alike a part is to what trains, in plain words."""
    return f"Nearest training neighbour of a {near.part} molecule: similarity {near.median:.2f} (median)."


def part_columns(info: TableInfo, roles: ColumnRoles) -> list[str]:
    """Columns that could say who belongs to which part: few distinct values, and not a target."""
    targets = {task.name for task in roles.tasks} - {roles.split}
    found = [
        column.name
        for column in info.columns
        if column.name not in targets | {roles.smiles} and (column.kind == "split" or 2 <= column.distinct <= 20)
    ][:_MOST_COLUMNS]
    return found if roles.split is None or roles.split in found else [roles.split, *found]


def order_columns(info: TableInfo, roles: ColumnRoles) -> list[str]:
    """Columns by which a time split could sort: numbers or dates with many values, and not a target."""
    targets = {task.name for task in roles.tasks}
    found = [
        column.name
        for column in info.columns
        if column.name not in targets | {roles.smiles} and column.kind not in {"smiles", "empty"} and _is_order(column)
    ][:_MOST_COLUMNS]
    return found if roles.order is None or roles.order in found else [roles.order, *found]


def _is_order(column: ColumnInfo) -> bool:
    words = column.name.casefold()
    named_so = any(word in words for word in ("date", "year", "time", "month"))
    dates = bool(column.examples) and all(_DATE.match(text.strip()) for text in column.examples)
    return dates or (column.kind == "number" and (named_so or column.distinct > 20))
