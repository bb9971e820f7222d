"""Public benchmark sets by name: the TDC ADMET group and MoleculeNet, fetched once and kept."""

from __future__ import annotations

import difflib
import zipfile
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import yaml
from platformdirs import user_cache_path

from mole_engine.contracts.config import DataConfig
from mole_engine.contracts.errors import InputError, KnownError
from mole_engine.contracts.paths import put_in_place
from mole_engine.data.downloads import fetch
from mole_engine.data.progress import Progress

BENCHMARK_PREFIX = "benchmark:"
"""A data path that starts with this names a benchmark set: "benchmark:hia_hou"."""

_MAX_MEMBER_BYTES = 256 << 20


@dataclass(frozen=True, slots=True)
class Benchmark:
    """One set, as the table in `resources/benchmarks.yaml` describes it.

    Attributes
    ----------
    name, title
        Identifier and words for a menu.
    collection, cite
        Where it belongs, and what to cite.
    task
        "regression" or "classification".
    targets
        Target columns; empty: all classes that the file holds.
    unit
        Of the values.
    """

    name: str
    title: str
    collection: str
    cite: str
    task: str
    targets: tuple[str, ...]
    unit: str
    smiles_column: str
    url: str
    file: str
    folder: str
    sha256: str
    members: tuple[tuple[str, str], ...]


@cache
def list_benchmarks() -> tuple[Benchmark, ...]:
    """Return every set that can be fetched, in the order of the table."""
    content = yaml.safe_load((files("resources") / "benchmarks.yaml").read_text(encoding="utf-8"))
    return tuple(_benchmark(entry, content["sources"]) for entry in content["sets"])


def find_benchmark(name: str) -> Benchmark:
    """Return the set called `name` (case does not matter).

    Raises
    ------
    InputError
        Naming similar sets.
    """
    known = {benchmark.name: benchmark for benchmark in list_benchmarks()}
    wanted = name.strip().casefold().replace("-", "_")
    if wanted in known:
        return known[wanted]
    close = difflib.get_close_matches(wanted, known, n=3) or list(known)[:6]
    raise InputError(f"There is no benchmark set '{name}'.", "", f"There are for example {', '.join(close)}.")


def fetch_benchmark(name: str, on_progress: Progress | None = None) -> DataConfig:
    """Download a set unless it is here already, and return the settings with which it is read.

    Parameters
    ----------
    name
        Of the set.
    on_progress
        Called with ("download", bytes done, bytes in all); may raise `Cancelled`, what has come is kept.

    Raises
    ------
    InputError
        When there is no such set.
    KnownError
        When it cannot be downloaded, with the way to do without.
    """
    benchmark = find_benchmark(name)
    folder = user_cache_path("MolE Studio", appauthor=False) / "benchmarks"
    path = folder / benchmark.folder / benchmark.file
    fetch(benchmark.url, path, sha256=benchmark.sha256, on_progress=on_progress)
    paths = {"train": path}
    if benchmark.members:
        paths = {part: _member(path, member, benchmark.name) for part, member in benchmark.members}
    return DataConfig.model_validate(
        {
            "path": str(paths["train"]),
            "test_path": str(paths["test"]) if "test" in paths else "",
            "smiles_column": benchmark.smiles_column,
            "targets": list(benchmark.targets),
            "task": benchmark.task,
            "units": {target: benchmark.unit for target in benchmark.targets if benchmark.unit},
        }
    )


def with_benchmark(data: DataConfig, on_progress: Progress | None = None) -> DataConfig:
    """Return `data` as it is, or, when its path is "benchmark:NAME", with that set's files, columns and task.

    Raises
    ------
    InputError, KnownError
        As `fetch_benchmark`.
    """
    if not data.path.startswith(BENCHMARK_PREFIX):
        return data
    fetched = fetch_benchmark(data.path.removeprefix(BENCHMARK_PREFIX), on_progress=on_progress)
    # What the user has fixed stays: the curation steps, a subset of the targets, another test file.
    fixed = {
        name
        for name, field in DataConfig.model_fields.items()
        if getattr(data, name) != field.get_default(call_default_factory=True)
    }
    return fetched.model_copy(update={name: getattr(data, name) for name in fixed - {"path"}})


def _benchmark(entry: dict[str, Any], sources: dict[str, dict[str, Any]]) -> Benchmark:
    source = sources[entry["source"]]
    file = str(entry.get("file") or source["file"])
    members = tuple((part, text.format(name=entry["name"])) for part, text in source.get("members", {}).items())
    return Benchmark(
        name=entry["name"],
        title=entry["title"],
        collection=source["title"],
        cite=source["cite"],
        task=entry["task"],
        targets=tuple(entry.get("targets", source.get("targets", ()))),
        unit=entry.get("unit", ""),
        smiles_column=entry.get("smiles_column", source["smiles_column"]),
        url=source["url"].format(file=file),
        file=file,
        folder=entry["source"],
        sha256=entry.get("sha256", source["sha256"]),
        members=members,
    )


def _member(archive_path: Path, member: str, name: str) -> Path:
    """Unpack one file of a zip archive beside it; only the named file, so no path of the archive is trusted."""
    target = archive_path.parent / member
    if target.is_file() and target.stat().st_mtime >= archive_path.stat().st_mtime:
        return target
    try:
        with zipfile.ZipFile(archive_path) as archive:
            found = next((info for info in archive.infolist() if info.filename.endswith("/" + member)), None)
            if found is None or found.file_size > _MAX_MEMBER_BYTES:
                raise KeyError(member)
            content = archive.read(found)
        target.parent.mkdir(parents=True, exist_ok=True)
        part = target.with_name(target.name + ".part")
        part.write_bytes(content)
        put_in_place(part, target)
    except (zipfile.BadZipFile, KeyError) as error:
        raise KnownError(
            f"The archive of '{name}' cannot be used.",
            f"{archive_path.name} is damaged or lacks {member}.",
            f"Delete {archive_path} and try again.",
        ) from error
    except OSError as error:
        raise KnownError(f"{target} cannot be written.", f"{error.strerror}.", "Free some space.") from error
    return target
