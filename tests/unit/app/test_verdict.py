"""What the verdict says of test predictions: intervals, curves, comparison with guessing."""

from __future__ import annotations

import math

import pytest

from app.services.verdict import area_under, read_verdict
from mole_engine.contracts.dataset import TaskKind, TaskSpec
from mole_engine.contracts.records import RunRecord
from mole_engine.contracts.run_state import RunState

LOGS = TaskSpec("logS", TaskKind.REGRESSION, "log(mol/L)")
TOXIC = TaskSpec("toxic", TaskKind.CLASSIFICATION, classes=("no", "yes"))
COLOUR = TaskSpec("colour", TaskKind.MULTICLASS, classes=("red", "green", "blue"))
RECORD = RunRecord(run_id="r", name="r", status=RunState.COMPLETED)


def verdict_of(tmp_path, text, *tasks):
    path = tmp_path / "predictions.csv"
    path.write_text(text, encoding="utf-8")
    return read_verdict(RECORD, path, tasks)


def numbers(rows):
    head = "row,smiles,part,logS_true,logS_pred,logS_std,logS_lower,logS_upper,in_domain,nearest_similarity,error\n"
    return head + "".join(
        f"{row},C,{part},{true},{pred},1,{low},{high},{inside},0.24,\n"
        for row, part, true, pred, low, high, inside in rows
    )


def test_only_the_labelled_test_molecules_count(tmp_path):
    rows = [
        (0, "test", 1.0, 1.5, 1.0, 2.0, "True"),
        (1, "val", 5.0, 1.0, 0, 1, "True"),
        (2, "test", "", 1.0, 0, 1, "True"),
        (3, "test", -2.0, -5.0, -6.0, -4.0, "False"),
    ]
    (task,) = verdict_of(tmp_path, numbers(rows), LOGS).tasks
    assert [item.measured for item in task.molecules] == [1.0, -2.0]
    assert task.coverage() == (1, 2)
    assert [item.error for item in task.worst()] == [-3.0, 0.5]
    assert [item.in_domain for item in task.molecules] == [True, False]
    assert task.molecules[0].similarity == 0.24


def test_a_model_is_compared_with_saying_the_mean(tmp_path):
    good = [(row, "test", row, row + 0.1, "", "", "") for row in range(40)]
    head, words, tone = verdict_of(tmp_path, numbers(good), LOGS).judgement()
    assert (head, tone) == ("Clearly better than guessing", "good")
    assert "RMSE 0.100 log(mol/L) against 11.5" in words
    assert "40 test molecules" in words
    blind = [(row, "test", row, 19.5, "", "", "") for row in range(40)]
    head, _, tone = verdict_of(tmp_path, numbers(blind), LOGS).judgement()
    assert (head, tone) == ("No better than guessing", "warning")


def test_few_molecules_make_a_cautious_verdict(tmp_path):
    few = [(row, "test", row, row, "", "", "") for row in range(8)]
    _, words, tone = verdict_of(tmp_path, numbers(few), LOGS).judgement()
    assert tone == "warning"
    assert "With 8 test molecules chance plays a large part." in words


def test_roc_of_two_classes(tmp_path):
    pairs = [("yes", 0.9), ("yes", 0.8), ("no", 0.8), ("yes", 0.4), ("no", 0.3), ("no", 0.1)]
    rows = "".join(
        f"{row},C,test,{true},{score},{'yes' if score >= 0.5 else 'no'},\n" for row, (true, score) in enumerate(pairs)
    )
    verdict = verdict_of(tmp_path, "row,smiles,part,toxic_true,toxic_pred,toxic_class,error\n" + rows, TOXIC)
    (task,) = verdict.tasks
    curve = task.roc()
    assert curve[0] == (0.0, 0.0)
    assert curve[-1] == (1.0, 1.0)
    # Of nine pairs seven are in the right order and one is tied.
    assert area_under(curve) == pytest.approx(7.5 / 9)
    assert task.precision_recall()[0] == (pytest.approx(1 / 3), 1.0)
    assert task.positive_share() == 0.5
    assert [item.measured_class for item in task.worst()] == ["no", "yes"]
    assert verdict.judgement()[1].startswith("AUROC 0.83 on 6 test molecules")


