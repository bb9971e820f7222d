"""Presets that the user has saved: one YAML file each, in the folder `presets` of the workspace."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

from mole_engine.contracts.config import TrainConfig
from mole_engine.contracts.errors import InputError, KnownError
from mole_engine.contracts.presets import Preset
from mole_engine.contracts.settings import merged, read_yaml
from mole_engine.store.files import storage_problem, write_text

FOLDER = "presets"
OWN = "my-"
"""How the names of the user's presets begin, so that none hides a shipped one."""

_SECTIONS = ("training", "model", "ensemble", "search", "runtime")
_SINGLE = ("init", "baselines")
_OF_THE_MACHINE = frozenset({"device", "threads", "side_by_side", "devices", "num_nodes"})
_LONGEST = 60


class UserPresets:
    """Reads and writes the user's presets.

    Attributes
    ----------
    faults
        What was wrong with files that could not be read, by the last `read`.
    """

    def __init__(self, workspace: Path) -> None:
        self._folder = workspace / FOLDER
        self._files: dict[str, Path] = {}
        self.faults: list[str] = []

    def read(self) -> list[Preset]:
        """Return the presets there are, by title; a file that is wrong is left out and told of in `faults`."""
        self.faults, self._files = [], {}
        found = []
        for path in self._paths():
            try:
                preset = _preset(path)
            except InputError as error:
                self.faults.append(error.problem.one_line())
                continue
            while preset.name in self._files:
                # A file that somebody has put here may be called as one of ours is.
                preset = replace(preset, name=f"{preset.name}-2")
            self._files[preset.name] = path
            found.append(preset)
        return sorted(found, key=lambda preset: preset.title.lower())

    def _paths(self) -> list[Path]:
        """Return the files there are; those that we have written come first, so that they keep their names."""
        paths = self._folder.glob("*.yaml") if self._folder.is_dir() else []
        return sorted(paths, key=lambda path: (not path.stem.startswith(OWN), path))

    def save(self, title: str, summary: str, config: TrainConfig) -> Preset:
        """Write the settings of a job as a preset; one of the same title is replaced.

        Raises
        ------
        InputError
            When the title is empty.
        KnownError
            When the file cannot be written.
        """
        title = " ".join(title.split())[:_LONGEST]
        if not any(letter.isalnum() for letter in title):
            raise InputError("A preset needs a name.", "", "Give it one with letters or figures.")
        content = {"title": title, "summary": " ".join(summary.split()), "order": 100, "settings": _settings(config)}
        import yaml

        text = yaml.safe_dump(content, sort_keys=False, allow_unicode=True)
        path = self._place(title)
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise storage_problem(error, path) from error
        # In one piece: on a full disk the preset that it replaces stays.
        write_text(path, text)
        return next(preset for preset in self.read() if self._files[preset.name] == path)

    def _place(self, title: str) -> Path:
        """Return the file of the preset with this title, else one that is not there yet."""
        known = next((preset.name for preset in self.read() if preset.title.casefold() == title.casefold()), "")
        if known:
            return self._files[known]
        # Titles may differ in signs alone, and need no Latin letters.
        stem = OWN + (re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-") or "preset")
        names = (stem, *(f"{stem}-{more}" for more in range(2, 1000)))
        return next(place for place in (self._folder / f"{name}.yaml" for name in names) if not place.exists())

    def delete(self, name: str) -> None:
        """Remove a preset; one that is not there is no fault. Raises KnownError."""
        if not name.startswith(OWN):
            return
        path = self._files.get(name, self._folder / f"{name}.yaml")
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            cause = f"{error.strerror or error}."
            raise KnownError(f"Cannot remove {path}.", cause, "Check the workspace folder.") from error


def is_own(name: str) -> bool:
    """Whether a preset's name is that of one that the user has saved."""
    return name.startswith(OWN)


def _preset(path: Path) -> Preset:
    content = read_yaml(path)
    settings = content.get("settings")
    preset = Preset(
        name=path.stem if path.stem.startswith(OWN) else OWN + path.stem,
        title=str(content.get("title") or path.stem),
        summary=str(content.get("summary") or ""),
        order=100,
        settings=settings if isinstance(settings, dict) else {},
    )
    # A setting of another version, or a typing error, shows itself here and not when Train is pressed.
    try:
        preset.config()
    except InputError as error:
        raise InputError(f"{path} is not a preset.", error.problem.cause, "Correct or remove it.") from error
    return preset


def _settings(config: TrainConfig) -> dict[str, Any]:
    """Return what differs from the defaults, without what belongs to the data or to this machine."""
    own, plain = config.to_dict(), TrainConfig().to_dict()
    settings: dict[str, Any] = {name: own[name] for name in _SINGLE if own[name] != plain[name]}
    for section in _SECTIONS:
        changed = {
            name: value
            for name, value in own[section].items()
            if value != plain[section][name] and not (section == "runtime" and name in _OF_THE_MACHINE)
        }
        if changed:
            settings = merged(settings, {section: changed})
    return settings
