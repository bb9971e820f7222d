"""Reading long files in blocks: every row once, from anywhere, with its labels."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mole_engine.contracts.errors import InputError
from mole_engine.data.smiles_stream import SmilesStream

COUNT = 1000
SMILES = [f"{'C' * (1 + place % 7)}O{'N' * (place % 3)}" for place in range(COUNT)]
LABELS = [np.nan if place % 3 else float(place) for place in range(COUNT)]


def table() -> pd.DataFrame:
    return pd.DataFrame({"name": [f"m{place}" for place in range(COUNT)], "structure": SMILES, "y": LABELS})


def packed(frame: pd.DataFrame, path: Path) -> None:
    path.write_bytes(gzip.compress(frame.to_csv(index=False).encode()))


WRITERS: dict[str, Callable[[pd.DataFrame, Path], object]] = {
    "a.csv": lambda frame, path: frame.to_csv(path, index=False),
    "a.tsv": lambda frame, path: frame.to_csv(path, sep="\t", index=False),
    "semicolon.csv": lambda frame, path: frame.to_csv(path, sep=";", decimal=",", index=False),
    "a.csv.gz": packed,
    "a.parquet": lambda frame, path: frame.to_parquet(path, row_group_size=333),
}


@pytest.mark.parametrize("name", WRITERS)
@pytest.mark.parametrize(("size", "first"), [(64, 0), (1000, 0), (300, 700), (77, 333), (50, 999), (10, 1000)])
def test_every_row_comes_once_in_order_from_anywhere(tmp_path: Path, name: str, size: int, first: int) -> None:
    WRITERS[name](table(), tmp_path / name)
    stream = SmilesStream(tmp_path / name, targets=["y"])
    assert stream.smiles_column == "structure"
    assert stream.rows() == COUNT
    blocks = list(stream.blocks(size, first))
    assert [text for block in blocks for text in block.smiles] == SMILES[first:]
    assert [block.start for block in blocks] == list(range(first, COUNT, size))
    assert all(len(block) == size for block in blocks[:-1])
    if blocks:
        np.testing.assert_array_equal(np.concatenate([block.targets[:, 0] for block in blocks]), LABELS[first:])


@pytest.mark.parametrize("header", [True, False])
def test_smi_files_are_split_at_the_first_blank(tmp_path: Path, header: bool) -> None:
    path = tmp_path / "a.smi"
    lines = ["smiles name"] * header + [f"{text} the molecule {place}" for place, text in enumerate(SMILES)]
    path.write_text("\n".join(lines) + "\n\n")
    assert [text for block in SmilesStream(path).blocks(128) for text in block.smiles] == SMILES


def test_a_lone_column_of_smiles(tmp_path: Path) -> None:
    path = tmp_path / "a.smi"
    path.write_text("\n".join(SMILES))
    stream = SmilesStream(path)
    assert stream.rows() == COUNT
    assert next(stream.blocks(5)).smiles == SMILES[:5]


def test_a_bad_label_is_named_with_row_and_column(tmp_path: Path) -> None:
    frame = table().astype({"y": object})
    frame.loc[17, "y"] = "high"
    frame.to_csv(tmp_path / "a.csv", index=False)
    with pytest.raises(InputError, match="row 18, column 'y'"):
        list(SmilesStream(tmp_path / "a.csv", targets=["y"]).blocks(100))


def test_wrong_files_and_columns_are_refused_in_words(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="nowhere"):
        SmilesStream(tmp_path / "nowhere.csv")
    (tmp_path / "empty.csv").write_text("\n")
    with pytest.raises(InputError, match=r"empty\.csv is empty"):
        SmilesStream(tmp_path / "empty.csv")
    (tmp_path / "cut.parquet").write_bytes(b"PAR1 cut off")
    with pytest.raises(InputError, match="damaged"):
        SmilesStream(tmp_path / "cut.parquet")
    table().to_csv(tmp_path / "a.csv", index=False)
    with pytest.raises(InputError, match="no column 'z'"):
        SmilesStream(tmp_path / "a.csv", targets=["z"])
    table()[["name", "y"]].to_csv(tmp_path / "b.csv", index=False)
    with pytest.raises(InputError, match="no column with structures"):
        SmilesStream(tmp_path / "b.csv")


def test_the_home_folder_may_be_written_as_a_tilde(hermetic_home):
    (hermetic_home / "a.smi").write_text("".join(f"{text}\n" for text in SMILES))
    assert SmilesStream("~/a.smi").rows() == len(SMILES)
