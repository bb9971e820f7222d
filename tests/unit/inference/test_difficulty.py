"""Intervals are wider for hard molecules where hard ones can be told, and all the same where they cannot."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from mole_engine import load_model
from mole_engine.contracts.dataset import TaskKind, TaskSpec
from mole_engine.data.scaling import TargetScaler, TaskScale
from mole_engine.inference.difficulty import MOST, factors, fit_difficulty, left_out_similarity
from mole_engine.inference.domain import measure_domain
from mole_engine.inference.run_results import write_predictions
from mole_engine.inference.uncertainty import conformal_half_width, measure_uncertainty
from mole_engine.store.card import Difficulty, TaskUncertainty
from mole_engine.training.evaluation import Evaluation
from tests.unit.training.conftest import make_dataset


def molecules(count: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return errors that grow with the distance and with the disagreement, and both signs."""
    generator = np.random.default_rng(seed)
    similarity, spread = generator.uniform(0.2, 1.0, count), np.exp(generator.normal(-2.0, 0.8, count))
    size = np.exp(1.5 * (1 - similarity)) * (spread + 0.01) ** 0.7
    return generator.standard_normal(count) * size, similarity, spread


def test_hard_molecules_get_intervals_that_hold_nine_in_ten_of_them_too():
    shares = []
    for seed in range(20):
        residuals, similarity, spread = molecules(400, seed)
        new, near, apart = molecules(2000, seed + 100)
        difficulty = fit_difficulty(residuals, similarity, spread)
        own = factors(difficulty, near, apart, len(new))
        half = conformal_half_width(residuals / factors(difficulty, similarity, spread, len(residuals)))
        inside, same_for_all = np.abs(new) <= half * own, np.abs(new) <= conformal_half_width(residuals)
        hard, easy = own > np.quantile(own, 0.75), own < np.quantile(own, 0.25)
        shares.append([inside.mean(), inside[hard].mean(), inside[easy].mean(), same_for_all[hard].mean()])
    whole, hardest, easiest, hardest_before = np.mean(shares, axis=0)
    assert 0.88 < whole < 0.92
    assert 0.86 < hardest < 0.94
    assert 0.88 < easiest < 0.94
    assert hardest_before < 0.8


def test_signs_that_say_nothing_change_nothing():
    found = 0
    for seed in range(40):
        generator = np.random.default_rng(seed)
        signs = generator.uniform(0.2, 1.0, (2, 150))
        found += fit_difficulty(generator.standard_normal(150), signs[0], signs[1]) is not None
    assert found <= 6


def test_errors_that_shrink_with_the_distance_do_not_make_strangers_easy():
    residuals, similarity, _ = molecules(400)
    assert fit_difficulty(residuals / np.abs(residuals) * similarity**3, similarity, None) is None


def test_few_molecules_or_a_single_error_teach_nothing():
    residuals, similarity, spread = molecules(59)
    assert fit_difficulty(residuals, similarity, spread) is None
    assert fit_difficulty(np.ones(100), *np.tile(np.linspace(0, 1, 100), (2, 1))) is None


def test_a_factor_is_bounded_and_neutral_where_a_sign_is_missing():
    steep = Difficulty(constant=0.0, distance=50.0, disagreement=0.0)
    assert factors(steep, np.array([0.0, 1.0, np.nan]), None, 3).tolist() == pytest.approx([MOST, 1.0, 1.0])
    assert factors(None, np.array([0.5]), None, 1).tolist() == [1.0]
    assert factors(steep, None, None, 2).tolist() == [1.0, 1.0]
    assert factors(Difficulty(0.5, 0.0, 1.0), np.array([0.5]), None, 1).tolist() == [1.0]


def test_a_left_out_molecule_is_compared_with_those_that_its_model_saw():
    smiles = ["CCO", "CCCO", "c1ccccc1", "CCO"]
    found = left_out_similarity(smiles, [(np.array([1, 2]), np.array([0])), (np.array([0]), np.array([3]))])
    assert 0 < found[0] < 1
    assert found[3] == 1.0
    assert np.isnan(found[1:3]).all()


