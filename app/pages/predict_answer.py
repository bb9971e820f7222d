"""The answer of a model: a table of molecules, and below it what the model looked at in the chosen one."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Slot
from PySide6.QtWidgets import QVBoxLayout, QWidget

from app.pages.explaining import Explaining, Question
from app.pages.predict_cells import prediction_cell, prediction_columns, prediction_orders
from app.services.prediction_table import Predictions
from app.theme import SPACE
from app.widgets.basic import muted_label
from app.widgets.cell_table import CellTable
from app.widgets.explanation_card import ExplanationCard

if TYPE_CHECKING:
    from app.services.session import Session

_CARD_HEIGHT = 250


class PredictionAnswer(QWidget):
    """Shows predictions, and explains the chosen one.

    Attributes
    ----------
    predictions
        What is shown, or None.
    """

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.predictions: Predictions | None = None
        self.table = CellTable("predictionTable", "Predictions", session.depictions)
        self.explanation = ExplanationCard(wide=True)
        self.explanation.setFixedHeight(_CARD_HEIGHT)
        self.explaining = Explaining(session, self.explanation)
        self.hint = muted_label("Choose a molecule to see which of its atoms the prediction rests on.")
        self.hint.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(SPACE[2])
        column.addWidget(self.table, 1)
        column.addWidget(self.hint)
        column.addWidget(self.explanation)
        self.table.row_chosen.connect(self._explain)
        # A click on the row that was chosen already, after the card was closed.
        self.table.clicked.connect(self._explain_chosen)
        # Return does it for the keys, which cannot go to a row that they are at already: the only one, say.
        self.table.row_activated.connect(self._explain_at_keys)
        self.explanation.closed.connect(self._close_by_hand)
        self._close()

    def show_predictions(self, predictions: Predictions) -> None:
        """Show other predictions, from the first one on; of a single molecule also what the model looked at."""
        self.predictions = predictions
        columns = prediction_columns(predictions)
        self.table.show_rows(
            columns, len(predictions), partial(prediction_cell, predictions), partial(prediction_orders, predictions)
        )
        self._close()
        if len(predictions) == 1:
            # There is nothing to choose from.
            self.table.selectRow(0)
            self._explain(0)

    @Slot(int)
    def _explain(self, place: int) -> None:
        predictions = self.predictions
        if predictions is None or not 0 <= place < len(predictions):
            return
        if not self.table.selectionModel().hasSelection():
            # The keyboard's focus alone has made it the current one.
            return
        self.hint.hide()
        self.explanation.show()
        # The card takes room from below: the chosen row must not vanish behind it.
        self.table.scrollTo(self.table.currentIndex())
        if predictions.error(place):
            self.explaining.tell(f"It cannot be read: {predictions.error(place)}.")
        else:
            self.explaining.ask(Question(predictions.model_path, str(predictions.smiles[place])))

    @Slot()
    def _explain_chosen(self) -> None:
        self._explain(self.table.chosen())

    @Slot(int)
    def _explain_at_keys(self, place: int) -> None:
        self.table.selectRow(self.table.currentIndex().row())
        self._explain(place)

    @Slot()
    def _close_by_hand(self) -> None:
        self._close()
        # Where the keyboard was, on the button that closes, nothing is left.
        self.table.setFocus()

    @Slot()
    def _close(self) -> None:
        self.explaining.forget()
        self.explanation.hide()
        self.hint.show()
