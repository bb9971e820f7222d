"""Separate files whose headers write the unit otherwise than the training file, or not at all."""

from __future__ import annotations

import numpy as np
import pytest

from mole_engine.contracts.config import DataConfig, SplitConfig, TrainConfig
from mole_engine.contracts.errors import InputError
from mole_engine.data.assemble import load_training_data
from mole_engine.data.readers import read_table
from mole_engine.data.unit_cells import with_unit_columns


def table_file(folder, name, header, cells):
    path = folder / name
    rows = "".join(f"{'C' * (place + 1)}O,{cell}\n" for place, cell in enumerate(cells))
    path.write_text(f"smiles,{header}\n{rows}", encoding="utf-8")
    return path


def judged(folder, learnt, other, part="test_path", **settings):
    """Return the target, and its values in the separate file."""
    (header, unit), (its_header, its_cells) = learnt, other
    path = table_file(folder, "train.csv", header, [f"{place}.5 {unit}" for place in range(1, 25)])
    extra = table_file(folder, "other.csv", its_header, its_cells)
    data = DataConfig(path=str(path), **{part: str(extra)}, **({"targets": [header]} | settings))
    made, split = load_training_data(TrainConfig(data=data, split=SplitConfig(method="random")))
    places = split.test if part == "test_path" else split.validation
    return made.tasks[0].name, sorted(made.targets[list(places), 0].tolist())


HOURS, MICRO = ("Half-life (hours)", "h"), ("conc (µg/mL)", "ug/mL")


@pytest.mark.parametrize("part", ["test_path", "validation_path"])
@pytest.mark.parametrize(
    ("learnt", "other", "target"),
    [
        (HOURS, ("Half-life", ["5 h", "6 h"]), "Half-life (h)"),
        (HOURS, ("Half-life (hours)", ["5 h", "6 hours"]), "Half-life (h)"),
        (HOURS, ("half-life [hr]", ["5 hrs", "6 hrs"]), "Half-life (h)"),
        (HOURS, ("Half-life (h)", ["5 h", "6 h"]), "Half-life (h)"),
        (("Half-life (h)", "h"), ("Half-life", ["5 h", "6 hours"]), "Half-life in (h)"),
        (("Half-life", "hours"), ("Half-life (h)", ["5 h", "6 h"]), "Half-life (hours)"),
        (("Half-life", "hours"), ("Half-life (hours)", ["5 h", "6 h"]), "Half-life (hours)"),
        (MICRO, ("conc", ["5 ug/ml", "6 µg/mL"]), "conc (ug/mL)"),
        (MICRO, ("conc (ug/ml)", ["5 ug/ml", "6 ug/ml"]), "conc (ug/mL)"),
        (("IC50 (nM)", "nM"), ("IC50", ["0.005 uM", "6 nM"]), "IC50 in (nM)"),
        (("IC50 (nM)", "nM"), ("IC50 (uM)", ["0.005 uM", "0.006"]), "IC50 in (nM)"),
        (("IC50", "nM"), ("IC50 (nM)", ["0.005 uM", "6 nM"]), "IC50 (nM)"),
    ],
)
def test_another_spelling_of_the_unit_in_a_header_does_not_matter(tmp_path, part, learnt, other, target):
    assert judged(tmp_path, learnt, other, part) == (target, [5.0, 6.0])


def test_models_made_while_the_header_named_the_unit_read_such_files_too(tmp_path):
    """For some versions the header's spelling was taken: 'Half-life in (hours)'."""
    table = read_table(table_file(tmp_path, "a.csv", "Half-life", ["5 h", "6 h", "7 h"]))
    made = with_unit_columns(table, ["Half-life in (hours)"], of_another_file=True)
    assert made.column_values("Half-life in (hours)")[:] == ["5", "6", "7"]
    assert made.info.column("Half-life in (hours)").unit == "hours"


@pytest.mark.parametrize("its_header", ["t", "t (h)", "t (hours)", "t (min)"])
def test_units_that_cannot_be_converted_are_refused_whatever_the_header(tmp_path, its_header):
    for learnt in (("t (h)", "h"), ("t", "h")):
        with pytest.raises(InputError) as caught:
            judged(tmp_path, learnt, (its_header, ["60 min", "70 min"]))
        assert "(h)'" in caught.value.problem.title


def test_the_column_that_is_called_so_goes_before_one_of_the_same_thing(tmp_path):
    path = tmp_path / "two.csv"
    path.write_text("smiles,IC50,IC50 (uM)\n" + "CO,1 nM,2 uM\n" * 12, encoding="utf-8")
    both = with_unit_columns(read_table(path))
    assert [column.name for column in both.info.columns][3:] == ["IC50 (nM)", "IC50 in (uM)"]
    one = with_unit_columns(read_table(path), ["IC50 in (uM)"], of_another_file=True)
    assert one.column_values("IC50 in (uM)")[0] == "2"
    # Which of the two is meant cannot be told.
    none = with_unit_columns(read_table(path), ["IC50 in (mM)"], of_another_file=True)
    assert "IC50 in (mM)" not in [column.name for column in none.info.columns]