def test_a_large_set_is_judged_by_a_sample(monkeypatch):
    monkeypatch.setattr("mole_engine.inference.difficulty.MOST_JUDGED", 4)
    found = left_out_similarity(["C" * length for length in range(1, 21)], [(np.arange(10), np.arange(10, 20))])
    assert np.isfinite(found).sum() == 4


def test_the_card_keeps_what_was_learnt_and_older_cards_do_without():
    residuals, similarity, spread = molecules(300)
    task = TaskSpec("y", TaskKind.REGRESSION)
    scaler = TargetScaler((TaskScale(mean=5.0, std=2.0),))
    targets = (5.0 + 2.0 * residuals)[:, None]
    known = measure_uncertainty(np.zeros((300, 1)), targets, (task,), scaler, similarity, spread[:, None])["y"]
    assert known.difficulty is not None
    assert known.difficulty.disagreement > 0.3
    assert known.half_width < conformal_half_width(residuals)
    assert TaskUncertainty.from_dict(known.to_dict()) == known
    older = {key: value for key, value in known.to_dict().items() if key != "difficulty"}
    assert TaskUncertainty.from_dict(older).difficulty is None


def test_a_stranger_gets_a_wider_interval_than_a_relative(make_bundle: Callable[..., Path]):
    known: dict[str, Any] = {"half_width": 0.8, "std": 0.5, "count": 90}
    uncertainty = {"logS": TaskUncertainty(**known, difficulty=Difficulty(-0.5, 1.2, 0.0))}
    table = load_model(make_bundle(uncertainty=uncertainty)).predict(["CCO", "O=S(=O)(N)c1ccc2[nH]cnc2c1"])
    width = table["logS_upper"] - table["logS_lower"]
    assert table["nearest_similarity"][0] == 1.0
    assert table["nearest_similarity"][1] < 0.3
    assert width[1] / width[0] == pytest.approx(np.exp(1.2 * (1 - table["nearest_similarity"][1])), rel=1e-5)
    assert table["logS_std"][1] / table["logS_std"][0] == pytest.approx(width[1] / width[0], rel=1e-5)


def test_left_out_molecules_that_were_not_compared_are_not_taken_for_known(make_card, tmp_path):
    """A large set is judged by a sample; the others, learnt from by now, would be most like themselves."""
    known: dict[str, Any] = {"half_width": 0.8, "std": 0.5, "count": 90}
    uncertainty = {"logS": TaskUncertainty(**known, difficulty=Difficulty(-0.5, 1.2, 0.0))}
    card = make_card(uncertainty=uncertainty)
    card = replace(card, config={**card.config, "ensemble": {"kind": "folds", "members": 2}})
    dataset = make_dataset(np.arange(4.0))
    domain = measure_domain(dataset.smiles[:3])

    def part(places: list[int], fitted: list[bool]) -> Evaluation:
        zeros = np.zeros((len(places), 1))
        positions, known_by_heart = np.array(places, dtype=np.int64), np.array(fitted, dtype=bool)
        return Evaluation(positions, zeros, zeros, zeros, zeros == 0, {}, None, known_by_heart)

    # One was compared, one was not, one is predicted by what learnt from it, and one is a test molecule.
    parts = {"train": part([0, 1, 2], [False, False, True]), "val": part([], []), "test": part([3], [False])}
    similarity = np.array([0.4, np.nan, np.nan, np.nan])
    path = tmp_path / "predictions.csv"
    write_predictions(path, dataset, parts, replace(card, domain=domain), similarity)
    table = pd.read_csv(path)
    nearest = [0.4, np.nan, 1.0, table["nearest_similarity"][3]]
    width = (table["logS_upper"] - table["logS_lower"]) / (2 * 0.8)
    expected = factors(uncertainty["logS"].difficulty, np.array(nearest), None, 4)
    assert expected[1] == 1.0 > expected[2]
    np.testing.assert_allclose(width / width[1], expected, rtol=1e-5)
