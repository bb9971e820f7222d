"""Several files as one table, pasted text, columns made from others."""

from __future__ import annotations

import gzip
import tracemalloc

import pytest

from mole_engine.contracts.config import CurationConfig, DataConfig, SplitConfig, TrainConfig
from mole_engine.contracts.dataset import IssueKind
from mole_engine.contracts.errors import InputError
from mole_engine.data.assemble import load_training_data
from mole_engine.data.columns import detect_roles
from mole_engine.data.curation import curate
from mole_engine.data.molar import MolarOffer, molar_name, molar_offers, power_of
from mole_engine.data.readers import read_table
from mole_engine.data.sources import open_table, parse_pasted, read_tables

ETHANOL = "InChI=1S/C2H6O/c1-2-3/h3H,2H2,1H3"
MOL = """ethanol
  test

  3  2  0  0  0  0  0  0  0  0999 V2000
    0.0000    0.0000    0.0000 C   0  0
    1.5000    0.0000    0.0000 C   0  0
    2.2500    1.2990    0.0000 O   0  0
  1  2  1  0
  2  3  1  0
M  END
"""


def written(tmp_path, name, text):
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return str(path)


def test_several_files_become_one_table_by_column_names(tmp_path):
    one = written(tmp_path, "one.csv", "SMILES,y,batch\nCCO,1.5,a\nCCN,2.5,b\n")
    two = written(tmp_path, "two.csv", "y;note;Structure smiles\n3,5;x;c1ccccc1\n4,25;y;CCCl\n")
    three = written(tmp_path, "three.smi", "CCBr bromide\n")
    table = read_tables([one, two, three])
    assert [column.name for column in table.info.columns] == ["SMILES", "y", "batch", "source_file", "note", "name"]
    assert list(table.column_values("SMILES")) == ["CCO", "CCN", "c1ccccc1", "CCCl", "CCBr"]
    assert table.numbers("y")[:4].tolist() == [1.5, 2.5, 3.5, 4.25]
    assert list(table.column_values("source_file")) == ["one.csv"] * 2 + ["two.csv"] * 2 + ["three.smi"]
    assert [table.line(row) for row in range(5)] == [2, 3, 2, 3, 1]
    assert table.info.name == "one.csv and 2 more"
    assert table.info.notes[0] == "3 files were put one after the other: one.csv, two.csv, three.smi."


def test_a_job_trains_on_several_files(tmp_path):
    one = written(tmp_path, "one.csv", "smiles,y\n" + "".join(f"{'C' * n}O,{n}.5\n" for n in range(1, 9)))
    two = written(tmp_path, "two.csv", "smiles,y\n" + "".join(f"{'C' * n}N,{n}.5\n" for n in range(1, 9)))
    dataset, _ = load_training_data(TrainConfig.from_dict({"data": {"path": one, "extra_paths": [two]}}))
    assert len(dataset) == 16
    assert [task.name for task in dataset.tasks] == ["y"]


def test_one_bad_file_among_several_is_named(tmp_path):
    one = written(tmp_path, "one.csv", "smiles,y\nCCO,1\n")
    with pytest.raises(InputError, match=r"There is no file .*missing\.csv"):
        read_tables([one, tmp_path / "missing.csv"])


@pytest.mark.parametrize(
    ("text", "structures"),
    [
        ("CCO\nCCN\n", ["CCO", "CCN"]),
        ("CCO ethanol\r\nCCN ethyl amine\r\n", ["CCO", "CCN"]),
        ("smiles\ty\nCCO\t1,5\nCCN\t2,5\n", ["CCO", "CCN"]),
        ("name,structure,y\na,CCO,1\nb,CCN,2\n", ["CCO", "CCN"]),
        (f"{ETHANOL}\n", [ETHANOL]),
        (MOL, ["CCO"]),
        ("CCO", ["CCO"]),
    ],
)
def test_pasted_text_is_a_table(text, structures):
    table = parse_pasted(text)
    roles = detect_roles(table, DataConfig(), SplitConfig())
    assert list(table.column_values(roles.smiles)) == structures