def test_cells_of_the_concentration_that_a_logarithm_is_made_of_are_read(tmp_path):
    settings = {"targets": ["IC50 (nM)"], "molar_log": ["IC50 (nM)"]}
    for its_header in ("IC50", "IC50 (nM)"):
        name, values = judged(tmp_path, ("IC50", "nM"), (its_header, ["1 uM", "10 uM"]), **settings)
        assert name == "pIC50"
        assert np.allclose(values, [5.0, 6.0])


def test_a_bare_number_of_another_file_is_in_the_only_unit_there_is_not_in_that_of_the_model(tmp_path):
    path = table_file(tmp_path, "a.csv", "IC50", [*(f"{place} uM" for place in range(1, 12)), "5"])
    table = with_unit_columns(read_table(path), ["IC50 (nM)"], of_another_file=True)
    assert table.column_values("IC50 (nM)")[-2:] == ["11000", "5000"]
    assert "1 without a unit taken as uM" in table.info.notes[-1]


@pytest.mark.parametrize("part", ["test_path", "validation_path"])
@pytest.mark.parametrize(
    ("learnt", "other", "values"),
    [
        (("IC50 (nM)", "nM"), ("IC50 (nM)", ["5", "> 6"]), [5.0, 6.0]),
        (("IC50 (nM)", "nM"), ("IC50_nM", ["5", "6"]), [5.0, 6.0]),
        (("IC50", "nM"), ("IC50 (uM)", ["0.005", "0.006"]), [5.0, 6.0]),
        (("Half-life (h)", "h"), ("Half-life (hours)", ["5", "6"]), [5.0, 6.0]),
        # And those that were learnt by their header, or as the user says.
        (("IC50 (nM)", ""), ("IC50", ["0.005 uM", "6 nM"]), [5.0, 6.0]),
        (("IC50 (nM)", ""), ("IC50 (uM)", ["0.005", "0.006"]), [5.0, 6.0]),
        (("IC50_nM", ""), ("IC50 (nM)", ["5 nM", "6 nM"]), [5.0, 6.0]),
        (("IC50", ""), ("IC50", ["0.005 uM", "6 nM"]), [5.0, 6.0]),
    ],
)
def test_a_header_says_the_unit_of_plain_numbers_where_cells_said_it_and_the_other_way_about(
    tmp_path, part, learnt, other, values
):
    units = {"units": {"IC50": "nM"}} if learnt == ("IC50", "") else {}
    assert judged(tmp_path, learnt, other, part, **units)[1] == values


@pytest.mark.parametrize(
    ("learnt", "header"),
    [
        (("IC50", "nM"), "IC50"),
        (("IC50", "nM"), "Ki (nM)"),
        (("IC50", "nM"), "IC50 (%)"),
        (("t", "h"), "t (min)"),
        # A logarithm in mol/L is not one in mmol/L times a thousand.
        (("logS (mol/L)", ""), "logS (mmol/L)"),
        (("measured log solubility (mol/L)", ""), "measured log solubility (mmol/L)"),
        (("Solubility_log (mol/L)", ""), "Solubility_log (mM)"),
        (("exp. pKi (M)", ""), "exp. pKi (nM)"),
    ],
)
def test_plain_numbers_whose_header_says_no_such_unit_are_refused(tmp_path, learnt, header):
    with pytest.raises(InputError, match="has no target column"):
        judged(tmp_path, learnt, (header, ["5", "6"]))


@pytest.mark.parametrize("name", ["IC50 at pH 7.4", "human P-gp IC50", "analog potency", "K_plasma"])
def test_what_only_looks_like_a_logarithm_is_converted(tmp_path, name):
    assert judged(tmp_path, (f"{name} (nM)", ""), (f"{name} (uM)", ["0.005", "0.006"]))[1] == [5.0, 6.0]


def test_what_a_header_said_of_plain_numbers_is_told(tmp_path):
    table = read_table(table_file(tmp_path, "a.csv", "IC50 (uM)", ["1", "2", "3"]))
    made = with_unit_columns(table, ["IC50 in (nM)"], of_another_file=True)
    assert made.column_values("IC50 in (nM)")[:] == ["1000", "2000", "3000"]
    assert made.info.notes[-1].endswith("3 without a unit taken as uM, as its header says.")
    assert with_unit_columns(table, ["IC50 in (nM)"]) is table
