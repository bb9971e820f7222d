from __future__ import annotations

import numpy as np
import pytest

from mole_engine.contracts.config import CurationConfig, DataConfig, SplitConfig
from mole_engine.contracts.dataset import IssueKind
from mole_engine.contracts.errors import Cancelled, InputError
from mole_engine.data import curation, many_molecules
from mole_engine.data.columns import detect_roles
from mole_engine.data.dataset import read_dataset
from mole_engine.data.readers import read_table
from mole_engine.data.splits import make_split


def curated(tmp_path, text, targets=("y",), task="regression", **curation):
    path = tmp_path / "a.csv"
    path.write_text(text, encoding="utf-8")
    data = DataConfig(targets=list(targets), task=task, curation=CurationConfig(**curation))
    return read_dataset(path, data)


def issues(dataset, kind):
    return [(issue.line, issue.dropped, issue.reason) for issue in dataset.report.issues if issue.kind is kind]


def test_bad_rows_are_told_with_line_and_reason_and_the_rest_goes_on(tmp_path):
    dataset = curated(tmp_path, "smiles,y\nCCO,1\nC1CC,2\n,3\nCCN,\nCCC,many\nCCCC,5\n")
    assert dataset.smiles == ["CCO", "CCCC"]
    assert issues(dataset, IssueKind.UNREADABLE) == [(3, True, "ring 1 is never closed")]
    assert issues(dataset, IssueKind.EMPTY) == [(4, True, "the cell is empty")]
    assert issues(dataset, IssueKind.MISSING_LABEL) == [(5, True, "the label is missing")]
    assert issues(dataset, IssueKind.BAD_LABEL) == [(6, True, "'many' is not a number")]
    assert dataset.source_rows.tolist() == [0, 5]
    assert dataset.row_molecules.tolist() == [0, -1, -1, -1, -1, 1]


def test_every_row_is_kept_or_told(tmp_path):
    from importlib.resources import files

    dataset = read_dataset(str(files("resources") / "samples" / "messy.csv"))
    report = dataset.report
    assert report.total - len(report.dropped_rows) == report.kept == len(dataset)
    told = {issue.row for issue in report.issues if issue.dropped}
    assert told == set(range(report.total)) - set(dataset.source_rows.tolist())
    switched_off = {IssueKind.STEREO, IssueKind.TAUTOMER, IssueKind.TOO_LARGE, IssueKind.OUTLIER}
    assert {kind for kind in IssueKind if not report.count(kind)} == switched_off


def test_salts_and_charges(tmp_path):
    text = "smiles,y\n[Na+].CC(=O)[O-],1\nCCN.Cl,2\nC[N+](C)(C)C,3\nC[N+](=O)[O-],4\nCCCO,5\n"
    dataset = curated(tmp_path, text)
    assert dataset.smiles == ["CC(=O)O", "CCN", "C[N+](C)(C)C", "C[N+](=O)[O-]", "CCCO"]
    assert [line for line, dropped, _ in issues(dataset, IssueKind.SALT) if not dropped] == [2, 3]
    assert [line for line, *_ in issues(dataset, IssueKind.CHARGED)] == [2]
    assert dataset.report.steps == {"largest_fragment": 2, "neutralise": 1}


def test_the_organic_fragment_is_kept_even_if_smaller(tmp_path):
    assert curated(tmp_path, "smiles,y\nCO.F[P-](F)(F)(F)(F)F.[Na+],1\nCCC,2\n").smiles[0] == "CO"


def test_steps_can_be_switched_off(tmp_path):
    text = "smiles,y\n[Na+].CC(=O)[O-],1\nCCO,2\nOCC,2\n"
    dataset = curated(tmp_path, text, largest_fragment=False, neutralise=False, merge_duplicates=False)
    assert dataset.smiles == ["CC(=O)[O-].[Na+]", "CCO", "CCO"]
    assert dataset.report.issues == ()


def test_a_metallocene_stays_readable(tmp_path):
    from mole_engine.chem.molecules import parse_smiles

    dataset = curated(tmp_path, "smiles,y\n[Fe+2].c1cc[cH-]c1.c1cc[cH-]c1,1\nCCO,2\n")
    for smiles in dataset.smiles:
        parse_smiles(smiles)


