"""What the verdict says: against the strongest baseline, in one sentence, and never more than the molecules allow."""

from __future__ import annotations

import csv
import json
import math

import numpy as np
import pandas as pd
import pytest

from mole_engine.contracts.dataset import TaskKind, TaskSpec
from mole_engine.data.scaling import TaskScale
from mole_engine.inference.baseline_tables import write_baselines
from mole_engine.inference.bootstrap import Comparison
from mole_engine.inference.results import TaskResult, baseline_titles, read_results, read_tasks
from mole_engine.inference.tables import write_table
from mole_engine.inference.verdict import beyond_chance, judge, judge_folder
from mole_engine.store.run_folder import RunFolder
from mole_engine.training.baselines import BaselineResult

LOGS = TaskSpec("logS", TaskKind.REGRESSION, "log(mol/L)")
TOXIC = TaskSpec("toxic", TaskKind.CLASSIFICATION, classes=("no", "yes"))
COLOUR = TaskSpec("colour", TaskKind.MULTICLASS, classes=("red", "green", "blue"))
ERRORS = np.random.default_rng(3).normal(size=(3, 120))


@pytest.fixture
def folder(tmp_path):
    return RunFolder(tmp_path)


def write(path, columns):
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(columns)
        writer.writerows(zip(*columns.values(), strict=True))


def numbers(folder, model, size=120, **baselines):
    """Write a run whose truth is 0 ... 9 again and again, and whose models are off by what is given."""
    truth = np.arange(size) % 10
    parts = ["test"] * size + ["train"] * 20
    write(
        folder.predictions,
        {
            "row": range(size + 20),
            "smiles": ["C"] * (size + 20),
            "part": parts,
            "logS_true": [*truth, *(np.arange(20) % 10)],
            "logS_pred": [*(truth + model), *([4.0] * 20)],
        },
    )
    if baselines:
        found = {f"{name}:logS_pred": truth + error for name, error in baselines.items()}
        write(folder.baselines_table, {"row": range(size), **found})
    return judge_folder(folder, (LOGS,))[0]


def test_a_better_model_beats_the_strongest_baseline_by_so_much(folder):
    judged = numbers(folder, ERRORS[0] * 0.3, weak=ERRORS[1] * 2.5, fingerprints=ERRORS[2])
    comparison = judged.tasks[0].comparison
    assert judged.tasks[0].strongest == "fingerprints"
    assert list(judged.tasks[0].comparisons) == ["fingerprints", "weak", "mean"]
    assert comparison.difference == pytest.approx(comparison.baseline - comparison.model)
    assert judged.tone == "good"
    assert judged.headline.startswith(f"Beats the baseline by {comparison.difference:.2f}")
    assert judged.headline.endswith(" log(mol/L) RMSE")
    assert "for ECFP4 + random forest, on 120 test molecules" in judged.words
    assert f"{comparison.difference:.2f} lower (95% interval {comparison.low:.2f} to " in judged.words


def test_a_model_equal_to_the_baseline_does_not_beat_it(folder):
    judged = numbers(folder, ERRORS[0], fingerprints=ERRORS[0])
    assert (judged.headline, judged.tone) == ("Does not beat the baseline", "warning")
    assert judged.words.endswith("on 120 test molecules: the same.")


def test_a_small_lead_may_be_chance_and_a_worse_model_is_told(folder):
    judged = numbers(folder, ERRORS[0] * 0.99, fingerprints=ERRORS[1])
    assert (judged.headline, judged.tone) == ("Does not beat the baseline", "warning")
    assert "which may be chance" in judged.words
    judged = numbers(folder, ERRORS[0] * 2, fingerprints=ERRORS[1])
    assert (judged.headline, judged.tone) == ("Does not beat the baseline", "danger")
    assert "higher (95% interval" in judged.words


