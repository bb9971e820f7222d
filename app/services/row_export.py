"""Rows of the open file, and what clean-up did to them, as files for other programs. All blocking."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, cast

from app.services.open_dataset import OpenDataset
from app.text import own_title
from mole_engine.contracts.errors import InputError, KnownError
from mole_engine.contracts.events import ProgressHandler

if TYPE_CHECKING:
    from mole_engine.data.dataset import CuratedDataset

ROW_KINDS = "Table (*.csv);;SMILES (*.smi);;Structures (*.sdf)"
REPORT_KINDS = "Web page (*.html);;JSON (*.json);;Table (*.csv)"

_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
_EVERY = 500
_SET = "set"


def guarded(text: str) -> str:
    """Return a text so that no spreadsheet runs it as a formula; numbers stay numbers."""
    if not text.startswith(_FORMULA_STARTS):
        return text
    try:
        float(text)
    except ValueError:
        return f"'{text}"
    return text


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
    part = path.with_name(path.name + ".part")
    try:
        writer(part, dataset, rows, own, on_progress)
        part.replace(path)
    except OSError as error:
        raise KnownError(f"Cannot write {path}.", f"{error.strerror or error}.", "Choose another place.") from error
    finally:
        part.unlink(missing_ok=True)


def write_issues(path: Path, dataset: OpenDataset) -> None:
    """Write what clean-up did: a page (.html), everything for programs (.json), or the rows as a table (.csv)."""
    if path.suffix.lower() != ".csv":
        from mole_engine.data.curation_report import write_report

        # It has all that a report tells of: file, roles, targets and what became of the rows.
        write_report(cast("CuratedDataset", dataset), path)
        return
    try:
        with path.open("w", encoding="utf-8", newline="") as stream:
            writer = csv.writer(stream)
            writer.writerow(["line", "structure", "column", "what", "reason", "left_out"])
            for issue in dataset.report.issues:
                left_out = "yes" if issue.dropped else "no"
                cells = (issue.smiles, issue.column, issue.kind.value, issue.reason)
                writer.writerow([issue.line, *(guarded(text) for text in cells), left_out])
    except OSError as error:
        raise KnownError(f"Cannot write {path}.", f"{error.strerror or error}.", "Choose another place.") from error


def _write_csv(
    path: Path,
    dataset: OpenDataset,
    rows: Sequence[int],
    own: Mapping[str, Sequence[float]],
    on_progress: ProgressHandler,
) -> None:
    names = [column.name for column in dataset.info.columns]
    columns = [dataset.table.column_values(name) for name in names]
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow([guarded(name) for name in [*names, *_own_names(names, own)]])
        for row in _counted(rows, on_progress):
            cells = [guarded(column[row]) for column in columns]
            writer.writerow([*cells, dataset.parts[row], *_own_cells(row, own)])


def _write_smi(
    path: Path,
    dataset: OpenDataset,
    rows: Sequence[int],
    own: Mapping[str, Sequence[float]],
    on_progress: ProgressHandler,
) -> None:
    names = dataset.table.column_values(dataset.roles.identifier) if dataset.roles.identifier else None
    with path.open("w", encoding="utf-8", newline="\n") as stream:
        for row in _counted(rows, on_progress):
            smiles = _structure(dataset, row)
            title = " ".join((names[row] if names is not None else f"row {row + 1}").split())
            if smiles:
                stream.write(f"{smiles}\t{title}\n")


def _write_sdf(
    path: Path,
    dataset: OpenDataset,
    rows: Sequence[int],
    own: Mapping[str, Sequence[float]],
    on_progress: ProgressHandler,
) -> None:
    from rdkit import Chem
    from rdkit.Chem import rdDepictor

    from mole_engine.chem.molecules import UnreadableMolecule, parse_smiles

    names = [column.name for column in dataset.info.columns]
    titles = [*names, *_own_names(names, own)]
    columns = [dataset.table.column_values(name) for name in names]
    with Chem.SDWriter(str(path)) as writer:
        for row in _counted(rows, on_progress):
            try:
                mol = parse_smiles(_structure(dataset, row))
            except UnreadableMolecule:
                # There is nothing to draw; the row stands in a table, and in the report.
                continue
            rdDepictor.Compute2DCoords(mol)
            mol.SetProp("_Name", " ".join(_title(dataset, row).split()))
            cells = [*(column[row] for column in columns), dataset.parts[row], *map(str, _own_cells(row, own))]
            for name, cell in zip(titles, cells, strict=True):
                # A blank line would end the field early.
                mol.SetProp(" ".join(name.split()) or "column", " ".join(cell.split()))
            writer.write(mol)


def _structure(dataset: OpenDataset, row: int) -> str:
    return dataset.smiles.get(row) or dataset.table.cell(row, dataset.roles.smiles).strip()


def _title(dataset: OpenDataset, row: int) -> str:
    return dataset.table.cell(row, dataset.roles.identifier) if dataset.roles.identifier else f"row {row + 1}"


def _own_names(names: Sequence[str], own: Mapping[str, Sequence[float]]) -> list[str]:
    taken, made = set(names), []
    for title in (_SET, *(own_title(key) for key in own)):
        while title in taken:
            title += "_mole"  # noqa: PLW2901 - a column of the file is called so
        taken.add(title)
        made.append(title)
    return made


def _own_cells(row: int, own: Mapping[str, Sequence[float]]) -> list[str]:
    return [f"{values[row]:.6g}" if math.isfinite(values[row]) else "" for values in own.values()]


def _counted(rows: Sequence[int], on_progress: ProgressHandler) -> Iterator[int]:
    for done, row in enumerate(rows):
        if done % _EVERY == 0:
            on_progress("Writing rows", done, len(rows))
        yield row
