"""The model file: what goes in comes out, and whatever else it may be is told in one sentence."""

import dataclasses
import json
import zipfile

import pytest
import torch

from mole_engine.contracts.errors import InputError, KnownError
from mole_engine.data.scaling import TaskScale
from mole_engine.store import files
from mole_engine.store.bundle import read_bundle, read_card, save_bundle
from mole_engine.store.card_text import card_markdown


def test_round_trip(make_card, tmp_path):
    card = make_card()
    tensors = {"a": torch.randn(3, 4), "b": torch.arange(5)}
    tensors["tied"] = tensors["a"]
    save_bundle(tmp_path / "m.mole", tensors, card)

    bundle = read_bundle(tmp_path / "m.mole")

    assert set(bundle.tensors) == {"a", "b", "tied"}
    assert all(torch.equal(bundle.tensors[name], tensors[name]) for name in tensors)
    assert bundle.card.to_dict() == card.to_dict()
    assert bundle.card.tasks == card.tasks
    assert (bundle.card.domain.fingerprints == card.domain.fingerprints).all()
    assert [path.name for path in tmp_path.iterdir()] == ["m.mole"]


def test_page_names_unit_metrics_and_domain(make_bundle):
    with zipfile.ZipFile(make_bundle()) as archive:
        assert set(archive.namelist()) == {"model.safetensors", "card.json", "MODEL_CARD.md"}
        page = archive.read("MODEL_CARD.md").decode()
    assert "| logS | number | log mol/L |" in page
    assert "| rmse | 0.5 | 0.4 |" in page
    assert "20 validation molecules" in page


def test_page_of_several_networks_names_no_kept_epoch(make_card):
    assert "- Kept epoch: 4\n" in card_markdown(make_card(best_epoch=4))
    page = card_markdown(make_card(best_epoch=4, blend={"networks": 10}))
    assert "- Networks: 10, each with the epoch that it has kept\n" in page
    assert "Kept epoch" not in page


def test_page_names_the_metrics_of_one_task_once(make_card):
    page = card_markdown(make_card(metrics={"rmse": 0.5, "rmse/logS": 0.5}))
    assert page.count("| rmse") == 1


def test_card_holds_no_path_of_its_maker(make_card):
    from mole_engine.contracts.config import TrainConfig
    from mole_engine.store.card import portable_config

    config = TrainConfig.from_dict(
        {
            "data": {"path": "/home/me/secret/a.csv", "test_path": r"C:\me\t.csv", "extra_paths": ["/home/b.csv"]},
            "out": "/home/me/run",
            "init": "/x/e.mole",
            "model": {"vocabulary": "/home/me/words.json"},
        }
    )
    text = json.dumps(portable_config(config))
    assert "a.csv" in text
    assert "t.csv" in text
    assert "/home" not in text
    assert "C:" not in text
    assert "/x/" not in text


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is not a MolE model"),
        (b"smiles,y\nCCO,1\n", "is not a MolE model"),
        (b"PK\x03\x04 and then no more", "is damaged: it is cut off"),
    ],
)
def test_other_files(tmp_path, content, words):
    path = tmp_path / "x.mole"
    path.write_bytes(content)
    with pytest.raises(InputError, match=words):
        read_bundle(path)


def test_missing_and_folder(tmp_path):
    with pytest.raises(InputError, match="There is no model file"):
        read_bundle(tmp_path / "none.mole")
    with pytest.raises(InputError, match="is a folder"):
        read_bundle(tmp_path)


def test_folder_of_a_run_stands_for_its_model(make_bundle):
    path = make_bundle("model.mole")
    assert read_card(path.parent).name == "tiny"


def test_cut_off(make_bundle):
    path = make_bundle()
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(InputError, match=r"not a MolE model|damaged"):
        read_bundle(path)


def test_one_flipped_byte_in_the_weights(make_bundle):
    path = make_bundle()
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(content)
    with pytest.raises(InputError, match="damaged"):
        read_bundle(path)


