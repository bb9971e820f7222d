"""`mole curate`: clean up a table of molecules, and say what was done to which row."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mole_engine.cli.console import json_line, line, note, table
from mole_engine.cli.parser import Command, column_names
from mole_engine.cli.splits import METHODS, split_changes
from mole_engine.contracts.config import CurationConfig, DataConfig, TrainConfig
from mole_engine.contracts.dataset import split_content
from mole_engine.contracts.errors import InputError
from mole_engine.contracts.wording import counted

if TYPE_CHECKING:
    from mole_engine.contracts.dataset import RowIssue, Split
    from mole_engine.data.dataset import CuratedDataset
    from mole_engine.data.table import RawTable

_ROWS_SHOWN = 20


def _configure(parser: argparse.ArgumentParser) -> None:
    parser.epilog = "Steps are settings: data.curation.neutralise=false, data.curation.flatten_stereo=true, ..."
    parser.add_argument("data", metavar="DATA", help="file with the molecules")
    parser.add_argument("--out", metavar="FILE", help="where the molecules go: .csv, .tsv, .xlsx or .parquet")
    parser.add_argument("--report", metavar="FILE", help="every row that was left out or changed: .json or .html")
    parser.add_argument("--smiles-column", default="", metavar="C", help="column with the structures")
    parser.add_argument("--targets", default="", metavar="A,B", help="target columns")
    parser.add_argument(
        "--task",
        default="auto",
        choices=("auto", "regression", "classification", "multiclass"),
        help="kind of targets (found by content)",
    )
    parser.add_argument("--more", action="append", default=[], metavar="FILE", help="another file; may be repeated")
    parser.add_argument(
        "--molar-log", default="", metavar="A,B", help="columns learned as -log10 of mol/L (IC50: pIC50)"
    )
    parser.add_argument(
        "--split",
        default="",
        metavar="METHOD|COLUMN",
        help=f"also divide, into a column 'split': {', '.join(METHODS)}, or as a column says",
    )
    parser.add_argument("--preview", action="store_true", help="only count what each step does or would do")
    parser.add_argument("--json", action="store_true", help="print the counts as one JSON line")


def _config(arguments: argparse.Namespace) -> TrainConfig:
    given = {
        "path": arguments.data,
        "smiles_column": arguments.smiles_column,
        "targets": column_names(arguments.targets),
        "task": arguments.task,
        "extra_paths": arguments.more,
        "molar_log": column_names(arguments.molar_log),
    }
    changes: dict[str, Any] = {"data": {name: value for name, value in given.items() if value}}
    if arguments.split:
        changes["split"] = split_changes(arguments.split)
    for text in arguments.settings:
        if text.partition(".")[0] not in {"data", "split", "seed"} and not text.startswith("seed="):
            raise InputError(f"{text} is a setting of trainings:", "cleaning up has none of it.", "Leave it out.")
    return TrainConfig().with_overrides(arguments.settings).updated(changes)


def _run(arguments: argparse.Namespace) -> int:
    config = _config(arguments)
    from mole_engine.cli.stages import progress_bar
    from mole_engine.data.columns import detect_roles
    from mole_engine.data.curation import curate, preview
    from mole_engine.data.curation_report import write_report
    from mole_engine.data.sources import open_table
    from mole_engine.data.splits import make_split

    data = config.data
    _check_files(arguments, data)
    with progress_bar() as progress:
        raw = open_table(data, progress)
        roles = detect_roles(raw, data, config.split)
        effects = preview(raw, roles, data.curation, progress) if arguments.preview else None
        dataset = curate(raw, roles, data.curation, progress) if effects is None else None
        split = make_split(dataset, config.split, config.seed, progress) if dataset and arguments.split else None
    if effects is not None or dataset is None:
        _show_preview(effects or {}, data.curation, arguments)
        return 0
    if arguments.report:
        write_report(dataset, arguments.report, data.curation, split)
    if arguments.out:
        _write(raw, dataset, split, Path(arguments.out))
    _show(dataset, split, arguments)
    return 0


def _check_files(arguments: argparse.Namespace, data: DataConfig) -> None:
    from mole_engine.data.curation_report import check_report_suffix
    from mole_engine.inference.table_writers import check_suffix
    from mole_engine.store.files import check_not_same, check_writable

    for result in filter(None, (arguments.out, arguments.report)):
        if not arguments.preview:
            check_writable(result)
        for source in (data.path, *data.extra_paths):
            check_not_same(source, result)
    if arguments.out:
        check_suffix(Path(arguments.out))
    if arguments.report:
        check_report_suffix(arguments.report)


def _write(raw: RawTable, dataset: CuratedDataset, split: Split | None, path: Path) -> None:
    from mole_engine.data.curated_table import curated_table
    from mole_engine.inference.table_writers import open_writer

    frame = curated_table(raw, dataset, split)
    # A new table, of which the file's own columns are a part: what would run as a formula is guarded in all of them.
    with open_writer(path, frozenset(map(str, frame.columns))) as writer:
        writer.write(frame)


def _show_preview(effects: dict[str, int], steps: CurationConfig, arguments: argparse.Namespace) -> None:
    if arguments.json:
        json_line({"preview": effects})
        return
    rows = [(name, _switch(steps, name), str(count)) for name, count in effects.items()]
    line(table(("step", "set to", "rows"), rows))
    if "tautomers" not in effects:
        note("Tautomers were not tried: that takes as long as doing it. Set data.curation.tautomers=true.")


def _switch(steps: CurationConfig, name: str) -> str:
    # "unreadable" and "unlabelled" are no settings: what has no structure or no value is always left out.
    value = getattr(steps, name, "")
    return {True: "on", False: "off"}.get(value, str(value)) if isinstance(value, bool) else str(value)


def _show(dataset: CuratedDataset, split: Split | None, arguments: argparse.Namespace) -> None:
    report = dataset.report
    for text in dataset.info.notes:
        note(text)
    for name, path in (("Molecules", arguments.out), ("Report", arguments.report)):
        if path:
            note(f"{name}: {path}")
    if arguments.json:
        counts = {"total": report.total, "kept": report.kept, "steps": report.steps, "counts": report.counts()}
        json_line({**counts, "split": split_content(split)} if split is not None else counts)
        return
    targets = ", ".join(f"{task.name} ({task.kind.value})" for task in dataset.tasks) or "none"
    line(
        f"{counted(report.kept, 'molecule remains', 'molecules remain')} of {counted(report.total, 'row')}. "
        f"Structures: {dataset.roles.smiles}. Targets: {targets}."
    )
    if split is not None:
        _show_split(split)
    if report.issues:
        line()
        shown = report.issues[:_ROWS_SHOWN]
        several = any(issue.file for issue in shown)
        header = ("file",) * several + ("line", "what", "outcome", "why")
        line(table(header, [(issue.file,) * several + _cells(issue) for issue in shown]))
    if len(report.issues) > _ROWS_SHOWN:
        where = f"they stand in {arguments.report}" if arguments.report else "name a file with --report to see them all"
        note(f"{len(report.issues) - _ROWS_SHOWN:,} more: {where}.")


def _show_split(split: Split) -> None:
    train, validation, test = len(split.train), len(split.validation), len(split.test)
    line(f"{train} train, {validation} validate, {test} test. Divided by: {split.method}.")
    for text in (*split.overlap, *(part.words() for part in split.nearness)):
        line(text)


def _cells(issue: RowIssue) -> tuple[str, str, str, str]:
    return str(issue.line), issue.kind.value, "left out" if issue.dropped else "kept", issue.reason


COMMAND = Command("curate", "clean up a table of molecules", _configure, _run, accepts_settings=True)
