"""Cells of a number and a unit: what becomes of them, and what is said of it."""

from __future__ import annotations

import numpy as np
import pytest

from mole_engine.contracts.config import DataConfig, SplitConfig, TrainConfig
from mole_engine.contracts.dataset import IssueKind
from mole_engine.contracts.errors import InputError
from mole_engine.data.assemble import load_training_data
from mole_engine.data.columns import detect_roles
from mole_engine.data.curation import curate
from mole_engine.data.sources import open_table
from mole_engine.data.unit_cells import unit_name

PLAIN = [f"{5 + i}.5 nM" for i in range(10)]


def table_of(tmp_path, header, cells, name="a.csv", **settings):
    path = tmp_path / name
    quoted = (f'"{cell}"' for cell in cells)
    rows = "".join(f"{'C' * (i + 1)}O,{cell}\n" for i, cell in enumerate(quoted))
    path.write_text(f"smiles,{header}\n{rows}", encoding="utf-8")
    return open_table(DataConfig(path=str(path), **settings))


def note(table):
    return next((words for words in table.info.notes if words.startswith("The ")), "")


def test_one_unit_is_stripped_and_named_and_its_column_becomes_the_target(tmp_path):
    table = table_of(tmp_path, "IC50", [*PLAIN, "> 100 nM", "n/a"])
    assert table.column_values("IC50 (nM)")[:2] == ["5.5", "6.5"]
    assert table.column_values("IC50 (nM)")[-2:] == [">100", ""]
    assert table.column_values("IC50")[0] == "5.5 nM"
    assert note(table) == (
        "The column 'IC50 (nM)' was made of 'IC50': 11 in nM, 1 of them a bound such as > 100, told in the clean-up."
    )
    roles = detect_roles(table, DataConfig(), SplitConfig())
    assert [(task.name, task.unit) for task in roles.tasks] == [("IC50 (nM)", "nM")]
    report = curate(table, roles, DataConfig().curation).report
    assert [issue.row for issue in report.issues if issue.kind is IssueKind.CENSORED] == [10]


def test_molar_units_are_converted_to_the_commonest_or_the_headers(tmp_path):
    cells = [*PLAIN, "10 uM", "0,5µM", "<2e-3 mM", "100"]
    table = table_of(tmp_path, "IC50", cells)
    assert table.column_values("IC50 (nM)")[10:] == ["10000", "500", "<2000", "100 (no unit)"]
    assert "10 in nM, 1 in uM converted, 1 in µM converted, 1 in mM converted" in note(table)
    assert "1 without a unit left without a value" in note(table)
    roles = detect_roles(table, DataConfig(), SplitConfig())
    kept = curate(table, roles, DataConfig().curation)
    assert "100 (no unit)" in " ".join(issue.reason for issue in kept.report.issues)
    assert not np.isin(100.0, kept.targets)
    named = table_of(tmp_path, "IC50_uM", cells, "b.csv")
    assert named.column_values("IC50 (uM)")[8:] == ["0.0135", "0.0145", "10", "0.5", "<2", "100"]
    assert "1 without a unit taken as uM" in note(named)


def test_a_few_units_in_a_column_of_numbers_are_seen_too(tmp_path):
    cells = [*(f"{i}.25" for i in range(1, 20)), "3 uM"]
    table = table_of(tmp_path, "Ki (nM)", cells)
    assert table.column_values("Ki in (nM)")[-2:] == ["19.25", "3000"]
    assert [task.name for task in detect_roles(table, DataConfig(), SplitConfig()).tasks] == ["Ki in (nM)"]


def test_other_units_are_stripped_but_never_converted(tmp_path):
    table = table_of(tmp_path, "half life", [f"{i} min" for i in range(1, 12)])
    assert table.info.column("half life (min)").kind == "number"
    mixed = table_of(tmp_path, "half life", [*(f"{i} min" for i in range(1, 10)), "2 h", "3 h"], "b.csv")
    assert len(mixed.info.columns) == 2
    assert note(mixed) == (
        "The values of 'half life' are in several units that cannot be converted (9 in min, 2 in h); none was taken."
    )


