"""Sums of group contributions: right by hand, chosen by groups of like molecules, and whole after saving."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import Ridge

from mole_engine.training.additive import GROUPS, LinearModel, _solved, fit_linear, left_out_error
from mole_engine.training.tabular import group_table


def test_a_property_that_adds_up_is_followed_beyond_the_training_molecules() -> None:
    smiles = [chain * "C" + end for chain in range(3, 13) for end in ("O", "N", "Cl", "F")]
    value = np.array([text.count("C") + 3.0 * text.endswith("O") for text in smiles])
    model = fit_linear({GROUPS: group_table(smiles)}, value[:, None])
    longer = [20 * "C" + "O", 20 * "C" + "F"]
    found = model.predict({GROUPS: group_table(longer)})[:, 0]
    # Square roots bend the line a little; a forest would say 15 and 12.
    assert found[0] > 18
    assert found[0] - found[1] == pytest.approx(3.0, abs=0.5)


def test_the_error_of_groups_left_out_is_that_of_refitting() -> None:
    generator = np.random.default_rng(0)
    columns = generator.normal(size=(30, 8))
    labels = columns @ generator.normal(size=8) + generator.normal(size=30)
    together = [np.arange(0, 12), np.arange(12, 20), np.arange(20, 30)]
    squares = []
    for own in together:
        others = np.setdiff1d(np.arange(30), own)
        fitted = Ridge(alpha=0.7, fit_intercept=False).fit(columns[others], labels[others])
        squares.append((labels[own] - fitted.predict(columns[own])) ** 2)
    expected = np.concatenate(squares).mean()
    assert left_out_error(columns @ columns.T, labels, 0.7, together) == pytest.approx(expected)


@pytest.mark.parametrize("rows", [6, 40])
def test_both_systems_solve_ridge_regression(rows: int) -> None:
    generator = np.random.default_rng(1)
    columns, labels = generator.normal(size=(rows, 12)) + 2, generator.normal(size=(rows, 2)) - 1
    weights, constant = _solved(columns, labels, 0.3)
    expected = Ridge(alpha=0.3).fit(columns, labels)
    np.testing.assert_allclose(weights.T, expected.coef_, atol=1e-9)
    np.testing.assert_allclose(constant, expected.intercept_, atol=1e-9)


def test_analogues_do_not_talk_the_penalty_down() -> None:
    generator = np.random.default_rng(2)
    # Sixty series of three all but equal molecules: each is foretold by its series, a new series is not.
    series = np.repeat(np.arange(60), 3)
    numbers = (generator.normal(size=(60, 40))[series] + 0.01 * generator.normal(size=(180, 40))).astype(np.float32)
    labels = (generator.normal(size=60)[series] + 0.01 * generator.normal(size=180))[:, None]
    tables = {"descriptors": numbers}
    assert fit_linear(tables, labels, groups=series).penalty > 10 * fit_linear(tables, labels).penalty


def test_each_output_learns_from_its_own_labels() -> None:
    generator = np.random.default_rng(3)
    numbers = generator.normal(size=(60, 4)).astype(np.float32)
    targets = np.column_stack([numbers[:, 0], 5 + numbers[:, 1], np.full(60, np.nan)])
    targets[:20, 0] = np.nan
    found = fit_linear({"descriptors": numbers}, targets).predict({"descriptors": numbers})
    np.testing.assert_allclose(found[:, 0], numbers[:, 0], atol=0.15)
    np.testing.assert_allclose(found[:, 1], 5 + numbers[:, 1], atol=0.15)
    assert (found[:, 2] == 0).all()


def test_arrays_that_do_not_fit_together_are_refused() -> None:
    numbers = np.random.default_rng(4).normal(size=(20, 3)).astype(np.float32)
    arrays = fit_linear({"descriptors": numbers}, numbers[:, :1].astype(float)).to_arrays("p.")
    assert LinearModel.from_arrays(arrays, "p.").penalty > 0
    with pytest.raises(ValueError, match="fit together"):
        LinearModel.from_arrays({**arrays, "p.descriptors.mean": np.zeros(2, dtype=np.float32)}, "p.")
    with pytest.raises(ValueError, match="fit together"):
        LinearModel.from_arrays({**arrays, "p.constant": np.zeros(2, dtype=np.float32)}, "p.")
    with pytest.raises(KeyError):
        LinearModel.from_arrays({name: value for name, value in arrays.items() if "scale" not in name}, "p.")
