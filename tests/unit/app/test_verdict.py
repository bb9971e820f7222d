"""The test molecules of a run as the window shows them: numbers, curves, confusion, neighbours."""

from __future__ import annotations

import pytest

from app.pages.verdict_cells import class_columns, molecule_cell
from app.services.verdict import nearest_training, read_verdict, scaffold_groups
from mole_engine.contracts.dataset import TaskKind, TaskSpec
from mole_engine.contracts.records import RunRecord
from mole_engine.contracts.run_state import RunState
from mole_engine.inference.results import TaskResult

LOGS = TaskSpec("logS", TaskKind.REGRESSION, "log(mol/L)")
TOXIC = TaskSpec("toxic", TaskKind.CLASSIFICATION, classes=("no", "yes"))
COLOUR = TaskSpec("colour", TaskKind.MULTICLASS, classes=("red", "green", "blue"))
RECORD = RunRecord(run_id="r", name="r", status=RunState.COMPLETED)


def verdict_of(tmp_path, text, *tasks):
    (tmp_path / "predictions.csv").write_text(text, encoding="utf-8")
    return read_verdict(RECORD, tmp_path, tasks)


def numbers(rows):
    head = "row,smiles,part,logS_true,logS_pred,logS_std,logS_lower,logS_upper,in_domain,nearest_similarity,error\n"
    return head + "".join(
        f"{row},{smiles},{part},{true},{pred},1,{low},{high},{inside},0.24,\n"
        for row, (smiles, part, true, pred, low, high, inside) in enumerate(rows)
    )


ROWS = [
    ("Cc1ccccc1", "test", 1.0, 1.5, 1.0, 2.0, "True"),
    ("C", "val", 5.0, 1.0, 0, 1, "True"),
    ("C", "test", "", 1.0, 0, 1, "True"),
    ("Oc1ccccc1", "test", -2.0, -5.0, -6.0, -4.0, "False"),
    ("Nc1ccccc1", "train", -7.0, -7.0, -8.0, -6.0, "True"),
    ("CCCCCC", "train", 3.0, 3.0, 0.0, 6.0, "True"),
]


def test_only_the_labelled_test_molecules_count(tmp_path):
    (task,) = verdict_of(tmp_path, numbers(ROWS), LOGS).tasks
    assert [item.measured for item in task.molecules] == [1.0, -2.0]
    assert (task.uncertainty.held, task.uncertainty.known) == (1, 2)
    assert [task.molecules[place].error for place in task.worst_first()] == [-3.0, 0.5]
    assert [item.in_domain for item in task.molecules] == [True, False]
    assert task.molecules[0].similarity == 0.24
    # Oxygen stands in no training molecule that has a value.
    assert [item.strange for item in task.molecules] == [False, True]
    assert [item.title for item in task.against] == ["the mean of the training molecules"]


def test_an_outlier_is_seen_beside_its_training_neighbours_and_its_ring_system(tmp_path):
    (task,) = verdict_of(tmp_path, numbers(ROWS), LOGS).tasks
    near = nearest_training(task, "Oc1ccccc1")
    assert [(item.smiles, item.value) for item in near] == [("Nc1ccccc1", -7.0), ("CCCCCC", 3.0)]
    (group,) = scaffold_groups(task)
    assert (group.scaffold, group.molecules, group.mean_error) == ("c1ccccc1", 2, -1.25)


def test_roc_and_confusion_of_two_classes(tmp_path):
    pairs = [("yes", 0.9), ("yes", 0.8), ("no", 0.8), ("yes", 0.4), ("no", 0.3), ("no", 0.1)]
    rows = "".join(
        f"{row},C,test,{true},{score},{'yes' if score >= 0.5 else 'no'},\n" for row, (true, score) in enumerate(pairs)
    )
    (task,) = verdict_of(tmp_path, "row,smiles,part,toxic_true,toxic_pred,toxic_class,error\n" + rows, TOXIC).tasks
    curve = task.roc()
    assert curve[0] == (0.0, 0.0)
    assert curve[-1] == (1.0, 1.0)
    # Of nine pairs seven are in the right order and one is tied.
    assert task.auroc() == pytest.approx(7.5 / 9)
    assert task.precision_recall()[0] == (pytest.approx(1 / 3), 1.0)
    assert task.positive_share() == 0.5
    assert task.confusion() == [[2, 1], [1, 2]]
    assert task.confusion(0.35) == [[2, 1], [0, 3]]
    assert task.confusion(0.85) == [[3, 0], [2, 1]]
    assert [task.molecules[place].measured_class for place in task.worst_first()[:2]] == ["no", "yes"]
    assert sum(item.molecules for item in task.reliability) == 6


