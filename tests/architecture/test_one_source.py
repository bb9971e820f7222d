"""One source for each fact: settings describe themselves, presets load, the version and the licence stand once."""

import re
import tomllib
from importlib.resources import files
from pathlib import Path

import pytest
from pydantic import BaseModel

from mole_engine import __version__
from mole_engine.contracts.config import TrainConfig
from mole_engine.contracts.presets import list_presets

ROOT = Path(__file__).parents[2]


def settings(section: type[BaseModel], prefix: str = ""):
    for name, field in section.model_fields.items():
        yield f"{prefix}{name}", field
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from settings(field.annotation, f"{prefix}{name}.")


def test_every_setting_says_what_it_is():
    silent = [name for name, field in settings(TrainConfig) if not (field.description or "").strip()]
    assert not silent


def test_every_help_is_a_sentence():
    unfinished = [name for name, field in settings(TrainConfig) if not str(field.description).endswith(".")]
    assert not unfinished


@pytest.mark.parametrize("preset", list_presets(), ids=lambda preset: preset.name)
def test_preset_loads_and_describes_itself(preset):
    config = preset.config()
    assert config.preset == preset.name
    assert preset.title
    assert preset.summary.endswith(".")
    assert "!" not in preset.summary


def test_presets_have_an_order():
    orders = [preset.order for preset in list_presets()]
    assert orders == sorted(set(orders))
    assert {"quick-look", "small", "base"} <= {preset.name for preset in list_presets()}


def test_version_has_one_source():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert "version" in project["project"]["dynamic"]
    assert (ROOT / project["tool"]["hatch"]["version"]["path"]).is_file()
    again = [
        path.relative_to(ROOT).as_posix()
        for package in ("app", "mole_engine", "packaging")
        for path in (ROOT / package).rglob("*.py")
        if re.search(rf"[\"']{re.escape(__version__)}[\"']", path.read_text(encoding="utf-8"))
    ]
    assert again == ["mole_engine/_version.py"]


def test_changelog_knows_this_version():
    assert f"## {__version__}" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_resources_are_found_through_the_package():
    folder = files("resources")
    for inner in ("presets/quick-look.yaml", "vocabularies/default.json", "icons/mole-studio.svg"):
        assert folder.joinpath(*inner.split("/")).is_file(), inner


def test_what_the_guides_point_at_exists():
    guides = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]
    missing = [
        f"{guide.relative_to(ROOT)}: {target}"
        for guide in guides
        for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", guide.read_text(encoding="utf-8"))
        if not (guide.parent / target).exists()
    ]
    assert not missing
