"""Texts in tables that a spreadsheet would run as a formula: guarded when written, whole again when read back."""

from __future__ import annotations

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def guarded(text: str) -> str:
    """Return a text for a table so that no spreadsheet runs it as a formula; numbers stay numbers."""
    if not text.startswith(FORMULA_STARTS):
        return text
    try:
        float(text)
    except ValueError:
        return f"'{text}"
    return text


def unguarded(text: str) -> str:
    """Undo `guarded`: leave out the one apostrophe before what would begin a formula."""
    return text[1:] if text[:1] == "'" and text[1:].startswith(FORMULA_STARTS) else text
