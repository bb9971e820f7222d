"""What the simple models of scikit-learn leave behind in the process."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

from mole_engine.contracts.dataset import TaskKind, TaskSpec
from mole_engine.training.tabular import fit_in_steps, predict_task


class Forgetful:
    """A model that empties the list of warning filters, as scikit-learn's threads can."""

    n_estimators = 30

    def set_params(self, **_: Any) -> Forgetful:
        return self

    def fit(self, *_: Any, **__: Any) -> Forgetful:
        warnings.resetwarnings()
        return self

    def predict(self, features: Any) -> Any:
        warnings.resetwarnings()
        return np.zeros(len(features))


@pytest.mark.parametrize("work", ["fit", "predict"])
def test_warnings_are_silenced_afterwards_as_before(work: str) -> None:
    features, labels = np.zeros((3, 2), dtype=np.float32), np.zeros(3)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="expected")
        before = list(warnings.filters)
        if work == "fit":
            fit_in_steps(Forgetful(), features, labels)
        else:
            predict_task(Forgetful(), features, TaskSpec("y", TaskKind.REGRESSION))
        after = list(warnings.filters)
    assert after == before
