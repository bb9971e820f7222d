"""Preparing a job: everything is fitted on the training part, and starting weights fit or are refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from mole_engine.chem.vocabulary import Vocabulary
from mole_engine.contracts.config import TrainConfig
from mole_engine.contracts.dataset import TaskKind, TaskSpec
from mole_engine.contracts.errors import InputError
from mole_engine.data.batching import Labels, collate
from mole_engine.store.bundle import save_bundle
from mole_engine.store.card import ModelCard
from mole_engine.training.evaluation import evaluate_part
from mole_engine.training.setup import prepare_model

ACTIVE = TaskSpec("active", TaskKind.CLASSIFICATION, classes=("no", "yes"))


def write_bundle(path, model, vocabulary):
    config = TrainConfig().to_dict()
    config["model"] = model.config.model_dump(mode="json")
    card = ModelCard(
        name="start",
        created=0.0,
        config=config,
        tasks=(),
        scaler={"scales": []},
        vocabulary=vocabulary.to_dict(),
    )
    save_bundle(path, model.state_dict(), card)


def test_sizes_come_from_the_data(job, helpers):
    model, learning, data, _ = job.prepare(
        helpers.config(), helpers.dataset(helpers.sizes(20)), helpers.split(10, 5, 5)
    )
    assert model.config.vocabulary_size == Vocabulary.load().size
    assert model.config.outputs == 1
    assert model.learning is learning
    assert len(data.features) == 20


def test_scaling_knows_only_the_training_part(job, helpers):
    labels = np.arange(20.0)[:, None]
    labels[10:] = 1e6
    prepared = job.prepare(helpers.config(), helpers.dataset(labels), helpers.split(10, 5, 5))
    assert prepared.scaler.scales[0].mean == pytest.approx(4.5)


def test_class_weights_know_only_the_training_part(job, helpers):
    labels = np.array([[0.0]] * 6 + [[1.0]] * 2 + [[1.0]] * 12)
    config = helpers.config(class_weights=True)
    prepared = job.prepare(config, helpers.dataset(labels, (ACTIVE,)), helpers.split(8, 6, 6))
    assert prepared.learning.criterion.positive_weight.tolist() == [2.0]
    assert prepared.learning.criterion.negative_weight.tolist() == pytest.approx([2 / 3])


def test_descriptors_are_standardised_on_the_training_part(job, helpers):
    config = helpers.config(epochs=1).with_overrides(["model.descriptors=true"])
    job.run(config, helpers.dataset(helpers.sizes(20)), helpers.split(10, 10))
    model, _, data, _ = job.prepared
    table = data.labels.descriptors
    assert model.config.descriptor_size == table.shape[1] > 100
    expected = np.nanmean(table[:10].astype(np.float64), axis=0)
    assert model.descriptor_mean.numpy() == pytest.approx(expected, rel=1e-4, abs=1e-4)
    assert np.isfinite(evaluate_part(job.prepared, "val").outputs).all()


@pytest.mark.parametrize("fault", ["empty", "infinite", "none"])
def test_labels_that_teach_nothing_are_refused(job, helpers, fault):
    labels = helpers.sizes(20)
    tasks = (TaskSpec("y", TaskKind.REGRESSION),)
    if fault == "empty":
        labels[:10] = np.nan
    elif fault == "infinite":
        labels[3] = np.inf
    else:
        labels, tasks = np.zeros((20, 0)), ()
    with pytest.raises(InputError):
        job.prepare(helpers.config(), helpers.dataset(labels, tasks), helpers.split(10, 10))


def test_the_encoder_of_a_bundle_is_taken_over_whole(job, helpers, tmp_path):
    dataset, split = helpers.dataset(helpers.sizes(20)), helpers.split(10, 10)
    first = job.prepare(helpers.config(), dataset, split)
    path = tmp_path / "start.mole"
    write_bundle(path, first.model, Vocabulary.load())
    second = job.prepare(helpers.config().with_overrides(["seed=5", f"init={path}"]), dataset, split)
    for (name, left), right in zip(
        first.model.encoder.state_dict().items(), second.model.encoder.state_dict().values(), strict=True
    ):
        assert torch.equal(left, right), name
    assert not torch.equal(first.model.head.classifier.weight, second.model.head.classifier.weight)


def test_weights_of_another_shape_or_vocabulary_are_refused(job, helpers, tmp_path):
    """The original loaded nothing, in silence, and trained from random weights."""
    dataset, split = helpers.dataset(helpers.sizes(20)), helpers.split(10, 10)
    first = job.prepare(helpers.config(), dataset, split)
    path = tmp_path / "start.mole"
    vocabulary = Vocabulary.load()
    write_bundle(path, first.model, vocabulary)
    for change in ("model.layers=2", "model.hidden_size=32"):
        with pytest.raises(InputError, match="another shape"):
            job.prepare(helpers.config().with_overrides([change, f"init={path}"]), dataset, split)
    write_bundle(path, first.model, Vocabulary(vocabulary.environments[::-1], vocabulary.elements))
    with pytest.raises(InputError, match="vocabulary"):
        job.prepare(helpers.config().with_overrides([f"init={path}"]), dataset, split)
    with pytest.raises(InputError, match="no model file"):
        job.prepare(helpers.config().with_overrides([f"init={tmp_path / 'none.mole'}"]), dataset, split)


def test_a_frozen_encoder_stays_as_it_was_and_without_dropout(job, helpers):
    config = helpers.config(epochs=2, freeze="encoder").with_overrides(["model.hidden_dropout=0.5"])
    dataset, split = helpers.dataset(helpers.sizes(20)), helpers.split(10, 10)
    model = job.prepare(config, dataset, split).model
    before = {name: value.clone() for name, value in model.state_dict().items()}
    modes = []
    forward = model.predict_batch

    def predict_batch(batch):
        modes.append((model.encoder.encoder.layers[0].dropout.training, model.head.dropout.training))
        return forward(batch)

    model.predict_batch = predict_batch
    from mole_engine.training.fitting import fit_model

    fit_model(config, job.prepared, job.folder, job.emitter)
    assert {encoder for encoder, _ in modes} == {False}
    assert {head for _, head in modes} == {True, False}
    changed = {name for name, value in model.state_dict().items() if not torch.equal(value, before[name])}
    assert changed == {name for name in before if name.startswith("head.")}


def test_evaluation_is_in_order_and_in_the_users_units(job, helpers):
    labels = helpers.sizes(30) * 1000
    labels[25] = np.nan
    prepared = job.prepare(helpers.config(), helpers.dataset(labels), helpers.split(10, 10, 10))
    judged = evaluate_part(prepared, "test")
    assert judged.positions.tolist() == list(range(20, 30))
    assert np.array_equal(judged.targets, labels[20:], equal_nan=True)
    assert judged.mask.sum() == 9
    scale = prepared.scaler.scales[0]
    assert judged.outputs[:, 0] == pytest.approx(judged.logits[:, 0] * scale.std + scale.mean, rel=1e-4)
    alone = evaluate_part(prepared, "all").outputs[20:]
    assert judged.outputs == pytest.approx(alone, rel=1e-5)
    assert (
        evaluate_part(job.prepare(helpers.config(), helpers.dataset(labels), helpers.split(30)), "test").metrics == {}
    )


def test_a_fixed_encoder_is_computed_once_and_batches_carry_its_vectors(helpers: Any) -> None:
    config = helpers.config(freeze="encoder")
    prepared = prepare_model(config, helpers.dataset(helpers.sizes(20)), helpers.split(14, 6), Vocabulary.load())
    prepared.model.eval()
    for batch in prepared.data.loader("val"):
        assert batch.tokens.shape[1] == 1
        whole = collate(prepared.data.features, batch.index.numpy(), Labels.none(20), prepared.data.vocabulary.pad_id)
        torch.testing.assert_close(prepared.model.predict_batch(batch), prepared.model.predict_batch(whole))


def test_the_same_molecules_divided_another_way_are_not_featurised_again(helpers: Any) -> None:
    config = helpers.config(freeze="encoder")
    prepared = prepare_model(config, helpers.dataset(helpers.sizes(20)), helpers.split(14, 6), Vocabulary.load())
    other = prepared.data.with_split(helpers.split(5, 15), config)
    assert other.features is prepared.data.features
    assert list(other.positions("train")) == list(range(5))
    np.testing.assert_array_equal(other.labels.pooled, prepared.data.labels.pooled)
