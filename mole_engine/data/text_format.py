"""What a text file is written in: encoding, column separator, header or none, decimal mark."""

from __future__ import annotations

import codecs
import csv
import re
from collections import Counter
from collections.abc import Sequence

from charset_normalizer import from_bytes

from mole_engine.contracts.errors import InputError
from mole_engine.data.recognise import NO_STRUCTURE_NAME, is_structure, structure_name_rank, structure_share
from mole_engine.data.values import is_null, is_number, parse_number

BLANK = "blank"
"""Name of the separator of SMI files: the first run of blanks on a line."""

DELIMITER_NAMES = {"\t": "tab", " ": BLANK}
_DELIMITERS = {"tab": "\t", "\\t": "\t", "space": " ", BLANK: " ", "comma": ",", "semicolon": ";", "pipe": "|"}
_CANDIDATES = ("\t", ";", ",", "|")
_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_ONE_BYTE = ["cp1252", "latin_1", "cp1250", "cp1251", "cp1253", "cp1254"]
_SEVERAL_BYTES = ["shift_jis", "gb18030", "big5", "euc_kr"]
_ENOUGH_TO_TELL = 40
SMI_SUFFIXES = frozenset({".smi", ".smiles", ".ism"})
PASTED = ".pasted"
"""Stands for the ending of a name where text was pasted: lines as in an SMI file, or a table copied from anywhere."""

MAY_HAVE_TITLES = SMI_SUFFIXES | {PASTED}
"""Texts in which blanks may part a structure from its title."""

_SMI_WIDTH = 2
_SAMPLE_ROWS = 200
_COMMA_DECIMAL = re.compile(r"[<>~=]*\s*[+\-−]?(\d+|\d{1,3}(\.\d{3})+),\d+([eE][+-]?\d+)?")
_DOT_DECIMAL = re.compile(r"[<>~=]*\s*[+\-−]?\d*\.\d+([eE][+-]?\d+)?")
_UNCLEAR = re.compile(r"[<>~=]*\s*[+\-−]?[1-9]\d{0,2}[.,]\d{3}")


def delimiter_of(name: str) -> str:
    r"""Turn what a user writes for a separator ("tab", ";", "\t") into the character. Raises InputError."""
    character = _DELIMITERS.get(name.strip().casefold() or name, name)
    if len(character) != 1 or character in '"\r\n':
        raise InputError(
            f"'{name}' cannot separate columns.", "It must be one character.", "Use ',', ';', 'tab', '|' or 'blank'."
        )
    return character


def find_encoding(raw: bytes, wanted: str = "") -> tuple[str, str]:
    """Return (encoding, note) for the bytes of a text.

    Raises
    ------
    InputError
        When the wanted encoding is unknown or does not fit.
    """
    if wanted:
        return _checked_encoding(raw, wanted), ""
    for mark, name in _BOMS:
        if raw.startswith(mark):
            return name, ""
    sample = raw[:4096]
    for name, offset in (("utf-16-le", 1), ("utf-16-be", 0)):
        if sample[offset::2].count(0) > 0.4 * len(sample[offset::2]) and sample[1 - offset :: 2].count(0) == 0:
            return name, "The encoding looks like UTF-16 without a mark."
    if _decodes(raw, "utf-8"):
        return "utf-8", ""
    if _decodes(raw, "utf-8", final=False):
        return "utf-8", "The file ends in the middle of a character; it may be cut off."
    name = _eight_bit_encoding(raw)
    return name, f"The file is not UTF-8; it was read as {name}. Check names with accents."


def find_delimiter(lines: Sequence[str], suffix: str) -> str:
    """Return the character that separates columns in the sample `lines`; "," where there is only one column."""
    sample = [line for line in lines if line.strip()][:_SAMPLE_ROWS]
    if _bare_inchis(sample):
        return "\t" if any("\t" in line for line in sample) or not any(" " in line.strip() for line in sample) else " "
    best, best_score = "", 0.0
    for candidate in _CANDIDATES:
        score = _consistency(sample, candidate)
        if score > best_score + 0.05:
            best, best_score = candidate, score
    if best and best_score >= 0.5:
        return best
    if _blank_separated(sample, suffix):
        return " "
    return best or ","


def has_titles(suffix: str, separator: str, width: int) -> bool:
    """Whether a text is laid out as lines of structure and title: any SMI file, and pasted text parted by blanks."""
    return suffix in SMI_SUFFIXES or (suffix == PASTED and (separator == " " or width == 1))


def has_header(rows: Sequence[Sequence[str]], decimal: str, suffix: str = "", separator: str = "") -> bool:
    """Whether the first of the sample rows names the columns.

    Lines of structure and title begin with a molecule; one that cannot be read is still a row, not a name of columns.
    """
    first, rest = rows[0], rows[1:]
    named = any(structure_name_rank(name) < NO_STRUCTURE_NAME for name in first)
    if suffix in SMI_SUFFIXES and max(map(len, rows)) <= _SMI_WIDTH:
        return named
    if not rest:
        return named or (suffix != PASTED and not any(is_structure(cell) for cell in first))
    columns = [[row[index] for row in rest if index < len(row)] for index in range(min(len(first), 200))]
    for index, cells in enumerate(columns):
        if is_structure(first[index]) and structure_share(cells, limit=20) > 0.5:
            return False
    if named:
        return True
    numeric = [index for index, cells in enumerate(columns) if _mostly_numbers(cells, decimal)]
    if has_titles(suffix, separator, len(first)) and not numeric:
        return False
    return not numeric or not all(_is_number(first[index], decimal) for index in numeric)


