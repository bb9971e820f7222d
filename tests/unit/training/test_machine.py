"""How much memory processes that train networks may be given."""

from __future__ import annotations

import pytest

from mole_engine.training import machine


@pytest.mark.parametrize(
    ("limit", "used", "free"),
    [
        # A container with a limit, one without, one that is full, and a machine that knows of none.
        ("3000000", "1000000", 2_000_000),
        ("max", "1000000", 7_000_000),
        ("3000000", "4000000", 0),
        (None, None, 7_000_000),
    ],
)
def test_a_container_is_given_no_more_than_its_limit(monkeypatch, tmp_path, limit, used, free):
    monkeypatch.setattr(machine, "_GROUP", tmp_path)
    monkeypatch.setattr(machine, "total_memory", lambda device: 14_000_000)
    # The machine's own figure is much larger, where the system tells it.
    monkeypatch.setattr(machine, "_MEMORY", tmp_path / "no such file")
    if limit is not None:
        (tmp_path / "memory.max").write_text(f"{limit}\n")
        (tmp_path / "memory.current").write_text(f"{used}\n")
    assert machine.free_memory() == free


def test_what_the_system_says_is_available_counts(monkeypatch, tmp_path):
    monkeypatch.setattr(machine, "_GROUP", tmp_path)
    monkeypatch.setattr(machine, "_MEMORY", tmp_path / "meminfo")
    (tmp_path / "meminfo").write_text("MemTotal:  8000 kB\nMemAvailable:   5000 kB\n")
    assert machine.free_memory() == 5000 * 1024
