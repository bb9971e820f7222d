"""What went wrong, why, and what to do; the technical part behind a link, ready to be copied."""

from __future__ import annotations

from PySide6.QtCore import QRect, Qt, Slot
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QComboBox, QDialog, QHBoxLayout, QLabel, QPlainTextEdit, QVBoxLayout, QWidget

from app.questions import ColumnProblem
from app.theme import SPACE, mono_font
from app.widgets.basic import IconLabel, label, link_button, named, primary_button, row, secondary_button
from app.widgets.combo import Combo
from mole_engine.contracts.errors import Problem

_MOST_BEFORE = 20
_WIDTH, _MOST = 428, 640
"""Width of the words in pixels, and where a word needs more: at most so much, so that they fit a small window."""


class ProblemDialog(QDialog):
    """Shows one problem at a time, the latest, and leads to those that it has covered. Never blocks the window."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("problemDialog")
        self.setModal(False)
        self.setWindowTitle("MolE Studio")
        self._title = label("", "title", wrap=True)
        self._title.setObjectName("problemTitle")
        self._cause = label("", wrap=True)
        self._cause.setObjectName("problemCause")
        self._remedy = label("", wrap=True)
        self._remedy.setObjectName("problemRemedy")
        self._words = (self._title, self._cause, self._remedy)
        for words in self._words:
            words.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._column = named(Combo(), "problemColumn", "Column with the structures")
        self._column.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self._use = secondary_button("Use this column", "problemUseColumn")
        self._choice = QWidget()
        choice = row(self._column, self._use)
        choice.setStretch(0, 1)
        choice.setContentsMargins(0, 0, 0, 0)
        self._choice.setLayout(choice)
        self._details = QPlainTextEdit()
        self._details.setObjectName("problemDetails")
        self._details.setAccessibleName("Technical details")
        self._details.setReadOnly(True)
        self._details.setFont(mono_font(11))
        self._details.setFixedHeight(180)
        self._more = link_button("Show details", "problemMore")
        self._before: list[Problem] = []
        self._problem: Problem | None = None
        self._back = link_button("", "problemBefore", "It was covered by this one before you had closed it")
        self._back.clicked.connect(self._go_back)
        self._copy = secondary_button("Copy details", "problemCopy")
        self._close = primary_button("Close", "problemClose")
        self._close.setDefault(True)
        self._more.clicked.connect(self._toggle_details)
        self._copy.clicked.connect(self._copy_details)
        self._close.clicked.connect(self.accept)
        self._use.clicked.connect(self._use_column)
        self._lay_out()

    def show_problem(self, problem: Problem) -> None:
        """Show `problem` in front of the window."""
        covered = self._problem
        if self.isVisible() and covered is not None and covered.one_line() != problem.one_line():
            self._before = [*self._before, covered][-_MOST_BEFORE:]
        self._show(problem)

    def done(self, result: int) -> None:
        """Close, with whatever was covered: it is in the log."""
        self._before.clear()
        super().done(result)

    @Slot()
    def _go_back(self) -> None:
        if self._before:
            self._show(self._before.pop())

    def _show(self, problem: Problem) -> None:
        self._problem = problem
        more = len(self._before)
        self._back.setText("Show the problem before" if more == 1 else f"Show the problem before ({more})")
        self._back.setVisible(more > 0)
        # In one line the cause goes on after a colon; here each stands alone.
        cause = problem.cause
        self._title.setText(problem.title.removesuffix(":"))
        self._cause.setText(cause[:1].upper() + cause[1:] if problem.title.endswith(":") else cause)
        self._cause.setVisible(bool(problem.cause))
        self._remedy.setText(problem.remedy)
        self._remedy.setVisible(bool(problem.remedy))
        self._make_room()
        columns = problem.columns if isinstance(problem, ColumnProblem) else ()
        self._column.clear()
        self._column.addItems(list(columns))
        self._choice.setVisible(bool(columns))
        self._details.setPlainText(problem.details)
        self._more.setVisible(bool(problem.details))
        self._copy.setText("Copy details")
        self._show_details(False)
        self.setAccessibleDescription(problem.one_line())
        self.show()
        self.raise_()
        (self._column if columns else self._close).setFocus()

    def _lay_out(self) -> None:
        words = QVBoxLayout()
        words.setSpacing(SPACE[1])
        for widget in self._words:
            words.addWidget(widget)
        words.addWidget(self._choice)
        words.addWidget(self._more, 0, Qt.AlignmentFlag.AlignLeft)
        top = QHBoxLayout()
        top.setSpacing(SPACE[3])
        top.addWidget(IconLabel("warning", "warning", 28), 0, Qt.AlignmentFlag.AlignTop)
        top.addLayout(words, 1)
        # A strut: the dialog takes the height that its words need at this width.
        words.addStrut(_WIDTH)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(SPACE[4], SPACE[4], SPACE[4], SPACE[3])
        outer.setSpacing(SPACE[2])
        outer.addLayout(top)
        outer.addWidget(self._details)
        outer.addSpacing(SPACE[0])
        self._close.setMinimumWidth(110)
        outer.addLayout(row(self._back, None, self._copy, self._close))
        outer.setSizeConstraint(QVBoxLayout.SizeConstraint.SetFixedSize)

    def _make_room(self) -> None:
        """Be as wide as the longest word, a file's name say, which would be broken off; the very longest are cut."""
        width = min(_MOST, max(_WIDTH, *(_wrapped_width(words, words.text(), _WIDTH) for words in self._words)))
        for words in self._words:
            words.setFixedWidth(width)
            words.setText(" ".join(_cut(words, word) for word in words.text().split(" ")))

    @Slot()
    def _use_column(self) -> None:
        problem = self._problem
        self.accept()
        if isinstance(problem, ColumnProblem) and problem.again is not None:
            problem.again(self._column.currentText())

    @Slot()
    def _toggle_details(self) -> None:
        self._show_details(self._details.isHidden())

    def _show_details(self, shown: bool) -> None:
        self._details.setVisible(shown)
        self._more.setText("Hide details" if shown else "Show details")

    @Slot()
    def _copy_details(self) -> None:
        problem = self._problem
        if problem is None:
            return
        text = f"{problem.one_line()}\n\n{problem.details}".strip()
        QGuiApplication.clipboard().setText(text)
        self._copy.setText("Copied")


def _wrapped_width(words: QLabel, text: str, width: int) -> int:
    """Return how wide a text is when it is wrapped at `width`: wider than that where a word cannot be."""
    words.ensurePolished()
    flags = Qt.TextFlag.TextWordWrap | Qt.AlignmentFlag.AlignLeft
    return words.fontMetrics().boundingRect(QRect(0, 0, width, 1 << 20), flags, text).width() + 2


def _cut(words: QLabel, word: str) -> str:
    if _wrapped_width(words, word, _MOST) <= _MOST:
        return word
    return words.fontMetrics().elidedText(word, Qt.TextElideMode.ElideMiddle, _MOST - 2)
