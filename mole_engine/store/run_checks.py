"""`checks.json` of a run: the checks that were made on it, the last of each kind."""

from __future__ import annotations

import json
from pathlib import Path

from mole_engine.contracts.checks import CheckResult
from mole_engine.store.files import write_text


def read_checks(path: Path) -> list[CheckResult]:
    """Return the checks in a file; none where it is missing or damaged."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return [CheckResult.from_dict(item) for item in content["checks"]]
    except (OSError, ValueError, KeyError, TypeError):
        return []


def add_check(path: Path, result: CheckResult) -> None:
    """Keep a check; one of the same kind, model and target is replaced. Raises InputError, KnownError."""
    key = (result.kind, result.model, result.task)
    kept = [item for item in read_checks(path) if (item.kind, item.model, item.task) != key]
    content = {"checks": [item.to_dict() for item in (*kept, result)]}
    write_text(path, json.dumps(content, indent=1, ensure_ascii=False) + "\n")
