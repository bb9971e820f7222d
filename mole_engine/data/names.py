"""What the columns of a file are called."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from mole_engine.contracts.errors import InputError
from mole_engine.data.values import shown


def checked_names(names: Sequence[str], file: str) -> list[str]:
    """Return the names in a header, empty ones numbered.

    Raises
    ------
    InputError
        When two columns have the same name.
    """
    found = [name if name.strip() else f"column {index + 1}" for index, name in enumerate(names)]
    twice = [name for name, many in Counter(found).items() if many > 1]
    if twice:
        raise InputError(
            f"{file} has columns of the same name.",
            f"{shown(twice)} stands more than once in the header.",
            "Give each column its own name.",
        )
    return found
