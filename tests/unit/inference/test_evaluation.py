"""A model against measured values: what counts as one, and what is told."""

import numpy as np
import pytest

from mole_engine.contracts.dataset import TaskKind, TaskSpec
from mole_engine.contracts.errors import InputError
from mole_engine.inference.evaluation import evaluate_file
from mole_engine.inference.predictor import load_model

BOUNDED = "smiles,logS\nCCBr,> 3\nCCCl,~2\nCCCN,1\n"


def _written(path, text):
    path.write_text(text)
    return path


def test_bounds_are_compared_as_the_model_learnt_them_and_told(make_bundle, tmp_path):
    path = _written(tmp_path / "in.csv", BOUNDED)
    kept = evaluate_file(load_model(make_bundle()), path)
    assert kept.labelled == {"logS": 3}
    assert kept.notes[0] == "logS: 2 values are no exact ones ('> 3' and 1 more): compared as if measured."
    without = load_model(make_bundle("strict.mole", data_settings={"curation": {"bounds": "drop"}}))
    dropped = evaluate_file(without, path)
    assert dropped.labelled == {"logS": 2}
    assert dropped.notes[0] == "logS: 1 value is no exact one ('> 3'): left out, as in the model's training."
    with pytest.raises(InputError, match=r"'logS' holds '> 3', and the model needs numbers"):
        evaluate_file(without, _written(tmp_path / "bounds.csv", "smiles,logS\nCCBr,> 3\n"))


def test_a_column_is_compared_with_one_target_alone(make_bundle, tmp_path):
    tasks = tuple(TaskSpec(name, TaskKind.REGRESSION) for name in ("logD", "LogD"))
    result = evaluate_file(load_model(make_bundle(tasks=tasks)), _written(tmp_path / "in.csv", "smiles,logD\nCCBr,3\n"))
    assert (list(result.labelled), result.missing_tasks) == (["logD"], ("LogD",))


def test_a_prediction_that_is_no_number_is_not_taken_for_zero(make_bundle, tmp_path, monkeypatch):
    model = load_model(make_bundle())
    said = model.predict(["CCBr", "CCCN"]).assign(logS_pred=[np.nan, 1.0])
    monkeypatch.setattr(model, "predict", lambda *_args, **_options: said)
    result = evaluate_file(model, _written(tmp_path / "in.csv", "smiles,logS\nCCBr,0\nCCCN,1\n"))
    assert np.isnan(result.metrics["rmse"])


@pytest.mark.parametrize(
    ("learnt", "header", "cell"),
    [
        ("Half-life in (hours)", "Half-life", "5 h"),
        ("Half-life (h)", "Half-life (hours)", "5 h"),
        ("Half-life (h)", "Half-life (h)", "5 hrs"),
        ("IC50 in (nM)", "IC50", "0.005 uM"),
        ("IC50 in (nM)", "IC50 (nM)", "5"),
        ("IC50 (nM)", "IC50 (uM)", "0.005"),
    ],
)
def test_the_unit_of_the_header_may_be_written_otherwise(make_bundle, tmp_path, learnt, header, cell):
    model = load_model(make_bundle(tasks=(TaskSpec(learnt, TaskKind.REGRESSION),)))
    result = evaluate_file(model, _written(tmp_path / "in.csv", f"smiles,{header}\nCCBr,{cell}\nCCCN,{cell}\n"))
    said = model.predict(["CCBr", "CCCN"])[f"{learnt}_pred"].to_numpy()
    assert result.metrics["mae"] == pytest.approx(np.abs(said - 5).mean(), rel=1e-5)
    for other in (header, learnt):
        with pytest.raises(InputError, match="no measured values"):
            evaluate_file(model, _written(tmp_path / "other.csv", f"smiles,{other}\nCCBr,60 min\nCCCN,70 min\n"))
