"""Texts in tables that a spreadsheet would run as a formula: guarded when written, whole again when read back."""

from __future__ import annotations

import re

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")

_HARMLESS = re.compile(r"--?|[+-] ?\d[\d.,' \u00a0\u202f]*([eE][+-]?\d+)?( ?%)?", re.ASCII)
"""No value, and numbers as people write them: "-1,5", "-1 000", "+5 %"."""


def guarded(text: str) -> str:
    """Return a text for a table so that no spreadsheet runs it as a formula; numbers and bare dashes stay."""
    if not text.startswith(FORMULA_STARTS) or _HARMLESS.fullmatch(text):
        return text
    try:
        float(text)
    except ValueError:
        return f"'{text}"
    return text


def unguarded(text: str) -> str:
    """Undo `guarded`: leave out the one apostrophe before what would begin a formula."""
    return text[1:] if text[:1] == "'" and text[1:].startswith(FORMULA_STARTS) else text