def find_decimal(cells: Sequence[str], delimiter: str) -> str:
    """Return the mark that the sample cells seem to have; `find_marks` decides it for each column, from all cells.

    A comma that could part thousands counts only where no cell proves either mark and columns are not parted by it.
    """
    commas = dots = unclear = 0
    for cell in cells:
        text = cell.strip()
        if _UNCLEAR.fullmatch(text):
            unclear += text.count(",")
        elif _COMMA_DECIMAL.fullmatch(text):
            commas += 1
        elif _DOT_DECIMAL.fullmatch(text):
            dots += 1
    return "," if commas > dots or (unclear and not commas and not dots and delimiter != ",") else "."


def _decodes(raw: bytes, encoding: str, *, final: bool = True) -> bool:
    decoder = codecs.getincrementaldecoder(encoding)("strict")
    view = memoryview(raw)
    try:
        for start in range(0, len(raw), 1 << 20):
            decoder.decode(view[start : start + (1 << 20)])
        decoder.decode(b"", final)
    except UnicodeError:
        return False
    return True


def _checked_encoding(raw: bytes, wanted: str) -> str:
    try:
        name = codecs.lookup(wanted).name
        fits = _decodes(raw, name)
    except (LookupError, ValueError) as error:
        raise InputError(
            f"The encoding '{wanted}' is not known.", "", "Use for example utf-8, utf-16 or cp1252."
        ) from error
    if not fits:
        raise InputError(
            f"The file is not written in {wanted}.", "Some bytes do not fit.", "Leave the encoding empty to guess it."
        )
    return name


def _eight_bit_encoding(raw: bytes) -> str:
    telling = b"\n".join([line for line in raw[: 1 << 22].splitlines() if not line.isascii()][:200])[:20_000]
    # A few odd bytes are an umlaut or a degree sign; only plenty of them can be Chinese, Japanese or Korean.
    plenty = sum(byte > 127 for byte in telling) >= _ENOUGH_TO_TELL
    candidates = _ONE_BYTE + (_SEVERAL_BYTES if plenty else [])
    best = from_bytes(telling, cp_isolation=candidates).best() if telling else None
    name = best.encoding if best is not None else "cp1252"
    if _decodes(telling, "cp1252") and telling.decode("cp1252") == telling.decode(name, "replace"):
        name = "cp1252"  # the most common one among those that read the same here
    for candidate in (name, "cp1252", "latin_1"):
        if _decodes(raw, candidate):
            return candidate
    return "latin_1"


def _consistency(sample: Sequence[str], delimiter: str) -> float:
    """Part of the sample rows that have the usual number of columns; 0 for a single column."""
    widths = [len(row) for row in csv.reader(sample, delimiter=delimiter) if row]
    if not widths:
        return 0.0
    usual, count = Counter(widths).most_common(1)[0]
    if usual == 1:
        return 0.4 if widths[0] > 1 else 0.0
    # A separator that the header lacks is more likely a mark inside the cells ("a;b" in a name).
    known = widths[0] in (usual, usual - 1) and widths[0] > 1
    return count / len(widths) * (1.0 if known else 0.5)


def _bare_inchis(sample: Sequence[str]) -> bool:
    """Whether the lines are InChIs without quotes, whose own commas and semicolons part nothing."""
    bare = sum(line.lstrip().startswith("InChI=") for line in sample[1:] or sample)
    named = not sample or sample[0].startswith("InChI=") or not any(mark in sample[0] for mark in ",;|")
    return named and bare >= 0.8 * max(1, len(sample[1:] or sample))


def _blank_separated(sample: Sequence[str], suffix: str) -> bool:
    # Lines of structure and title have no header as a rule: the first one may be the only one with a title.
    is_row = suffix in MAY_HAVE_TITLES and any(is_structure(line.split(None, 1)[0]) for line in sample[:1])
    body = sample if is_row else sample[1:] or sample
    split = [line.split(None, 1) for line in body]
    parted = [parts for parts in split if len(parts) == 2]
    if not parted or (len(parted) < 0.8 * len(body) and suffix not in MAY_HAVE_TITLES):
        return False
    return structure_share([parts[0] for parts in parted]) > 0.5 or suffix in MAY_HAVE_TITLES


def _is_number(text: str, decimal: str) -> bool:
    return is_number(parse_number(text, decimal))


def _mostly_numbers(cells: Sequence[str], decimal: str) -> bool:
    filled = [cell for cell in cells if not is_null(cell)]
    return bool(filled) and sum(_is_number(cell, decimal) for cell in filled) > 0.5 * len(filled)
