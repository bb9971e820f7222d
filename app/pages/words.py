"""Words that several pages say in the same way."""

from __future__ import annotations

import math
from functools import cache

from app.text import count, fixed
from mole_engine.contracts.presets import list_presets

LEAK_TIP = "What is learned by heart counts as right in the test: the figures look better than they are. Click to see."
"""Tool tip of the notice that test structures are also trained on."""


@cache
def _titles() -> dict[str, str]:
    return {preset.name: preset.title for preset in list_presets()}


def preset_title(name: str) -> str:
    """Return a preset's title; an unknown one (a file of the user's) keeps its name."""
    return _titles().get(name, name)


def network_words(networks: int, tuned: int = 0) -> str:
    """Return how many networks predict together, or "" where it is one."""
    if networks <= 1:
        return ""
    return f"{count(networks)}, {count(tuned)} of them fine-tuned" if tuned else count(networks)


def domain_words(in_domain: bool | None, similarity: float, *, strange: bool = False) -> str:
    """Return what a chemist should know of a molecule's distance from the training set, or "".

    Parameters
    ----------
    strange
        Whether it has an element that no training molecule has.
    """
    if in_domain is not False:
        return ""
    if strange:
        return "has an element that no training molecule has"
    value = f" ({fixed(similarity)})" if math.isfinite(similarity) else ""
    return f"far from the training set{value}"
