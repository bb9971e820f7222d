from __future__ import annotations

import pytest

from mole_engine.contracts.config import TrainConfig
from mole_engine.contracts.dataset import IssueKind
from mole_engine.contracts.errors import InputError
from mole_engine.data.assemble import load_training_data
from mole_engine.store.run_tables import data_words

HEADER = "smiles,y\n"
TRAIN = HEADER + "".join(f"{'C' * (i + 1)}O,{i % 3}.5\n" for i in range(20))


@pytest.fixture
def load(tmp_path):
    def run(main=TRAIN, *, validation="", test="", **config):
        data = {"path": str(tmp_path / "main.csv"), **config.pop("data", {})}
        (tmp_path / "main.csv").write_text(main)
        for part, text in (("validation", validation), ("test", test)):
            if text:
                (tmp_path / f"{part}.csv").write_text(text)
                data[f"{part}_path"] = str(tmp_path / f"{part}.csv")
        return load_training_data(TrainConfig.from_dict({"data": data, **config}))

    return run


def test_one_file(load):
    dataset, split = load(split={"method": "random"})
    assert len(split.train) + len(split.validation) + len(split.test) == len(dataset) == 20


def test_separate_files_never_train(load):
    dataset, split = load(validation=HEADER + "CCN,1.5\nCCCN,2\n", test=HEADER + "CCS,3\nXX,1\n")
    assert split.train == tuple(range(20))
    assert [dataset.smiles[i] for i in split.validation] == ["CCN", "CCCN"]
    assert [dataset.smiles[i] for i in split.test] == ["CCS"]
    assert dataset.targets[list(split.test), 0].tolist() == [3.0]
    assert dataset.file_of.tolist() == [0] * 20 + [1, 1, 2]
    assert dataset.file_reports["test.csv"].dropped_rows == {1}
    assert "test from test.csv" in split.method


def test_a_test_file_alone_leaves_validation_to_the_main_file(load):
    _, split = load(test=HEADER + "CCS,3\n", split={"method": "random"})
    assert len(split.validation) == 2
    assert split.test == (20,)
    assert len(split.train) == 18


def test_leakage_across_files_is_told(load):
    _, split = load(test=HEADER + "OC,3\nCCS,1\n")
    assert split.overlap[0] == "1 structure stands in both train and test."


def test_the_class_order_is_that_of_the_training_file(load):
    main = "smiles,y\n" + "".join(f"{'C' * (i + 1)}O,{'abc'[i % 3]}\n" for i in range(30))
    dataset, split = load(main, test=HEADER + "CCS,c\nCCN,d\nCCSC,a\n")
    assert dataset.tasks[0].classes == ("a", "b", "c")
    assert dataset.targets[list(split.test), 0].tolist() == [2.0, 0.0]
    assert dataset.file_reports["test.csv"].count(IssueKind.BAD_LABEL) == 1


def test_a_separate_file_without_the_target(load):
    with pytest.raises(InputError, match=r"test\.csv has no target column 'y'"):
        load(test="smiles,z\nCCS,1\n")


def test_a_separate_file_may_call_its_structures_differently(load):
    dataset, split = load(test="mol,y\nCCS,1.5\nCCSC,2.5\n")
    assert [dataset.smiles[i] for i in split.test] == ["CCS", "CCSC"]


@pytest.mark.parametrize(
    ("main", "words"),
    [
        ("smiles,y\nCCO,1.5\n", "It has 1 row; at least 3 are needed."),
        ("smiles,name\n" + "".join(f"{'C' * (i + 1)},m{i}\n" for i in range(9)), "'name' holds texts such as 'm0'"),
        ("smiles,y\n" + "".join(f"{'C' * (i + 1)},7.5\n" for i in range(9)), "'y' is always '7.5'"),
        ("smiles\nCCO\nCCN\nCCC\n", "It has only structures."),
        ("smiles,y,split\nCCO,1,train\nCCN,1,train\nCCC,0,test\nCCS,0,val\n", "only one class of 'y'"),
        ("smiles,y\nCCO,1\nOCC,2\nXX,3\nCCO,2\n", "too few molecules"),
    ],
)
def test_what_cannot_train_is_said(load, main, words):
    with pytest.raises(InputError) as caught:
        load(main)
    assert words in caught.value.problem.one_line()


