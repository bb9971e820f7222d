"""Colours, spacing, type and icons: one source for the style sheet and for everything painted by hand.

The scheme follows the system (`QStyleHints.colorScheme`) and changes live; the user may fix it to light or dark.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import lru_cache
from importlib.resources import files
from typing import Literal

from PySide6.QtCore import QByteArray, QDir, QObject, QSize, Qt, Signal, Slot
from PySide6.QtGui import QColor, QFont, QGuiApplication, QIcon, QPainter, QPalette, QPixmap
from PySide6.QtWidgets import QApplication

ThemeMode = Literal["system", "light", "dark"]

_SCHEMES: dict[ThemeMode, Qt.ColorScheme] = {
    "system": Qt.ColorScheme.Unknown,
    "light": Qt.ColorScheme.Light,
    "dark": Qt.ColorScheme.Dark,
}

SPACE = (4, 8, 12, 16, 24)
"""Distances in pixels; margins of a page are the last, gaps between cards the third and fourth."""

RADIUS = 10
"""Corner radius of a card."""

_ICON_GRID, _STROKE = 20, 1.6
_LARGE_ICON, _LARGE_STROKE = 24, 2.0


@dataclass(frozen=True, slots=True)
class Tokens:
    """The palette. Every colour is a "#rrggbb" text; `dark` says which of the two palettes this is."""

    dark: bool
    background: str
    surface: str
    ink: str
    muted: str
    line: str
    hover: str
    neutral_soft: str
    accent: str
    accent_soft: str
    primary: str
    primary_hover: str
    primary_pressed: str
    on_primary: str
    good: str
    good_soft: str
    warning: str
    warning_soft: str
    danger: str
    danger_soft: str
    train: str
    validation: str
    third: str
    baseline: str

    def color(self, name: str) -> QColor:
        """Return the colour called `name`."""
        return QColor(str(getattr(self, name)))


LIGHT = Tokens(
    dark=False,
    background="#F5F6F8",
    surface="#FFFFFF",
    ink="#1B1F27",
    muted="#5D6675",
    line="#E2E6EC",
    hover="#F5F6F8",
    neutral_soft="#EDF0F4",
    accent="#2966E0",
    accent_soft="#E8F0FE",
    primary="#2E6BE6",
    primary_hover="#255CCB",
    primary_pressed="#1F4FB0",
    on_primary="#FFFFFF",
    good="#187B4F",
    good_soft="#E6F5EE",
    warning="#8F5D00",
    warning_soft="#FFF4DC",
    danger="#B93A32",
    danger_soft="#FCEBEA",
    train="#0072B2",
    validation="#D55E00",
    third="#009E73",
    baseline="#5D6675",
)

DARK = Tokens(
    dark=True,
    background="#14171C",
    surface="#1C2027",
    ink="#E8EBF0",
    muted="#98A2B1",
    line="#2B313B",
    hover="#242932",
    neutral_soft="#272D36",
    accent="#6EA2FF",
    accent_soft="#22304A",
    primary="#2B66D9",
    primary_hover="#336CDD",
    primary_pressed="#2458BE",
    on_primary="#FFFFFF",
    good="#4CC38A",
    good_soft="#17332A",
    warning="#E2B04A",
    warning_soft="#3A2F17",
    danger="#F07A70",
    danger_soft="#3B2122",
    train="#56B4E9",
    validation="#E8833A",
    third="#35C29A",
    baseline="#98A2B1",
)


class Theme(QObject):
    """Which palette is in force.

    Signals
    -------
    changed
        After the style sheet has been renewed; widgets that paint by hand update themselves.
    mode_changed
        The user has asked for another mode; the colours may stay.
    """

    changed = Signal()
    mode_changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._mode: ThemeMode = "system"
        self._tokens = LIGHT
        self._followed: QApplication | None = None

    @property
    def mode(self) -> ThemeMode:
        """What the user has asked for."""
        return self._mode

    def palette(self) -> Tokens:
        """Return the colours in force."""
        return self._tokens

    def set_mode(self, mode: ThemeMode) -> None:
        """Follow the system, or stay light or dark."""
        before, self._mode = self._mode, mode
        hints = QGuiApplication.styleHints()
        # The frames of windows and the system's dialogs are drawn by the system (Windows, macOS).
        hints.setColorScheme(_SCHEMES[mode])
        self._show(self._wanted(hints.colorScheme()))
        if mode != before:
            self.mode_changed.emit()

    def apply(self, app: QApplication) -> None:
        """Dress the whole application and follow the system from now on; a second call does nothing."""
        if self._followed is app:
            return
        self._followed = app
        # Style sheets reach the icons under a name of their own, wherever the package is installed.
        QDir.addSearchPath("icons", str(files("resources") / "icons"))
        app.setStyle("Fusion")
        app.setFont(text_font())
        hints = QGuiApplication.styleHints()
        hints.colorSchemeChanged.connect(self._system_changed)
        self._tokens = self._wanted(hints.colorScheme())
        self._dress()

    @Slot(Qt.ColorScheme)
    def _system_changed(self, scheme: Qt.ColorScheme) -> None:
        self._show(self._wanted(scheme))

    def _wanted(self, scheme: Qt.ColorScheme) -> Tokens:
        if self._mode == "system":
            return DARK if scheme == Qt.ColorScheme.Dark else LIGHT
        return DARK if self._mode == "dark" else LIGHT

    def _show(self, tokens: Tokens) -> None:
        if tokens is self._tokens:
            return
        self._tokens = tokens
        self._dress()
        self.changed.emit()

    def _dress(self) -> None:
        if self._followed is not None:
            self._followed.setPalette(_qt_palette(self._tokens))
            self._followed.setStyleSheet(style_sheet(self._tokens))


theme = Theme()
"""The one theme of the process."""


def text_font(pixels: float = 13, *, bold: bool = False, tabular: bool = False) -> QFont:
    """Return the system's UI font at `pixels`; `tabular` gives all figures one width."""
    font = QFont(QApplication.font())
    font.setPixelSize(round(pixels))
    font.setWeight(QFont.Weight.DemiBold if bold else QFont.Weight.Normal)
    if tabular:
        font.setFeature(QFont.Tag("tnum"), 1)
    return font