def _rewritten(path, **members):
    with zipfile.ZipFile(path) as archive:
        content = {name: archive.read(name) for name in archive.namelist()}
    content.update({name.replace("_", "."): value for name, value in members.items()})
    with zipfile.ZipFile(path, "w") as archive:
        for name, value in content.items():
            archive.writestr(name, value)


def test_newer_format_says_update(make_bundle, make_card):
    path = make_bundle()
    card = make_card().to_dict()
    card["format_version"] = 99
    _rewritten(path, card_json=json.dumps(card))
    with pytest.raises(InputError, match=r"newer MolE Studio.*Update"):
        read_card(path)


@pytest.mark.parametrize(
    "card", ["{", "[]", '{"format_version": 1}', '{"format_version": 1, "tasks": [], "config": 3}', "null"]
)
def test_damaged_card(make_bundle, card):
    path = make_bundle()
    _rewritten(path, card_json=card)
    with pytest.raises(InputError, match="damaged"):
        read_card(path)


def test_card_that_claims_to_be_small_but_is_not_read_beyond_its_limit(make_bundle, monkeypatch):
    path = make_bundle()
    monkeypatch.setitem(__import__("mole_engine.store.bundle", fromlist=["_LIMITS"])._LIMITS, "card.json", 10)
    with pytest.raises(InputError, match="damaged"):
        read_card(path)


def test_full_disk_keeps_the_old_file(make_bundle, make_card, monkeypatch):
    path = make_bundle()
    before = path.read_bytes()

    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files.os, "fsync", full)
    with pytest.raises(KnownError, match="the disk is full"):
        save_bundle(path, {"a": torch.zeros(1)}, make_card())
    assert path.read_bytes() == before
    assert [other.name for other in path.parent.iterdir()] == [path.name]


def test_failed_write_of_torch_is_told_as_a_full_disk(tmp_path, monkeypatch):
    monkeypatch.setattr(files.shutil, "disk_usage", lambda _: type("Usage", (), {"free": 0}))
    with pytest.raises(KnownError, match="the disk is full"), files.atomic_path(tmp_path / "last.ckpt"):
        raise RuntimeError("[enforce fail at inline_container.cc:672] . unexpected pos 1105152 vs 1105040")
    with pytest.raises(RuntimeError, match="shape"), files.atomic_path(tmp_path / "last.ckpt"):
        raise RuntimeError("shape mismatch")
    assert list(tmp_path.iterdir()) == []


def test_folder_that_is_not_there(make_card, tmp_path):
    with pytest.raises(InputError, match="the folder does not exist"):
        save_bundle(tmp_path / "none" / "m.mole", {"a": torch.zeros(1)}, make_card())


def test_the_page_says_on_which_scale_a_target_was_learnt(make_card):
    """Its intervals are as wide there, and a factor in the unit of the values."""
    page = card_markdown(make_card(scales=(TaskScale(transform="log10", mean=1.0, std=2.0, low=1e-9),)))
    assert "given back on its own: logS as log10." in page
    assert "equally wide for all molecules on the scale that was learnt, log10" in page
    assert "on the scale that was learnt" not in card_markdown(make_card())


def test_the_page_says_where_intervals_are_measured_by_what_was_chosen_on_the_same_molecules(make_card):
    """Of 30 trials, the one that 50 molecules like best has intervals that hold 85 to 87 of 100 new ones."""
    config = make_card().config
    kept = {
        keep: make_card(config={**config, "training": {**config["training"], "keep": keep}})
        for keep in ("best", "last")
    }
    assert "They also chose the epoch, by how well" in card_markdown(kept["best"])
    assert "They also chose" not in card_markdown(kept["last"])
    searched = dataclasses.replace(kept["last"], split={**kept["last"].split, "trials": 30})
    told = card_markdown(searched)
    assert (
        "They also chose the settings, by how well they were predicted, so slightly fewer than 9 in 10 may hold" in told
    )
    assert "the fewer the validation molecules, the more so." in told
