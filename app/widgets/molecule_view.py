"""One molecule, large, with everything that the file says about it."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QSize, Qt, Signal, Slot
from PySide6.QtGui import QColor, QGuiApplication, QPainter, QPaintEvent
from PySide6.QtWidgets import QDialog, QFormLayout, QMenu, QScrollArea, QSizePolicy, QVBoxLayout, QWidget

from app.theme import SPACE, text_font, theme
from app.widgets.basic import ElidedLabel, label, named, primary_button, row, secondary_button, set_role
from app.widgets.molecule_table import Depictions

_ZOOM, _MOST_CAPTION = 2, 170
_FORMS = (("InChI", "inchi"), ("InChIKey", "inchikey"), ("Picture (PNG)", "png"), ("Drawing (SVG)", "svg"))


class MoleculeView(QWidget):
    """Draws one structure at twice the size that tables use."""

    def __init__(self, depictions: Depictions, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._depictions = depictions
        self._smiles = ""
        self.setMinimumSize(240, 160)
        depictions.drawn.connect(self._drawn)
        theme.changed.connect(self.update)

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """Room for a drug."""
        return QSize(480, 260)

    def show_molecule(self, smiles: str) -> None:
        """Draw another structure; "" draws none."""
        self._smiles = smiles
        self.setAccessibleName(f"Structure of {smiles}" if smiles else "No structure")
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        """Paint the drawing, or why there is none."""
        if not self._smiles:
            return
        # Half the room at twice the pixels: the one bond length of all drawings, twice as large here.
        width, height = self.width() // _ZOOM, self.height() // _ZOOM
        ratio = self.devicePixelRatioF() * _ZOOM
        found = self._depictions.get(self._smiles, width, height, dark=theme.palette().dark, ratio=ratio)
        if found is None:
            return
        painter = QPainter(self)
        if found.reason:
            painter.setPen(QColor(theme.palette().warning))
            painter.setFont(text_font(13))
            painter.drawText(self.rect(), Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap, found.reason)
        else:
            painter.scale(_ZOOM, _ZOOM)
            painter.drawImage(0, 0, found.image)
        painter.end()

    @Slot(str)
    def _drawn(self, smiles: str) -> None:
        if smiles == self._smiles:
            self.update()


class MoleculeDialog(QDialog):
    """A row of the file: its structure, its remarks and every cell.

    Signals
    -------
    copy_wanted(str)
        The structure is to be copied as "inchi", "inchikey", "svg" or "png".
    similar_wanted(str)
        Molecules like this one (its SMILES) are to be found.
    """

    copy_wanted = Signal(str)
    similar_wanted = Signal(str)

    def __init__(
        self,
        depictions: Depictions,
        title: str,
        drawn: str,
        smiles: str,
        facts: Sequence[tuple[str, str]],
        remarks: str = "",
        parent: QWidget | None = None,
    ) -> None:
        """Show `drawn` (the cleaned structure), `smiles` (as in the file) and `facts` (column, cell)."""
        super().__init__(parent)
        self.setObjectName("moleculeDialog")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(title)
        self.resize(600, 600)
        self._smiles = smiles
        view = MoleculeView(depictions)
        view.show_molecule(drawn)
        self._copy = secondary_button("Copy SMILES", "copySmilesButton")
        self._copy.clicked.connect(self._copy_smiles)
        self._others = secondary_button("Copy as…", "copyAsButton", "InChI, InChIKey, picture")
        menu = QMenu(self._others)
        for words, form in _FORMS:
            menu.addAction(words).triggered.connect(lambda _checked=False, form=form: self.copy_wanted.emit(form))
        self._others.setMenu(menu)
        similar = secondary_button("Find similar", "findSimilarButton", "Show the rows with the most similar molecules")
        similar.clicked.connect(lambda: self.similar_wanted.emit(drawn))
        for button in (self._others, similar):
            button.setEnabled(bool(drawn))
        close = primary_button("Close", "moleculeCloseButton")
        close.setMinimumWidth(110)
        close.setDefault(True)
        close.clicked.connect(self.accept)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(SPACE[4], SPACE[4], SPACE[4], SPACE[3])
        layout.setSpacing(SPACE[2])
        layout.addWidget(label(title, "title"))
        if remarks:
            layout.addWidget(label(remarks, tone="warning", wrap=True))
        layout.addWidget(view, 3)
        layout.addWidget(_facts(facts), 2)
        layout.addLayout(row(similar, None, self._copy, self._others, close))

    def tell_copied(self) -> None:
        """Say that the structure is on the clipboard."""
        self._others.setText("Copied")

    @Slot()
    def _copy_smiles(self) -> None:
        QGuiApplication.clipboard().setText(self._smiles)
        self._copy.setText("Copied")


def _facts(facts: Sequence[tuple[str, str]]) -> QScrollArea:
    holder = QWidget()
    form = QFormLayout(holder)
    form.setContentsMargins(SPACE[0], SPACE[0], SPACE[1], SPACE[0])
    form.setHorizontalSpacing(SPACE[3])
    form.setVerticalSpacing(SPACE[0])
    form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
    for name, value in facts:
        caption = ElidedLabel(name, "muted", middle=True)
        # Whole sentences stand in headers: the cells keep the greater part of the width.
        caption.setFixedWidth(min(_MOST_CAPTION, caption.fontMetrics().horizontalAdvance(name) + 4))
        caption.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Preferred)
        form.addRow(caption, ElidedLabel(value))
    scroll = named(QScrollArea(), "rowFacts", "Cells of the row")
    set_role(scroll, role="facts")
    scroll.setWidget(holder)
    scroll.setWidgetResizable(True)
    return scroll