def test_classes_may_be_written_as_numbers_and_one_class_has_no_curve(tmp_path):
    text = "row,smiles,part,toxic_true,toxic_pred,toxic_class\n0,C,test,1.0,0.7,yes\n1,C,test,1,0.2,no\n"
    verdict = verdict_of(tmp_path, text, TOXIC)
    assert [item.measured_class for item in verdict.tasks[0].molecules] == ["yes", "yes"]
    assert verdict.tasks[0].roc() == []
    assert verdict.judgement()[0] == "Only one class in the test part"


def test_several_classes_are_compared_with_the_most_frequent(tmp_path):
    head = "row,smiles,part,colour_true,colour_prob_red,colour_prob_green,colour_prob_blue,colour_class\n"
    rows = [("red", "red"), ("red", "red"), ("green", "green"), ("blue", "red")]
    text = head + "".join(f"{n},C,test,{true},0.5,0.3,0.2,{said}\n" for n, (true, said) in enumerate(rows))
    verdict = verdict_of(tmp_path, text, COLOUR)
    assert "75% of 4 test molecules are right" in verdict.judgement()[1]
    assert "gives 50%" in verdict.judgement()[1]
    assert [item.measured_class for item in verdict.tasks[0].worst()] == ["blue"]


@pytest.mark.parametrize("text", [None, "", "row,smiles,part\n", "\x00\x01,broken\n1"])
def test_missing_or_damaged_predictions_leave_an_empty_verdict(tmp_path, text):
    path = tmp_path / "predictions.csv"
    if text is not None:
        path.write_text(text, encoding="utf-8")
    verdict = read_verdict(RECORD, path, [LOGS])
    assert verdict.tasks[0].molecules == ()
    assert verdict.judgement()[0] == "No test molecules"
    assert math.isnan(verdict.tasks[0].guess_rmse())


def two_classes(name, pairs):
    return {f"{name}_true": [true for true, _ in pairs], f"{name}_pred": [score for _, score in pairs]}


def test_several_targets_are_judged_together_and_not_by_the_first(tmp_path):
    good = [("yes", 0.9)] * 20 + [("no", 0.1)] * 20
    blind = [("yes", 0.5)] * 20 + [("no", 0.5)] * 20
    single = [("no", 0.1)] * 40
    columns = {"row": range(40), "smiles": ["C"] * 40, "part": ["test"] * 40}
    tasks = [TaskSpec(name, TaskKind.CLASSIFICATION, classes=("no", "yes")) for name in ("a", "b", "c")]
    for task, pairs in zip(tasks, (good, blind, single), strict=True):
        columns |= two_classes(task.name, pairs)
    lines = [",".join(columns), *(",".join(map(str, row)) for row in zip(*columns.values(), strict=True))]
    head, words, tone = verdict_of(tmp_path, "\n".join(lines), *tasks).judgement()
    assert (head, tone) == ("Better than guessing for 1 of 2 targets", "warning")
    assert words == (
        "Mean AUROC 0.75; guessing gives 0.50. 1 target cannot be judged: one class only in the test part."
    )


def test_a_single_positive_makes_a_cautious_verdict(tmp_path):
    rows = "".join(f"{row},C,test,{'yes' if row == 0 else 'no'},{0.9 if row == 0 else 0.1}\n" for row in range(60))
    head, words, tone = verdict_of(tmp_path, "row,smiles,part,toxic_true,toxic_pred\n" + rows, TOXIC).judgement()
    assert (head, tone) == ("Clearly better than guessing", "warning")
    assert words.endswith("With 1 of the rarer class chance plays a large part.")
