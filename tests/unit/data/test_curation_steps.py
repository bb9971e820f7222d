"""Steps of curation one by one: tautomers, InChIKeys, outliers, ways to merge; what each would do."""

from __future__ import annotations

import pytest

from mole_engine.chem.hiding import places_in_given
from mole_engine.contracts.config import CurationConfig, DataConfig, SplitConfig
from mole_engine.contracts.dataset import IssueKind
from mole_engine.data.columns import detect_roles
from mole_engine.data.curation import curate, preview
from mole_engine.data.curation_report import bounds_words
from mole_engine.data.sources import parse_pasted

KETO, ENOL = "CC(=O)CC(C)=O", "CC(=O)C=C(C)O"


def opened(text, **data):
    table = parse_pasted(text)
    return table, detect_roles(
        table, DataConfig(targets=["y"], task="regression", **data), SplitConfig(method="random")
    )


def curated(text, **steps):
    return curate(*opened(text), CurationConfig(**steps))


def lines(dataset, kind):
    return [issue.line for issue in dataset.report.issues if issue.kind is kind]


def test_tautomers_become_one_structure_and_are_told():
    text = f"smiles,y\n{KETO},1\n{ENOL},1\nCCCC,3\nOc1ccccn1,4\n"
    assert len(curated(text)) == 4
    dataset = curated(text, tautomers=True)
    assert dataset.smiles == [KETO, "CCCC", "O=c1cccc[nH]1"]
    assert lines(dataset, IssueKind.TAUTOMER) == [3, 5]
    assert lines(dataset, IssueKind.DUPLICATE) == [3]
    assert dataset.report.steps == {"tautomers": 2, "merge_duplicates": 1}


def test_numbers_of_atoms_in_a_reaction_do_not_make_another_structure():
    """The network and all fingerprints see the same: once in each part, the molecule would be known beforehand."""
    dataset = curated("smiles,y\n[CH3:1][C@H:2]([OH:3])[NH2:4],1\nC[C@@H](N)O,1\n[O-:1][CH2:2]C.[Na+:3],3\n")
    assert dataset.smiles == ["C[C@@H](N)O", "CCO"]
    assert dataset.report.steps == {"largest_fragment": 1, "neutralise": 1, "merge_duplicates": 1}
    assert places_in_given("[CH3:1][C@H:2]([OH:3])[NH2:4]", "C[C@@H](N)O") == (0, 1, 3, 2)


def test_inchikeys_see_through_mobile_hydrogens():
    text = "smiles,y\nOc1ccccn1,1\nO=c1cccc[nH]1,1\nCCCC,3\n"
    assert len(curated(text)) == 3
    dataset = curated(text, same_structure="inchikey")
    assert dataset.smiles == ["Oc1ccccn1", "CCCC"]
    assert dataset.report.issues[0].reason == "merged with line 2: same InChIKey"


@pytest.mark.parametrize(("how", "value"), [("mean", 4.0), ("median", 3.0), ("majority", 2.0)])
def test_values_are_merged_as_asked(how, value):
    text = "smiles,y\n" + "".join(f"CCO,{y}\n" for y in (2, 2, 3, 4, 9)) + "CCC,50\n"
    assert curated(text, duplicates=how).targets[:, 0].tolist() == [value, 50.0]


def test_the_majority_of_values_that_never_repeat_is_their_median():
    assert curated("smiles,y\nCCO,1\nCCO,2\nCCO,9\nCCC,5\n", duplicates="majority").targets[0, 0] == 2.0


def _with_far_value(far):
    rows = "".join(f"{'C' * (index + 1)}O,{5 + index % 7 / 10}\n" for index in range(30))
    return f"smiles,y\n{rows}CCCN,{far}\n"


def test_outliers_are_listed_kept_or_left_out():
    text = _with_far_value(500)
    flagged = curated(text)
    assert len(flagged) == 31
    assert lines(flagged, IssueKind.OUTLIER) == [32]
    assert "500 lies" in flagged.report.issues[-1].reason
    assert "from the median (5.3)" in flagged.report.issues[-1].reason
    assert lines(curated(text, outliers="keep"), IssueKind.OUTLIER) == []
    dropped = curated(text, outliers="drop")
    assert len(dropped) == 30
    assert dropped.report.dropped_rows == {30}
    assert dropped.report.steps == {"outliers": 1}


def test_long_tails_are_no_outliers():
    rows = "".join(f"{'C' * (index + 1)}O,{10 ** (index / 8):.3g}\n" for index in range(40))
    assert lines(curated(f"smiles,y\n{rows}"), IssueKind.OUTLIER) == []


MIXED = (
    "smiles,y\n[Na+].CC(=O)[O-],1\nCCN.Cl,2\nC[C@H](O)Cl,3\nCCCO,4\nOCCC,4\nCCCC,1\nCCCC,9\n"
    f"[Cl-].[Na+],7\nC1CC,3\n{ENOL},5\n{'C' * 60},6\n"
)


