"""Predictions: in order, one row an input, with unit, interval, domain and reason."""

import math
import re
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import torch

from mole_engine.contracts.dataset import TaskKind, TaskSpec
from mole_engine.contracts.errors import Cancelled, InputError
from mole_engine.data.scaling import TaskScale
from mole_engine.inference import predictor
from mole_engine.inference.predictor import load_model
from mole_engine.store.bundle import read_bundle, save_bundle

SMILES = ["CCO", "c1ccccc", "", "CC(=O)[O-].[Na+]", "CC(=O)O", "c1ccc2ccccc2c1", "not a molecule"]
BINARY = TaskSpec("toxic", TaskKind.CLASSIFICATION, classes=("no", "yes"))
SEVERAL = TaskSpec("phase", TaskKind.MULTICLASS, classes=("gas", "liquid", "solid"))


def test_columns_order_and_reasons(make_bundle):
    table = load_model(make_bundle()).predict(SMILES)
    assert list(table.columns) == [
        *("logS_pred", "logS_std", "logS_lower", "logS_upper", "in_domain", "nearest_similarity", "error")
    ]
    assert len(table) == len(SMILES)
    assert table["error"].tolist()[:3] == ["", "ring 1 is never closed", "the cell is empty"]
    assert table["logS_pred"].isna().tolist() == [False, True, True, False, False, False, True]
    assert table["in_domain"].tolist()[0] is True
    assert table["in_domain"].isna().tolist()[1]
    assert table.attrs["units"]["logS_upper"] == "log mol/L"


def test_inputs_are_cleaned_like_training_molecules(make_bundle):
    table = load_model(make_bundle()).predict(SMILES)
    assert table["logS_pred"][3] == pytest.approx(table["logS_pred"][4], abs=1e-6)
    assert table["nearest_similarity"][3] == 1.0


def test_company_and_chunks_change_nothing(make_bundle, monkeypatch):
    model = load_model(make_bundle())
    smiles = ["C" * (1 + place % 30) + "O" for place in range(70)]
    whole = model.predict(smiles)
    monkeypatch.setattr(predictor, "CHUNK", 16)
    pieces = model.predict(smiles, batch_size=3)
    assert list(pieces.index) == list(range(70))
    np.testing.assert_allclose(whole["logS_pred"], pieces["logS_pred"], atol=1e-5)
    alone = [model.predict([text])["logS_pred"][0] for text in smiles[:5]]
    np.testing.assert_allclose(whole["logS_pred"][:5], alone, atol=1e-5)


def test_values_are_in_the_users_unit(make_bundle):
    scaled = load_model(make_bundle("a.mole", scales=(TaskScale(),))).predict(["CCO"])["logS_pred"][0]
    shifted = load_model(make_bundle("b.mole", scales=(TaskScale(mean=10.0, std=3.0),))).predict(["CCO"])["logS_pred"]
    assert shifted[0] == pytest.approx(10 + 3 * scaled, rel=1e-5)


def test_interval_of_a_log_target_is_wider_above(make_bundle):
    scale = TaskScale(transform="log10", mean=1.0, std=0.5, low=1e-3)
    row = load_model(make_bundle(scales=(scale,))).predict(["CCO"]).iloc[0]
    below, above = row["logS_pred"] - row["logS_lower"], row["logS_upper"] - row["logS_pred"]
    assert 0 < below < above
    assert row["logS_lower"] > 0
    ratio = 10 ** (0.5 * 0.8)
    assert row["logS_upper"] / row["logS_pred"] == pytest.approx(ratio, rel=1e-4)


def test_no_interval_without_validation_and_no_domain_without_molecules(make_bundle):
    table = load_model(make_bundle(uncertainty={}, domain=None)).predict(["CCO"])
    assert list(table.columns) == ["logS_pred", "error"]


def test_classes(make_bundle):
    table = load_model(make_bundle(tasks=(BINARY, SEVERAL), scales=(None, None), uncertainty={})).predict(["CCO", "xx"])
    assert list(table.columns)[:6] == [
        *("toxic_pred", "toxic_class", "phase_prob_gas", "phase_prob_liquid", "phase_prob_solid", "phase_class")
    ]
    first, second = table.iloc[0], table.iloc[1]
    probabilities = [first[f"phase_prob_{name}"] for name in SEVERAL.classes]
    assert sum(probabilities) == pytest.approx(1.0, abs=1e-5)
    assert first["phase_class"] == SEVERAL.classes[int(np.argmax(probabilities))]
    assert first["toxic_class"] == ("yes" if first["toxic_pred"] >= 0.5 else "no")
    assert second[["toxic_class", "phase_class"]].isna().all()
    assert math.isnan(second["toxic_pred"])


