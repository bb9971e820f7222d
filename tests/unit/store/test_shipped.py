"""Models that come with the program are found by name, wherever a model's file can be given."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mole_engine.contracts.config import TrainConfig
from mole_engine.contracts.errors import InputError
from mole_engine.contracts.presets import list_presets
from mole_engine.store.bundle import read_bundle, read_card
from mole_engine.store.run_place import with_absolute_paths, with_encoder_of_init
from mole_engine.store.shipped import shipped_models, shipped_path


def test_every_preset_starts_from_a_model_that_is_there() -> None:
    for preset in list_presets():
        init = preset.config().init
        assert init == "none" or init in shipped_models()


def test_a_name_alone_is_enough(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    card = read_card("mole-small")
    assert card.tasks == ()
    assert any(name.startswith("encoder.") for name in read_bundle("mole-small").tensors)
    config = TrainConfig.from_dict({"init": "mole-small", "model": {"layers": 1, "hidden_size": 8, "heads": 1}})
    # The name stays in the run's configuration, so that it means the same on another computer.
    assert with_absolute_paths(config).init == "mole-small"
    assert with_encoder_of_init(config).model.hidden_size == card.train_config().model.hidden_size


def test_a_file_of_that_name_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("mole-small").write_text("mine")
    with pytest.raises(InputError, match="not a MolE model"):
        read_card("mole-small")


def test_other_names_are_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert shipped_path("mole-huge") is None
    with pytest.raises(InputError, match="no model file mole-huge"):
        read_card("mole-huge")


@pytest.mark.parametrize("name", shipped_models())
def test_a_shipped_encoder_is_small_says_where_it_comes_from_and_encodes(name: str) -> None:
    from mole_engine import load_model

    path = shipped_path(name)
    assert path is not None
    assert path.stat().st_size < 25 * 2**20
    notes = " ".join(read_card(name).notes)
    assert "no weights or code of others" in notes
    assert "was taken out before" in notes
    vectors = load_model(name, "cpu").encode(["CCO", "c1ccccc1O", "C1CC"])
    assert np.isfinite(vectors[:2]).all()
    assert np.abs(vectors[0] - vectors[1]).max() > 0.1
    assert np.isnan(vectors[2]).all()
