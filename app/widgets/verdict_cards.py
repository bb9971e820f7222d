"""The small cards of a verdict: headline, the one big number, interval coverage, facts."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QGridLayout, QLabel, QProgressBar, QSizePolicy, QWidget

from app.theme import SPACE
from app.widgets.basic import Card, ElidedLabel, GivingLabel, label, muted_label, number_label, set_role

_LEAST_VALUE = 110


class WordCard(Card):
    """A card that is as high as its wrapped words are at its width."""

    def __init__(self, wrapped: Sequence[QLabel], title: str = "", parent: QWidget | None = None) -> None:
        super().__init__(title, parent=parent)
        self._wrapped = tuple(wrapped)

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 - Qt's name
        """Give the words the height that they need at this width."""
        super().resizeEvent(event)
        self.fit()

    def fit(self) -> None:
        """Give each wrapped label its height; a layout would take the one at the width that the label likes best."""
        layout = self.layout()
        if layout is None:
            return
        edges, frame = layout.contentsMargins(), self.contentsMargins()
        inside = max(60, self.width() - edges.left() - edges.right() - frame.left() - frame.right())
        for words in self._wrapped:
            before = words.minimumHeight()
            # A label never says that it needs less than its minimum.
            words.setMinimumHeight(0)
            wanted = words.heightForWidth(inside)
            words.setMinimumHeight(before)
            if wanted > 0 and (wanted, wanted) != (before, words.maximumHeight()):
                words.setFixedHeight(wanted)


class BannerCard(WordCard):
    """A headline and a sentence on a coloured ground."""

    def __init__(self, parent: QWidget | None = None) -> None:
        self._headline, self._words = label("", "title", wrap=True), label("", wrap=True)
        super().__init__((self._headline, self._words), parent=parent)
        self.setObjectName("verdictBanner")
        self.body.setSpacing(SPACE[0])
        self.add(self._headline)
        self.add(self._words)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Maximum)

    def show_words(self, headline: str, words: str, tone: str) -> None:
        """Show a judgement."""
        self._headline.setText(headline)
        self._words.setText(words)
        set_role(self._headline, tone=tone)
        set_role(self, tone=tone)
        self.setAccessibleName(f"{headline}. {words}")
        self.fit()


class MetricTile(WordCard):
    """One big number with its name, its unit and what stands beside it."""

    def __init__(self, name: str = "metricTile", parent: QWidget | None = None) -> None:
        self._others = muted_label()
        super().__init__((self._others,), parent=parent)
        self.setObjectName(name)
        self._name = muted_label(wrap=False)
        self._value = number_label()
        self._unit = label("", "muted")
        self.body.setSpacing(SPACE[0])
        grid = QGridLayout()
        grid.setHorizontalSpacing(SPACE[1])
        grid.setColumnStretch(1, 1)
        grid.addWidget(self._value, 0, 0)
        grid.addWidget(self._unit, 0, 1, Qt.AlignmentFlag.AlignBottom)
        self._unit.setContentsMargins(0, 0, 0, 5)
        self.add(self._name)
        self.body.addLayout(grid)
        self.add(self._others)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Maximum)

    def show_metric(self, name: str, value: str, unit: str, others: str) -> None:
        """Show a metric."""
        self._name.setText(name)
        self._value.setText(value)
        self._unit.setText(unit)
        self._others.setText(others)
        self._others.setVisible(bool(others))
        self.setAccessibleName(f"{name} {value} {unit}".strip())
        self.fit()


class ShareCard(Card):
    """A question, its answer as a share, and the share as a bar."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent=parent)
        self._words = muted_label()
        self._bar = QProgressBar()
        self._bar.setRange(0, 1000)
        self._bar.setTextVisible(False)
        self.add(self._words)
        self.add(self._bar)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Maximum)

    def show_share(self, question: str, words: str, share: float, tone: str = "good") -> None:
        """Show a share of 0 to 1."""
        self.set_title(question)
        self._words.setText(words)
        self._bar.setValue(round(1000 * min(max(share, 0.0), 1.0)))
        set_role(self._bar, tone=tone)
        self._bar.setAccessibleName(words)


class FactsCard(Card):
    """Names and values, two columns."""

    def __init__(self, title: str, parent: QWidget | None = None) -> None:
        super().__init__(title, parent=parent)
        self._grid = QGridLayout()
        self._grid.setHorizontalSpacing(SPACE[2])
        self._grid.setVerticalSpacing(6)
        self._grid.setColumnStretch(1, 1)
        self.body.addLayout(self._grid)
        self.body.addStretch(1)
        self._rows: list[tuple[GivingLabel, ElidedLabel]] = []

    def show_facts(self, facts: Sequence[tuple[str, str]]) -> None:
        """Show these facts; those without a value are left out."""
        shown = [fact for fact in facts if fact[1]]
        while len(self._rows) < len(shown):
            # A long name gives way: the value is what is looked for. Of a path, the end is.
            name, value = GivingLabel("", "muted"), ElidedLabel("", middle=True)
            value.setMinimumWidth(_LEAST_VALUE)
            value.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
            self._grid.addWidget(name, len(self._rows), 0)
            self._grid.addWidget(value, len(self._rows), 1)
            self._rows.append((name, value))
        for place, (title, content) in enumerate(self._rows):
            title.setVisible(place < len(shown))
            content.setVisible(place < len(shown))
            if place < len(shown):
                title.setText(shown[place][0])
                content.show_text(shown[place][1])


class AgainstCard(Card):
    """The model and each baseline: name, value, and how much better the model is."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("Baselines", parent=parent)
        self.setObjectName("againstCard")
        self._grid = QGridLayout()
        self._grid.setHorizontalSpacing(SPACE[1])
        self._grid.setVerticalSpacing(0)
        self._grid.setColumnStretch(0, 1)
        self.body.addLayout(self._grid)
        self._rows: list[tuple[ElidedLabel, QLabel, ElidedLabel]] = []
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Maximum)

    def show_baselines(self, rows: Sequence[tuple[str, str, str, str]], note: str = "") -> None:
        """Show name, value, difference and the tone of the difference of each baseline."""
        self.set_title("Baselines", note)
        while len(self._rows) < len(rows):
            name, value, words = ElidedLabel("", "muted"), label("", "heading"), ElidedLabel("", "small")
            words.setContentsMargins(0, 0, 0, 8)
            value.setContentsMargins(0, 0, 0, 8)
            line = 2 * len(self._rows)
            self._grid.addWidget(name, line, 0, 1, 2)
            self._grid.addWidget(words, line + 1, 0)
            self._grid.addWidget(value, line + 1, 1, Qt.AlignmentFlag.AlignRight)
            self._rows.append((name, value, words))
        for place, widgets in enumerate(self._rows):
            for widget in widgets:
                widget.setVisible(place < len(rows))
            if place < len(rows):
                title, number, difference, tone = rows[place]
                widgets[0].show_text(title)
                widgets[1].setText(number)
                widgets[2].show_text(difference)
                set_role(widgets[2], tone=tone)