def test_encode(make_bundle):
    model = load_model(make_bundle())
    vectors = model.encode(SMILES)
    assert vectors.dtype == np.float32
    assert vectors.shape == (len(SMILES), 32)
    assert np.isnan(vectors).all(axis=1).tolist() == [False, True, True, False, False, False, True]
    assert model.encode([]).shape == (0, 32)


def test_nothing_in_nothing_out(make_bundle):
    table = load_model(make_bundle()).predict([])
    assert len(table) == 0
    assert "logS_pred" in table.columns


def test_progress_is_ascending_and_ends_at_the_total(make_bundle, monkeypatch):
    monkeypatch.setattr(predictor, "CHUNK", 8)
    seen = []
    load_model(make_bundle()).predict(["CCO"] * 20, on_progress=lambda stage, done, total: seen.append((done, total)))
    assert seen == sorted(seen)
    assert seen[-1] == (20, 20)


def test_cancel_unwinds(make_bundle):
    def cancel(stage, done, total):
        raise Cancelled

    with pytest.raises(Cancelled):
        load_model(make_bundle()).predict(["CCO"] * 3, on_progress=cancel)


def test_weights_that_do_not_fit_the_card(make_bundle):
    path = make_bundle()
    bundle = read_bundle(path)
    some = dict(list(bundle.tensors.items())[:-1])
    save_bundle(path, some, bundle.card)
    with pytest.raises(InputError, match="weights do not fit"):
        load_model(path)


def test_device_that_is_not_there(make_bundle):
    path = make_bundle()
    with pytest.raises(InputError, match="is not a device"):
        load_model(path, "toaster")
    with pytest.raises(InputError, match="no device"):
        load_model(path, f"cuda:{torch.cuda.device_count()}")
    # torch knows it, and nothing can be computed there.
    with pytest.raises(InputError, match="no device 'meta'"):
        load_model(path, "meta")


def test_a_wrong_device_is_told_which_ones_there_are(make_bundle, monkeypatch):
    path = make_bundle()
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda index: f"Card {index}")
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    found = re.escape("This computer has: cpu, cuda:0 (Card 0), cuda:1 (Card 1).")
    for name in ("toaster", "cuda:2", "mps"):
        with pytest.raises(InputError, match=found):
            load_model(path, name)


def test_large_molecule_is_refused_by_name_of_its_size(make_bundle):
    table = load_model(make_bundle()).predict(["C" * 1001, "CCO"])
    assert "1001 heavy atoms" in table["error"][0]
    assert table["error"][1] == ""


def test_predicting_needs_no_training_library():
    code = (
        "import sys, mole_engine.inference.predictor;"
        "print({'pytorch_lightning', 'sklearn', 'scipy.stats', 'torchmetrics'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


@pytest.mark.parametrize(
    "failure",
    [torch.OutOfMemoryError("CUDA out of memory"), RuntimeError("DefaultCPUAllocator: can't allocate memory")],
)
def test_batch_that_does_not_fit_into_memory_is_halved(make_bundle, monkeypatch, failure):
    model = load_model(make_bundle())
    expected = model.predict(["C" * length for length in range(1, 9)])
    compute, sizes = model._network.predict_batch, []

    def hungry(batch):
        sizes.append(len(batch))
        if len(batch) > 2:
            raise failure
        return compute(batch)

    monkeypatch.setattr(model._network, "predict_batch", hungry)
    table = model.predict(["C" * length for length in range(1, 9)])
    np.testing.assert_allclose(table["logS_pred"], expected["logS_pred"], atol=1e-5)
    assert sizes[0] == 8


def test_molecules_may_come_in_many_forms(make_bundle):
    model = load_model(make_bundle())
    expected = model.predict(["CCO", "CCN"])["logS_pred"].tolist()
    column = pd.Series(["CCO", "CCN", None], index=[7, 3, 5])
    table = model.predict(column)
    assert table["logS_pred"].tolist()[:2] == pytest.approx(expected, abs=1e-5)
    assert table["error"].tolist() == ["", "", "the cell is empty"]
    # A column of a filtered table: what is put beside it must be of the same molecules.
    assert table.index.tolist() == [7, 3, 5]
    with pytest.raises(InputError, match=r"whole table.*Give a column"):
        model.predict(column.to_frame("smiles"))
    assert model.predict("CCO")["logS_pred"].tolist() == pytest.approx(expected[:1], abs=1e-5)
    assert model.encode(np.array(["CCO", float("nan")], dtype=object)).shape == (2, 32)