def test_stereo_is_kept_or_flattened(tmp_path):
    text = "smiles,y\nC[C@H](O)F,1\nC[C@@H](O)F,1\nC/C=C/C,3\n"
    assert len(set(curated(tmp_path, text).smiles)) == 3
    flat = curated(tmp_path, text, flatten_stereo=True)
    assert flat.smiles == ["CC(O)F", "CC=CC"]
    assert flat.report.count(IssueKind.STEREO) == 3


def test_large_ones_are_left_out(tmp_path):
    dataset = curated(tmp_path, f"smiles,y\nCCO,1\n{'C' * 12},2\nCCN,4\n", max_heavy_atoms=10)
    assert dataset.smiles == ["CCO", "CCN"]
    assert issues(dataset, IssueKind.TOO_LARGE) == [(3, True, "it has 12 heavy atoms, more than 10")]


@pytest.mark.parametrize("leave_out", [False, True])
def test_molecules_without_carbon_are_listed_and_left_out_on_request(tmp_path, leave_out):
    dataset = curated(tmp_path, "smiles,y\nCCO,1\nNN,3\nCCN,4\n", leave_out_inorganic=leave_out)
    assert ("NN" in dataset.smiles) is not leave_out
    assert issues(dataset, IssueKind.INORGANIC) == [(3, leave_out, "it has no carbon atom")]


SPREAD = "CCC,0\nCCCC,10\nCCCCC,20\nCCCCCC,30\n"


def test_agreeing_duplicates_are_merged_to_their_mean(tmp_path):
    dataset = curated(tmp_path, f"smiles,y\nCCO,10\n{SPREAD}OCC,10.4\n")
    assert dataset.targets[0, 0] == pytest.approx(10.2)
    assert issues(dataset, IssueKind.DUPLICATE) == [(7, True, "merged with line 2: same structure")]
    assert dataset.row_molecules.tolist() == [0, 1, 2, 3, 4, 0]


def test_disagreeing_duplicates_are_told_and_averaged(tmp_path):
    dataset = curated(tmp_path, f"smiles,y\nCCO,10\n{SPREAD}OCC,20\n")
    assert dataset.targets[0, 0] == 15
    told = issues(dataset, IssueKind.DISAGREE)
    assert [(line, dropped) for line, dropped, _ in told] == [(2, False), (7, True)]
    assert "from 10 to 20" in told[0][2]


def test_disagreeing_duplicates_can_be_dropped(tmp_path):
    dataset = curated(tmp_path, f"smiles,y\nCCO,10\n{SPREAD}OCC,20\n", drop_disagreeing=True)
    assert "CCO" not in dataset.smiles
    assert [(line, dropped) for line, dropped, _ in issues(dataset, IssueKind.DISAGREE)] == [(2, True), (7, True)]


def test_the_tolerance_is_not_stretched_by_a_long_tail(tmp_path):
    dataset = curated(tmp_path, "smiles,y\nCCO,0.1\nOCC,5\nCCC,1\nCCCC,2\nCCCCC,3\nCCCCCC,1200\n")
    assert dataset.report.count(IssueKind.DISAGREE) == 2


def test_classes_follow_the_majority(tmp_path):
    text = "smiles,y\nCCO,1\nOCC,1\nC(O)C,0\nCCN,0\nNCC,1\nCCC,0\nCCCC,1\n"
    dataset = curated(tmp_path, text, task="classification")
    assert dict(zip(dataset.smiles, dataset.targets[:, 0].tolist(), strict=True)) == {
        "CCO": 1.0,
        "CCC": 0.0,
        "CCCC": 1.0,
    }
    # An even contradiction leaves no label, so the molecule goes, and each of its rows is told.
    assert [line for line, dropped, _ in issues(dataset, IssueKind.DISAGREE) if dropped] == [3, 4, 5, 6]


def test_missing_labels_of_several_tasks(tmp_path):
    text = "smiles,a,b\nCCO,1,\nCCN,,0\nCCC,,\nCCCC,x,1\nOCC,,1\nCCCCC,0,0\n"
    text += "".join(f"{'C' * i}N,{i % 2},{i % 2}\n" for i in range(3, 20))
    dataset = curated(tmp_path, text, ("a", "b"), "classification")
    np.testing.assert_equal(dataset.targets[:4], [[1, 1], [np.nan, 0], [np.nan, 1], [0, 0]])
    assert [line for line, *_ in issues(dataset, IssueKind.MISSING_LABEL)] == [4]
    assert issues(dataset, IssueKind.BAD_LABEL) == [(5, False, "'x' is none of the classes '0', '1'")]


