"""Files that break readers, made on the spot: each opens, or gives one clear message.

`CASES` maps a name to (file name, bytes, expectation); an expectation is the number of molecules that remain, or a part
of the message.
"""

from __future__ import annotations

import gzip
import io
import zipfile
from collections.abc import Callable

SMILES = ["CCO", "CCN", "c1ccccc1", "CC(=O)O", "CCCl", "CCBr", "CC#N", "CCC", "CCCC", "CCCCC"]
PLAIN = "smiles,y\n" + "".join(f"{smiles},{i}.5\n" for i, smiles in enumerate(SMILES))

MOLBLOCK = "\n".join(
    [
        "ethanol", "  test", "",
        "  3  2  0  0  0  0  0  0  0  0999 V2000",
        "    0.0000    0.0000    0.0000 C   0  0",
        "    1.5000    0.0000    0.0000 C   0  0",
        "    2.2500    1.2990    0.0000 O   0  0",
        "  1  2  1  0", "  2  3  1  0", "M  END", "",
    ]
)  # fmt: skip


def _sdf(*records: str) -> bytes:
    return "".join(record + "$$$$\n" for record in records).encode()


def _record(value: str, block: str = MOLBLOCK) -> str:
    return f"{block}> <activity>\n{value}\n\n"


def _xlsx(*sheets: list[list[object]]) -> bytes:
    import openpyxl

    book = openpyxl.Workbook()
    book.remove(book.active)
    for index, rows in enumerate(sheets):
        sheet = book.create_sheet(f"Sheet {index + 1}")
        for row in rows:
            sheet.append(row)
    stream = io.BytesIO()
    book.save(stream)
    return stream.getvalue()


def _parquet(columns: dict[str, object]) -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    stream = io.BytesIO()
    pq.write_table(pa.table(columns), stream)
    return stream.getvalue()


def _zip(name: str, content: bytes) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr(name, content)
    return stream.getvalue()


def _rows(template: str, header: str) -> bytes:
    return (header + "".join(template.format(s=s, i=i) for i, s in enumerate(SMILES))).encode()


def _inchis(template: str, header: str) -> bytes:
    from rdkit import Chem
    from rdkit.Chem import rdinchi

    rows = []
    for i, smiles in enumerate(SMILES):
        rows.append(template.format(inchi=rdinchi.MolToInchi(Chem.MolFromSmiles(smiles))[0], smiles=smiles, i=i))
    return (header + "".join(rows)).encode()


def _two_words(yes: str, no: str) -> bytes:
    rows = [f"{smiles},{(no, yes)[i % 2]}\n" for i, smiles in enumerate(SMILES)]
    return "".join(["smiles,class\n", *rows]).encode()


def _wide() -> bytes:
    header = "smiles,y," + ",".join(f"x{i}" for i in range(10_000))
    rows = [f"{s},{i}.5," + ",".join("0.5" for _ in range(10_000)) for i, s in enumerate(SMILES)]
    return "\n".join([header, *rows]).encode()


Content = bytes | Callable[[], bytes]
Expectation = int | str

