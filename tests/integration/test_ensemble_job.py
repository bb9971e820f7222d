"""Ensembles and blends through `train`: the same events, honest figures, and a bundle that says what the run said."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from mole_engine.cli.train_progress import summary
from mole_engine.contracts.config import TrainConfig
from mole_engine.contracts.errors import InputError
from mole_engine.contracts.events import EpochMetrics, Notice, PinnedPredictions, RunFinished, StepMetrics
from mole_engine.contracts.run_state import RunControl, RunState
from mole_engine.export.onnx import export_onnx
from mole_engine.inference.predictor import LoadedModel, load_model
from mole_engine.store.bundle import read_bundle
from mole_engine.store.card import Difficulty
from mole_engine.train import train
from mole_engine.training import blend_weights, ensemble, simple_models
from mole_engine.training.evaluation import evaluate_part
from mole_engine.training.setup import Prepared


@pytest.fixture(autouse=True)
def few_trees(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the forests small."""
    monkeypatch.setattr(simple_models, "TREES", 8)
    monkeypatch.setattr(simple_models, "FEW_TREES", 8)


def predictions(run_dir: str, part: str) -> pd.DataFrame:
    table = pd.read_csv(Path(run_dir) / "predictions.csv")
    return table[table["part"] == part].reset_index(drop=True)


def test_a_blend_of_folds_on_a_fixed_encoder(make_config: Any, tmp_path: Path) -> None:
    events: list[Any] = []
    config = make_config(
        model={"descriptors": True, "pooling": "cls+mean"},
        training={"freeze": "encoder", "keep": "last"},
        ensemble={"kind": "folds", "members": 3, "trees": True},
        pinned=["CCO"],
    )
    record = train(config, on_event=events.append)
    assert record.status is RunState.COMPLETED
    # Each has kept an epoch of its own; one number for all would be true of none.
    assert (record.networks, record.best_epoch, record.epochs) == (3, 0, 3)
    assert "test. 3 networks. " in summary(record)
    report = (Path(record.run_dir) / "report.html").read_text(encoding="utf-8")
    assert "Loss over the epochs of 3 networks, one after the other; each has kept its own." in report
    assert "was kept" not in report
    assert [event.seq for event in events] == list(range(len(events)))
    assert isinstance(events[-1], RunFinished)
    epochs = [event for event in events if isinstance(event, EpochMetrics)]
    assert [event.epoch for event in epochs] == list(range(1, 10))
    assert {event.total_epochs for event in epochs} == {9}
    pinned = [event for event in events if isinstance(event, PinnedPredictions)]
    assert [event.epoch for event in pinned] == list(range(1, 10))
    assert np.isfinite([event.values for event in pinned]).all()
    assert all(event.step <= event.total_steps for event in events if isinstance(event, StepMetrics))
    assert any(event.message.startswith("Shares") for event in events if isinstance(event, Notice))
    assert len(pd.read_csv(Path(record.run_dir) / "metrics.csv")) == 9

    bundle = read_bundle(record.model_path)
    weights = bundle.card.blend["weights"]
    assert sum(weights.values()) == pytest.approx(1.0)
    assert min(weights.values()) >= 0
    assert not any(name.startswith("network-2.encoder") for name in bundle.blend)

    model, test = load_model(record.model_path), predictions(record.run_dir, "test")
    again = model.predict([*test["smiles"], "not a molecule"])
    for column in ("y_pred", "y_std", "y_lower", "y_upper"):
        np.testing.assert_allclose(again[column][:-1], test[column], rtol=1e-3, atol=1e-4)
    assert np.isnan(again["y_pred"].iloc[-1])
    assert again["error"].iloc[-1]
    assert ((again["y_lower"] <= again["y_pred"]) | again["y_pred"].isna()).all()
    assert (test["in_domain"].notna()).all()
    assert model.encode(["CCO"]).shape == (1, 64)

    with pytest.raises(InputError, match="blend"):
        export_onnx(record.model_path, tmp_path / "m.onnx")
    # Wherever the gap is, nothing is made up for it.
    for missing in bundle.blend:
        some = {name: value for name, value in bundle.blend.items() if name != missing}
        with pytest.raises(InputError, match="damaged"):
            LoadedModel(replace(bundle, blend=some), "cpu")


