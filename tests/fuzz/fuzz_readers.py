"""Looks for files that break the readers: `python tests/fuzz/fuzz_readers.py [MINUTES]`; not part of the test suite.

Hypothesis damages the files of the hostile corpus and makes up tables of its own. Each must either open, with every row
kept or told, or give one clear message. What does neither is written to `fuzz-findings/`, smallest first.
"""

from __future__ import annotations

import gzip
import importlib.util
import sys
import tempfile
import time
import traceback
from pathlib import Path

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from mole_engine.contracts.config import CurationConfig, DataConfig, SplitConfig
from mole_engine.contracts.errors import InputError
from mole_engine.data.columns import detect_roles
from mole_engine.data.curation import curate, preview
from mole_engine.data.molar import molar_offers
from mole_engine.data.sources import open_table, parse_pasted, read_tables
from mole_engine.data.splits import make_split
from mole_engine.data.timeline import order_of

FINDINGS = Path("fuzz-findings")
LARGEST = 40_000
EXAMPLES = 100
SLOW_SECONDS = 60.0

_PATH = Path(__file__).parents[1] / "data" / "hostile" / "corpus.py"


def _corpus() -> dict[str, tuple[str, bytes]]:
    spec = importlib.util.spec_from_file_location("hostile_corpus", _PATH)
    if spec is None or spec.loader is None:
        raise FileNotFoundError(_PATH)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    files = {}
    for name, (file, content, _) in module.CASES.items():
        raw = content() if callable(content) else content
        if len(raw) <= LARGEST:
            files[name] = (file, raw)
    return files


SEEDS = _corpus()
ODD = [
    "",
    "\0",
    "\ufeff",
    '"',
    "'",
    ",",
    ";",
    "\t",
    " ",
    "\r",
    "\n",
    "\r\n",
    "$$$$",
    "M  END",
    "> <x>",
    "InChI=",
    "InChI=1S/",
]
ODD += [
    "CCO",
    "c1ccccc1",
    "C1CC",
    "[Na+].[Cl-]",
    "C.C.C",
    "[",
    "]",
    "(",
    "%99",
    "|$|",
    ">>",
    "*",
    "[2H]",
    "=1+1",
    "-",
    "nan",
    "NA",
]
ODD += [
    "1",
    "0",
    "-1",
    "1e999",
    "1,5",
    "1.5",
    "1.234,5",
    ">50",
    "<0",
    "~1",
    "inf",
    "１",
    "٣",
    "²",
    "yes",
    "no",
    "active",
    "inactive",
]
ODD += [
    "2020-01-01",
    "31/12/99",
    "99999-99-99",
    "0000-00-00",
    "12:61",
    "train",
    "test",
    "val",
    "smiles",
    "SMILES",
    "y",
    "IC50 (nM)",
]
ODD += ["date", "split", "sep=;", "#", "<html>", "{", "\u202e", "é", "活", "\ud7ff", "\U0001f600", "x" * 300, "C" * 300]
ENDINGS = [
    "a.csv",
    "a.tsv",
    "a.txt",
    "a.smi",
    "a.sdf",
    "a.mol",
    "a.xlsx",
    "a.parquet",
    "a",
    "a.csv.gz",
    "a.sdf.gz",
    "a.gz",
]
CODECS = ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "latin-1", "cp1252", "utf-32", "shift_jis"]

cells = st.one_of(st.sampled_from(ODD), st.text(max_size=12), st.floats().map(str), st.integers().map(str))


@st.composite
def damaged(draw: st.DrawFn) -> tuple[str, bytes]:
    """A file of the corpus with pieces cut out, repeated, replaced, or mixed with another one."""
    name, raw = SEEDS[draw(st.sampled_from(sorted(SEEDS)))]
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, max(0, len(raw))))
        end = min(len(raw), start + draw(st.integers(0, 60)))
        kind = draw(st.sampled_from(["cut", "repeat", "replace", "insert", "mix", "tail"]))
        if kind == "cut":
            raw = raw[:start] + raw[end:]
        elif kind == "repeat":
            raw = raw[:end] + raw[start:end] * draw(st.integers(1, 20)) + raw[end:]
        elif kind == "replace":
            raw = raw[:start] + draw(st.binary(max_size=20)) + raw[end:]
        elif kind == "insert":
            raw = raw[:start] + draw(st.sampled_from(ODD)).encode("utf-8") + raw[start:]
        elif kind == "mix":
            raw = raw[:start] + SEEDS[draw(st.sampled_from(sorted(SEEDS)))][1][start:]
        else:
            raw = raw[:end]
    if draw(st.integers(0, 9)) == 0:
        raw = gzip.compress(raw)
    return (draw(st.sampled_from(ENDINGS)) if draw(st.booleans()) else name), raw