CASES: dict[str, tuple[str, Content, Expectation]] = {
    # Encodings
    "utf-8 with mark": ("a.csv", PLAIN.encode("utf-8-sig"), 10),
    "utf-16 with mark": ("a.csv", PLAIN.encode("utf-16"), 10),
    "utf-16 big endian without mark": ("a.csv", PLAIN.encode("utf-16-be"), 10),
    "utf-16 little endian without mark": ("a.csv", PLAIN.encode("utf-16-le"), 10),
    "utf-32": ("a.csv", PLAIN.encode("utf-32"), 10),
    "latin-1": ("a.csv", PLAIN.replace("y", "Aktivität µM", 1).encode("latin-1"), 10),
    "shift-jis names": ("a.csv", PLAIN.replace("y", "活性", 1).encode("shift_jis"), 10),
    "utf-8 cut off in a character": ("a.csv", _rows("{s},{i}.5,é\n", "smiles,y,note\n")[:-2], 10),
    # Line ends and blank lines
    "windows line ends": ("a.csv", PLAIN.replace("\n", "\r\n").encode(), 10),
    "old mac line ends": ("a.csv", PLAIN.replace("\n", "\r").encode(), 10),
    "mixed line ends": ("a.csv", PLAIN.replace("\n", "\r\n", 3).encode(), 10),
    "blank lines between": ("a.csv", PLAIN.replace("\n", "\n\n").encode(), 10),
    "no newline at the end": ("a.csv", PLAIN.rstrip().encode(), 10),
    "a thousand blank rows at the end": ("a.csv", (PLAIN + ",\n" * 1000).encode(), 10),
    # Separators
    "semicolons and decimal commas": ("a.csv", _rows("{s};{i},5\n", "smiles;y\n"), 10),
    "tabs": ("a.tsv", _rows("{s}\t{i}.5\n", "smiles\ty\n"), 10),
    "pipes": ("a.txt", _rows("{s}|{i}.5\n", "smiles|y\n"), 10),
    "excel's sep line": ("a.csv", b"sep=;\n" + _rows("{s};{i},5\n", "smiles;y\n"), 10),
    "smi with titles": ("a.smi", _rows("{s} molecule {i}\n", ""), 10),
    "smi without titles": ("a.smi", "\n".join(SMILES).encode(), 10),
    "smi with tabs": ("a.smi", _rows("{s}\tm{i}\n", ""), 10),
    "wrong ending": ("a.tsv", PLAIN.encode(), 10),
    "no ending": ("molecules", PLAIN.encode(), 10),
    # Headers
    "no header": ("a.csv", _rows("{s},{i}.5\n", ""), 10),
    "title above the header": ("a.csv", b"My results\nexported today\n\n" + _rows("{s},a,{i}.5\n", "smiles,b,y\n"), 10),
    "comments above the header": ("a.csv", b"# made by X\n" + PLAIN.encode(), 10),
    "row names as R writes them": ("a.csv", _rows("r{i},{s},{i}.5\n", "smiles,y\n"), 10),
    "an index column": ("a.csv", _rows("{i},{s},{i}.5\n", ",smiles,y\n"), 10),
    "names with spaces and unicode": ("a.csv", _rows("{s},{i}.5\n", " SMILES string ,IC₅₀ (µM)\n"), 10),
    "header only": ("a.csv", b"smiles,y\n", "has a header but no rows"),
    "same name twice": ("a.csv", _rows("{s},{i},{i}\n", "smiles,y,y\n"), "columns of the same name"),
    "nameless columns": ("a.csv", _rows("{s},{i}.5,,\n", "smiles,y,,\n"), 10),
    # Rows
    "ragged rows": ("a.csv", PLAIN.replace("CCN,1.5", "CCN").replace("CCC,7.5", "CCC,7.5,more,cells").encode(), 9),
    "quoted separators and line breaks": ("a.csv", _rows('{s},"a, b\n""c""",{i}.5\n', "smiles,note,y\n"), 10),
    "a quote that never closes": ("a.csv", PLAIN.replace("CCN,1.5", '"CCN,1.5').encode(), 9),
    "a stray quote inside a cell": ("a.csv", _rows("{s},5\" pipe,{i}.5\n", "smiles,note,y\n"), 10),
    "single quotes": ("a.csv", _rows("'{s}',{i}.5\n", "smiles,y\n"), "No row of"),
    "null bytes in a cell": ("a.csv", PLAIN.replace("CCN,1.5", "CC\0N,1.5").encode(), 9),
    "a cell of a megabyte": ("a.csv", PLAIN.replace("CCN", "C" * 1_000_000).encode(), 9),
    "a smiles of 30,000 atoms": ("a.csv", PLAIN.replace("CCN", "C" * 30_000).encode(), 9),
    "blanks around the cells": ("a.csv", _rows(" {s} , {i}.5 \n", "smiles,y\n"), 10),
    "control characters": ("a.csv", PLAIN.replace("CCN", "CC\x07N").encode(), 9),
    "right-to-left marks": ("a.csv", PLAIN.replace("CCN", "\u202eCCN").encode(), 9),
    "formulas as text": ("a.csv", PLAIN.replace("CCN,1.5", "=cmd|' /C calc'!A0,1.5").encode(), 9),
    # Numbers
    "mixed decimal marks": ("a.csv", PLAIN.replace("CCN,1.5", 'CCN,"1,5"').encode(), 10),
    "thousands": ("a.csv", _rows('{s},"1,{i}00.5"\n', "smiles,y\n"), 10),
    "bounds and words": ("a.csv", PLAIN.replace(",1.5", ",>1.5").replace(",2.5", ",n/a").encode(), 9),
    "infinities": ("a.csv", PLAIN.replace(",1.5", ",inf").replace(",2.5", ",1e999").encode(), 8),
    "a target of words": ("a.csv", _rows("{s},note number {i}\n", "smiles,y\n"), 10),
    # No table at all
    "nothing": ("a.csv", b"", "is empty"),
    "only blanks": ("a.csv", b" \n\n\t\n", "is empty"),
    "only a mark": ("a.csv", b"\xef\xbb\xbf", "is empty"),
    "no structures": ("a.csv", b"a,b\n" + b"".join(b"x%d,%d\n" % (i, i) for i in range(9)), "no column with SMILES"),
    "all structures broken": ("a.csv", b"smiles,y\nfoo,1\nbar,2\n", "No row of"),
    "one row": ("a.csv", b"smiles,y\nCCO,1.5\n", 1),
    "random bytes": ("a.csv", bytes(range(256)) * 40, "binary"),
    "a picture": ("a.csv", b"\x89PNG\r\n\x1a\n" + bytes(100), "a picture"),
    "a pdf": ("a.csv", b"%PDF-1.7\n", "PDF"),
    "html": ("a.csv", b"<!DOCTYPE html><html><body>Login</body></html>\n", ""),
    "json": ("a.csv", b'{"smiles": ["CCO"], "y": [1]}\n', ""),
    "ten thousand columns": ("a.csv", _wide, 10),
    # Packed
    "gzip": ("a.csv.gz", gzip.compress(PLAIN.encode()), 10),
    "gzip without the ending": ("a.csv", gzip.compress(PLAIN.encode()), 10),
    "gzip cut off": ("a.csv.gz", gzip.compress(PLAIN.encode())[:-12], "cannot be unpacked"),
    "gzip of nothing": ("a.csv.gz", gzip.compress(b""), "is empty"),
    "gzip in name only": ("a.csv.gz", PLAIN.encode(), 10),
    "a zip archive": ("a.zip", _zip("a.csv", PLAIN.encode()), "zip archive"),
    # Workbooks
    "workbook": ("a.xlsx", lambda: _xlsx([["smiles", "y"], *[[s, i + 0.5] for i, s in enumerate(SMILES)]]), 10),
    "workbook as csv": ("a.csv", lambda: _xlsx([["smiles", "y"], *[[s, i] for i, s in enumerate(SMILES)]]), 10),
    "workbook with an empty first sheet": ("a.xlsx", lambda: _xlsx([], [["smiles"], *[[s] for s in SMILES]]), 10),
    "workbook of empty sheets": ("a.xlsx", lambda: _xlsx([], []), "is empty"),
    "workbook with formulas": ("a.xlsx", lambda: _xlsx([["smiles", "y"], *[[s, "=1+1"] for s in SMILES]]), 10),
    "damaged workbook": ("a.xlsx", lambda: _xlsx([["smiles"], ["CCO"]])[:900], "damaged"),
    "zip that claims to be a workbook": ("a.xlsx", _zip("xl/workbook.xml", b"<nonsense"), "damaged"),
    "old excel": ("a.xls", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "old or protected"),
    # Parquet
    "parquet": ("a.parquet", lambda: _parquet({"smiles": SMILES, "y": [i + 0.5 for i in range(10)]}), 10),
    "parquet with nulls and lists": (
        "a.parquet",
        lambda: _parquet({"smiles": [*SMILES[:9], None], "y": [1.5, None, *range(8)], "x": [[1]] * 10}),
        8,
    ),
    "parquet without rows": ("a.parquet", lambda: _parquet({"smiles": []}), "is empty"),
    "parquet cut off": ("a.parquet", lambda: _parquet({"smiles": SMILES})[:-20], "damaged"),
    # SDF
    "sdf": ("a.sdf", _sdf(_record("1.5"), _record("2.5", MOLBLOCK.replace(" O  ", " N  "))), 2),
    "sdf with a broken record": (
        "a.sdf",
        _sdf(_record("1.5"), _record("2.5", "broken\n\n\nnot a count line\nM  END\n"), _record("1.5")),
        1,
    ),
    "sdf without the last mark": ("a.sdf", _sdf(_record("1.5"))[:-5], 1),
    "sdf of empty records": ("a.sdf", b"$$$$\n$$$$\n", "no records"),
    "sdf cut off in a record": ("a.sdf", _sdf(_record("1.5"))+ _record("2").encode()[:90], 1),
    "packed sdf": ("a.sdf.gz", gzip.compress(_sdf(_record("1.5"))), 1),
    "mol file": ("a.mol", MOLBLOCK.encode(), 1),
    "sdf with windows line ends": ("a.sdf", _sdf(_record("1.5")).replace(b"\n", b"\r\n"), 1),
    "sdf with old mac line ends": ("a.sdf", _sdf(_record("1.5")).replace(b"\n", b"\r"), 1),
    "sdf in utf-16": ("a.sdf", _sdf(_record("1.5")).decode().encode("utf-16"), 1),
    "sdf with a latin-1 field": ("a.sdf", _sdf(_record("25 \xb0C")).decode().encode("latin-1"), 1),
    "sdf with null bytes": ("a.sdf", _sdf(_record("1.5"), _record("1.5")).replace(b"ethanol", b"eth\0nol", 1), 1),
    "sdf with a field of a megabyte": ("a.sdf", _sdf(_record("x" * 1_000_000)), 1),
    "sdf of another field in each record": (
        "a.sdf",
        lambda: _sdf(*(_record("1.5").replace("activity", f"f{i}") for i in range(300))),
        1,
    ),
    "sdf of impossible counts": ("a.sdf", _sdf(_record("1", MOLBLOCK.replace("  3  2", "999999"))), "No row of"),
    "packed sdf, damaged": ("a.sdf.gz", gzip.compress(_sdf(_record("1.5")) * 50)[:-40], "cannot be unpacked"),
    "text that is called sdf": ("a.sdf", PLAIN.encode(), "No row of"),
    "reaction file": ("a.sdf", b"$RXN\n\n  x\n\n  1  1\n$MOL\n" + MOLBLOCK.encode(), ""),
    # Structures in other spellings
    "inchi in quotes": ("a.csv", _rows('"InChI=1S/C{i}H2/x{i},1",{i}.5\n', "inchi,y\n"), "No row of"),
    "inchi column": ("a.csv", _inchis('"{inchi}",{i}.5\n', "InChI,y\n"), 10),
    "inchi list": ("a.txt", _inchis("{inchi}\n", ""), 10),
    "inchi list with titles": ("a.smi", _inchis("{inchi} molecule {i}\n", ""), 10),
    "inchi and smiles mixed": ("a.csv", _inchis('"{inchi}",{i}.5\n', "structure,y\n") + b"CCCCO,11.5\n", 11),
    "smiles beside inchi": ("a.csv", _inchis('"{inchi}",{smiles},{i}.5\n', "InChI,SMILES,y\n"), 10),
    # Targets
    "yes and no": ("a.csv", _two_words("Yes", "no "), 10),
    "active and inactive": ("a.csv", _two_words("ACTIVE", "inactive"), 10),
    "only bounds": ("a.csv", _rows("{s},>{i}.5\n", "smiles,IC50 (nM)\n"), 10),
    "exponents": ("a.csv", _rows("{s},1.2e{i}\n", "smiles,Ki (nM)\n"), 10),
    "units beside the values": ("a.csv", _rows("{s},{i}.5 nM\n", "smiles,Ki\n"), 10),
    "dates and times": ("a.csv", _rows("{s},{i}.5,2020-02-3{i}\n", "smiles,y,date\n"), 10),
}  # fmt: skip
