"""What settings are called wherever they are named: as in the form *All settings*, not as in files."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from app.widgets.config_fields import field_title, number_text
from app.widgets.config_form import FormSection
from mole_engine.contracts.config import (
    EnsembleConfig,
    ModelConfig,
    RuntimeConfig,
    SearchConfig,
    SplitConfig,
    TrainConfig,
    TrainingConfig,
)
from mole_engine.contracts.settings import setting_names

SECTIONS = (
    FormSection("This run", "", TrainConfig, ("name", "seed", "init", "baselines")),
    FormSection("Training", "training", TrainingConfig),
    FormSection("Network", "model", ModelConfig),
    FormSection("Several networks", "ensemble", EnsembleConfig),
    FormSection("Search for settings", "search", SearchConfig),
    FormSection("Split", "split", SplitConfig),
    FormSection("Runtime", "runtime", RuntimeConfig),
)
"""Of the form, in its order."""

_VAGUE = frozenset({"Kind", "Method", "Column", "Members", "Repeats"})
"""Titles that say nothing without the section they stand in."""


@dataclass(frozen=True, slots=True)
class SettingWords:
    """What a setting is called where it stands among those of other sections, and what it does."""

    title: str
    help: str = ""
    is_number: bool = False

    def value(self, text: str) -> str:
        """Return a value, read from a file as text, as the form writes it: 1e-5 rather than 1e-05."""
        try:
            return number_text(float(text)) if self.is_number else text
        except ValueError:
            return text


def setting_words(path: str) -> SettingWords:
    """Return the words of a setting by its dotted name; a name that is no setting says itself."""
    return _all_words().get(path) or SettingWords(field_title(path))


@cache
def _all_words() -> dict[str, SettingWords]:
    sections = {section.prefix: section.title for section in SECTIONS if section.prefix}
    specs = {spec.path: spec for section in SECTIONS for spec in section.specs()}
    seen: set[str] = set()
    words = {}
    for path in setting_names(TrainConfig):
        title = field_title(path)
        section = sections.get(path.partition(".")[0], "")
        # The first of several bears its name alone: the run's seed rather than the split's.
        if section and (title in seen or title in _VAGUE):
            title = f"{title} ({section[:1].lower()}{section[1:]})"
        seen.add(title)
        spec = specs.get(path)
        words[path] = SettingWords(title) if spec is None else SettingWords(title, spec.hint(), spec.kind == "number")
    return words