def mono_font(pixels: float = 12) -> QFont:
    """Return a fixed-width font at `pixels`, for SMILES and technical details."""
    font = QFont()
    font.setFamilies(["SF Mono", "Cascadia Mono", "Consolas", "DejaVu Sans Mono", "Menlo", "monospace"])
    font.setStyleHint(QFont.StyleHint.Monospace)
    font.setPixelSize(round(pixels))
    return font


@lru_cache(maxsize=2)
def style_sheet(tokens: Tokens) -> str:
    """Return the style sheet with every "@name" replaced by the token of that name."""
    text = (files("resources") / "styles" / "studio.qss").read_text(encoding="utf-8")
    # Longest names first, so that "@primary" does not eat the head of "@primary_hover".
    for name in sorted((field.name for field in fields(tokens)), key=len, reverse=True):
        text = text.replace(f"@{name}", str(getattr(tokens, name)))
    return text.replace("@scheme", "dark" if tokens.dark else "light")


def pixmap(name: str, color: str, size: int = 20, ratio: float = 1.0) -> QPixmap:
    """Draw the icon `resources/icons/<name>.svg` in one colour."""
    from PySide6.QtSvg import QSvgRenderer

    source = _icon_source(name).replace("currentColor", color)
    if size > _LARGE_ICON:
        # A line that is drawn with the icon would grow to a beam with it.
        source = source.replace(f'stroke-width="{_STROKE}"', f'stroke-width="{_LARGE_STROKE * _ICON_GRID / size:.2f}"')
    renderer = QSvgRenderer(QByteArray(source.encode()))
    drawn = QPixmap(QSize(round(size * ratio), round(size * ratio)))
    drawn.fill(Qt.GlobalColor.transparent)
    painter = QPainter(drawn)
    renderer.render(painter)
    painter.end()
    drawn.setDevicePixelRatio(ratio)
    return drawn


def icon(name: str, color: str = "", size: int = 20) -> QIcon:
    """Return an icon in `color` ("" for the ink of the palette in force), sharp at twice the size."""
    chosen = color or theme.palette().ink
    result = QIcon(pixmap(name, chosen, size))
    result.addPixmap(pixmap(name, chosen, size, 2.0))
    return result


@lru_cache(maxsize=64)
def _icon_source(name: str) -> str:
    return (files("resources") / "icons" / f"{name}.svg").read_text(encoding="utf-8")


def _qt_palette(tokens: Tokens) -> QPalette:
    palette = QPalette()
    role = QPalette.ColorRole
    colours = {
        role.Window: tokens.background,
        role.WindowText: tokens.ink,
        role.Base: tokens.surface,
        role.AlternateBase: tokens.background,
        role.Text: tokens.ink,
        role.Button: tokens.surface,
        role.ButtonText: tokens.ink,
        role.ToolTipBase: tokens.surface,
        role.ToolTipText: tokens.ink,
        role.PlaceholderText: tokens.muted,
        role.Highlight: tokens.primary,
        role.HighlightedText: tokens.on_primary,
        role.Link: tokens.accent,
        role.Mid: tokens.line,
        role.Light: tokens.surface,
    }
    for name, value in colours.items():
        palette.setColor(name, QColor(value))
    disabled = QPalette.ColorGroup.Disabled
    for name in (role.WindowText, role.Text, role.ButtonText):
        palette.setColor(disabled, name, QColor(tokens.muted))
    return palette