def test_classes_may_be_written_as_numbers_and_one_class_has_no_curve(tmp_path):
    text = "row,smiles,part,toxic_true,toxic_pred,toxic_class\n0,C,test,1.0,0.7,yes\n1,C,test,1,0.2,no\n"
    verdict = verdict_of(tmp_path, text, TOXIC)
    assert [item.measured_class for item in verdict.tasks[0].molecules] == ["yes", "yes"]
    assert verdict.tasks[0].roc() == []
    assert verdict.headline == "Only one class in the test part"


def test_several_classes(tmp_path):
    head = "row,smiles,part,colour_true,colour_prob_red,colour_prob_green,colour_prob_blue,colour_class\n"
    rows = [("red", "0.5,0.3,0.2", "red"), ("green", "0.2,0.6,0.2", "green"), ("blue", "0.9,0.1,0", "red")]
    text = head + "".join(f"{n},C,test,{true},{said},{label}\n" for n, (true, said, label) in enumerate(rows))
    (task,) = verdict_of(tmp_path, text, COLOUR).tasks
    assert task.confusion() == [[1, 0, 0], [0, 1, 0], [1, 0, 0]]
    assert task.molecules[task.worst_first()[0]].measured_class == "blue"
    assert task.molecules[1].predicted == 0.6


def test_choosing_a_class_looks_through_all_molecules_once(tmp_path, monkeypatch):
    """The window waits for it: with a look for each molecule, tens of thousands took seconds."""
    head = "row,smiles,part,colour_true,colour_prob_red,colour_prob_green,colour_prob_blue,colour_class\n"
    text = head + "".join(f"{row},C,test,{'red' if row % 2 else 'blue'},0.5,0.3,0.2,red\n" for row in range(50))
    (task,) = verdict_of(tmp_path, text, COLOUR).tasks
    looks, predicted = [], TaskResult.predicted_class.fget
    monkeypatch.setattr(TaskResult, "predicted_class", property(lambda self: looks.append(self) or predicted(self)))
    red = task.against_rest(0)
    assert len(looks) == 1
    assert [item.predicted_class for item in red.molecules] == ["red"] * 50
    assert red.positive_share() == 0.5


def test_the_probability_beside_a_class_says_of_which(tmp_path):
    text = "row,smiles,part,toxic_true,toxic_pred,toxic_class\n0,C,test,yes,0.001,no\n1,C,test,no,0.2,no\n"
    (task,) = verdict_of(tmp_path, text, TOXIC).tasks
    assert class_columns(TOXIC)[-1].title == "prob. of yes"
    assert molecule_cell(task.molecules[0], "probability", 2).text == "<0.01"
    head = "row,smiles,part,colour_true,colour_prob_red,colour_prob_green,colour_prob_blue,colour_class\n"
    (task,) = verdict_of(tmp_path, head + "0,C,test,blue,0.9,0.1,0,red\n", COLOUR).tasks
    assert "predicted class" in class_columns(COLOUR)[-1].tip
    assert molecule_cell(task.molecules[0], "probability", 2).text == "0.90"


@pytest.mark.parametrize("text", [None, "", "row,smiles,part\n", "\x00\x01,broken\n1"])
def test_missing_or_damaged_predictions_leave_an_empty_verdict(tmp_path, text):
    verdict = verdict_of(tmp_path, text, LOGS) if text is not None else read_verdict(RECORD, tmp_path, [LOGS])
    assert verdict.tasks[0].molecules == ()
    assert verdict.headline == "No test molecules"
    assert scaffold_groups(verdict.tasks[0]) == nearest_training(verdict.tasks[0], "CCO") == []