@pytest.mark.parametrize("cells", [[f"{i}a" for i in range(12)], ["pass", "fail"] * 6, [f"{i}.5" for i in range(12)]])
def test_other_columns_are_left_as_they_are(tmp_path, cells):
    table = table_of(tmp_path, "y", cells)
    assert len(table.info.columns) == 2
    assert not note(table)


def test_a_test_file_in_other_units_is_brought_to_those_of_the_training_file(tmp_path):
    table_of(tmp_path, "IC50", [f"{i}.5 nM" for i in range(1, 25)], "train.csv")
    table_of(tmp_path, "IC50", [f"{i} uM" for i in range(1, 6)], "test.csv")
    data = DataConfig(path=str(tmp_path / "train.csv"), test_path=str(tmp_path / "test.csv"), targets=["IC50"])
    made, split = load_training_data(TrainConfig(data=data, split=SplitConfig(method="random")))
    assert [task.name for task in made.tasks] == ["IC50 (nM)"]
    assert sorted(made.targets[list(split.test), 0].tolist()) == [1000.0, 2000.0, 3000.0, 4000.0, 5000.0]


@pytest.mark.parametrize(
    ("learnt", "judged", "found"),
    [("1.5 h", "60 min", "t (min)"), ("1.5 nM", "3 ug/ml", "t (ug/ml)"), ("1.5 ug/ml", "3 nM", "t (nM)")],
)
def test_a_test_file_in_units_that_cannot_be_converted_is_refused(tmp_path, learnt, judged, found):
    """Minutes that are compared with hours make a good model look sixty times worse, and nobody would see why."""
    number, unit = learnt.split()
    table_of(tmp_path, "t", [f"{float(number) + i} {unit}" for i in range(24)], "train.csv")
    table_of(tmp_path, "t", [judged] * 6, "test.csv")
    data = DataConfig(path=str(tmp_path / "train.csv"), test_path=str(tmp_path / "test.csv"), targets=["t"])
    with pytest.raises(InputError) as caught:
        load_training_data(TrainConfig(data=data, split=SplitConfig(method="random")))
    assert f"'t ({unit})'" in caught.value.problem.title
    assert f"'{found}'" in caught.value.problem.remedy


def test_a_bare_number_is_in_the_unit_of_the_header_or_has_no_value(tmp_path):
    hours = table_of(tmp_path, "t (h)", [*(f"{i} min" for i in range(30, 42)), "1.5"])
    assert hours.column_values("t (min)")[-2:] == ["41", "1.5 (no unit)"]
    assert "1 without a unit left without a value" in note(hours)
    weights = table_of(tmp_path, "IC50 (nM)", [*(f"{i}.5 ug/ml" for i in range(12)), "80"], "b.csv")
    assert weights.column_values("IC50 (ug/ml)")[-2:] == ["11.5", "80 (no unit)"]


def test_spellings_of_one_unit_are_no_several_units(tmp_path):
    table = table_of(tmp_path, "t", [*(f"{i} h" for i in range(1, 10)), "10 hrs", "11 hours"])
    assert table.column_values("t (h)")[-3:] == ["9", "10", "11"]
    micro = table_of(tmp_path, "c", [*(f"{i} ug/mL" for i in range(1, 10)), "10 µg/ml", "11 μg/mL"], "b.csv")
    assert micro.column_values("c (ug/mL)")[-3:] == ["9", "10", "11"]


def test_names_of_the_columns_that_are_made():
    assert [unit_name(name, "nM") for name in ("IC50", "IC50_nM", "IC50 [uM]", "IC50 (nM)")] == [
        "IC50 (nM)",
        "IC50 (nM)",
        "IC50 (nM)",
        "IC50 in (nM)",
    ]
