"""The option --split: a way to divide, or the name of the column that says it."""

from __future__ import annotations

METHODS = ("auto", "random", "scaffold", "cluster", "stratified", "time", "kfold")
"""Words that mean a way to divide; any other text is a column."""


def split_changes(text: str) -> dict[str, str]:
    """Return the settings of `SplitConfig` that the option stands for."""
    return {"method": text} if text in METHODS else {"method": "column", "column": text}
