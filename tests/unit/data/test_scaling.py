"""Scaling: fitted where it may be, undone exactly, proposed only where it helps."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from mole_engine.contracts.dataset import TaskKind, TaskSpec
from mole_engine.contracts.errors import InputError
from mole_engine.data.scaling import TargetScaler, propose_transform
from mole_engine.training.outputs import TensorScaler

Y = TaskSpec("half life", TaskKind.REGRESSION, unit="h")
ACTIVE = TaskSpec("active", TaskKind.CLASSIFICATION, classes=("no", "yes"))
RNG = np.random.default_rng(0)
HEAVY = 10 ** RNG.normal(0.8, 0.7, 400)
FRACTION = 1 / (1 + np.exp(-RNG.normal(0, 2.0, 400))).clip(1.002, 400)


def fit(values, transform="auto"):
    return TargetScaler.fit(np.asarray(values, dtype=float)[:, None], [Y], transform)


@pytest.mark.parametrize("transform", ["none", "log10", "logit", "box-cox"])
def test_every_transform_is_undone(transform):
    values = FRACTION if transform == "logit" else HEAVY
    scaler = fit(values, transform)
    scaled = scaler.transform(values[:, None])
    assert scaled.mean() == pytest.approx(0, abs=1e-9)
    assert scaled.std() == pytest.approx(1)
    assert scaler.inverse(scaled)[:, 0] == pytest.approx(values, rel=1e-9)


@pytest.mark.parametrize("transform", ["none", "log10", "logit", "box-cox"])
def test_tensors_are_scaled_like_arrays(transform):
    values = FRACTION if transform == "logit" else HEAVY
    scaler = fit(values, transform)
    twin = TensorScaler([scaler.scales[0]])
    scaled = twin(torch.tensor(values[:, None], dtype=torch.float32))
    assert scaled.numpy() == pytest.approx(scaler.transform(values[:, None]), abs=2e-5)
    assert twin.inverse(scaled).numpy() == pytest.approx(values[:, None], rel=1e-4)


def test_what_is_small_in_its_unit_is_no_constant():
    scale = fit(1e-13 * RNG.normal(5, 1, 100), "none").scales[0]
    assert scale.std == pytest.approx(1e-13, rel=0.3)
    assert fit([0.3, 0.1 + 0.2, 0.3], "none").scales[0].std == 1.0


def test_mixed_transforms_stay_in_their_columns():
    scales = [fit(HEAVY, "none").scales[0], fit(HEAVY, "log10").scales[0], fit(FRACTION, "logit").scales[0]]
    table = np.stack([HEAVY, HEAVY, FRACTION], axis=1)
    twin = TensorScaler(scales)
    expected = TargetScaler(tuple(scales)).transform(table)
    assert twin(torch.tensor(table, dtype=torch.float32)).numpy() == pytest.approx(expected, abs=2e-5)


def test_a_scaler_survives_its_json():
    for transform, values in (("none", HEAVY), ("log10", HEAVY), ("logit", FRACTION), ("box-cox", HEAVY)):
        scaler = fit(values, transform)
        assert TargetScaler.from_dict(json.loads(json.dumps(scaler.to_dict(), allow_nan=False))) == scaler
    both = TargetScaler.fit(np.stack([HEAVY, np.arange(400) % 2], axis=1), [Y, ACTIVE])
    assert TargetScaler.from_dict(json.loads(json.dumps(both.to_dict()))) == both


def test_classes_are_left_as_they_are():
    table = np.stack([HEAVY, np.arange(400) % 2.0], axis=1)
    scaler = TargetScaler.fit(table, [Y, ACTIVE])
    assert np.array_equal(scaler.transform(table)[:, 1], table[:, 1])
    assert scaler.scales[1] is None


def test_missing_labels_stay_missing_and_count_for_nothing():
    values = HEAVY.copy()
    values[::3] = np.nan
    scaler = fit(values, "log10")
    known = np.log10(values[~np.isnan(values)])
    assert scaler.scales[0].mean == pytest.approx(known.mean())
    assert np.array_equal(np.isnan(scaler.transform(values[:, None])[:, 0]), np.isnan(values))


@pytest.mark.parametrize("values", [[3.0] * 30, [0.1 + 0.2] * 30, [5.0], []])
def test_a_constant_target_scales_to_zero_and_back(values):
    scaler = fit(values)
    assert scaler.scales[0].std == 1.0
    if values:
        assert scaler.transform(np.array([[values[0]]]))[0, 0] == pytest.approx(0, abs=1e-9)
        assert scaler.inverse(np.zeros((1, 1)))[0, 0] == pytest.approx(values[0])


def test_log10_is_proposed_for_heavy_tails_only():
    assert propose_transform(HEAVY) == "log10"
    assert propose_transform(RNG.normal(5, 1, 400)) == "none"
    assert propose_transform(np.append(HEAVY, 0.0)) == "none"
    assert propose_transform(-HEAVY) == "none"
    assert propose_transform(HEAVY[:10]) == "none"
    assert propose_transform(RNG.uniform(0.01, 10, 400)) == "none"


def test_logit_is_proposed_only_for_fractions_that_reach_both_ends():
    assert propose_transform(FRACTION) == "logit"
    assert propose_transform(RNG.uniform(0.2, 0.8, 400)) == "none"
    assert propose_transform(np.append(FRACTION, 1.0)) == "none"
    assert propose_transform(FRACTION * 100) != "logit"


@pytest.mark.parametrize(("transform", "wrong"), [("log10", 0.0), ("box-cox", -1.0), ("logit", 1.0)])
def test_a_transform_that_is_not_defined_is_refused_in_words(transform, wrong):
    values = np.append(FRACTION, wrong)
    with pytest.raises(InputError, match=r"half life.*1 of 401"):
        fit(values, transform)


def test_values_that_only_validation_has_do_not_become_infinite():
    scaler = fit(HEAVY, "log10")
    assert np.isfinite(scaler.transform(np.array([[0.0], [-5.0]]))).all()
    scaler = fit(FRACTION, "logit")
    assert np.isfinite(scaler.transform(np.array([[0.0], [1.0], [2.0]]))).all()


def test_wild_outputs_become_finite_values():
    for transform, values in (("log10", HEAVY), ("logit", FRACTION), ("box-cox", HEAVY)):
        scaler = fit(values, transform)
        wild = np.array([[-1e4], [1e4]])
        assert np.isfinite(scaler.inverse(wild)).all()
        tensor = TensorScaler([scaler.scales[0]]).inverse(torch.tensor(wild, dtype=torch.float32))
        assert torch.isfinite(tensor).all()


@pytest.mark.parametrize(
    "values",
    [
        100 - 10 ** RNG.normal(0.5, 0.4, 300).clip(-2, 1.9),  # bound to plasma proteins, per cent
        1500 - 10 ** RNG.normal(0.5, 0.4, 300).clip(-2, 1.9),
        RNG.normal(1000, 10, 300),
    ],
)
def test_box_cox_never_asks_for_more_digits_than_a_network_has(values):
    scaler = fit(values, "box-cox")
    tensors = TensorScaler([scaler.scales[0]])
    column = torch.tensor(values[:, None], dtype=torch.float32)
    np.testing.assert_allclose(tensors(column).numpy(), scaler.transform(values[:, None]), atol=0.01)
    np.testing.assert_allclose(tensors.inverse(tensors(column)), values[:, None], atol=0.01 * values.std())
    # What lies between and beyond the labels is a value too.
    far = torch.tensor([[-4.0], [4.0]])
    exact = scaler.inverse(far.numpy().astype(float))
    np.testing.assert_allclose(tensors.inverse(far), exact, rtol=0.02, atol=0.01 * values.std())
