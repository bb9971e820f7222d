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


@pytest.mark.parametrize(
    ("line", "folder", "names"),
    [
        ("0::/slurm/job_7/step", "slurm/job_7", ("memory.max", "memory.current", "inactive_file")),
        (
            "9:cpu,memory:/docker/abc",
            "memory/docker/abc",
            ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
        ),
    ],
)
def test_the_limit_of_a_group_around_this_process_counts(monkeypatch, tmp_path, line, folder, names):
    """A job of a cluster has its limit further up than its processes; files read before can be given up."""
    monkeypatch.setattr(machine, "_GROUP", tmp_path / "cgroup")
    monkeypatch.setattr(machine, "_MEMORY", tmp_path / "no such file")
    monkeypatch.setattr(machine, "total_memory", lambda device: 14_000_000)
    monkeypatch.setattr(machine, "_OWN_GROUPS", tmp_path / "own")
    (tmp_path / "own").write_text(f"3:pids:/elsewhere\n{line}\n")
    place = tmp_path / "cgroup" / folder
    place.mkdir(parents=True)
    limit, used, cached = names
    (place / limit).write_text("3000000\n")
    (place / used).write_text("2500000\n")
    (place / "memory.stat").write_text(f"active_file 5\n{cached} 1500000\n")
    assert machine.free_memory() == 2_000_000