@st.composite
def made_up(draw: st.DrawFn) -> tuple[str, bytes]:
    """A table of odd cells, in an odd spelling."""
    width = draw(st.integers(1, 6))
    separator = draw(st.sampled_from([",", ";", "\t", "|", " ", ", "]))
    header = draw(st.lists(cells, min_size=1, max_size=width + 1))
    columns = [
        draw(st.one_of(st.lists(cells, min_size=1, max_size=8), cells.map(lambda cell: [cell]))) for _ in range(width)
    ]
    rows = draw(st.integers(0, 30))
    body = [[column[row % len(column)] for column in columns] for row in range(rows)]
    quoted = draw(st.booleans())
    lines = [separator.join(f'"{cell}"' if quoted else cell for cell in row) for row in [header, *body]]
    text = draw(st.sampled_from(["\n", "\r\n", "\r"])).join(lines)
    return draw(st.sampled_from(ENDINGS)), text.encode(draw(st.sampled_from(CODECS)), "replace")


def check(name: str, raw: bytes, method: str) -> None:
    """Open one file in every way that the window and the command line have; only clear messages may be raised."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(raw)
        try:
            table = open_table(DataConfig(path=str(path)))
            for column in table.info.columns:
                order_of(table.column_values(column.name), column.decimal)
            offers = molar_offers(table)
            if offers:
                table = open_table(DataConfig(path=str(path), molar_log=[offer.column for offer in offers]))
            split = SplitConfig(method=method)
            roles = detect_roles(table, DataConfig(), split)
            steps = CurationConfig()
            preview(table, roles, steps)
            dataset = curate(table, roles, steps)
            report = dataset.report
            if report.total - len(report.dropped_rows) != report.kept or report.kept != len(dataset):
                raise AssertionError("rows are neither kept nor told")
            make_split(dataset, split, 0)
            read_tables([path, path])
        except InputError as error:
            _check_message(error)


def check_pasted(raw: bytes) -> None:
    """Paste the content of a file."""
    try:
        table = parse_pasted(raw.decode("utf-8", "replace"))
        detect_roles(table, DataConfig(), SplitConfig())
    except InputError as error:
        _check_message(error)


def _check_message(error: InputError) -> None:
    line = error.problem.one_line()
    if "\n" in line or not error.problem.title:
        raise AssertionError(f"unclear: {line!r}") from error


def fuzz(number: int) -> None:
    """Try some files; raises what the smallest of the bad ones raises."""

    @seed(number)
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate, Phase.shrink],
        print_blob=False,
    )
    @given(
        st.one_of(damaged(), made_up()),
        st.sampled_from(["auto", "random", "scaffold", "cluster", "stratified", "time", "kfold"]),
    )
    def attempt(file: tuple[str, bytes], method: str) -> None:
        name, raw = file
        started = time.monotonic()
        try:
            check(name, raw, method)
            check_pasted(raw)
        except BaseException:
            FINDINGS.mkdir(exist_ok=True)
            (FINDINGS / f"{number}-{method}-{name}").write_bytes(raw)
            raise
        if time.monotonic() - started > SLOW_SECONDS:
            FINDINGS.mkdir(exist_ok=True)
            (FINDINGS / f"slow-{number}-{method}-{name}").write_bytes(raw)

    attempt()


def main() -> int:
    """Fuzz for some minutes (10 by default); returns 1 when something was found."""
    minutes = float(sys.argv[1]) if len(sys.argv) > 1 else 10.0
    first = number = int(time.time())
    end, found = time.monotonic() + 60 * minutes, 0
    while time.monotonic() < end:
        number += 1
        try:
            fuzz(number)
        except Exception as error:  # noqa: BLE001 - whatever is raised is what is looked for
            found += 1
            sys.stdout.write(f"round {number}: {type(error).__name__}: {str(error)[:300]}\n")
            sys.stdout.write("".join(traceback.format_exception(error)[-6:])[-3000:] + "\n")
            sys.stdout.flush()
    sys.stdout.write(f"{found} findings in {number - first} rounds of {EXAMPLES} files\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
