"""Gaussian processes: closed forms against refits, gaps, and arrays that come back."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from mole_engine.training.kernels import (
    COUNTS,
    NOISES,
    WIDTHS,
    KernelModel,
    Settings,
    Standard,
    _kernel,
    _left_out_error,
    count_tanimoto,
    fit_kernels,
    repeats,
)


@pytest.fixture
def tables() -> dict[str, np.ndarray]:
    """Smooth features, one of them broken in places, and counts."""
    generator = np.random.default_rng(0)
    numbers = generator.normal(size=(120, 6)).astype(np.float32)
    numbers[3, 2] = np.nan
    numbers[7, 4] = 1e9
    numbers[:, 5] = 2.0
    return {"descriptors": numbers, "counts": generator.poisson(0.3, size=(120, 40)).astype(np.float32)}


def truth(tables: dict[str, np.ndarray]) -> np.ndarray:
    numbers = np.nan_to_num(tables["descriptors"])
    return np.sin(numbers[:, 0]) + 0.5 * np.clip(numbers[:, 1], -3, 3)


def test_learns_a_smooth_function_and_is_not_thrown_by_outliers_or_gaps(tables: dict[str, np.ndarray]) -> None:
    labels = truth(tables)
    train = {name: table[:90] for name, table in tables.items()}
    model = fit_kernels(train, labels[:90, None])
    predicted = model.predict({name: table[90:] for name, table in tables.items()})[:, 0]
    assert np.sqrt(np.mean((predicted - labels[90:]) ** 2)) < 0.35 * labels[90:].std()
    assert model.settings.shares["descriptors"] >= 0.75


def test_the_left_out_error_is_that_of_refits() -> None:
    generator = np.random.default_rng(1)
    points, labels = generator.normal(size=(25, 2)), generator.normal(size=25)
    labels -= labels.mean()
    kernel = np.exp(-((points[:, None] - points[None]) ** 2).sum(-1))
    residuals = []
    for place in range(25):
        rest = np.arange(25) != place
        weights = np.linalg.solve(kernel[np.ix_(rest, rest)] + 0.1 * np.eye(24), labels[rest])
        residuals.append(labels[place] - kernel[place, rest] @ weights)
    assert _left_out_error(kernel, labels, 0.1) == pytest.approx(np.mean(np.square(residuals)))


@pytest.mark.parametrize(("noise", "seed"), [(0.02, 0), (0.3, 1), (3.0, 2)])
def test_of_all_settings_those_with_the_least_left_out_error_are_chosen(
    tables: dict[str, np.ndarray], noise: float, seed: int
) -> None:
    generator = np.random.default_rng(seed)
    tables["embeddings"] = generator.normal(size=(120, 4)).astype(np.float32)
    labels = truth(tables) + 0.4 * tables["counts"][:, 0] + 0.3 * tables["embeddings"][:, 1]
    labels += noise * generator.normal(size=120)
    own = {name: table if name == COUNTS else Standard.fit(table).apply(table) for name, table in tables.items()}
    quarters = [(a, b, 4 - a - b) for a in range(5) for b in range(5 - a)]
    errors = {}
    for parts, width in itertools.product(quarters, WIDTHS):
        shares = {name: part / 4 for name, part in zip(tables, parts, strict=True) if part}
        kernel = _kernel(own, own, Settings(shares, width, 0.0))
        errors |= {(parts, width, some): _left_out_error(kernel, labels, some) for some in NOISES}
    found = fit_kernels(tables, labels[:, None]).settings
    chosen = tuple(round(4 * found.shares.get(name, 0.0)) for name in tables)
    assert errors[chosen, found.width, found.noise] == pytest.approx(min(errors.values()))


def test_outputs_with_different_gaps_are_those_fitted_alone(tables: dict[str, np.ndarray]) -> None:
    labels = np.column_stack([truth(tables), -truth(tables)])
    labels[::3, 1] = np.nan
    both = fit_kernels(tables, labels)
    known = ~np.isnan(labels[:, 1])
    assert not both.alpha[~known, 1].any()
    assert both.alpha[known, 1].all()
    assert both.mean[1] == pytest.approx(labels[known, 1].mean())


def test_arrays_come_back(tables: dict[str, np.ndarray]) -> None:
    model = fit_kernels(tables, truth(tables)[:, None])
    back = KernelModel.from_arrays(model.to_arrays("k."), "k.")
    np.testing.assert_allclose(back.predict(tables), model.predict(tables), atol=1e-3)
    arrays = model.to_arrays("k.")
    arrays["k.alpha"] = arrays["k.alpha"][:-1]
    with pytest.raises(ValueError, match="do not fit"):
        KernelModel.from_arrays(arrays, "k.")


def test_counts_are_compared_by_smaller_over_larger() -> None:
    left, right = np.array([[2, 0, 1]], dtype=np.float32), np.array([[1, 1, 1], [2, 0, 1]], dtype=np.float32)
    np.testing.assert_allclose(count_tanimoto(left, right), [[2 / 4, 1.0]])


def test_standardising_sees_training_molecules_only(tables: dict[str, np.ndarray]) -> None:
    standard = Standard.fit(tables["descriptors"])
    scaled = standard.apply(tables["descriptors"])
    assert np.isfinite(scaled).all()
    assert np.abs(scaled).max() <= 4
    assert not scaled[:, 5].any()


def test_repeats_are_left_out_together_as_refits_without_any_of_them_would() -> None:
    generator = np.random.default_rng(3)
    numbers = np.array([0, 1, 2, 0, 3, 4, 2, 0, 5, 6, 7, 8])
    points, labels = generator.normal(size=(9, 2))[numbers], generator.normal(size=12)
    labels -= labels.mean()
    kernel = np.exp(-((points[:, None] - points[None]) ** 2).sum(-1))
    residuals = np.empty(12)
    for number in range(9):
        rest, own = numbers != number, numbers == number
        alpha = np.linalg.solve(kernel[np.ix_(rest, rest)] + 0.1 * np.eye(rest.sum()), labels[rest])
        residuals[own] = labels[own] - kernel[np.ix_(own, rest)] @ alpha
    assert [list(own) for own in repeats(numbers)] == [[0, 3, 7], [2, 6]]
    error = _left_out_error(kernel, labels, 0.1, None, repeats(numbers))
    assert error == pytest.approx(np.mean(np.square(residuals)))
    assert error > 1.2 * _left_out_error(kernel, labels, 0.1)


def test_molecules_that_stand_twice_do_not_talk_the_noise_away(tables: dict[str, np.ndarray]) -> None:
    """Labels of chance are learnt by heart from a twin; without it there is nothing to learn."""
    labels = np.random.default_rng(4).normal(size=(60, 1))
    twice = {name: np.concatenate([table[:60], table[:60]]) for name, table in tables.items()}
    both, numbers = np.concatenate([labels, labels]), np.tile(np.arange(60), 2)
    assert fit_kernels(twice, both).settings.noise == NOISES[0]
    assert fit_kernels(twice, both, structures=numbers).settings.noise == NOISES[-1]


def test_without_repeats_nothing_changes_to_the_last_bit(tables: dict[str, np.ndarray]) -> None:
    labels = truth(tables)[:, None]
    plain = fit_kernels(tables, labels).to_arrays("")
    told = fit_kernels(tables, labels, structures=np.arange(120)[::-1]).to_arrays("")
    assert all(np.array_equal(plain[name], told[name]) for name in plain)
