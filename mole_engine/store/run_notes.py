"""What the user writes about a run: notes, tags, a star. Kept in a file of its own, `notes.json`.

The running job rewrites `record.json` as it goes on; what the user has written meanwhile must not be lost to that.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from mole_engine.contracts.records import RunRecord
from mole_engine.store.files import write_text

MOST_TAGS = 20
_LONGEST_TAG = 40
NOTE_FIELDS = ("notes", "tags", "starred")


@dataclass(frozen=True, slots=True)
class RunNotes:
    """Notes on a run; tags in the order in which they were given, each once."""

    notes: str = ""
    tags: tuple[str, ...] = ()
    starred: bool = False

    @classmethod
    def of(cls, record: RunRecord) -> RunNotes:
        """Return the notes that a record carries."""
        return cls(record.notes, clean_tags(record.tags), record.starred)

    @classmethod
    def from_dict(cls, content: dict[str, Any]) -> RunNotes:
        """Rebuild what `to_dict` wrote; what is no note is left aside."""
        tags = content.get("tags")
        return cls(
            notes=str(content.get("notes") or ""),
            tags=clean_tags(tags if isinstance(tags, list) else []),
            starred=bool(content.get("starred")),
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the notes as a JSON-able dictionary."""
        return {**asdict(self), "tags": list(self.tags)}

    def onto(self, record: RunRecord) -> RunRecord:
        """Return the record with these notes."""
        return replace(record, notes=self.notes, tags=list(self.tags), starred=self.starred)


def clean_tags(tags: Any) -> tuple[str, ...]:
    """Return tags without blanks, empty ones and repetitions."""
    words = (" ".join(str(tag).split())[:_LONGEST_TAG] for tag in tags)
    return tuple(dict.fromkeys(word for word in words if word))[:MOST_TAGS]


def read_notes(path: Path) -> RunNotes:
    """Return the notes in a file; none where it is missing or damaged."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return RunNotes()
    return RunNotes.from_dict(content) if isinstance(content, dict) else RunNotes()


def write_notes(path: Path, notes: RunNotes) -> None:
    """Write notes to a file. Raises InputError, KnownError."""
    write_text(path, json.dumps(notes.to_dict(), indent=1, ensure_ascii=False) + "\n")