@pytest.mark.parametrize(
    "learnt",
    [
        pytest.param(Difficulty(constant=0.0, distance=1.0, disagreement=0.0), id="distance alone"),
        # The models nearly agree here: the constant keeps the widths off the limit.
        pytest.param(Difficulty(constant=1.0, distance=0.0, disagreement=0.5), id="disagreement alone"),
        pytest.param(Difficulty(constant=1.0, distance=1.0, disagreement=0.5), id="both"),
    ],
)
def test_intervals_of_single_molecules_are_the_same_in_run_and_bundle(
    learnt: Difficulty, make_config: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Too few molecules here to learn what makes one hard; what is done with it is under test.
    monkeypatch.setattr("mole_engine.inference.uncertainty.fit_difficulty", lambda *arguments: learnt)
    config = make_config(
        training={"freeze": "encoder", "keep": "last"}, ensemble={"kind": "folds", "members": 3, "trees": True}
    )
    record = train(config)
    model, test = load_model(record.model_path), predictions(record.run_dir, "test")
    again = model.predict(list(test["smiles"]))
    for column in ("y_std", "y_lower", "y_upper"):
        np.testing.assert_allclose(again[column], test[column], rtol=1e-3, atol=1e-4)
    assert test["y_std"].max() > 1.2 * test["y_std"].min()
    # A molecule that was left out is told as a stranger in the run, and is an acquaintance of the finished model.
    held = predictions(record.run_dir, "val")
    assert (held["nearest_similarity"] == 1.0).all()
    known = model.predict(list(held["smiles"]))
    assert held["y_std"].mean() > 1.1 * known["y_std"].mean()


def test_left_out_molecules_are_predicted_by_models_that_never_saw_them(make_config: Any, table: Path) -> None:
    lines = table.read_text().splitlines()
    # A label that nothing can know: whoever predicts it has seen it.
    absurd = lines[3].split(",")
    absurd[1] = "500.0"
    table.write_text("\n".join([*lines[:3], ",".join(absurd), *lines[4:]]) + "\n")
    config = make_config(ensemble={"kind": "folds", "members": 3, "trees": True}, training={"epochs": 1})
    record = train(config.updated({"data": {"target_transform": "none"}}))
    own = pd.concat([predictions(record.run_dir, part) for part in ("train", "val")])
    assert float(own.loc[own["y_true"] > 100, "y_pred"].iloc[0]) < 150


def large_set(**changes: Any) -> dict[str, Any]:
    """Return settings with which forty molecules count as many: each fold gets a fine-tuned network as well."""
    return {
        "model": {"descriptors": True, "pooling": "cls+mean", "standardise_pooled": True},
        "training": {"freeze": "encoder", "keep": "last", "epochs": 2},
        "ensemble": {"kind": "folds", "members": 2, "repeats": 3, "fine_tune_from": 20, "fine_tune_epochs": 3},
    } | changes


def test_fine_tuned_networks_join_on_large_sets(make_config: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blend_weights, "SHRINKAGE", 1e3)
    events: list[Any] = []
    record = train(make_config(**large_set()).updated({"ensemble": {"trees": True}}), on_event=events.append)
    epochs = [event for event in events if isinstance(event, EpochMetrics)]
    assert [event.epoch for event in epochs] == list(range(1, 11))
    assert {event.total_epochs for event in epochs} == {10}
    steps = [event for event in events if isinstance(event, StepMetrics)]
    assert all(event.step <= event.total_steps for event in steps)
    assert len({event.total_epochs for event in steps}) == 1

    bundle = read_bundle(record.model_path)
    assert (bundle.card.blend["networks"], bundle.card.blend["tuned"]) == (4, 2)
    assert bundle.card.blend["weights"]["tuned"] > 0.1
    assert "tuned" in bundle.card.blend["metrics"]
    assert "fine-tuned" in " ".join(bundle.card.notes)
    encoders = {name: value for name, value in bundle.blend.items() if ".encoder." in name}
    assert {name.split(".")[0] for name in encoders} == {"network-3", "network-4"}
    assert {value.dtype for value in encoders.values()} == {torch.float16}
    # Both learnt, each in its own way. (Tensors lie in any order, and weights near 1 hardly move in 16 bits.)
    name = "encoder.encoder.layers.0.expand.weight"
    three = [bundle.tensors[name].half(), *(encoders[f"network-{number}.{name}"] for number in (3, 4))]
    assert not any(torch.equal(three[one], three[other]) for one, other in ((0, 1), (0, 2), (1, 2)))

    test = predictions(record.run_dir, "test")
    again = load_model(record.model_path).predict(list(test["smiles"]))
    for column in ("y_pred", "y_lower", "y_upper"):
        np.testing.assert_allclose(again[column], test[column], rtol=1e-3, atol=1e-4)
    # A card that counts them otherwise is refused, not obeyed.
    for tuned in (0, 4):
        other = replace(bundle.card, blend={**bundle.card.blend, "tuned": tuned})
        with pytest.raises(InputError, match="damaged"):
            LoadedModel(replace(bundle, card=other), "cpu")


def test_small_sets_get_more_starts_in_place_of_fine_tuned_networks(make_config: Any) -> None:
    record = train(make_config(**large_set()).updated({"ensemble": {"fine_tune_from": 100}}))
    card = read_bundle(record.model_path).card
    assert (card.blend["networks"], card.blend["tuned"]) == (6, 0)
    assert list(card.blend["weights"]) == ["network"]


def test_a_run_interrupted_in_a_fine_tuned_network_goes_on(make_config: Any) -> None:
    control, seen = RunControl(), []

    def interrupt_in_the_last(event: Any) -> None:
        if isinstance(event, EpochMetrics) and event.epoch == 9:
            control.interrupt()

    first = train(make_config(**large_set()), interrupt_in_the_last, control)
    assert first.status is RunState.INTERRUPTED
    record = train(resume=first.run_dir, on_event=seen.append)
    assert record.status is RunState.COMPLETED
    epochs = [event.epoch for event in seen if isinstance(event, EpochMetrics)]
    assert min(epochs) > 7
    assert epochs[-1] == 10
    assert read_bundle(record.model_path).card.blend["tuned"] == 2


def test_weights_know_that_all_networks_together_predict_a_new_molecule(
    make_config: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Forty molecules count as many, but each kind keeps its share.
    monkeypatch.setattr(blend_weights, "MANY_LABELS", (1, 2))
    monkeypatch.setattr(blend_weights, "SHRINKAGE", 1.0)
    shares = []
    for chance in (0.0, 0.9):
        monkeypatch.setitem(blend_weights.CHANCE, "tuned", chance)
        record = train(make_config(**large_set(), out=str(tmp_path / str(chance))))
        shares.append(read_bundle(record.model_path).card.blend["weights"]["tuned"])
    assert shares[0] < 0.9 * shares[1]


def two_of_each_fold(make_config: Any) -> TrainConfig:
    """Return a job with six networks: one with a fixed encoder and two fine-tuned ones for each of two folds."""
    config: TrainConfig = make_config(**large_set()).updated({"ensemble": {"fine_tune_members": 2}})
    return config


def said_by(members: Sequence[dict[str, torch.Tensor]], prepared: Prepared) -> list[Any]:
    """Return what each network says of all molecules, computed from its weights alone."""
    prepared.data.use_pooled(None)
    said = []
    for weights in members:
        prepared.model.load_state_dict(weights)
        judged = evaluate_part(prepared, "all")
        assert judged.positions.tolist() == list(range(len(judged.positions)))
        said.append(judged.logits)
    return said


def test_fine_tuned_networks_of_a_fold_are_averaged_before_they_are_weighed(
    make_config: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(blend_weights, "SHRINKAGE", 1e3)
    fit_ensemble, kept = ensemble.fit_ensemble, []

    def keep(config: TrainConfig, prepared: Prepared, *rest: Any, **more: Any) -> ensemble.EnsembleFit:
        kept.append((prepared, fit_ensemble(config, prepared, *rest, **more)))
        return kept[-1][1]

    monkeypatch.setattr(ensemble, "fit_ensemble", keep)
    events: list[Any] = []
    record = train(two_of_each_fold(make_config), on_event=events.append)
    assert {event.total_epochs for event in events if isinstance(event, EpochMetrics)} == {16}
    card = read_bundle(record.model_path).card
    assert (card.blend["networks"], card.blend["tuned"]) == (6, 4)
    assert card.notes[0].endswith("networks: 6, 4 of them fine-tuned.")

    prepared, fit = kept[0]
    said, weights = said_by(fit.members, prepared), fit.blend.weights
    assert min(weights["network"], weights["tuned"]) > 0.1
    everywhere = np.concatenate([fit.evaluations[part].positions for part in ("train", "val", "test")])
    found = np.concatenate([fit.evaluations[part].logits for part in ("train", "val", "test")])[everywhere.argsort()]
    for number, fold in enumerate(fit.folds):
        first, second = said[2 + number][fold.held], said[4 + number][fold.held]
        assert np.abs(first - second).max() > 0.01
        own = weights["network"] * said[number][fold.held] + weights["tuned"] * (first + second) / 2
        np.testing.assert_allclose(found[fold.held], own, rtol=1e-4, atol=1e-5)
    rows = fit.evaluations["test"].positions
    own = weights["network"] * np.mean(said[:2], axis=0) + weights["tuned"] * np.mean(said[2:], axis=0)
    np.testing.assert_allclose(found[rows], own[rows], rtol=1e-4, atol=1e-5)

    test = predictions(record.run_dir, "test")
    again = load_model(record.model_path).predict(list(test["smiles"]))
    for column in ("y_pred", "y_std", "y_lower", "y_upper"):
        np.testing.assert_allclose(again[column], test[column], rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(("epoch", "networks"), [(11, 4), (13, 5)], ids=["within-a-network", "at-its-end"])
def test_a_stop_among_second_networks_leaves_out_the_one_that_had_just_begun(
    make_config: Any, epoch: int, networks: int
) -> None:
    control, events = RunControl(), []

    def stop(event: Any) -> None:
        events.append(event)
        if isinstance(event, EpochMetrics) and event.epoch == epoch:
            control.stop()

    record = train(two_of_each_fold(make_config), stop, control)
    assert record.status is RunState.COMPLETED
    said = [event.message for event in events if isinstance(event, Notice)]
    assert f"Stopped: {networks} of 6 networks are used." in said
    card = read_bundle(record.model_path).card
    assert (card.blend["networks"], card.blend["tuned"]) == (networks, networks - 2)
    test = predictions(record.run_dir, "test")
    again = load_model(record.model_path).predict(list(test["smiles"]))
    np.testing.assert_allclose(again["y_pred"], test["y_pred"], rtol=1e-3, atol=1e-4)


def test_a_run_interrupted_in_a_second_network_ends_as_if_it_had_not_been(make_config: Any, tmp_path: Path) -> None:
    control, seen = RunControl(), []

    def interrupt(event: Any) -> None:
        if isinstance(event, EpochMetrics) and event.epoch == 14:
            control.interrupt()

    job = two_of_each_fold(make_config)
    first = train(job, interrupt, control)
    assert first.status is RunState.INTERRUPTED
    record = train(resume=first.run_dir, on_event=seen.append)
    assert record.status is RunState.COMPLETED
    assert {event.epoch for event in seen if isinstance(event, EpochMetrics)} <= {14, 15, 16}
    assert read_bundle(record.model_path).card.blend["tuned"] == 4
    whole = train(job.model_copy(update={"out": str(tmp_path / "whole")}))
    for part in ("train", "test"):
        one, other = (predictions(run.run_dir, part)["y_pred"] for run in (record, whole))
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5)


def test_seeds_are_averaged(make_config: Any) -> None:
    record = train(make_config(ensemble={"kind": "seeds", "members": 2}))
    bundle = read_bundle(record.model_path)
    assert bundle.card.blend["networks"] == 2
    assert any(name.startswith("network-2.encoder") for name in bundle.blend)
    test = predictions(record.run_dir, "test")
    again = load_model(record.model_path).predict(list(test["smiles"]))
    np.testing.assert_allclose(again["y_pred"], test["y_pred"], rtol=1e-3, atol=1e-4)


def test_an_interrupted_ensemble_goes_on_with_the_networks_there_are(make_config: Any) -> None:
    control, seen = RunControl(), []

    def interrupt_in_the_second(event: Any) -> None:
        if isinstance(event, EpochMetrics) and event.epoch == 5:
            control.interrupt()

    config = make_config(ensemble={"kind": "folds", "members": 3})
    first = train(config, interrupt_in_the_second, control)
    assert first.status is RunState.INTERRUPTED
    record = train(resume=first.run_dir, on_event=seen.append)
    assert record.status is RunState.COMPLETED
    epochs = [event.epoch for event in seen if isinstance(event, EpochMetrics)]
    assert min(epochs) > 3
    assert epochs[-1] == 9
    assert read_bundle(record.model_path).card.blend["networks"] == 3
