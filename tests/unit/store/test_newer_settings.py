"""Files of a newer version: told by name, with what this version does not know and what to do; never called damaged."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
import yaml

from mole_engine.contracts.config import TrainConfig
from mole_engine.contracts.errors import InputError
from mole_engine.inference.predictor import load_model
from mole_engine.store.bundle import read_bundle, read_card
from mole_engine.store.pretraining_folder import PretrainingFolder
from mole_engine.store.run_folder import RunFolder
from mole_engine.store.run_place import open_place


def of_tomorrow(path: Path, change: Any) -> Path:
    """Return the bundle with its card as a newer version might have written it."""
    with zipfile.ZipFile(path) as archive:
        content = {name: archive.read(name) for name in archive.namelist()}
    card = json.loads(content["card.json"])
    card["versions"] = {"mole-studio": "7.2.0"}
    change(card)
    content["card.json"] = json.dumps(card).encode()
    with zipfile.ZipFile(path, "w") as archive:
        for name, value in content.items():
            archive.writestr(name, value)
    return path


def sharper(card: Any) -> None:
    """Add a setting."""
    card["config"]["training"]["sharpness"] = 3


def told(act: Any) -> str:
    """Return the words of the error that `act` raises."""
    with pytest.raises(InputError) as caught:
        act()
    words = caught.value.problem.one_line()
    assert "damaged" not in words
    return words


@pytest.mark.parametrize("read", [read_bundle, load_model])
def test_a_setting_that_is_not_known(make_bundle: Any, read: Any) -> None:
    path = of_tomorrow(make_bundle("liver.mole"), sharper)
    words = told(lambda: read(path))
    assert words == (
        "liver.mole has settings that this version of MolE Studio does not know: training.sharpness. "
        "It was made by version 7.2.0. Use that version of MolE Studio, or a newer one."
    )
    # Its card can be looked at all the same.
    assert read_card(path).name == "tiny"


def test_a_value_that_is_not_known(make_bundle: Any) -> None:
    path = of_tomorrow(make_bundle(), lambda card: card["config"]["training"].update(schedule="staircase"))
    words = told(lambda: read_bundle(path))
    assert words.startswith("tiny.mole has settings that this version of MolE Studio does not know: training.schedule")
    assert "'staircase'" in words


def test_a_training_that_starts_from_it(make_bundle: Any, tmp_path: Path) -> None:
    path = of_tomorrow(make_bundle("liver.mole"), sharper)
    config = TrainConfig.from_dict({"init": str(path), "out": str(tmp_path / "run")})
    assert told(lambda: open_place(config)).startswith("liver.mole has settings that this version")


def test_a_card_of_a_newer_version_that_cannot_be_read(make_bundle: Any) -> None:
    path = of_tomorrow(make_bundle(), lambda card: card["tasks"][0].update(kind="ordinal"))
    words = told(lambda: read_card(path))
    assert words.startswith("tiny.mole was made by a newer MolE Studio: version 7.2.0")
    assert "Update MolE Studio" in words


@pytest.mark.parametrize(("kind", "section"), [(RunFolder, "training"), (PretrainingFolder, "objectives")])
def test_a_run(tmp_path: Path, kind: Any, section: str) -> None:
    (tmp_path / "config.yaml").write_text(yaml.safe_dump({section: {"sharpness": 3}}))
    words = told(kind(tmp_path).read_config)
    assert words == (
        f"{tmp_path / 'config.yaml'} has settings that this version of MolE Studio does not know: {section}.sharpness. "
        "Use a newer version of MolE Studio, or correct the file if you have changed it."
    )


def test_values_out_of_range_are_not_of_a_newer_version(make_bundle: Any) -> None:
    words = told(lambda: TrainConfig.recorded({"training": {"epochs": -1}}, "config.yaml"))
    assert words.startswith("config.yaml has settings that are not valid: training.epochs: ")
    assert "got -1" in words
    assert "newer" not in words
    path = of_tomorrow(make_bundle("liver.mole"), lambda card: card["config"]["training"].update(epochs="many"))
    assert told(lambda: read_bundle(path)).startswith("liver.mole has settings that are not valid: training.epochs: ")


def test_what_is_wrong_beside_what_is_not_known_may_be_of_the_newer_version_too() -> None:
    fields = {"training": {"epochs": -1, "sharpness": 3}}
    words = told(lambda: TrainConfig.recorded(fields, "config.yaml"))
    assert words.startswith(
        "config.yaml has settings that this version of MolE Studio does not know: training.sharpness."
    )
    assert "Not valid: training.epochs: " in words