def test_without_trained_baselines_the_mean_of_the_training_molecules_stands_in(folder):
    judged = numbers(folder, ERRORS[0] * 0.3)
    assert judged.tasks[0].strongest == "mean"
    # A guess is beaten, which is no praise.
    assert judged.tone == "warning"
    assert judged.headline.startswith("Beats the mean by ")
    assert "for the mean of the training molecules" in judged.words
    assert judged.words.endswith("No other baseline was trained with this run.")


def test_what_was_only_looked_up_makes_no_baseline_of_a_headline(folder):
    judged = numbers(folder, ERRORS[0] * 0.3, neighbours=ERRORS[1] * 0.6)
    assert judged.tasks[0].strongest == "neighbours"
    assert judged.headline.startswith("Beats the most similar molecules by ")
    assert judged.tone == "warning"
    assert "for the 5 most similar molecules" in judged.words
    judged = numbers(folder, ERRORS[0] * 0.3, neighbours=ERRORS[1] * 0.6, fingerprints=ERRORS[1])
    assert judged.headline.startswith("Beats the baseline by ")
    assert judged.tone == "good"


def test_few_molecules_are_told(folder):
    judged = numbers(folder, np.zeros(8), size=8, fingerprints=np.ones(8))
    assert (judged.headline, judged.tone) == ("Too few test molecules to tell", "warning")
    judged = numbers(folder, np.full(20, 0.1), size=20, fingerprints=np.full(20, 2.0))
    assert judged.headline == "Beats the baseline by 1.90 log(mol/L) RMSE"
    assert judged.tone == "warning"
    assert "With 20 test molecules chance plays a large part." in judged.words


def test_a_baseline_file_of_other_molecules_is_not_used(folder):
    numbers(folder, ERRORS[0], fingerprints=ERRORS[1])
    write(folder.baselines_table, {"row": range(1, 121), "fingerprints:logS_pred": np.zeros(120)})
    assert list(judge_folder(folder, (LOGS,))[0].tasks[0].comparisons) == ["mean"]


def test_two_classes_are_compared_by_auroc(folder):
    truth = np.arange(100) % 2
    columns = {
        "row": range(140),
        "smiles": ["C"] * 140,
        "part": ["test"] * 100 + ["train"] * 40,
        "toxic_true": [("no", "yes")[item] for item in np.r_[truth, np.arange(40) % 2]],
        "toxic_pred": [*(0.1 + 0.8 * truth), *([0.5] * 40)],
    }
    write(folder.predictions, columns)
    write(folder.baselines_table, {"row": range(100), "boosting:toxic_pred": np.linspace(0, 1, 100)})
    judged, (result,) = judge_folder(folder, (TOXIC,))
    assert judged.headline.startswith("Beats the baseline by 0.4")
    assert judged.headline.endswith(" AUROC")
    assert "AUROC 1.00 against 0.5" in judged.words
    assert result.predicted_class.tolist() == truth.tolist()
    write(folder.predictions, columns | {"toxic_true": ["yes"] * 140})
    assert judge_folder(folder, (TOXIC,))[0].headline == "Only one class in the test part"


def test_several_classes_and_several_targets(folder):
    kinds = np.arange(90) % 3
    names = [COLOUR.classes[item] for item in kinds]
    good, blind = np.eye(3)[kinds], np.tile([0.5, 0.3, 0.2], (90, 1))
    columns = {"row": range(120), "smiles": ["C"] * 120, "part": ["test"] * 90 + ["train"] * 30}
    columns["colour_true"] = [*names, *names[:30]]
    for place, label in enumerate(COLOUR.classes):
        columns[f"colour_prob_{label}"] = [*good[:, place], *good[:30, place]]
    for task in ("a", "b"):
        columns[f"{task}_true"] = ["yes", "no"] * 60
        columns[f"{task}_pred"] = [0.9, 0.1] * 60 if task == "a" else [0.5] * 120
    write(folder.predictions, columns)
    write(folder.baselines_table, {f"fp:colour_prob_{x}": blind[:, k] for k, x in enumerate(COLOUR.classes)})
    judged = judge_folder(folder, (COLOUR,))[0]
    assert judged.headline.startswith("Beats the baseline by")
    assert judged.headline.endswith("Macro F1")
    two = [TaskSpec(name, TaskKind.CLASSIFICATION, classes=("no", "yes")) for name in ("a", "b")]
    judged = judge_folder(folder, two)[0]
    assert (judged.headline, judged.tone) == ("Beats the mean for 1 of 2 targets", "warning")
    assert judged.words == (
        "Mean AUROC 0.750 against 0.500: 0.250 higher. No other baseline was trained with this run."
    )