def test_no_file_named():
    with pytest.raises(InputError, match="No data file is named"):
        load_training_data(TrainConfig())


def test_a_training_says_that_bounds_count_as_measured(load):
    main = TRAIN.replace("CO,1.5", "CO,>1.5")
    config = TrainConfig.from_dict({"name": "bounds"})
    told = [text for text, level in data_words(*load(main, test=HEADER + "CCS,<3\nCCN,1\n"), config)]
    assert [text[:28] for text in told if "a bound such as" in text] == [
        "7 of 20 rows have a bound su",
        "test.csv: 1 of 2 rows has a ",
    ]


OWN_PARTS = "smiles,y,split\n" + "".join(
    f"{'C' * n}O,{n}.5,{'test' if n > 16 else 'val' if n > 12 else 'train'}\n" for n in range(1, 21)
)


@pytest.mark.parametrize("part", ["validation", "test"])
def test_molecules_that_two_files_give_to_one_part_count_once(load, part):
    own = {"validation": 13, "test": 17}[part]
    text = f"{HEADER}CCS,3\n{'C' * own}O,{own}.7\n{'C' * own}N,2\n"
    dataset, split = load(OWN_PARTS, **{part: text})
    members = getattr(split, part)
    smiles = [dataset.smiles[place] for place in members]
    assert len(smiles) == len(set(smiles)) == 6
    assert split.overlap[0] == (
        f"4 {part} molecules of main.csv itself were added to those of {part}.csv; 1 structure stands in both and was "
        f"merged. To {'judge by' if part == 'test' else 'validate with'} {part}.csv alone, take such rows out of "
        "main.csv, or divide it another way."
    )
    place = dataset.smiles.index("C" * own + "O")
    assert dataset.targets[place, 0] == own + 0.6
    # The separate file's from now on: folds never learn from those.
    assert (dataset.file_of[place], dataset.source_rows[place]) == (1, 1)
    (issue,) = dataset.file_reports[f"{part}.csv"].issues
    assert (issue.line, issue.kind, issue.dropped) == (3, IssueKind.DUPLICATE, False)


def test_values_of_one_part_that_disagree_leave_it_on_request(load):
    text = f"{HEADER}CCS,3\n{'C' * 17}O,99\n"
    _, kept = load(OWN_PARTS, test=text)
    dataset, left = load(OWN_PARTS, test=text, data={"curation": {"drop_disagreeing": True}})
    assert (len(kept.test), len(left.test)) == (5, 4)
    assert "1 structure whose values disagree was left out" in left.overlap[0]
    assert dataset.file_reports["test.csv"].dropped_rows == {1}


def test_repeats_of_one_part_stay_where_duplicates_are_kept(load):
    steps = {"merge_duplicates": False}
    _, split = load(OWN_PARTS, test=f"{HEADER}{'C' * 17}O,17.5\n", data={"curation": steps})
    assert len(split.test) == 5
    assert "merged" not in split.overlap[0]


def test_inchikeys_find_repeats_of_one_part(load):
    main = OWN_PARTS + "Oc1ccccn1,2,test\n"
    _, split = load(main, test=HEADER + "O=c1cccc[nH]1,2\nCCS,1\n", data={"curation": {"same_structure": "inchikey"}})
    assert len(split.test) == 4 + 1 + 1


def test_a_file_whose_own_rows_are_not_in_the_part_is_told_nothing(load):
    _, split = load(test=HEADER + "CCS,3\n", split={"method": "random"})
    assert not [text for text in split.overlap if "itself" in text]
