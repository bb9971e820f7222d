"""Model files that were damaged or made to harm: told in one sentence, before memory is asked for."""

import base64
import json
import zipfile
import zlib

import pytest
import torch
from safetensors.torch import load, save

from mole_engine.contracts.errors import InputError
from mole_engine.inference.predictor import NO_NUMBER, load_model
from mole_engine.store import card as card_module


@pytest.fixture
def rewritten(make_bundle):
    """Return a function that writes a bundle with another card or other weights, and returns its path."""

    def rewrite(change_card=None, change_tensors=None):
        path = make_bundle()
        with zipfile.ZipFile(path) as archive:
            members = {name: archive.read(name) for name in archive.namelist()}
        if change_card is not None:
            card = json.loads(members["card.json"])
            change_card(card)
            members["card.json"] = json.dumps(card)
        if change_tensors is not None:
            members["model.safetensors"] = save(change_tensors(load(members["model.safetensors"])))
        with zipfile.ZipFile(path, "w") as archive:
            for name, content in members.items():
                archive.writestr(name, content)
        return path

    return rewrite


@pytest.mark.parametrize(
    "change",
    [
        lambda card: card.update(config={}),
        lambda card: card.update(scaler={}),
        lambda card: card.update(scaler={"scales": 5}),
        lambda card: card.update(scaler={"scales": []}),
        lambda card: card["config"]["model"].update(outputs=0),
    ],
)
def test_a_card_whose_parts_do_not_fit_is_told_as_damaged(rewritten, change):
    with pytest.raises(InputError, match="damaged"):
        load_model(rewritten(change))


def test_a_network_that_would_fill_the_memory_is_never_built(rewritten):
    def claim(card):
        card["config"]["model"].update(layers=48, hidden_size=4096, heads=64, intermediate_size=16384)

    with pytest.raises(InputError, match="its weights do not fit its card"):
        load_model(rewritten(claim))


def test_a_card_of_nothing_but_brackets_cannot_be_read(make_bundle):
    path = make_bundle()
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in {**members, "card.json": b"[" * 100_000}.items():
            archive.writestr(name, content)
    with pytest.raises(InputError, match="its card cannot be read"):
        load_model(path)


def test_fingerprints_that_unpack_to_more_than_announced_are_refused(rewritten, monkeypatch):
    monkeypatch.setattr(card_module, "_MAX_FINGERPRINTS", 1 << 16)

    def swell(card):
        card["domain"]["fingerprints"] = base64.b64encode(zlib.compress(bytes(1 << 20))).decode()

    with pytest.raises(InputError, match="damaged"):
        load_model(rewritten(swell))


def test_a_row_without_a_number_says_so(rewritten):
    def no_numbers(tensors):
        return {name: torch.full_like(tensor, torch.nan) for name, tensor in tensors.items()}

    predicted = load_model(rewritten(change_tensors=no_numbers)).predict(["CCO", "C1CC"])
    assert predicted["error"].tolist() == [NO_NUMBER, "ring 1 is never closed"]