def _result(task, truth, said, **baselines):
    nothing = np.full(len(truth), math.nan)
    result = TaskResult(task, ["C"] * len(truth), truth, said, *[nothing] * 4, [], np.zeros(0))
    result.baselines.update(baselines)
    return result


def test_targets_that_cannot_be_judged_are_not_called_lost():
    same = np.ones(20)
    one_class = _result(TOXIC, same, same * 0.9, mean=same * 0.5)
    alone = _result(LOGS, np.arange(20.0), np.arange(20.0))
    judged = judge([one_class, one_class])
    assert (judged.headline, judged.tone) == ("Only one class in the test part", "warning")
    assert judge([alone, alone]).headline == "Not compared with a baseline"
    assert judge([alone, one_class]).headline == "Not compared with a baseline"
    compared = _result(LOGS, np.arange(20.0), np.arange(20.0), forest=np.arange(20.0)[::-1])
    judged = judge([compared, alone])
    assert judged.words.startswith("1 target cannot be judged: nothing to compare it with.")
    assert "one class only" in judge([compared, one_class]).words


def test_few_values_are_not_called_few_of_a_class():
    words = judge([_result(LOGS, np.arange(3.0), np.arange(3.0) + 0.1, mean=np.ones(3))]).words
    assert "class" not in words


def test_small_numbers_keep_their_digits():
    truth = np.arange(40.0)
    judged = judge([_result(LOGS, truth * 1e-9, (truth + 0.5) * 1e-9, forest=(truth + 2.5 * ERRORS[0, :40]) * 1e-9)])
    assert judged.words.startswith("RMSE 5.00e\u221210 log(mol/L) against ")
    assert "0.0000" not in judged.headline + judged.words


def test_baselines_of_targets_whose_names_end_alike_are_not_mixed_up(folder):
    columns = {"row": range(20), "smiles": ["C"] * 20, "part": ["test"] * 20}
    for name in ("a:b", "b"):
        columns |= {f"{name}_true": np.arange(20.0), f"{name}_pred": np.arange(20.0)}
    write(folder.predictions, columns)
    write(folder.baselines_table, {"row": range(20), "fp:a:b_pred": np.arange(20.0), "fp:b_pred": np.ones(20)})
    tasks = [TaskSpec(name, TaskKind.REGRESSION) for name in ("a:b", "b")]
    found = [result.baselines for result in read_results(folder.predictions, folder.baselines_table, tasks)]
    assert [list(one) for one in found] == [["fp"], ["fp"]]
    assert (found[0]["fp"][5], found[1]["fp"][5]) == (5, 1)


