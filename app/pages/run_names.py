"""What tells runs (or models) of the same name apart: a few words, the same wherever several are shown together."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Hashable, Sequence
from itertools import combinations
from pathlib import PurePath

from app.pages.words import preset_title
from app.services.run_shelf import RunComparison
from app.services.runs import ModelInfo
from app.text import DASH, counted
from mole_engine.contracts.records import RunRecord

_MOST_FACTS = 2
_LONGEST = 28
"""Characters of a setting's value that a label has room for."""

_FIRST_SETTINGS = ("seed", "training.epochs", "preset", "data file")
"""What a person looks at first, where these differ."""

_SAY_THEMSELVES = frozenset({"preset", "data file"})
"""Settings whose value needs no name before it."""


def differences(names: Sequence[str], facts: Sequence[Sequence[str]], moments: Sequence[float]) -> list[str]:
    """Return what is to be added to each name so that all can be told apart; "" where the name alone does it.

    Of the facts, the fewest (at most two, the first ones where several would do) that tell all namesakes apart; where
    none do, those that tell most of them apart, and the time of the start for those that are still the same.

    Parameters
    ----------
    names
        Of the n things shown together.
    facts
        For each of them, the same k facts as words, the most telling first.
    moments
        When each began, in seconds since the epoch.
    """
    added = [""] * len(names)
    for name in dict.fromkeys(names):
        group = [place for place, other in enumerate(names) if other == name]
        if len(group) > 1:
            words = _told_apart([facts[place] for place in group], [moments[place] for place in group])
            for place, text in zip(group, words, strict=True):
                added[place] = text
    return added


def record_differences(things: Sequence[RunRecord | ModelInfo]) -> list[str]:
    """Return what tells runs (or models) of the same name apart: seed, length, preset, file, else when they began."""
    facts = [(f"seed {one.seed}", _length_words(one), preset_title(one.preset), one.data_name) for one in things]
    # A model is told by the start of its run, as the run itself is.
    begun = [getattr(one, "started", 0.0) or one.created for one in things]
    return differences([one.name for one in things], facts, begun)


def _length_words(one: RunRecord | ModelInfo) -> str:
    """Return networks and epochs, as far as they are known; a run that was cut off knows no epochs."""
    epochs = counted(one.epochs, "epoch") if one.epochs else ""
    networks = one.networks if isinstance(one, ModelInfo) else 1
    if networks == 1:
        return epochs
    return f"{counted(networks, 'network')}, {epochs} each" if epochs else counted(networks, "network")


def compared_names(comparison: RunComparison) -> tuple[list[str], str]:
    """Return a label for each compared run, and the name they share ("" if they have several).

    A name that all have in common is not repeated in the labels; it belongs above them.
    """
    names = [record.name for record in comparison.records]
    settings = dict(comparison.differences)
    keys = [key for key in _FIRST_SETTINGS if key in settings]
    keys += [key for key in settings if key not in keys]
    facts = [tuple(_setting_words(key, settings[key][place]) for key in keys) for place in range(len(names))]
    added = differences(names, facts, [record.created for record in comparison.records])
    shared = names[0] if len(names) > 1 and len(set(names)) == 1 else ""
    if shared:
        return added, shared
    return [f"{name}, {more}" if more else name for name, more in zip(names, added, strict=True)], ""


def _setting_words(key: str, value: str) -> str:
    last = key.rpartition(".")[2].replace("_", " ")
    last = f"split {last}" if key.startswith("split.") else last
    if last == "epochs" and value.isdigit():
        return counted(int(value), "epoch")
    if key == "preset":
        value = preset_title(value)
    elif "/" in value or "\\" in value:
        value = PurePath(value.replace("\\", "/")).name
    value = value if len(value) <= _LONGEST else f"{value[: _LONGEST - 2]} …"
    return value if key in _SAY_THEMSELVES and value else f"{last} {value or DASH}"


def _told_apart(facts: Sequence[Sequence[str]], moments: Sequence[float]) -> list[str]:
    # What is not known of one of them names none of them.
    known = [place for place in range(len(facts[0])) if all(row[place] for row in facts)]
    columns = [place for place in known if len({row[place] for row in facts}) > 1]
    choices = [chosen for size in range(_MOST_FACTS + 1) for chosen in combinations(columns, size)]
    labels = [[", ".join(row[place] for place in chosen) for row in facts] for chosen in choices]
    # `max` keeps the first of equals: fewer facts before more, and earlier ones before later ones.
    best = max(labels, key=_distinct)
    if _distinct(best) == len(best):
        return best
    made = list(best)
    for words in {words for words, times in Counter(best).items() if times > 1}:
        same = [place for place, other in enumerate(best) if other == words]
        for place, begun in zip(same, _start_words([moments[place] for place in same]), strict=True):
            made[place] = ", ".join(filter(None, (words, begun)))
    return _numbered(made)


def _numbered(labels: Sequence[str]) -> list[str]:
    """Return the labels; those that are still the same (runs begun in one second) with a number behind them."""
    shared, seen = Counter(labels), Counter[str]()
    numbered = []
    for words in labels:
        seen[words] += 1
        numbered.append(f"{words} ({seen[words]})" if shared[words] > 1 else words)
    return numbered


def _start_words(moments: Sequence[float]) -> list[str]:
    """Return the times as short as they can be told apart: the day only where days differ, seconds only if needed."""
    local = [time.localtime(moment) for moment in moments]
    day = "%d %b " if _distinct([(one.tm_year, one.tm_yday) for one in local]) > 1 else ""
    minutes = [time.strftime(f"{day}%H:%M", one) for one in local]
    if _distinct(minutes) == len(minutes):
        return minutes
    return [time.strftime(f"{day}%H:%M:%S", one) for one in local]


def _distinct(values: Sequence[Hashable]) -> int:
    return len(set(values))
