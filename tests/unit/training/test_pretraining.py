"""The pretraining job from file to bundle: it learns, it can be resumed, and training can start from it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch

from mole_engine.cli import main
from mole_engine.contracts.config import ModelConfig, TrainConfig
from mole_engine.contracts.errors import InputError
from mole_engine.contracts.events import EpochMetrics, Event, Notice, RunFailed, RunFinished
from mole_engine.contracts.pretrain_config import PretrainConfig
from mole_engine.contracts.run_state import RunControl, RunState
from mole_engine.models.mole import MolE
from mole_engine.store.bundle import read_bundle
from mole_engine.training import trainer
from mole_engine.training.pretraining import pretrain

SMILES = [f"{'C' * (1 + place % 7)}{'OSN'[place % 3]}C{'c1ccccc1' if place % 2 else 'C1CCCCC1'}" for place in range(80)]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    target = tmp_path / "molecules.csv"
    frame = pd.DataFrame({"smiles": SMILES, "length": [len(text) for text in SMILES]})
    frame["ring"] = [float(place % 2) if place % 5 else None for place in range(80)]
    frame.to_csv(target, index=False)
    return target


def config(path: Path, out: Path, **changes: Any) -> PretrainConfig:
    fields = {
        "out": str(out),
        "data": {"path": str(path), "validation_molecules": 16, "block_molecules": 64},
        "model": {"layers": 1, "hidden_size": 16, "heads": 2, "pooling": "cls+mean", "initializer_range": 0.1},
        "training": {"steps": 12, "round_steps": 4, "batch_size": 16, "learning_rate": 0.01, "schedule": "constant"},
        "runtime": {"device": "cpu", "threads": 1},
    }
    return PretrainConfig.from_dict(fields).updated(changes)


def losses(events: list[Event], name: str = "") -> list[float]:
    rounds = [event for event in events if isinstance(event, EpochMetrics)]
    return [event.metrics[name] if name else event.validation_loss for event in rounds]


OBJECTIVES: dict[str, dict[str, Any]] = {
    "atoms": {},
    "tasks": {"objectives": {"atoms": 0, "tasks": 1}, "data": {"targets": ["length", "ring"]}},
    "descriptors": {"objectives": {"atoms": 0, "descriptors": 1}, "training": {"steps": 8}},
    "all": {"objectives": {"tasks": 0.5, "descriptors": 0.1}, "data": {"targets": ["length"]}},
}


@pytest.mark.parametrize("name", OBJECTIVES)
def test_every_objective_is_learnt(path: Path, tmp_path: Path, name: str) -> None:
    events: list[Event] = []
    record = pretrain(config(path, tmp_path / "job", **OBJECTIVES[name]), on_event=events.append)
    assert record.status is RunState.COMPLETED
    found = losses(events)
    assert found[-1] < found[0]
    assert [event.seq for event in events] == list(range(len(events)))
    assert isinstance(events[-1], RunFinished)
    wanted = {"atoms", "tasks", "descriptors"} if name == "all" else {name}
    assert {key.removesuffix("_loss") for key in record.validation_metrics if key.endswith("_loss")} == wanted


def test_mixed_precision_as_on_a_graphics_card(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trainer, "_with_precision", lambda *place: trainer.Device(*place[1:], "bf16-mixed"))
    events: list[Event] = []
    record = pretrain(config(path, tmp_path / "run"), on_event=events.append)
    assert record.status is RunState.COMPLETED
    found = losses(events)
    assert found[-1] < found[0]


def test_an_interrupted_job_goes_on_as_if_it_had_never_stopped(path: Path, tmp_path: Path) -> None:
    whole: list[Event] = []
    pretrain(config(path, tmp_path / "whole"), on_event=whole.append)
    control, events = RunControl(), []

    def watch(event: Event) -> None:
        events.append(event)
        if isinstance(event, EpochMetrics):
            control.interrupt()

    record = pretrain(config(path, tmp_path / "cut"), on_event=watch, control=control)
    assert record.status is RunState.INTERRUPTED
    assert len(losses(events)) == 1
    assert read_bundle(tmp_path / "cut" / "model.mole").card.best_epoch == 1
    rest: list[Event] = []
    record = pretrain(resume=tmp_path / "cut", on_event=rest.append)
    assert record.status is RunState.COMPLETED
    assert losses(events) + losses(rest) == pytest.approx(losses(whole), rel=1e-5)
    one, other = (read_bundle(tmp_path / name / "model.mole").tensors for name in ("whole", "cut"))
    assert all(torch.allclose(value, other[name], atol=1e-6) for name, value in one.items())


def test_the_bundle_holds_the_encoder_and_a_silent_head(path: Path, tmp_path: Path) -> None:
    record = pretrain(config(path, tmp_path / "job"))
    bundle = read_bundle(record.model_path)
    assert bundle.card.tasks == ()
    model = MolE(bundle.card.train_config().model)
    model.load_state_dict(bundle.tensors, strict=True)
    assert not any(value.any() for name, value in bundle.tensors.items() if name.startswith("head."))
    assert bundle.tensors["encoder.embeddings.words.weight"].any()


def test_training_and_pretraining_start_from_it(path: Path, tmp_path: Path) -> None:
    first = pretrain(config(path, tmp_path / "first"))
    from mole_engine.inference.predictor import load_model
    from mole_engine.train import train

    assert load_model(first.model_path, "cpu").encode(["CCO", "?"]).shape == (2, 32)
    second = pretrain(config(path, tmp_path / "second", init=first.model_path, training={"learning_rate": 1e-9}))
    before, after = (read_bundle(record.model_path).tensors for record in (first, second))
    assert all(torch.allclose(before[name], after[name], atol=1e-5) for name in before)
    job = TrainConfig.from_dict(
        {
            "data": {"path": str(path), "targets": ["length"], "smiles_column": "smiles"},
            "model": {"layers": 1, "hidden_size": 16, "heads": 2, "pooling": "cls+mean"},
            "training": {"epochs": 1},
            "init": first.model_path,
            "out": str(tmp_path / "run"),
            "runtime": {"device": "cpu", "threads": 1},
        }
    )
    assert train(job).status is RunState.COMPLETED


def test_a_shorter_last_round_is_judged_too(path: Path, tmp_path: Path) -> None:
    events: list[Event] = []
    pretrain(config(path, tmp_path / "job", training={"steps": 6}), on_event=events.append)
    first, last = losses(events)
    assert last != first


def test_heads_of_a_pretraining_read_the_last_layer(path: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="pretraining reads the last layer"):
        config(path, tmp_path / "run", model={"pooling": "layers"})


def test_cancelling_says_so(path: Path, tmp_path: Path) -> None:
    control, events = RunControl(), []
    control.cancel()
    record = pretrain(config(path, tmp_path / "job"), on_event=events.append, control=control)
    assert record.status is RunState.CANCELLED
    assert events[-1].is_terminal


def test_a_model_gives_its_network_to_the_job_that_starts_from_it(path: Path, tmp_path: Path) -> None:
    first = pretrain(config(path, tmp_path / "first", training={"steps": 1}))
    usual = config(path, tmp_path / "second", init=first.model_path, training={"steps": 1})
    second = pretrain(usual.model_copy(update={"model": ModelConfig()}))
    assert read_bundle(second.model_path).card.config["model"]["hidden_size"] == 16


def test_molecules_that_are_passed_over_are_told(path: Path, tmp_path: Path) -> None:
    with path.open("a") as stream:
        stream.write("C1CC,4,1\n")
    events: list[Event] = []
    pretrain(config(path, tmp_path / "job", training={"steps": 1}), on_event=events.append)
    told = [event.message for event in events if isinstance(event, Notice)]
    assert told == ["1 of 81 rows is passed over (row 81: ring 1 is never closed)."]


def test_a_wrong_file_fails_with_one_event_and_one_line(path: Path, tmp_path: Path) -> None:
    events: list[Event] = []
    with pytest.raises(InputError, match="no column 'wrong'"):
        pretrain(config(path, tmp_path / "job", data={"smiles_column": "wrong"}), on_event=events.append)
    assert [type(event) for event in events if event.is_terminal] == [RunFailed]


def test_an_error_leaves_no_thread_behind(path: Path, tmp_path: Path) -> None:
    frame = pd.read_csv(path)
    frame.loc[65:, "smiles"] = "?"
    frame.to_csv(path, index=False)
    with pytest.raises(InputError, match="hold no structure"):
        pretrain(config(path, tmp_path / "job", data={"block_molecules": 64, "validation_molecules": 1}))


def test_folders_are_never_overwritten(path: Path, tmp_path: Path) -> None:
    pretrain(config(path, tmp_path / "job", training={"steps": 1}))
    with pytest.raises(InputError, match="not empty"):
        pretrain(config(path, tmp_path / "job"))
    with pytest.raises(InputError, match="completed"):
        pretrain(resume=tmp_path / "job")
    with pytest.raises(InputError, match="not the folder"):
        pretrain(resume=tmp_path / "nowhere")


class TestCommand:
    """`mole pretrain`."""

    def test_a_job_goes_on_where_its_graphics_card_is_not(
        self, path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
        control = RunControl()
        end_round = lambda event: control.interrupt() if isinstance(event, EpochMetrics) else None  # noqa: E731
        pretrain(config(path, tmp_path / "job"), on_event=end_round, control=control)
        settings = tmp_path / "job" / "config.yaml"
        settings.write_text(settings.read_text("utf-8").replace("device: cpu", "device: cuda"), "utf-8")
        assert main(["pretrain", "--resume", str(tmp_path / "job")]) == 2
        assert main(["pretrain", "--resume", str(tmp_path / "job"), "--device", "cpu"]) == 0

    def test_it_writes_a_model_and_a_record(
        self, path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        settings = [
            "model.layers=1",
            "model.hidden_size=16",
            "model.heads=2",
            "data.validation_molecules=16",
            "training.round_steps=2",
            "runtime.threads=1",
        ]
        words = ["pretrain", str(path), "--steps", "4", "--batch-size", "16", "--device", "cpu", "--targets", "length"]
        assert main([*words, "--out", str(tmp_path / "job"), "--json", *settings]) == 0
        record = json.loads(capsys.readouterr().out.splitlines()[-1])
        assert record["status"] == "completed"
        assert Path(record["model_path"]).is_file()
        assert {"atoms_loss", "tasks_loss"} <= set(record["validation_metrics"])

    def test_a_failed_start_does_not_block_its_folder(self, path: Path, tmp_path: Path) -> None:
        empty = tmp_path / "empty.smi"
        empty.write_text("CCO\n")
        words = ["--steps", "1", "--device", "cpu", "--out", str(tmp_path / "job"), "runtime.threads=1"]
        tiny = ["model.layers=1", "model.hidden_size=16", "model.heads=2"]
        assert main(["pretrain", str(empty), *words, *tiny]) == 2
        assert main(["pretrain", str(path), *words, *tiny]) == 0

    def test_wrong_usage_is_one_line(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["pretrain"]) == 2
        assert main(["pretrain", str(tmp_path / "nowhere.smi"), "--out", str(tmp_path / "job")]) == 2
        assert main(["pretrain", "x.smi", "training.stepz=3"]) == 2
        lines = capsys.readouterr().err.splitlines()
        assert "Name it" in lines[0]
        assert "nowhere.smi" in lines[-2]
        assert "training.stepz is not a setting" in lines[-1]


def test_a_job_goes_on_from_another_with_labels_and_twice_the_width(path: Path, tmp_path: Path) -> None:
    # In 32 bits on every processor: what is compared is computed by networks of two widths.
    runtime = {"device": "cpu", "threads": 1, "precision": "32-true"}
    first = config(path, tmp_path / "first", objectives={"descriptors": 1.0}, runtime=runtime)
    end = pretrain(first)
    wide = {
        "init": str(tmp_path / "first"),
        "model": {"hidden_size": 32, "heads": 4},
        "objectives": {"descriptors": 1.0, "tasks": 0.1},
        "data": {"targets": ["length"]},
        "training": {"steps": 1, "round_steps": 1, "learning_rate": 1e-9},
        "runtime": runtime,
    }
    events: list[Event] = []
    pretrain(config(path, tmp_path / "second", **wide), on_event=events.append)
    # All but the new head for labels begins where the first job ended.
    for name in ("atoms_loss", "descriptors_loss", "accuracy"):
        assert losses(events, name)[-1] == pytest.approx(end.validation_metrics[name], abs=1e-4)
    surveys = [json.loads((tmp_path / name / "survey.json").read_text()) for name in ("first", "second")]
    assert surveys[0]["environments"] == surveys[1]["environments"]
    assert surveys[0]["descriptor_mean"] == surveys[1]["descriptor_mean"]
    assert not surveys[0]["tasks"]
    assert [task["name"] for task in surveys[1]["tasks"]] == ["length"]


def test_a_job_cannot_go_on_from_one_of_another_shape(path: Path, tmp_path: Path) -> None:
    pretrain(config(path, tmp_path / "first"))
    other = {"init": str(tmp_path / "first"), "model": {"layers": 2}}
    with pytest.raises(InputError, match="cannot be spread"):
        pretrain(config(path, tmp_path / "second", **other))


def test_a_job_that_goes_on_has_the_network_of_the_first_where_nothing_else_is_said(path: Path, tmp_path: Path) -> None:
    pretrain(config(path, tmp_path / "first"))
    command = ["pretrain", str(path), "--init", str(tmp_path / "first"), "--steps", "1", "--device", "cpu"]
    assert main([*command, "--out", str(tmp_path / "same")]) == 0
    assert main([*command, "--out", str(tmp_path / "wide"), "model.hidden_size=32", "model.heads=4"]) == 0
    sizes = ("layers", "hidden_size", "heads", "pooling", "initializer_range")
    models = [PretrainConfig.from_yaml(tmp_path / name / "config.yaml").model for name in ("same", "wide")]
    assert [[getattr(model, name) for name in sizes] for model in models] == [
        [1, 16, 2, "cls+mean", 0.1],
        [1, 32, 4, "cls+mean", 0.1],
    ]
