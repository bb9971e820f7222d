"""Rows of the open file, and what clean-up did to them, as files for other programs. All blocking."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

from app.services.open_dataset import OpenDataset
from app.text import own_title
from mole_engine.contracts.cells import guarded
from mole_engine.contracts.errors import InputError
from mole_engine.contracts.events import ProgressHandler
from mole_engine.contracts.paths import put_in_place

if TYPE_CHECKING:
    from mole_engine.data.dataset import CuratedDataset

ROW_KINDS = "Table (*.csv);;SMILES (*.smi);;Structures (*.sdf)"

_EVERY = 500
_SET = "set"


def export_rows(
    path: Path,
    dataset: OpenDataset,
    rows: Sequence[int],
    own: Mapping[str, Sequence[float]],
    on_progress: ProgressHandler,
) -> None:
    """Write rows of the file.

    Parameters
    ----------
    path
        Ends in .csv (all columns, the part, and columns of our own), .smi (cleaned structure and name) or .sdf (cleaned
        structures with all columns).
    dataset, rows
        The open file, and which of its rows.
    own
        Values of our own columns by key, in file order.
    on_progress
        May raise `Cancelled`.

    Raises
    ------
    InputError
        When the ending is another one.
    KnownError
        When the file cannot be written.
    """
    writers = {".csv": _write_csv, ".smi": _write_smi, ".sdf": _write_sdf}
    writer = writers.get(path.suffix.lower())
    if writer is None:
        raise InputError(f"Rows cannot be written as {path.name}.", "", "Let its name end in .csv, .smi or .sdf.")
    from mole_engine.store.files import storage_problem

    part = path.with_name(path.name + ".part")
    try:
        writer(part, _Rows(dataset, rows, own, on_progress))
        put_in_place(part, path)
    except OSError as error:
        raise storage_problem(error, path) from error
    finally:
        part.unlink(missing_ok=True)


def write_issues(path: Path, dataset: OpenDataset) -> None:
    """Write what clean-up did: a page (.html), everything for programs (.json), or the rows as a table (.csv)."""
    if path.suffix.lower() != ".csv":
        from mole_engine.data.curation_report import write_report

        # It has all that a report tells of: file, roles, targets and what became of the rows.
        write_report(cast("CuratedDataset", dataset), path)
        return
    from mole_engine.store.files import atomic_path

    with atomic_path(path) as place, place.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        several = any(issue.file for issue in dataset.report.issues)
        writer.writerow([*["file"] * several, "line", "structure", "column", "what", "reason", "left_out"])
        dropped = dataset.report.dropped_rows
        for issue in dataset.report.issues:
            left_out = "yes" if issue.row in dropped else "no"
            cells = (issue.smiles, issue.column, issue.kind.value, issue.reason)
            file = [guarded(issue.file)] * several
            writer.writerow([*file, issue.line, *(guarded(text) for text in cells), left_out])


@dataclass(frozen=True, slots=True)
class _Rows:
    """What is written: rows of a data set, with the values of our own columns."""

    dataset: OpenDataset
    rows: Sequence[int]
    own: Mapping[str, Sequence[float]]
    on_progress: ProgressHandler

    def titles(self) -> list[str]:
        """Return the names of all columns, ours so that they differ from those of the file."""
        names = [column.name for column in self.dataset.info.columns]
        taken = set(names)
        for title in (_SET, *(own_title(key) for key in self.own)):
            while title in taken:
                title += "_mole"  # noqa: PLW2901 - a column of the file is called so
            taken.add(title)
            names.append(title)
        return names

    def cells(self) -> Iterator[tuple[int, list[str], list[str]]]:
        """Yield each row with its cells of the file and of ours, in the order of `titles`."""
        columns = [self.dataset.table.column_values(column.name) for column in self.dataset.info.columns]
        for row in self.counted():
            numbers = [f"{values[row]:.6g}" if math.isfinite(values[row]) else "" for values in self.own.values()]
            yield row, [column[row] for column in columns], [self.dataset.parts[row], *numbers]

    def counted(self) -> Iterator[int]:
        """Yield the rows, and tell of progress; may raise `Cancelled`."""
        for done, row in enumerate(self.rows):
            if done % _EVERY == 0:
                self.on_progress("Writing rows", done, len(self.rows))
            yield row


def _write_csv(path: Path, wanted: _Rows) -> None:
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(map(guarded, wanted.titles()))
        for _, of_file, of_ours in wanted.cells():
            writer.writerow([*map(guarded, of_file), *of_ours])


def _write_smi(path: Path, wanted: _Rows) -> None:
    with path.open("w", encoding="utf-8", newline="\n") as stream:
        for row in wanted.counted():
            smiles = _structure(wanted.dataset, row)
            if smiles:
                stream.write(f"{smiles}\t{_title(wanted.dataset, row)}\n")


def _write_sdf(path: Path, wanted: _Rows) -> None:
    from mole_engine.chem.molecules import UnreadableMolecule, parse_smiles
    from mole_engine.chem.sdf_text import sdf_record

    titles = wanted.titles()
    with path.open("w", encoding="utf-8", newline="\n") as stream:
        for row, of_file, of_ours in wanted.cells():
            try:
                mol = parse_smiles(_structure(wanted.dataset, row))
            except UnreadableMolecule:
                # There is nothing to draw; the row stands in a table, and in the report.
                continue
            fields = zip(titles, [*of_file, *of_ours], strict=True)
            stream.write(sdf_record(mol, _title(wanted.dataset, row), fields))


def _structure(dataset: OpenDataset, row: int) -> str:
    return dataset.smiles.get(row) or dataset.table.cell(row, dataset.roles.smiles).strip()


def _title(dataset: OpenDataset, row: int) -> str:
    name = dataset.table.cell(row, dataset.roles.identifier) if dataset.roles.identifier else f"row {row + 1}"
    return " ".join(name.split())