@pytest.mark.parametrize(
    ("text", "names", "values"),
    [
        ("ID\tInhibitor\tKi\nA1\tCCO\t1.2\nA2\tCCC\t2.3\n", ["ID", "Inhibitor", "Ki"], [1.2, 2.3]),
        ("Verbindung;Wert\nCCO;1,2\nCCC;2,3\n", ["Verbindung", "Wert"], [1.2, 2.3]),
        ("Inhibitor Ki\nCCO 1.2\nCCC 2.3\n", ["Inhibitor", "Ki"], [1.2, 2.3]),
    ],
)
def test_a_pasted_table_keeps_its_header(text, names, values):
    table = parse_pasted(text)
    assert [column.name for column in table.info.columns] == names
    assert detect_roles(table, DataConfig(), SplitConfig()).smiles == names[-2]
    assert table.info.column(names[-1]).kind == "number"
    assert table.numbers(names[-1]).tolist() == values


@pytest.mark.parametrize("text", ["c1cc ethanol\nCCN amine\nCCC propane\n", "c1cc\nCCN\nCCC\n", "c1cc\n"])
def test_pasted_molecules_that_begin_with_an_unreadable_one_keep_its_row(text):
    table = parse_pasted(text)
    assert [table.line(row) for row in range(len(table))] == list(range(1, 1 + text.count("\n")))
    assert next(iter(table.column_values("smiles"))) == "c1cc"


def test_pasted_rows_without_header_have_numbered_columns():
    table = parse_pasted("A1\tCCO\t1.2\nA2\tCCC\t2.3\n")
    assert [column.name for column in table.info.columns] == ["column 1", "column 2", "column 3"]
    assert detect_roles(table, DataConfig(), SplitConfig()).smiles == "column 2"


def test_nothing_pasted_is_told():
    with pytest.raises(InputError, match="no text to read"):
        parse_pasted(" \n\t\n")


def test_inchis_are_structures(tmp_path):
    rows = [ETHANOL, "InChI=1S/CH4/h1H4", "InChI=1S/nonsense"]
    path = written(tmp_path, "a.csv", "id,InChI,y\n" + "".join(f'{i},"{text}",{i}.5\n' for i, text in enumerate(rows)))
    table = open_table(DataConfig(path=path))
    dataset = curate(table, detect_roles(table, DataConfig(), SplitConfig()), CurationConfig())
    assert dataset.smiles == ["CCO", "C"]
    assert [issue.reason for issue in dataset.report.issues] == ["the InChI cannot be read"]


POTENCY = "smiles,IC50 (nM),y\nCCO,100,1\nCCN,>50000,2\nCCC,0,3\nCCCC,,4\nCCCCC,1e3,5\nCCCl,~20,6\n"


def test_concentrations_become_molar_logarithms_with_their_bounds(tmp_path):
    data = DataConfig(path=written(tmp_path, "a.csv", POTENCY), molar_log=["ic50 (nm)"], targets=["IC50 (nM)"])
    table = open_table(data)
    assert list(table.column_values("pIC50")) == ["7", "<4.30103", "0 (no logarithm)", "", "6", "~7.69897"]
    assert list(table.column_values("IC50 (nM)"))[1] == ">50000"
    roles = detect_roles(table, data, SplitConfig())
    assert [(task.name, task.unit) for task in roles.tasks] == [("pIC50", "-log10(mol/L)")]
    dataset = curate(table, roles, data.curation)
    assert dataset.targets[:, 0].tolist() == [7.0, 4.30103, 6.0, 7.69897]
    kinds = {(issue.line, issue.kind, issue.dropped) for issue in dataset.report.issues}
    assert (3, IssueKind.CENSORED, False) in kinds
    assert (4, IssueKind.BAD_LABEL, True) in kinds
    assert (5, IssueKind.MISSING_LABEL, True) in kinds


def test_molar_logarithms_are_offered_where_the_unit_says_so(tmp_path):
    text = "smiles,IC50 (nM),Ki_uM,logP,pKd,potency (nM),dose (mg)\n" + "".join(
        f"{'C' * n},{n}.5,{n}.25,{n}.1,{n}.3,{n}.6,{n}.7\n" for n in range(1, 9)
    )
    table = open_table(DataConfig(path=written(tmp_path, "a.csv", text)))
    assert molar_offers(table) == (
        MolarOffer("IC50 (nM)", "nM", "pIC50"),
        MolarOffer("Ki_uM", "uM", "pKi"),
        MolarOffer("potency (nM)", "nM", "ppotency"),
    )
    assert molar_offers(table, {"dose (mg)": "µM"})[-1] == MolarOffer("dose (mg)", "µM", "pdose")
    with pytest.raises(InputError, match="'logP' has no unit of concentration"):
        open_table(DataConfig(path=table.info.path, molar_log=["logP"]))