def test_bounds_are_kept_and_told(tmp_path):
    dataset = curated(tmp_path, "smiles,y\nCCO,>50\nCCN,2\n")
    assert dataset.targets[0, 0] == 50
    assert issues(dataset, IssueKind.CENSORED) == [(2, False, "'>50' is a bound, not a value; 50 is used")]


def test_duplicates_of_different_parts_are_not_merged(tmp_path):
    text = "smiles,y,split\nCCO,1,train\nOCC,1,test\nC(O)C,1,train\nCCC,2,train\nCCCC,3,test\n"
    dataset = curated(tmp_path, text)
    assert dataset.smiles == ["CCO", "CCO", "CCC", "CCCC"]
    assert dataset.given_split == ["train", "test", "train", "test"]


def test_weights_and_names_follow_their_rows(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("id,smiles,y,sample_weight\na,CCO,1,2\nb,XX,1,3\nc,OCC,1,4\nd,CCC,2,0.5\n")
    dataset = read_dataset(path, targets=["y"], task="regression")
    assert dataset.identifiers == ["a", "d"]
    assert dataset.weights.tolist() == [3.0, 0.5]


def test_a_weight_that_is_none_is_refused(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("smiles,y,sample_weight\nCCO,1,2\nCCC,2,\nCCN,3,-1\n")
    with pytest.raises(InputError, match="Line 3 has ''"):
        read_dataset(path, targets=["y"], task="regression")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("smiles,y\nfoo,1\nbar,2\n", "No row of a.csv has a usable structure. The column 'smiles' was read; line 2"),
        ("smiles,y\nfoo,1\nCCO,\nbar,2\n", "No row of a.csv has both"),
    ],
)
def test_nothing_left_is_a_clear_message(tmp_path, text, words):
    with pytest.raises(InputError) as caught:
        curated(tmp_path, text)
    assert words in caught.value.problem.one_line()


def test_only_changed_structure_steps_are_done_again(tmp_path, monkeypatch):
    path = tmp_path / "a.csv"
    path.write_text("smiles,y,z\n" + "".join(f"{'C' * (i + 1)}[O-],{i}.5,{i % 3}.5\n" for i in range(20)))
    table = read_table(path)
    calls = []
    monkeypatch.setattr(
        curation, "standardise_lightly", lambda *given: calls.append(1) or many_molecules.standardise_lightly(*given)
    )

    def curate(target, **steps):
        roles = detect_roles(table, DataConfig(targets=[target]), SplitConfig())
        return curation.curate(table, roles, CurationConfig(**steps))

    assert curate("y").smiles == curate("z").smiles == curate("z", merge_duplicates=False).smiles
    assert len(calls) == 1
    assert curate("z", neutralise=False).smiles != curate("z").smiles
    assert len(calls) == 2  # what was known before a step was changed is still known
    for atoms in range(30, 40):
        curate("z", max_heavy_atoms=atoms)
    curate("z")
    assert len(calls) == 13


def test_curation_reports_and_can_be_cancelled(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("smiles,y\n" + "".join(f"{'C' * (i + 1)},{i}\n" for i in range(20)))
    seen = []
    read_dataset(path, on_progress=lambda *where: seen.append(where))
    assert seen[-1] == ("curate", 20, 20)

    def stop(stage, _done, _total):
        if stage == "curate":
            raise Cancelled

    with pytest.raises(Cancelled):
        read_dataset(path, on_progress=stop)


def test_a_file_of_which_too_little_remains_says_which_rows_were_left_out(tmp_path):
    path = tmp_path / "bad.csv"
    path.write_text("smiles,y\nCCO,1\nC1CC,2\nCCN,3\nCCC,\n", encoding="utf-8")
    with pytest.raises(InputError, match="too few molecules") as refused:
        make_split(read_dataset(path), SplitConfig(), 0)
    problem = refused.value.problem
    assert "2 of 4 rows remain after curation; 3 are the least. Left out: line 3: " in problem.cause
    assert "line 5: " in problem.cause
    assert problem.remedy.startswith("Add molecules, or correct the rows that were left out. A model that you have")
