"""`mole explain` through `main`, on a model that was never trained."""

from __future__ import annotations

import pandas as pd
import pytest

from mole_engine.cli import main


@pytest.fixture
def molecules(tmp_path):
    path = tmp_path / "in.csv"
    path.write_text("id,smiles\n1,CCO\n2,c1ccccc\n3,CC(=O)[O-].[Na+]\n")
    return str(path)


def _error(capsys):
    captured = capsys.readouterr()
    assert captured.err.count("\n") == 1, captured.err
    return captured.err


def test_a_readable_table_on_stdout(make_bundle, capsys):
    assert main(["explain", str(make_bundle()), "--smiles", "CCO", "xx", "[Na+].[O-]C(C)=O"]) == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    assert "logS: " in captured.out
    assert "log mol/L" in captured.out
    assert "O3  " in captured.out
    assert "cannot be read: 'x' is not an atom" in captured.out
    assert "removed '[Na+]'" in captured.out


def test_a_file_becomes_a_table(make_bundle, molecules, tmp_path, capsys):
    out = tmp_path / "atoms.csv"
    assert main(["explain", str(make_bundle()), molecules, "--out", str(out)]) == 0
    table = pd.read_csv(out)
    assert table["row"].tolist() == [1, 1, 1, 2, 3, 3, 3, 3]
    assert table["symbol"].tolist()[:3] == ["C", "C", "O"]
    assert table["error"].tolist()[3] == "ring 1 is never closed"
    assert table["contribution"].notna().sum() == 7
    assert "No explanation for 1 of 3 molecules" in capsys.readouterr().err


def test_a_file_becomes_a_page(make_bundle, molecules, tmp_path):
    out = tmp_path / "page.html"
    assert main(["explain", str(make_bundle()), molecules, "--task", "logS", "--out", str(out)]) == 0
    page = out.read_text(encoding="utf-8")
    assert page.startswith("<!doctype html>")
    assert page.count("<h2>Molecule") == 3
    assert page.count("<svg") == 2


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "Give either a file or --smiles."),
        (["--smiles", "xx"], "'xx' cannot be read"),
        (["--smiles", "CCO", "--task", "logP"], "does not predict 'logP'. It predicts logS."),
        (["--smiles", "CCO", "--out", "o.docx"], "its ending must be one of"),
        (["none.csv"], "none.csv"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(make_bundle, capsys, words, said):
    assert main(["explain", str(make_bundle()), *words]) == 2
    assert said in _error(capsys)


def test_the_molecules_are_not_overwritten(make_bundle, molecules, capsys):
    assert main(["explain", str(make_bundle()), molecules, "--out", molecules]) == 2
    assert "overwritten" in _error(capsys)


def test_a_column_without_structures(make_bundle, molecules, capsys):
    assert main(["explain", str(make_bundle()), molecules, "--smiles-column", "id"]) == 2
    assert "no readable structure" in _error(capsys)