def test_a_preview_counts_what_each_step_then_does():
    table, roles = opened(MIXED)
    everything = preview(table, roles, CurationConfig(max_heavy_atoms=50))
    assert everything == {
        "largest_fragment": 3,
        "neutralise": 2,
        "tautomers": 1,
        "flatten_stereo": 1,
        "max_heavy_atoms": 1,
        "leave_out_inorganic": 1,
        "unreadable": 1,
        "unlabelled": 0,
        "bounds": 0,
        "outliers": 0,
        "merge_duplicates": 2,
        "drop_disagreeing": 2,
    }
    for step in ("tautomers", "flatten_stereo", "leave_out_inorganic", "drop_disagreeing"):
        applied = curate(table, roles, CurationConfig(max_heavy_atoms=50, **{step: True})).report
        assert applied.steps[step] == everything[step], step
    plain = curate(table, roles, CurationConfig(max_heavy_atoms=50)).report
    for step in ("largest_fragment", "neutralise", "max_heavy_atoms", "merge_duplicates"):
        assert plain.steps[step] == everything[step], step


def test_a_preview_counts_steps_that_are_switched_off_in_the_settings_as_they_are():
    table, roles = opened(MIXED)
    off = CurationConfig(largest_fragment=False, neutralise=False, merge_duplicates=False)
    counts = preview(table, roles, off)
    assert counts["largest_fragment"] == 3
    # Both ions of a salt would become neutral, since nothing takes one of them away first.
    assert counts["neutralise"] == curate(table, roles, off.model_copy(update={"neutralise": True})).report.steps.get(
        "neutralise", 0
    )
    assert counts["merge_duplicates"] == 2


def test_a_preview_of_nothing_readable_is_all_zeros_but_one():
    table = parse_pasted("smiles,y\nC1CC,1\nfoo,2\n")
    counts = preview(table, detect_roles(table, DataConfig(smiles_column="smiles"), SplitConfig()), CurationConfig())
    assert counts.pop("unreadable") == 2
    assert set(counts.values()) == {0}


APART = "smiles,y\nCCO,-3.64\nCCC,-1\nCCCC,-2\nOCC,-0.64\nCCCCC,>-1.5\n"


def test_what_disagreeing_values_became_is_told_and_kept():
    dataset = curated(APART)
    reasons = {issue.reason for issue in dataset.report.issues if issue.kind is IssueKind.DISAGREE}
    assert reasons == {
        "merged into -2.14: lines 2, 5 have the same structure but different labels (y: from -3.64 to -0.64)"
    }
    assert dataset.report.disagreeing == 1
    assert dataset.merged_values == {0: {"y": (-3.64, -0.64)}}


@pytest.mark.parametrize(("within", "disagreeing"), [(0.0, 1), (2.9, 1), (3.1, 0)])
def test_how_far_values_may_lie_apart_can_be_set(within, disagreeing):
    report = curated(APART, agree_within=within, drop_disagreeing=True).report
    assert report.disagreeing == disagreeing
    assert report.kept == 4 - disagreeing


def test_bounds_are_left_out_on_request():
    report = curated(APART, bounds="drop").report
    told = [(issue.line, issue.dropped, issue.reason) for issue in report.issues if issue.kind is IssueKind.CENSORED]
    assert told == [(6, True, "'>-1.5' is a bound, not a value; left out")]
    assert report.steps["bounds"] == 1


def test_approximate_values_are_no_bounds():
    assert len(curated(APART.replace(">-1.5", "~-1.5"), bounds="drop")) == 4


GAPS = "smiles,y\nCCO,>50\nCCC,\nCCCC,<2\nCCCCC,x\nCCCCCC,3\nCCCCCCC,~4\nC1CC,>9\nC,5\n"


@pytest.mark.parametrize("bounds", ["keep", "drop"])
def test_a_preview_counts_bounds_and_rows_without_a_value(bounds):
    table, roles = opened(GAPS)
    counts = preview(table, roles, CurationConfig(bounds=bounds))
    assert (counts["bounds"], counts["unlabelled"], counts["unreadable"]) == (2, 2, 1)
    assert curate(table, roles, CurationConfig(bounds="drop")).report.steps["bounds"] == counts["bounds"]


def test_bounds_that_count_as_measured_are_told_with_what_to_do():
    report = curated(GAPS).report
    assert bounds_words(report).startswith("2 of 8 rows have a bound such as > 50 in place of a value; it counts as m")
    assert "data.curation.bounds=drop" in bounds_words(report, "test.csv")
    assert bounds_words(curated(GAPS, bounds="drop").report) == bounds_words(curated(MIXED).report) == ""


def test_a_salt_drawn_with_a_bond_is_the_one_that_is_drawn_with_charges():
    text = "smiles,y\n[Na]OC(=O)c1ccccc1,1\n[Na+].[O-]C(=O)c1ccccc1,1\nCC(C)(C)O[K].O,2\n[Li]CCCC,3\n"
    dataset = curated(text)
    assert dataset.smiles == ["O=C(O)c1ccccc1", "CC(C)(C)O", "[Li][CH2]CCC"]
    assert dataset.report.steps == {"largest_fragment": 3, "neutralise": 3, "merge_duplicates": 1}
    assert lines(dataset, IssueKind.SALT) == [2, 3, 4]
    assert curated(text, largest_fragment=False).smiles[0] == "O=C([O][Na])c1ccccc1"
    assert places_in_given("[Na]OC(=O)c1ccccc1", "O=C(O)c1ccccc1") == (3, 2, 1, 4, 5, 6, 7, 8, 9)