def test_logarithms_are_not_offered_as_logarithms_once_more(tmp_path):
    names = "logS (mol/L),log10 IC50 (nM),-log Kd [M],solubility (mol/L),logistic (nM)"
    rows = [f"{'C' * n},{-n / 2},{n / 2},{n / 3},{-n / 4},{n / 5}" for n in range(1, 9)]
    table = open_table(DataConfig(path=written(tmp_path, "a.csv", "\n".join([f"smiles,{names}", *rows]) + "\n")))
    assert [offer.column for offer in molar_offers(table)] == ["logistic (nM)"]


def test_nanometres_are_offered_as_nanomolar_where_the_column_can_be_nothing_else(tmp_path):
    lengths = "wavelength (nm),lambda_max_nm,absorption [nm],diameter (um),thickness (mm),m/z_m,emission maximum (nm)"
    lengths += ",D50 (um),activity (mm)"
    potencies = "IC50 (nm),Ki_nm,EC_50 [um],MIC (µm),Kd (pm),AC50_nm,solubility (mm),activity (NM)"
    names = f"{lengths},{potencies}"
    rows = [",".join([f"{'C' * n}O", *[f"{n + 300.5}"] * len(names.split(","))]) for n in range(1, 13)]
    table = open_table(DataConfig(path=written(tmp_path, "a.csv", "\n".join([f"smiles,{names}", *rows]) + "\n")))
    offers = molar_offers(table)
    assert [offer.column for offer in offers] == potencies.split(",")
    assert [offer.unit for offer in offers] == ["nM", "nM", "uM", "µM", "pM", "nM", "mM", "NM"]
    assert [offer.name for offer in offers][:2] == ["pIC50", "pKi"]
    # Typed by the user, a length is one too.
    assert "wavelength (nm)" not in [offer.column for offer in molar_offers(table, {"wavelength (nm)": "nm"})]
    learnt = open_table(DataConfig(path=table.info.path, molar_log=["IC50 (nm)"]))
    assert learnt.info.notes[-1].endswith("in mol/L (read as nM; nm is taken for that).")
    assert learnt.column_values("pIC50")[0] == "6.52071"


@pytest.mark.parametrize(
    ("unit", "power"),
    [("nM", -9), ("µM", -6), ("μM", -6), ("uM", -6), ("mM", -3), ("M", 0), ("pM", -12), ("nmol/L", -9), ("mg", None)],
)
def test_units_of_concentration(unit, power):
    assert power_of(unit) == power


def test_a_molar_name_drops_the_unit():
    assert [molar_name(name, "nM") for name in ("IC50 (nM)", "Ki [nM]", "EC50_nM", "nM")] == [
        "pIC50",
        "pKi",
        "pEC50",
        "pnM",
    ]


@pytest.mark.parametrize("packed", [False, True])
def test_an_sdf_takes_far_less_memory_than_its_size(tmp_path, packed):
    record = MOL + "a line that belongs to no field" * 1_000 + "\n>  <y>\n1.5\n\n$$$$\n"
    content = record * 400
    path = tmp_path / ("a.sdf.gz" if packed else "a.sdf")
    path.write_bytes(gzip.compress(content.encode(), 1) if packed else content.encode())
    tracemalloc.start()
    try:
        table = read_table(path)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(table) == 400
    assert len(content) > 12_000_000
    assert peak < 8_000_000


def test_fields_of_an_sdf_that_come_and_go_stay_in_their_rows(tmp_path, monkeypatch):
    from mole_engine.data import sdf_reader

    monkeypatch.setattr(sdf_reader, "_CHUNK_ROWS", 3)
    records = [
        f"{MOL}" + (f">  <a>\n{n}\n\n" if n % 2 else "") + (f">  <b>\n{n}\n\n" if n > 5 else "") for n in range(8)
    ]
    path = written(tmp_path, "a.sdf", "".join(f"{record}$$$$\n" for record in records))
    table = read_table(path)
    assert list(table.column_values("a")) == ["", "1", "", "3", "", "5", "", "7"]
    assert list(table.column_values("b")) == [""] * 6 + ["6", "7"]


def test_odd_bytes_far_down_an_sdf_are_read_as_western(tmp_path):
    path = tmp_path / "a.sdf"
    filler = (MOL + "$$$$\n").encode() * 8_000
    path.write_bytes(filler + MOL.encode() + b">  <t>\n25 \xb0C\n\n$$$$\n")
    assert read_table(path).cell(8_000, "t") == "25 °C"
