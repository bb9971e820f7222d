"""Trees as arrays say what scikit-learn's own say; arrays that are no trees are refused."""

from __future__ import annotations

import zlib
from dataclasses import replace

import numpy as np
import pytest
from sklearn import ensemble
from sklearn.datasets import make_classification, make_regression

from mole_engine.training.forests import TreeArrays, of_boosting, of_forest

FIELDS = ("feature", "threshold", "skip", "value", "roots", "base")
TABLE = make_regression(200, 12, noise=1.0, random_state=0)
CLASSES = make_classification(200, 12, n_informative=6, n_classes=3, random_state=0)


def f32(values: np.ndarray) -> np.ndarray:
    # Rounded, so that many values lie exactly on a threshold's edge.
    return np.round(values, 1).astype(np.float32)


@pytest.mark.parametrize("maker", [ensemble.ExtraTreesRegressor, ensemble.RandomForestRegressor])
def test_a_forest_of_values(maker: type) -> None:
    features, targets = f32(TABLE[0]), TABLE[1]
    model = maker(n_estimators=20, random_state=0).fit(features[:150], targets[:150])
    np.testing.assert_allclose(of_forest(model).predict(features)[:, 0], model.predict(features), rtol=1e-5)


@pytest.mark.parametrize("maker", [ensemble.ExtraTreesClassifier, ensemble.RandomForestClassifier])
def test_a_forest_of_classes(maker: type) -> None:
    features, targets = f32(CLASSES[0]), CLASSES[1]
    model = maker(n_estimators=20, min_samples_leaf=3, random_state=0).fit(features[:150], targets[:150])
    np.testing.assert_allclose(of_forest(model).predict(features), model.predict_proba(features), atol=1e-6)


def test_boosting_of_values() -> None:
    features, targets = f32(TABLE[0]), TABLE[1]
    model = ensemble.HistGradientBoostingRegressor(max_iter=30, random_state=0).fit(features[:150], targets[:150])
    np.testing.assert_allclose(of_boosting(model).predict(features)[:, 0], model.predict(features), rtol=1e-4)


@pytest.mark.parametrize("classes", [2, 3])
def test_boosting_of_classes(classes: int) -> None:
    features, targets = f32(CLASSES[0]), np.minimum(CLASSES[1], classes - 1)
    model = ensemble.HistGradientBoostingClassifier(max_iter=20, random_state=0).fit(features[:150], targets[:150])
    found = of_boosting(model).predict(features)
    expected = model.decision_function(features)
    np.testing.assert_allclose(found if classes > 2 else found[:, 0], expected, rtol=1e-4, atol=1e-5)


def test_trees_are_packed_and_those_of_older_models_are_read() -> None:
    features, targets = f32(TABLE[0]), TABLE[1]
    for model, convert in (
        (ensemble.ExtraTreesRegressor(n_estimators=30, random_state=0), of_forest),
        (ensemble.HistGradientBoostingRegressor(max_iter=5, random_state=0), of_boosting),
    ):
        trees = convert(model.fit(features, targets))
        old = {f"a.{name}": getattr(trees, name) for name in FIELDS} | {"a.averaged": np.array([trees.averaged])}
        new = trees.to_arrays("a.")
        back = TreeArrays.from_arrays(new, "a.")
        for name in FIELDS:
            np.testing.assert_array_equal(getattr(back, name), getattr(trees, name), err_msg=name)
            np.testing.assert_array_equal(getattr(TreeArrays.from_arrays(old, "a."), name), getattr(trees, name))
    assert packed(of_forest(forest()).to_arrays("")) < 0.75 * packed(
        {name: getattr(of_forest(forest()), name) for name in FIELDS}
    )


def forest() -> ensemble.ExtraTreesRegressor:
    # Numbers in between, as descriptors have them.
    return ensemble.ExtraTreesRegressor(n_estimators=100, random_state=0).fit(*TABLE)


def packed(arrays: dict[str, np.ndarray]) -> int:
    return sum(len(zlib.compress(np.ascontiguousarray(values).tobytes())) for values in arrays.values())


def test_packed_trees_that_are_damaged_are_refused() -> None:
    good = of_forest(ensemble.ExtraTreesRegressor(n_estimators=5, random_state=0).fit(*TABLE)).to_arrays("")
    flipped = ~good["inner"]
    for wrong in (
        {"inner": flipped},
        {"inner": good["inner"][:-9]},
        {"leaves": good["leaves"] + np.uint8(1)},
        {"features": good["features"][:, 1:]},
        {"nodes": good["nodes"] + 16},
        {"nodes": good["nodes"] + 10**15},
    ):
        with pytest.raises((ValueError, IndexError)):
            TreeArrays.from_arrays(good | wrong, "")


def test_a_single_leaf_is_a_tree() -> None:
    trees = of_forest(ensemble.ExtraTreesRegressor(n_estimators=2, random_state=0).fit(TABLE[0], np.ones(200)))
    back = TreeArrays.from_arrays(trees.to_arrays(""), "")
    np.testing.assert_array_equal(back.predict(f32(TABLE[0])), np.ones((200, 1)))


def test_arrays_come_back_as_they_were_and_damaged_ones_are_refused() -> None:
    features, targets = f32(TABLE[0]), TABLE[1]
    trees = of_forest(ensemble.ExtraTreesRegressor(n_estimators=5, random_state=0).fit(features, targets))
    back = TreeArrays.from_arrays(trees.to_arrays("a."), "a.")
    np.testing.assert_array_equal(back.predict(features), trees.predict(features))
    inner = int(np.flatnonzero(trees.feature >= 0)[0])
    for name, wrong in (("skip", 10_000_000), ("skip", -5), ("feature", -7)):
        values = getattr(trees, name).copy()
        values[inner] = wrong
        damaged = replace(trees, **{name: values})
        with pytest.raises(ValueError, match="not whole"):
            TreeArrays.from_arrays(
                {name: getattr(damaged, name) for name in FIELDS} | {"averaged": np.array([True])}, ""
            )