def test_many_targets_are_judged_together(monkeypatch):
    def gain(size, wide):
        return Comparison("rmse", 0.9 - size, 0.9, size, size - wide, size + wide, 100)

    strong, worse, mild, nothing = gain(0.4, 0.2), gain(-0.4, 0.2), gain(0.2, 0.19), gain(0.05, 0.2)
    assert beyond_chance([mild]) == [mild]
    assert beyond_chance([nothing, mild, *[nothing] * 18, worse, strong]) == [worse, strong]
    assert beyond_chance([Comparison("auroc", 0.9, 0.5, 0.4, math.nan, math.nan, 5)]) == []
    found = iter([strong, mild, mild, nothing])
    monkeypatch.setattr("mole_engine.inference.verdict.compare_as_learnt", lambda _: {"forest": next(found)})
    results = [TaskResult(LOGS, ["C"] * 100, *[np.zeros(100)] * 6, [], np.zeros(0), [True] * 100) for _ in range(4)]
    judged = judge(results)
    assert judged.headline == "Beats the baseline for 1 of 4 targets"
    assert judged.words == "2 more would count alone, but not among 4 targets (Holm's correction)."


@pytest.mark.parametrize("text", [None, "", "row,smiles,part\n", "\x00\x01,broken\n1"])
def test_missing_or_damaged_files_leave_an_empty_verdict(folder, text):
    if text is not None:
        for path in (folder.predictions, folder.baselines_table, folder.baselines, folder.dataset):
            path.write_text(text, encoding="utf-8")
    assert read_tasks(folder.dataset) == ()
    assert baseline_titles(folder.baselines)["fingerprints"] == "ECFP4 + random forest"
    assert judge(read_results(folder.predictions, folder.baselines_table, (LOGS,))).headline == "No test molecules"


def test_what_the_job_writes_of_its_baselines_is_read_back(folder):
    numbers(folder, ERRORS[0])
    said = (np.arange(120) % 10 + ERRORS[1])[:, None]
    result = BaselineResult("forest", "A forest", {"rmse": math.nan}, {"rmse": 1.0}, said, said)
    write_baselines(folder, (LOGS,), np.arange(120), [result])
    judged, (task,) = judge_folder(folder, (LOGS,))
    assert task.baselines["forest"].tolist() == said[:, 0].tolist()
    assert judged.title_of("forest") == "A forest"
    assert "NaN" not in folder.baselines.read_text(encoding="utf-8")


def test_tasks_and_titles_are_read_from_the_folder(folder):
    folder.dataset.write_text(json.dumps({"roles": {"tasks": [LOGS.to_dict(), TOXIC.to_dict()]}}), encoding="utf-8")
    assert read_tasks(folder.dataset) == (LOGS, TOXIC)
    folder.baselines.write_text(json.dumps([{"name": "forest", "title": "A forest"}]), encoding="utf-8")
    assert baseline_titles(folder.baselines)["forest"] == "A forest"


def test_classes_that_were_guarded_against_formulas_are_found_again(tmp_path):
    task = TaskSpec("=grade", TaskKind.MULTICLASS, classes=("+", "++", "-x"))
    truth = list(task.classes) * 2
    columns = {"row": range(6), "smiles": ["C"] * 6, "part": ["test"] * 6, "=grade_true": truth}
    columns |= {f"=grade_prob_{label}": [float(label == one) for one in truth] for label in task.classes}
    write_table(pd.DataFrame(columns), tmp_path / "predictions.csv", own=columns)
    assert "'++" in (tmp_path / "predictions.csv").read_text(encoding="utf-8")
    (result,) = read_results(tmp_path / "predictions.csv", tmp_path / "baselines.csv", (task,))
    assert result.truth.tolist() == [0.0, 1.0, 2.0] * 2
    assert result.predicted_class.tolist() == [0, 1, 2] * 2


def test_the_scale_on_which_a_target_was_learnt_is_that_of_the_runs_model(folder, make_bundle):
    numbers(folder, ERRORS[0])
    assert judge_folder(folder, (LOGS,))[1][0].scale is None
    scale = TaskScale("logit", mean=0.5, std=2.0, low=0.001, high=0.999)
    make_bundle("model.mole", scales=(scale,))
    assert judge_folder(folder, (LOGS,))[1][0].scale == scale
    folder.model.write_text("broken", encoding="utf-8")
    assert judge_folder(folder, (LOGS,))[1][0].scale is None
