"""Colours that can be read, and a style sheet that is whole."""

from __future__ import annotations

import re
from importlib.resources import files

import pytest
from PySide6.QtGui import QColor, QTextDocument

from app.theme import DARK, LIGHT, Tokens, icon, style_sheet, theme
from app.widgets.basic import pill_button
from app.widgets.crosshair import Crosshair
from app.widgets.plotting import new_plot
from app.widgets.split_card import SplitCard

TEXT_ON = [
    ("ink", "background"),
    ("ink", "surface"),
    ("muted", "surface"),
    ("muted", "background"),
    ("muted", "neutral_soft"),
    ("accent", "surface"),
    ("accent", "accent_soft"),
    ("on_primary", "primary"),
    ("on_primary", "primary_hover"),
    ("good", "good_soft"),
    ("good", "surface"),
    ("warning", "warning_soft"),
    ("warning", "surface"),
    ("danger", "danger_soft"),
    ("danger", "surface"),
    ("ink", "accent_soft"),
]


def luminance(color: str) -> float:
    parts = [QColor(color).redF(), QColor(color).greenF(), QColor(color).blueF()]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("tokens", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize(("front", "back"), TEXT_ON)
def test_text_stands_out(tokens: Tokens, front: str, back: str):
    lights = sorted((luminance(getattr(tokens, front)), luminance(getattr(tokens, back))))
    assert (lights[1] + 0.05) / (lights[0] + 0.05) >= 4.5


def colors_of_words(document: QTextDocument) -> set[str]:
    """Return the colours of whatever has letters in a rich text."""
    colors, block = set(), document.begin()
    while block.isValid():
        for fragment in block:
            piece = fragment.fragment()
            if any(letter.isalnum() for letter in piece.text()):
                colors.add(piece.charFormat().foreground().color().name())
        block = block.next()
    return colors


def test_words_on_plots_and_splits_are_not_in_the_pale_colours_of_lines(qtbot, qapp):
    plot, card, colors = new_plot("lossPlot", "Loss"), SplitCard(), set()
    for widget in (plot, card):
        qtbot.addWidget(widget)
    plot.setXRange(0, 1)
    crosshair = Crosshair(plot)
    crosshair.show_at(0.5, [("validation 0.33", "validation"), ("third 0.1", "third"), ("train 0.2", "train")])
    assert "validation 0.33" in crosshair.text()
    colors |= colors_of_words(crosshair._words.textItem.document())
    card.show_split("scaffold", (4, 2, 1), [])
    for words in card._legend:
        document = QTextDocument()
        document.setHtml(words.text())
        colors |= colors_of_words(document)
    light = [luminance(color) for color in colors] + [luminance(theme.palette().surface)]
    assert colors
    assert all((light[-1] + 0.05) / (one + 0.05) >= 4.5 for one in light[:-1]), colors


@pytest.mark.parametrize("tokens", [LIGHT, DARK], ids=["light", "dark"])
def test_the_style_sheet_knows_every_name_and_every_icon(tokens: Tokens):
    sheet = style_sheet(tokens)
    assert "@" not in sheet
    for name in re.findall(r"icons:([\w-]+\.svg)", sheet):
        assert (files("resources") / "icons" / name).is_file()


def test_icons_are_drawn_in_the_asked_colour(qapp):
    picture = icon("train", "#ff0000").pixmap(20, 20).toImage()
    colors = {picture.pixelColor(x, y).name() for x in range(20) for y in range(20) if picture.pixelColor(x, y).alpha()}
    assert "#ff0000" in colors


@pytest.mark.parametrize("tokens", [LIGHT, DARK], ids=["light", "dark"])
def test_what_a_small_button_says_can_be_read_also_where_it_cannot_be_pressed(shown, tokens: Tokens):
    button = pill_button("████ Star", checkable=True)
    button.setStyleSheet(style_sheet(tokens))
    button.setEnabled(False)
    picture = shown(button, 140, 30).grab().toImage()
    lights = [luminance(picture.pixelColor(x, picture.height() // 2).name()) for x in range(12, picture.width() - 12)]
    assert (max(lights) + 0.05) / (min(lights) + 0.05) >= 4.5
