"""Presets: YAML files that say what a job should be, in a chemist's words and in settings."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from mole_engine.contracts.config import TrainConfig
from mole_engine.contracts.errors import InputError
from mole_engine.contracts.settings import merged

DEFAULT_PRESET = "recommended"


@dataclass(frozen=True, slots=True)
class Preset:
    """One preset.

    Attributes
    ----------
    name, title, summary
        Identifier, what the card shows, and one honest line on what it does.
    order
        Position in lists.
    settings
        Nested settings laid over the defaults of `TrainConfig`.
    """

    name: str
    title: str
    summary: str
    order: int
    settings: dict[str, Any]

    def config(self, changes: dict[str, Any] | None = None) -> TrainConfig:
        """Return a configuration with this preset's settings and `changes` on top. Raises InputError."""
        return TrainConfig.from_dict(merged({**self.settings, "preset": self.name}, changes or {}))


def settings_over_preset(written: dict[str, Any], preset: str | None = None) -> dict[str, Any]:
    """Lay settings, as a file holds them, over those of a preset.

    Parameters
    ----------
    written
        Nested settings. Those that name everything, like `config.yaml` of a run, are taken as they are: it may be from
        a preset of the user's own, or from another version's.
    preset
        Its name, or "" for none; None: the one that `written` names, if any.

    Raises
    ------
    InputError
        When there is no such preset.
    """
    if preset is None and set(TrainConfig.model_fields) <= set(written):
        return written
    name = str(written.get("preset") or "") if preset is None else preset
    return merged(load_preset(name).settings, {**written, "preset": name}) if name else written


def list_presets() -> list[Preset]:
    """Return the shipped presets in the order in which they are shown; they are read once."""
    return list(_shipped())


@cache
def _shipped() -> tuple[Preset, ...]:
    import yaml

    presets = []
    for entry in (files("resources") / "presets").iterdir():
        if entry.name.endswith(".yaml"):
            content = yaml.safe_load(entry.read_text(encoding="utf-8"))
            presets.append(
                Preset(
                    name=entry.name.removesuffix(".yaml"),
                    title=content["title"],
                    summary=content["summary"],
                    order=content["order"],
                    settings=content["settings"],
                )
            )
    return tuple(sorted(presets, key=lambda preset: preset.order))


def load_preset(name: str) -> Preset:
    """Return the preset called `name`.

    Raises
    ------
    InputError
        Listing the presets there are.
    """
    presets = list_presets()
    for preset in presets:
        if preset.name == name:
            return preset
    known = ", ".join(preset.name for preset in presets)
    raise InputError(f"There is no preset '{name}'.", "", f"Choose one of: {known}.")
