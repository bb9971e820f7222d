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


@pytest.mark.parametrize("name", ["a.csv", "a.parquet"])
def test_columns_of_the_same_name_are_told(tmp_path: Path, name: str) -> None:
    if name == "a.csv":
        (tmp_path / name).write_text("smiles,y,y\n" + "".join(f"{text},1,2\n" for text in SMILES))
    else:
        import pyarrow as pa
        import pyarrow.parquet as pq

        pq.write_table(pa.table([SMILES, LABELS, LABELS], names=["smiles", "y", "y"]), tmp_path / name)
    with pytest.raises(InputError, match="columns of the same name"):
        SmilesStream(tmp_path / name)


def test_columns_without_a_name_are_no_hindrance(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("smiles,,\n" + "".join(f"{text},1,2\n" for text in SMILES))
    assert next(SmilesStream(tmp_path / "a.csv").blocks(5)).smiles == SMILES[:5]


def test_gzip_is_known_by_its_content(tmp_path: Path) -> None:
    packed(table(), tmp_path / "a.csv")
    assert SmilesStream(tmp_path / "a.csv").rows() == COUNT
    table().to_csv(tmp_path / "plain.csv.gz", index=False, compression=None)
    assert SmilesStream(tmp_path / "plain.csv.gz").rows() == COUNT


def test_a_file_that_was_cut_off_is_told_also_beyond_its_beginning(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    lines = [f"{SMILES[place % COUNT]},{random.random()}" for place in range(80_000)]
    whole = gzip.compress("\n".join(["smiles,noise", *lines]).encode())
    (tmp_path / "cut.csv.gz").write_bytes(whole[: len(whole) // 16 * 15])
    stream = SmilesStream(tmp_path / "cut.csv.gz")
    with pytest.raises(InputError, match="cut off"):
        stream.rows()
    table().to_parquet(tmp_path / "b.parquet", row_group_size=500)
    content = bytearray((tmp_path / "b.parquet").read_bytes())
    middle = len(content) // 2
    content[100:middle] = bytes(middle - 100)
    (tmp_path / "b.parquet").write_bytes(content)
    with pytest.raises(InputError, match="is damaged"):
        list(SmilesStream(tmp_path / "b.parquet", "structure").blocks(100))


@pytest.mark.parametrize(("cell", "shown"), [("inf", "inf is infinite"), ("-1e300", "-1e[+]300 is infinite or too")])
def test_labels_that_no_network_can_hold_are_named(tmp_path: Path, cell: str, shown: str) -> None:
    frame = table().astype({"y": object})
    frame.loc[17, "y"] = cell
    frame.to_csv(tmp_path / "a.csv", index=False)
    with pytest.raises(InputError, match=f"row 18, column 'y': {shown}"):
        list(SmilesStream(tmp_path / "a.csv", targets=["y"]).blocks(100))


def test_the_home_folder_may_be_written_as_a_tilde(hermetic_home):
    (hermetic_home / "a.smi").write_text("".join(f"{text}\n" for text in SMILES))
    assert SmilesStream("~/a.smi").rows() == len(SMILES)
