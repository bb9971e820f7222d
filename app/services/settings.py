"""What the window remembers: geometry, recent files, theme, device. One INI file inside the workspace."""

from __future__ import annotations

from pathlib import Path
from typing import cast

from PySide6.QtCore import QByteArray, QObject, QSettings, Signal

from app.theme import ThemeMode
from mole_engine.store.files import is_file

_RECENT_LIMIT = 8
SIZES = (100, 110, 125, 150, 175, 200)
"""In how many percent of its natural size the window can be shown."""


def settings_file(workspace: Path) -> QSettings:
    """Return what is remembered in a workspace; needs no application."""
    return QSettings(str(workspace / "settings.ini"), QSettings.Format.IniFormat)


def wanted_size(store: QSettings) -> int:
    """Return the size of the window in percent; what is no such size reads as the natural one."""
    text = str(store.value("window/size", ""))
    return int(text) if text.isdecimal() and int(text) in SIZES else SIZES[0]


class Settings(QObject):
    """Typed access to the settings; a missing or odd value reads as its default.

    Signals
    -------
    recent_changed
        The list of recent files has changed.
    """

    recent_changed = Signal()

    def __init__(self, workspace: Path, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._store = settings_file(workspace)
        self._store.setParent(self)

    @property
    def geometry(self) -> QByteArray:
        """Where the window was; empty the first time."""
        value = self._store.value("window/geometry")
        return value if isinstance(value, QByteArray) else QByteArray()

    @geometry.setter
    def geometry(self, value: QByteArray) -> None:
        self._store.setValue("window/geometry", value)

    @property
    def theme_mode(self) -> ThemeMode:
        """Follow the system, or light, or dark."""
        value = str(self._store.value("window/theme", "system"))
        return cast(ThemeMode, value) if value in {"system", "light", "dark"} else "system"

    @theme_mode.setter
    def theme_mode(self, value: ThemeMode) -> None:
        self._store.setValue("window/theme", value)

    @property
    def size(self) -> int:
        """How large everything is shown, in percent; holds from the next start on."""
        return wanted_size(self._store)

    @size.setter
    def size(self, value: int) -> None:
        self._store.setValue("window/size", value)

    @property
    def device(self) -> str:
        """Device that the Train page starts with."""
        return str(self._store.value("training/device", "auto"))

    @device.setter
    def device(self, value: str) -> None:
        self._store.setValue("training/device", value)

    @property
    def recent(self) -> list[str]:
        """Files opened lately that still exist, newest first."""
        value = self._store.value("files/recent", [])
        # One entry alone comes back from an INI file as a plain text.
        listed = [value] if isinstance(value, str) else value if isinstance(value, list) else []
        # Of a network drive that does not answer, `Path.is_file` raises, and then no window would open.
        return [str(path) for path in listed if path and is_file(Path(str(path)))]

    def remember_file(self, path: str) -> None:
        """Put `path` first in the list of recent files."""
        others = [known for known in self.recent if known != path]
        self._store.setValue("files/recent", [path, *others][:_RECENT_LIMIT])
        self.recent_changed.emit()

    def forget_files(self) -> None:
        """Empty the list of recent files."""
        self._store.remove("files/recent")
        self.recent_changed.emit()

    def save(self) -> None:
        """Write everything to disk."""
        self._store.sync()
