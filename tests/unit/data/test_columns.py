from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mole_engine.contracts.config import DataConfig, SplitConfig
from mole_engine.contracts.dataset import TaskKind
from mole_engine.contracts.errors import InputError
from mole_engine.data.columns import detect_roles, found_words, further_targets
from mole_engine.data.readers import read_table

SMILES = [
    "CCO",
    "CCN",
    "c1ccccc1",
    "CC(=O)O",
    "CCCl",
    "CCBr",
    "CC#N",
    "CCC",
    "CCCC",
    "CCCCC",
    "OCC#N",
    "NCC",
    "CCF",
    "CCS",
    "CCI",
    "COC",
]


def roles_of(tmp_path, columns, data=None, split=None):
    names = list(columns)
    rows = [",".join(str(columns[name][i]) for name in names) for i in range(len(SMILES))]
    path = tmp_path / "a.csv"
    path.write_text("\n".join([",".join(names), *rows]) + "\n", encoding="utf-8")
    return detect_roles(read_table(path), DataConfig(**(data or {})), SplitConfig(**(split or {})))


def refusal(tmp_path, columns, **options):
    with pytest.raises(InputError) as caught:
        roles_of(tmp_path, columns, **options)
    return caught.value.problem.one_line()


COUNT = len(SMILES)
VALUES = [f"{i}.25" for i in range(COUNT)]
BINARY = [i % 2 for i in range(COUNT)]
BASE = {"smiles": SMILES}


def names(roles):
    return [task.name for task in roles.tasks]


def test_structures_are_found_by_content_whatever_the_name(tmp_path):
    roles = roles_of(tmp_path, {"y": VALUES, "what I drew": SMILES})
    assert roles.smiles == "what I drew"
    assert names(roles) == ["y"]


def test_the_canonical_one_of_several_structure_columns_wins(tmp_path):
    assert roles_of(tmp_path, {"smiles": SMILES, "canonical_smiles": SMILES, "y": VALUES}).smiles == "canonical_smiles"


