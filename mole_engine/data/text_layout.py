"""Where in a delimited text the table begins, and what its columns are called."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from mole_engine.data.recognise import NO_STRUCTURE_NAME, structure_name_rank, structure_share
from mole_engine.data.text_format import MAY_HAVE_TITLES, find_decimal, has_header, has_titles

_MAX_PREAMBLE_ROWS = 30


@dataclass
class Layout:
    """How the rows of a text are to be read.

    Attributes
    ----------
    separator
        Character between columns; " " for the first runs of blanks on a line.
    skip
        Rows before the table (titles, comments, Excel's "sep=;").
    names
        Column names; "column 1", ... where the file has none.
    header
        Whether the first row after `skip` names the columns.
    decimal
        "." or ",".
    notes
        What was guessed, in words.
    """

    separator: str
    skip: int
    names: list[str]
    header: bool
    decimal: str
    notes: list[str] = field(default_factory=list)

    @property
    def width(self) -> int:
        """Number of columns."""
        return len(self.names)


def declared_separator(head: Sequence[str]) -> str:
    """Return the separator that Excel's first line "sep=;" declares, or empty."""
    first = head[0].strip("\ufeff\r\n") if head else ""
    return first[4] if first.casefold().startswith("sep=") and len(first) == 5 else ""


def find_layout(head: Sequence[str], separator: str, decimal: str, suffix: str = "") -> Layout:
    """Look at the first lines of a text.

    Parameters
    ----------
    head
        Lines with their ends.
    separator
        Character between columns.
    decimal
        Fixed by the user, or empty to be found.
    suffix
        Ending of the file's name; an SMI file without header has the columns "smiles" and "name".
    """
    rows = list(split_rows(head, separator, blank_width(head, suffix)))
    skip = 1 if declared_separator(head) else 0
    skip += _preamble(rows[skip:])
    title_rows = skip - bool(declared_separator(head))
    notes = [f"Left out before the table: {title_rows} line{'s' * (title_rows > 1)}."] if title_rows else []
    sample = [row for row in rows[skip:] if any(cell.strip() for cell in row)]
    mark = decimal or find_decimal([cell for row in sample[:200] for cell in row[:200]], separator)
    if not sample or not has_header(sample, mark, suffix, separator):
        widths = [len(row) for row in sample] or [1]
        # A title may be the only one of its file.
        width = max(widths) if separator == " " else _usual(widths)
        numbered = [f"column {index + 1}" for index in range(width)]
        if has_titles(suffix, separator, width):
            return Layout(separator, skip, ["smiles", "name", *numbered[2:]][:width], False, mark, notes)
        notes.append("The file has no header; the columns were numbered.")
        return Layout(separator, skip, numbered, False, mark, notes)
    names = list(sample[0])
    if _has_row_names(names, sample[1:]):
        names = ["row name", *names]
        notes.append("The header has one cell less than the rows; the first column was taken as row names.")
    return Layout(separator, skip, names, True, mark, notes)


def blank_width(head: Sequence[str], suffix: str) -> int:
    """Columns of a blank-separated text: those of every line if they agree, else structure and title.

    In an SMI file everything after the structure is its title, unless a header says otherwise.
    """
    widths = {len(line.split()) for line in head if line.strip()}
    first = next((line.split() for line in head if line.strip()), [])
    named = any(structure_name_rank(name) < NO_STRUCTURE_NAME for name in first[:1])
    return widths.pop() if len(widths) == 1 and (named or suffix not in MAY_HAVE_TITLES) else 2


def split_rows(lines: Sequence[str], separator: str, width: int) -> Iterator[list[str]]:
    """Split sample lines into rows of cells; blank lines become empty rows."""
    if separator == " ":
        return (split_blanks(line, width) for line in lines)
    return csv.reader(lines, delimiter=separator)


def split_blanks(line: str, width: int) -> list[str]:
    """Split a line at its first runs of blanks into at most `width` cells."""
    parts = line.split(None, width - 1)
    if parts:
        parts[-1] = parts[-1].strip()
    return parts


def _usual(widths: Sequence[int]) -> int:
    # Among equally frequent widths the larger one, so that no cell is left over.
    counts = Counter(widths)
    return max(counts, key=lambda width: (counts[width], width))


def _preamble(rows: Sequence[Sequence[str]]) -> int:
    """Return how many first rows are titles or comments: far narrower than the table, and no header."""
    usual = _usual([len(row) for row in rows if row]) if any(rows) else 0
    for index, row in enumerate(rows[:_MAX_PREAMBLE_ROWS]):
        filled = [cell for cell in row if cell.strip()]
        named = any(structure_name_rank(cell) < NO_STRUCTURE_NAME for cell in filled)
        if not filled:
            continue
        title = len(filled) == 1 and usual > 1 and (len(row) < usual - 1 or usual > 2)
        comment = filled[0].lstrip().startswith("#") and len(row) < usual
        if named or not (title or comment or (len(row) < usual - 1)):
            return index
    return 0


def _has_row_names(names: Sequence[str], rows: Sequence[Sequence[str]]) -> bool:
    """Whether each row starts with a name that the header does not mention, as R writes tables."""
    if not rows or any(len(row) != len(names) + 1 for row in rows) or not any(row[-1].strip() for row in rows):
        return False
    for index, name in enumerate(names):
        if structure_name_rank(name) < NO_STRUCTURE_NAME:
            here, shifted = (structure_share([row[at] for row in rows], 20) for at in (index, index + 1))
            return shifted > here
    return structure_share([row[0] for row in rows], 20) < 0.5
