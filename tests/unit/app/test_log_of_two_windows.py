"""The program's log, which several windows write."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from app.services.problems import start_log


@pytest.fixture
def root_as_before():
    root = logging.getLogger()
    before, level = list(root.handlers), root.level
    yield root
    for handler in [handler for handler in root.handlers if handler not in before]:
        root.removeHandler(handler)
        handler.close()
    root.setLevel(level)


def test_a_log_that_cannot_be_put_aside_is_written_on(root_as_before, monkeypatch, tmp_path: Path, capsys):
    """On Windows a file that another window has open keeps its name."""
    path = start_log(tmp_path)
    handler = root_as_before.handlers[-1]
    handler.maxBytes = 100

    def refuse(source, target):
        raise PermissionError(13, "The file is used by another process")

    monkeypatch.setattr("os.rename", refuse)
    for number in range(5):
        logging.getLogger("app").info("line %s %s", number, "x" * 60)
    monkeypatch.undo()
    text = path.read_text(encoding="utf-8")
    assert [f"line {number}" in text for number in range(5)] == [True] * 5
    assert capsys.readouterr().err == ""