def test_a_column_of_letters_is_no_structure(tmp_path):
    roles = roles_of(tmp_path, {"code": list("CN" * (COUNT // 2)), "drawn": SMILES, "y": VALUES})
    assert roles.smiles == "drawn"


def test_indices_identifiers_weights_and_splits_are_no_targets(tmp_path):
    roles = roles_of(
        tmp_path,
        {
            "": range(COUNT), "nr": range(1, COUNT + 1), "CID": [1000 + 7 * i for i in range(COUNT)], "smiles": SMILES,
            "logS": VALUES,
            "sample_weight": [0.5] * (COUNT - 1) + [1], "set": ["train"] * (COUNT - 3) + ["test"] * 3,
            "fold": [i % 3 for i in range(COUNT)],
        },
    )  # fmt: skip
    assert names(roles) == ["logS"]
    assert roles.weight == "sample_weight"
    assert roles.split == "set"
    assert roles.identifier == "CID"


def test_all_binary_columns_become_one_job(tmp_path):
    roles = roles_of(tmp_path, {**BASE, "NR-AR": BINARY, "NR-ER": BINARY[::-1], "SR-p53": ["", *BINARY[1:]]})
    assert names(roles) == ["NR-AR", "NR-ER", "SR-p53"]
    assert {task.kind for task in roles.tasks} == {TaskKind.CLASSIFICATION}


@pytest.mark.parametrize("name", ["Y", "target", "activity", "measured log solubility in mols per litre", "pIC50"])
def test_a_telling_name_wins_over_the_last_number(tmp_path, name):
    assert names(roles_of(tmp_path, {**BASE, name: VALUES, "MW": VALUES[::-1]})) == [name]


def test_a_prediction_of_somebody_else_is_not_the_target(tmp_path):
    assert names(roles_of(tmp_path, {**BASE, "logS": VALUES, "logS predicted": VALUES})) == ["logS"]


def test_a_potency_is_the_target_rather_than_the_computed_property_beside_it(tmp_path):
    roles = roles_of(tmp_path, {**BASE, "Ki (nM)": VALUES, "logP": VALUES})
    assert [task.name for task in roles.tasks] == ["Ki (nM)"]


def test_the_last_number_is_the_target_where_no_name_tells(tmp_path):
    assert names(roles_of(tmp_path, {**BASE, "a": VALUES, "b": VALUES[::-1]})) == ["b"]


@pytest.mark.parametrize(
    ("columns", "further"),
    [
        ({"id": range(COUNT), "a": VALUES, "word": BINARY, "sample weight": VALUES, "b": VALUES}, ["a"]),
        ({"MW": VALUES, "pIC50 rat": VALUES, "pIC50 man": VALUES[::-1]}, ["pIC50 rat"]),
        ({"MW": VALUES, "logP": VALUES, "Y": VALUES}, []),
    ],
)
def test_columns_that_were_as_good_a_guess_are_named(tmp_path, columns, further):
    roles = roles_of(tmp_path, {**BASE, **columns})
    assert further_targets(read_table(tmp_path / "a.csv"), roles) == further


def test_every_guess_is_correctable(tmp_path):
    columns = {"smiles": SMILES, "other": SMILES, "Y": VALUES, "b": VALUES, "tag": SMILES, "part": ["train"] * COUNT}
    data = {
        "smiles_column": "other",
        "targets": ["b", "b"],
        "identifier_column": "tag",
        "weight_column": "Y",
        "units": {"b": "nM"},
    }
    roles = roles_of(tmp_path, columns, data, {"column": "part"})
    assert (roles.smiles, names(roles), roles.identifier, roles.weight, roles.split) == (
        "other",
        ["b"],
        "tag",
        "Y",
        "part",
    )
    assert roles.tasks[0].unit == "nM"


def test_the_unit_comes_from_the_header(tmp_path):
    assert roles_of(tmp_path, {**BASE, "IC50 (nM)": VALUES}).tasks[0].unit == "nM"


def test_a_file_without_targets_can_still_be_predicted(tmp_path):
    assert roles_of(tmp_path, {**BASE, "name": [f"m{i}" for i in range(COUNT)]}).tasks == ()


@pytest.mark.parametrize(
    ("method", "expected"), [("auto", "split"), ("column", "split"), ("random", None), ("scaffold", None)]
)
def test_a_split_column_counts_only_where_it_is_wanted(tmp_path, method, expected):
    columns = {**BASE, "Y": VALUES, "split": ["train"] * (COUNT - 4) + ["valid", "valid", "test", "test"]}
    assert roles_of(tmp_path, columns, split={"method": method}).split == expected


@pytest.mark.parametrize("column", ["isTest", "in_train"])
@pytest.mark.parametrize(("method", "divides"), [("auto", True), ("column", True), ("random", False)])
def test_a_column_that_marks_a_part_divides_and_is_no_target(tmp_path, column, method, divides):
    columns = {**BASE, "active": [str(i % 2) for i in range(COUNT)], column: ["0"] * (COUNT - 4) + ["1"] * 4}
    roles = roles_of(tmp_path, columns, split={"method": method})
    assert names(roles) == ["active"]
    assert roles.split == (column if divides else None)


def test_a_column_of_test_only_does_not_divide_by_itself(tmp_path):
    assert roles_of(tmp_path, {**BASE, "Y": VALUES, "kind": ["test"] * COUNT}).split is None


@pytest.mark.parametrize(
    ("columns", "options", "words"),
    [
        ({"a": VALUES, "b": BINARY}, {}, "no column with SMILES. Looked at 'a', 'b'."),
        (BASE, {"data": {"targets": ["logP"]}}, "no target column 'logP'"),
        (BASE, {"data": {"smiles_column": "smile"}}, "Did you mean 'smiles'?"),
        ({**BASE, "y": VALUES}, {"split": {"column": "parts"}}, "no split column 'parts'"),
        ({**BASE, "y": VALUES}, {"split": {"method": "column"}}, "has no split column"),
        ({**BASE, "y": VALUES}, {"data": {"targets": ["smiles"]}}, "cannot be a target"),
        ({**BASE, "y": [""] * COUNT}, {"data": {"targets": ["y"]}}, "The target 'y' is empty."),
        ({**BASE, "y": [1] * COUNT}, {"data": {"targets": ["y"]}}, "only one class"),
        ({**BASE, "y": [5.3] * COUNT}, {"data": {"targets": ["y"]}}, "Every label is 5.3"),
        ({**BASE, "y": ["active"] * COUNT}, {"data": {"targets": ["y"]}}, "Every label is 'active'"),
        (
            {**BASE, "y": [f"note {i}" for i in range(COUNT)]},
            {"data": {"targets": ["y"]}},
            "neither numbers nor classes",
        ),
        ({**BASE, "y": VALUES, "z": BINARY}, {"data": {"targets": ["y", "z"]}}, "of different kinds"),
    ],
)
def test_what_cannot_be_used_is_said(tmp_path, columns, options, words):
    assert words in refusal(tmp_path, columns, **options)


def test_small_counts_beside_values_are_values(tmp_path):
    columns = {**BASE, "rings": [i % 2 + i // 8 for i in range(COUNT)], "y": VALUES}
    roles = roles_of(tmp_path, columns, {"targets": ["rings", "y"]})
    assert [task.kind for task in roles.tasks] == [TaskKind.REGRESSION] * 2


CELL = st.text(alphabet="CNOc1()=,.5-> naYyestrain", max_size=8).map(lambda text: text.replace(",", ";"))


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    columns=st.lists(st.lists(CELL, min_size=COUNT, max_size=COUNT), min_size=1, max_size=4),
    method=st.sampled_from(["auto", "column"]),
)
def test_any_table_has_roles_or_a_reason(tmp_path, columns, method):
    table = {f"c{index}": cells for index, cells in enumerate(columns)}
    try:
        roles = roles_of(tmp_path, table, split={"method": method})
    except InputError:
        return
    used = [roles.smiles, *names(roles)]
    assert len(set(used)) == len(used)


def test_what_was_found_by_content_is_told_with_what_is_left(tmp_path):
    path = tmp_path / "a.csv"
    rows = [f"{text},{place % 2},{place / 7:.3f},{place * place / 9:.2f}" for place, text in enumerate(SMILES)]
    path.write_text("\n".join(["smiles,hit,logS,logD", *rows]), encoding="utf-8")
    table = read_table(path)
    words = found_words(table.info, detect_roles(table, DataConfig(), SplitConfig()))
    assert words.startswith("Structures: 'smiles'. Learnt: 'logD' (regression). Not learnt: 'hit', 'logS';")
