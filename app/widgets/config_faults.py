"""Which settings an error speaks of."""

from __future__ import annotations

import re
from collections.abc import Iterable

from app.widgets.config_fields import FieldSpec
from mole_engine.contracts.errors import Problem


def faulty_paths(problem: Problem, specs: Iterable[FieldSpec]) -> list[str]:
    """Return the names of the settings that `problem` names, in the order in which it names them.

    A setting is named by its whole dotted name ("training.epochs"), or, within the words about its section, by its own
    ("model: hidden_size (20) must be a multiple of heads (3)").
    """
    words = f"{problem.title} {problem.cause}"
    found: dict[str, int] = {}
    for spec in specs:
        section, _, name = spec.path.rpartition(".")
        whole = re.search(rf"(?<![\w.]){re.escape(spec.path)}(?![\w.])", words)
        within = re.search(rf"(?<![\w.]){re.escape(name)}(?![\w.])", words)
        spoken = bool(section) and re.search(rf"(?<![\w.]){re.escape(section)}:", words) is not None
        if whole is not None and section:
            found[spec.path] = whole.start()
        elif within is not None and spoken:
            found[spec.path] = within.start()
    return sorted(found, key=found.__getitem__)
