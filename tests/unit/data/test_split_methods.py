"""Splits by similarity and by time, and what they leave close together."""

from __future__ import annotations

import numpy as np
import pytest

from mole_engine.chem.fingerprints import similarities
from mole_engine.contracts.config import DataConfig, SplitConfig
from mole_engine.contracts.errors import InputError
from mole_engine.data import clusters, leakage
from mole_engine.data.dataset import read_dataset
from mole_engine.data.fingerprints import fingerprints_of
from mole_engine.data.splits import make_split
from mole_engine.data.timeline import order_of

SERIES = ["CCCCCCCC(=O)N{}", "c1ccccc1C(=O)N{}", "OC1CCCCC1S(=O)(=O){}", "n1ccc2ccccc2c1CN{}", "FC(F)(F)c1ncccc1{}"]
TAILS = ["C", "CC", "CCC", "CC(C)C", "CCCC", "CCOC", "CCN", "CC#N"]
FAMILIES = [head.format(tail) for head in SERIES for tail in TAILS]


def dataset_of(tmp_path, rows, split, header="smiles,y"):
    path = tmp_path / "a.csv"
    path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return read_dataset(path, DataConfig(), split=split)


@pytest.mark.parametrize("exact", [True, False])
def test_a_cluster_split_keeps_look_alikes_together(tmp_path, monkeypatch, exact):
    monkeypatch.setattr(clusters, "MAX_EXACT", 1_000 if exact else 0)
    rows = [f"{smiles},{index}.5" for index, smiles in enumerate(FAMILIES)]
    config = SplitConfig(method="cluster", cluster_similarity=0.35, validation_fraction=0.2, test_fraction=0.2)
    dataset = dataset_of(tmp_path, rows, config)
    split = make_split(dataset, config, 0)
    parts = split.part_of(len(dataset))
    assert split.train
    assert split.validation
    assert split.test
    fingerprints = fingerprints_of(dataset.smiles)
    for members in clusters.cluster(fingerprints, 0.35):
        assert len({parts[position] for position in members}) == 1
        assert (similarities(fingerprints[members[:1]], fingerprints[members]) >= 0.35).all()
    assert "clusters of similarity 0.35" in split.method


def test_every_molecule_is_in_one_cluster_even_one_without_a_structure():
    smiles = [*FAMILIES, "not a molecule", "[H][H]"]
    for limit in (1_000, 0):
        old, clusters.MAX_EXACT = clusters.MAX_EXACT, limit
        try:
            found = clusters.cluster(fingerprints_of(smiles), 0.4)
        finally:
            clusters.MAX_EXACT = old
        assert sorted(position for members in found for position in members) == list(range(len(smiles)))


def test_nearness_tells_a_split_that_leaks_from_one_that_does_not(tmp_path):
    rows = [f"{smiles},{index}.5" for index, smiles in enumerate(FAMILIES)]
    dataset = dataset_of(tmp_path, rows, SplitConfig())
    sizes = {"validation_fraction": 0.2, "test_fraction": 0.2}
    apart = make_split(dataset, SplitConfig(method="cluster", cluster_similarity=0.35, **sizes), 0)
    mixed = make_split(dataset, SplitConfig(method="random", **sizes), 0)
    (test_apart,) = (part for part in apart.nearness if part.part == "test")
    (test_mixed,) = (part for part in mixed.nearness if part.part == "test")
    assert test_apart.high < test_mixed.low
    assert sum(test_mixed.histogram) == test_mixed.compared == len(mixed.test)
    assert f"similarity {test_mixed.median:.2f} or more" in test_mixed.words()


def test_nearly_equal_molecules_across_the_cut_are_told(tmp_path):
    # Long chains differ in length only: no ECFP4 bit tells them apart.
    rows = [f"{'C' * length},{length}.5" for length in range(10, 40)]
    dataset = dataset_of(tmp_path, rows, SplitConfig())
    split = make_split(dataset, SplitConfig(method="random"), 0)
    assert (
        split.overlap[-1]
        == "3 of 3 test molecules are nearly the same as a training molecule (similarity 0.9 or more)."
    )


def test_nearly_equal_molecules_are_told_where_only_a_sample_of_a_large_part_is_compared(tmp_path, monkeypatch):
    """The very same structures of the whole part were taken from the close ones of its sample, and none were left."""
    monkeypatch.setattr(leakage, "MAX_JUDGED", 20)
    chains = ["C" * length for length in range(10, 60)]
    rows = [*(f"{smiles},1.5,train" for smiles in chains), *(f"{smiles},2.5,test" for smiles in chains[:25])]
    rows += [f"{'C' * length},3.5,test" for length in range(60, 85)]
    dataset = dataset_of(tmp_path, rows, SplitConfig(), "smiles,y,split")
    split = make_split(dataset, SplitConfig(validation_fraction=0.0), 0)
    assert "25 structures stand in both train and test." in split.overlap
    words = "20 of 20 test molecules are nearly the same as a training molecule (similarity 0.9 or more)."
    assert split.overlap[-1] == words


@pytest.mark.parametrize(
    ("write", "words"),
    [
        (lambda day: f"2020-{1 + day // 28:02d}-{1 + day % 28:02d}", "year-month-day"),
        (lambda day: f"{1 + day % 28:02d}/{1 + day // 28:02d}/2020", "day/month/year"),
        (lambda day: f"{1 + day // 28}/{1 + day % 28}/2020", "month/day/year"),
        (lambda day: f"{1 + day % 28:02d}.{1 + day // 28:02d}.2020 09:30", "day.month.year"),
        (lambda day: str(1990 + day), ""),
    ],
)
def test_dates_are_read_in_the_spelling_that_fits_them_all(write, words):
    days = np.random.default_rng(0).permutation(100)
    values, spelling = order_of([*(write(day) for day in days), "", "n/a"])
    assert spelling == words
    assert np.argsort(values[:100]).tolist() == np.argsort(days).tolist()
    assert np.isnan(values[100:]).all()


def test_a_time_split_tests_on_the_latest_and_counts_a_repeated_molecule_from_its_first_day(tmp_path):
    rows = [f"{'C' * (index + 1)}O,{index}.5,{2000 + index}-01-01" for index in range(20)]
    rows += ["CCO,1.5,2030-01-01", "N,3.5,"]
    config = SplitConfig(method="time", column="Measured on")
    dataset = dataset_of(tmp_path, rows, config, "smiles,y,Measured on")
    assert [task.name for task in dataset.tasks] == ["y"]
    split = make_split(dataset, config, 0)
    assert [dataset.smiles[position] for position in split.test] == ["C" * 19 + "O", "C" * 20 + "O"]
    assert dataset.smiles.index("CCO") in split.train
    assert split.method == "sorted by column 'Measured on', the last ones test (1 molecule without a date is left out)"


def test_a_time_split_finds_its_column_or_says_what_it_looked_at(tmp_path):
    rows = [f"{'C' * (index + 1)},{index}.5,{2000 + index}" for index in range(9)]
    config = SplitConfig(method="time")
    assert dataset_of(tmp_path, rows, config, "smiles,y,assay date").roles.order == "assay date"
    with pytest.raises(InputError, match=r"no column with dates.*'smiles', 'y', 'batch'"):
        dataset_of(tmp_path, rows, config, "smiles,y,batch")
    with pytest.raises(InputError, match="cannot be sorted by 'smiles'"):
        dataset_of(tmp_path, rows, SplitConfig(method="time", column="smiles"), "smiles,y,batch")
