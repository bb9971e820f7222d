"""Numbers with their nouns, and that no sentence forgets that there may be one of a thing."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from mole_engine.contracts.wording import counted, counted_of

ROOT = Path(__file__).parents[3]
NOUNS = "molecules|rows|columns|values|folds|epochs|files|models|runs|targets|trials|cores|tasks|labels|structures"
PLURAL = re.compile(rf'f"[^"]*\{{(?:count\()?[\w.\[\]()\'-]+(?::,)?\)?\}} (?:{NOUNS})\b[^"]*"')
FINE = (
    "molecules/s",
    "members} folds",
    "tables)} files",
    "paths)} files",
    "clusters)",
    "compared)} targets",
    "half.molecules",
    "{MOST}",
    "{self.part}",
    "{title}",
)
"""Rates, numbers that are never one, and what is no number."""


def test_one_is_singular_and_thousands_are_parted():
    assert [counted(many, "row") for many in (0, 1, 2, 1128)] == ["0 rows", "1 row", "2 rows", "1,128 rows"]
    assert counted(1, "box is", "boxes are") == "1 box is"
    assert counted_of(1, 1128, "row", "is", "are") == "1 of 1,128 rows is"
    assert counted_of(2, 1, "row", "is", "are") == "2 of 1 row are"


@pytest.mark.parametrize("package", ["app", "mole_engine"])
def test_no_sentence_has_a_bare_plural_behind_a_number(package):
    found = [
        f"{path.relative_to(ROOT)}: {match.group()}"
        for path in sorted((ROOT / package).rglob("*.py"))
        if "pretrain" not in path.name
        for match in PLURAL.finditer(path.read_text(encoding="utf-8"))
        if not any(fine in match.group() for fine in FINE)
    ]
    assert not found, "use mole_engine.contracts.wording.counted: " + "\n".join(found)
