"""The card "What it looked at": a structure whose atoms are coloured by what they add to a prediction."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QPoint, Qt, Signal, Slot
from PySide6.QtWidgets import QBoxLayout, QComboBox, QLabel, QMenu, QVBoxLayout, QWidget

from app.theme import SPACE
from app.widgets.basic import Card, label, link_button, muted_label, named
from app.widgets.combo import Combo
from app.widgets.explanation_picture import AtomPicture, ContributionBar, ExplanationPicture
from app.widgets.named_value import NamedValue

_WORDS_WIDTH = 232
_ACTIONS = (("Copy picture", "copy"), ("Save picture\u2026", "save"))


class ExplanationCard(Card):
    """Picture, scale, predicted value, the atoms that matter most, and what the picture cannot show.

    Parameters
    ----------
    wide
        Words stand at the right of the picture rather than below it.

    Signals
    -------
    task_chosen(int)
        Another target is to be explained: its place in the explanation.
    copy_wanted(), save_wanted()
        The picture is to be copied, or saved.
    closed()
        The user has seen enough.
    """

    task_chosen = Signal(int)
    copy_wanted = Signal()
    save_wanted = Signal()
    closed = Signal()

    def __init__(self, *, wide: bool = False, parent: QWidget | None = None) -> None:
        super().__init__("What it looked at", parent=parent)
        self.setObjectName("explanationCard")
        self.setAccessibleName("What it looked at")
        self.picture = ExplanationPicture()
        self.bar = ContributionBar()
        self.task_picker = named(Combo(), "explanationTask", "Target to explain")
        self.menu_button = link_button("Picture ▾", "explanationMenu", "Copy or save the picture")
        self.close_button = link_button("\u2715", "explanationClose", "Close: put this card away")
        self.close_button.setAccessibleName("Close")
        self._value, self._second = NamedValue(), muted_label()
        self._strongest, self._notes = label("", wrap=True), muted_label()
        self._strongest.setObjectName("explanationStrongest")
        self._notes.setObjectName("explanationNotes")
        self._instead = ""
        self._wide = wide
        self._build()
        self.show_nothing("")

    # Showing ---------------------------------------------------------------------------------------------------

    def show_nothing(self, words: str, tone: str = "muted") -> None:
        """Say why there is no picture (yet)."""
        self._instead = words
        self.picture.show_words(words, tone)
        self._value.show_value("", "")
        for widget in self._said()[1:]:
            widget.setText("")
        self._show_parts(False)

    def show_tasks(self, names: Sequence[str], place: int) -> None:
        """Offer targets to choose from; a single one is no choice."""
        self.task_picker.blockSignals(True)
        self.task_picker.clear()
        self.task_picker.addItems(list(names))
        self.task_picker.setCurrentIndex(place)
        self.task_picker.blockSignals(False)
        self.task_picker.setVisible(len(names) > 1)

    def show_explanation(
        self,
        picture: AtomPicture,
        ends: tuple[str, str],
        value: tuple[str, str, str],
        strongest: str,
        notes: str,
        more: str = "",
    ) -> None:
        """Show a molecule.

        Parameters
        ----------
        picture
            The drawing.
        ends
            What stands at the ends of the scale.
        value
            What is predicted, the prediction with its unit, and what stands below it.
        strongest
            The atoms that matter most, with their numbers.
        notes, more
            How the picture is to be read and what it cannot show; the same at length, as a tool tip.
        """
        self.picture.show_picture(picture)
        self.bar.show_ends(*ends)
        self._value.show_value(*value[:2])
        self._second.setText(value[2])
        self._strongest.setText(strongest)
        self._notes.setText(notes)
        self._notes.setToolTip(more)
        self._instead = ""
        self._show_parts(True)
        self.setAccessibleDescription(". ".join(filter(None, (self._value.whole(), value[2], strongest))))

    def words(self) -> tuple[str, ...]:
        """Return what the card says: value, what is below it, strongest atoms, notes; or why there are none."""
        if self._instead:
            return (self._instead,)
        return (self._value.whole(), *(item.text() for item in self._said()[1:]))

    def _said(self) -> tuple[QLabel, ...]:
        return (self._value, self._second, self._strongest, self._notes)

    def _show_parts(self, shown: bool) -> None:
        for label_ in self._said():
            label_.setVisible(bool(label_.text().strip()))
        self.bar.setVisible(shown)
        self.menu_button.setEnabled(shown)

    # Building --------------------------------------------------------------------------------------------------

    def _build(self) -> None:
        self.task_picker.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
        for widget in (self.task_picker, self.menu_button, self.close_button):
            self.header.addWidget(widget)
        menu = QMenu(self.menu_button)
        for words, name in _ACTIONS:
            action = menu.addAction(words)
            action.setObjectName(f"explanation.{name}")
            action.triggered.connect(self.copy_wanted if name == "copy" else self.save_wanted)
        self.menu_button.setMenu(menu)
        self.picture.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.picture.customContextMenuRequested.connect(self._show_menu)
        self.task_picker.activated.connect(self.task_chosen)
        self.close_button.clicked.connect(self.closed)
        drawn = _column(self.picture, self.bar, stretched=self.picture)
        said = _column(self._value, self._second, self._strongest, self._notes)
        if self._wide:
            said.setFixedWidth(_WORDS_WIDTH)
        content = QWidget()
        direction = QBoxLayout.Direction.LeftToRight if self._wide else QBoxLayout.Direction.TopToBottom
        layout = QBoxLayout(direction, content)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(SPACE[3] if self._wide else SPACE[1])
        layout.addWidget(drawn, 1)
        layout.addWidget(said)
        self.add(content, 1)

    @Slot(QPoint)
    def _show_menu(self, at: QPoint) -> None:
        menu = self.menu_button.menu()
        if self.menu_button.isEnabled() and menu is not None:
            menu.popup(self.picture.mapToGlobal(at))


def _column(*widgets: QWidget, stretched: QWidget | None = None) -> QWidget:
    column = QWidget()
    layout = QVBoxLayout(column)
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setSpacing(SPACE[0])
    for widget in widgets:
        layout.addWidget(widget, int(widget is stretched))
    if stretched is None:
        layout.addStretch(1)
    return column
