"""Presets of the user: a title is theirs alone, whatever letters it has."""

from __future__ import annotations

import pytest

from app.services.user_presets import UserPresets
from mole_engine.contracts.config import TrainConfig
from mole_engine.contracts.errors import InputError


def config(epochs: int) -> TrainConfig:
    return TrainConfig.from_dict({"data": {"path": "a.csv"}, "training": {"epochs": epochs}})


def test_titles_that_differ_in_signs_alone_are_two_presets(tmp_path):
    presets = UserPresets(tmp_path)
    for epochs, title in enumerate(("pIC50 (a)", "pIC50 [a]", "Löslichkeit", "溶解度", "毒性"), 11):
        presets.save(title, "", config(epochs))
    kept = {preset.title: preset.config().training.epochs for preset in presets.read()}
    assert kept == {"pIC50 (a)": 11, "pIC50 [a]": 12, "Löslichkeit": 13, "溶解度": 14, "毒性": 15}
    assert presets.faults == []


def test_the_same_title_is_replaced(tmp_path):
    presets = UserPresets(tmp_path)
    presets.save("Mine", "", config(11))
    presets.save("溶解度", "", config(12))
    presets.save("mine", "", config(13))
    presets.save("溶解度", "", config(14))
    assert {preset.title: preset.config().training.epochs for preset in presets.read()} == {"mine": 13, "溶解度": 14}


def test_a_title_needs_a_letter_or_a_figure(tmp_path):
    with pytest.raises(InputError, match="needs a name"):
        UserPresets(tmp_path).save(" -/- ", "", config(11))


def test_a_file_that_somebody_has_put_there_is_replaced_and_deleted_itself(tmp_path):
    presets, folder = UserPresets(tmp_path), tmp_path / "presets"
    presets.save("Ours", "", config(11))
    for name, title in (("ours", "Theirs"), ("colleague", "Colleague")):
        (folder / f"{name}.yaml").write_text(
            f"title: {title}\nsettings: {{training: {{epochs: 7}}}}\n", encoding="utf-8"
        )
    names = {preset.title: preset.name for preset in presets.read()}
    assert len(set(names.values())) == 3
    assert names["Ours"] == "my-ours"
    assert presets.save("Colleague", "", config(12)).name == names["Colleague"]
    assert {preset.title: preset.config().training.epochs for preset in presets.read()} == {
        "Colleague": 12,
        "Ours": 11,
        "Theirs": 7,
    }
    presets.delete(names["Theirs"])
    presets.delete(names["Colleague"])
    assert [path.name for path in folder.iterdir()] == ["my-ours.yaml"]
