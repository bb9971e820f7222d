"""From the original's files to a bundle that predicts what the original predicts."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from mole_engine.chem.vocabulary import Vocabulary
from mole_engine.contracts.dataset import TaskKind
from mole_engine.contracts.errors import InputError
from mole_engine.store.bundle import read_bundle
from mole_engine.store.import_reference import import_reference
from mole_engine.store.reference_vocabulary import read_reference_vocabulary, vocabulary_of
from mole_engine.store.reference_weights import model_config, read_reference, to_our_names

GOLDEN = Path(__file__).parents[2] / "data" / "golden"
CHECKPOINT = GOLDEN / "tiny_lightning.ckpt"
VOCABULARY = GOLDEN / "features.json"

State = dict[str, torch.Tensor]


@pytest.fixture(scope="module")
def state() -> State:
    return read_reference(CHECKPOINT).tensors


def stripped(state: State, prefix: str) -> State:
    return {name.removeprefix(prefix): value for name, value in state.items()}


WRITERS: dict[str, Callable[[State, Path], None]] = {
    "lightning.ckpt": lambda state, path: path.write_bytes(CHECKPOINT.read_bytes()),
    "nested.ckpt": lambda state, path: torch.save({"state_dict": state, "optimizer_states": [{}]}, path),
    "bare.pt": torch.save,
    "without_prefix.pt": lambda state, path: torch.save({"model": stripped(state, "model.")}, path),
    "plain.safetensors": save_file,
}


@pytest.mark.parametrize("name", WRITERS)
def test_every_kind_of_file_gives_the_originals_logits(name: str, state: State, tmp_path: Path) -> None:
    source, out = tmp_path / name, tmp_path / "imported.mole"
    WRITERS[name](state, source)
    report = import_reference(source, VOCABULARY, heads=4, task="regression", out=out)
    assert len(report.matched) == 42
    assert report.has_head
    bundle = read_bundle(out)
    from mole_engine.models.mole import MolE

    model = MolE(bundle.card.train_config().model).eval()
    model.load_state_dict(bundle.tensors, strict=True)
    with np.load(GOLDEN / "tiny.npz") as stored, torch.no_grad():
        inputs = [torch.from_numpy(stored[key]) for key in ("tokens", "distances", "mask")]
        np.testing.assert_allclose(model(*inputs), stored["logits"], atol=2e-5)


def test_a_lightning_checkpoint_tells_heads_and_task(tmp_path: Path) -> None:
    import_reference(CHECKPOINT, VOCABULARY, out=tmp_path / "imported.mole")
    card = read_bundle(tmp_path / "imported.mole").card
    config = card.train_config().model
    assert (config.heads, config.layers, config.pooling, config.head_dropout) == (4, 2, "cls", 0.1)
    assert [task.kind for task in card.tasks] == [TaskKind.REGRESSION]


@pytest.mark.parametrize(
    ("name", "task", "is_guessed"),
    [
        ("plain.safetensors", "auto", True),
        ("plain.safetensors", "regression", False),
        ("lightning.ckpt", "auto", False),
    ],
)
def test_a_kind_of_output_that_nothing_tells_is_said_to_be_assumed(
    state: State, tmp_path: Path, name: str, task: str, is_guessed: bool
) -> None:
    WRITERS[name](state, tmp_path / name)
    report = import_reference(tmp_path / name, VOCABULARY, heads=4, task=task, out=tmp_path / "imported.mole")
    assert report.is_kind_guessed == is_guessed
    assert ("taken as numbers; --task classification" in report.in_words()) == is_guessed


def test_the_bundle_keeps_the_originals_rules(tmp_path: Path) -> None:
    import_reference(CHECKPOINT, VOCABULARY, out=tmp_path / "imported.mole")
    card = read_bundle(tmp_path / "imported.mole").card
    vocabulary = Vocabulary.from_dict(card.vocabulary)
    assert (vocabulary.size, vocabulary.unk_id, vocabulary.elements) == (211, 209, ())
    curation = card.train_config().data.curation
    assert not any([curation.largest_fragment, curation.neutralise, curation.flatten_stereo])


def test_shapes_alone_do_not_tell_the_heads(state: State) -> None:
    tensors, _ = to_our_names(state)
    with pytest.raises(InputError, match="--heads"):
        model_config(tensors, {})
    with pytest.raises(InputError, match="7"):
        model_config(tensors, {}, heads=7)
    with pytest.raises(InputError, match="4 attention heads"):
        model_config(tensors, read_reference(CHECKPOINT).settings, heads=2)


def test_an_encoder_without_a_head_predicts_nothing(state: State, tmp_path: Path) -> None:
    encoder = {name: value for name, value in state.items() if "prediction_head" not in name}
    encoder["model.lm_head.weight"] = torch.zeros(3)
    torch.save(encoder, tmp_path / "encoder.pt")
    report = import_reference(tmp_path / "encoder.pt", VOCABULARY, heads=4, out=tmp_path / "encoder.mole")
    assert not report.has_head
    assert report.unused == ("model.lm_head.weight",)
    assert "1 other left aside" in report.in_words()
    assert read_bundle(tmp_path / "encoder.mole").card.tasks == ()


@pytest.mark.parametrize(("task", "kinds"), [("classification", 3), ("multiclass", 1), ("regression", 3)])
def test_the_outputs_become_tasks(state: State, tmp_path: Path, task: str, kinds: int) -> None:
    wide = dict(state)
    wide["model.prediction_head.classifier.weight"] = torch.randn(3, 64)
    wide["model.prediction_head.classifier.bias"] = torch.randn(3)
    torch.save(wide, tmp_path / "wide.pt")
    import_reference(tmp_path / "wide.pt", VOCABULARY, heads=4, task=task, out=tmp_path / "wide.mole")
    tasks = read_bundle(tmp_path / "wide.mole").card.tasks
    assert [spec.kind for spec in tasks] == [TaskKind(task)] * kinds
    assert sum(spec.outputs for spec in tasks) == 3


def change(state: State, **changes: Any) -> State:
    changed = dict(state)
    for name, value in changes.items():
        key = next(key for key in state if key.endswith(name.replace("__", ".")))
        if value is None:
            del changed[key]
        else:
            changed[key] = value
    return changed


WRONG: dict[str, tuple[Callable[[State], Any], str]] = {
    "a missing weight": (lambda state: change(state, rel_embeddings__weight=None), "1 weight is missing"),
    "gradients": (lambda state: {f"grad.{name}": value for name, value in state.items()}, "holds gradients"),
    "half a head": (lambda state: change(state, prediction_head__dense__bias=None), "1 weight is missing"),
    "an unknown part": (
        lambda state: state | {"model.MolE.encoder.layer.0.attention.self.pos_proj.weight": torch.zeros(1)},
        "1 is unknown",
    ),
    "a wrong shape": (lambda state: change(state, query_proj__weight=torch.zeros(8, 64)), "does not fit"),
    "a wrong norm": (lambda state: change(state, encoder__LayerNorm__weight=torch.ones(65)), "does not fit"),
    "not a number": (
        lambda state: change(state, encoder__LayerNorm__weight=torch.full((64,), torch.nan)),
        "not numbers",
    ),
    "another network": (lambda state: {"conv1.weight": torch.zeros(3, 3)}, "not a MolE checkpoint"),
    "no weights": (lambda state: {"epoch": 3}, "no weights"),
    "a list": (lambda state: [1, 2], "no weights"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_file_is_refused_and_nothing_written(name: str, state: State, tmp_path: Path) -> None:
    make, words = WRONG[name]
    torch.save(make(state), tmp_path / "wrong.ckpt")
    with pytest.raises(InputError, match=words):
        import_reference(tmp_path / "wrong.ckpt", VOCABULARY, heads=4, task="regression", out=tmp_path / "out.mole")
    assert not (tmp_path / "out.mole").exists()


def test_weights_and_vocabulary_must_belong_together(tmp_path: Path) -> None:
    (tmp_path / "other.json").write_text('{"123": 1, "456": 2}')
    with pytest.raises(InputError, match=r"other\.json does not belong"):
        import_reference(CHECKPOINT, tmp_path / "other.json", out=tmp_path / "out.mole")


def test_a_source_is_not_overwritten(tmp_path: Path) -> None:
    source = tmp_path / "weights.ckpt"
    source.write_bytes(CHECKPOINT.read_bytes())
    with pytest.raises(InputError, match="overwritten"):
        import_reference(source, VOCABULARY, out=source)
    assert source.read_bytes() == CHECKPOINT.read_bytes()


def test_names_are_given_one_a_task(tmp_path: Path) -> None:
    out = tmp_path / "out.mole"
    import_reference(CHECKPOINT, VOCABULARY, out=out, names=["half-life"])
    assert read_bundle(out).card.tasks[0].name == "half-life"
    with pytest.raises(InputError, match="2 are given for 1 task"):
        import_reference(CHECKPOINT, VOCABULARY, out=out, names=["a", "b"])
    with pytest.raises(InputError, match="not a kind"):
        import_reference(CHECKPOINT, VOCABULARY, task="guess", out=out)


TABLE = {3387315712: 1, 2245273601: 2, 984188929: 3}


class TestVocabulary:
    """The original's vocabulary is a pickle or JSON of {identifier: token}."""

    @pytest.mark.parametrize("named", [True, False])
    @pytest.mark.parametrize("suffix", [".pkl", ".json"])
    def test_pickle_and_json_agree(self, tmp_path: Path, suffix: str, named: bool) -> None:
        table: dict[Any, int] = {**TABLE, "PAD": 0, "MASK": 4, "UNK": 5, "CLS": 6} if named else TABLE
        path = tmp_path / f"vocabulary{suffix}"
        if suffix == ".pkl":
            path.write_bytes(pickle.dumps(table))
        else:
            path.write_text(json.dumps({str(key): token for key, token in table.items()}))
        assert read_reference_vocabulary(path) == Vocabulary(list(TABLE))

    @pytest.mark.parametrize(
        "content",
        [
            {"vocabulary": TABLE},
            {"vocab": TABLE, "special": {"PAD": 0}},
            TABLE | {"[PAD]": 0, "[MASK]": 4, "[UNK]": 5, "[CLS]": 6},
        ],
    )
    def test_a_table_may_be_nested_and_its_names_bracketed(self, tmp_path: Path, content: dict[Any, Any]) -> None:
        (tmp_path / "vocabulary.json").write_text(json.dumps(content))
        assert read_reference_vocabulary(tmp_path / "vocabulary.json") == Vocabulary(list(TABLE))

    def test_our_own_format_is_read_too(self, tmp_path: Path) -> None:
        own = Vocabulary([5, 7], [6])
        (tmp_path / "own.json").write_text(json.dumps(own.to_dict()))
        assert read_reference_vocabulary(tmp_path / "own.json") == own

    @pytest.mark.parametrize(
        "table", [{1: 1, 2: 3}, {1: 1, 2: 1}, {1: 5, 2: 6}, {"x": 1}, {1: 1, "CLS": 2}, {"PAD": 0}, {1: [2]}]
    )
    def test_impossible_tables_are_refused(self, table: dict[Any, Any]) -> None:
        with pytest.raises(InputError, match="not a vocabulary"):
            vocabulary_of(table)

    @pytest.mark.parametrize("text", ["[1]", "{}", "{", '"PAD"'])
    def test_other_json_is_refused(self, tmp_path: Path, text: str) -> None:
        (tmp_path / "other.json").write_text(text)
        with pytest.raises(InputError, match="not a vocabulary"):
            read_reference_vocabulary(tmp_path / "other.json")
