"""`mole curate`: clean up a table of molecules, and say what was done to which row."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from mole_engine.cli.console import json_line, line, note, table
from mole_engine.cli.parser import Command
from mole_engine.contracts.config import TrainConfig

if TYPE_CHECKING:
    from mole_engine.contracts.dataset import RowIssue
    from mole_engine.data.dataset import CuratedDataset

_ROWS_SHOWN = 20


def _configure(parser: argparse.ArgumentParser) -> None:
    parser.epilog = "Steps are settings: data.curation.neutralise=false, data.curation.flatten_stereo=true, ..."
    parser.add_argument("data", metavar="DATA", help="file with the molecules")
    parser.add_argument("--out", metavar="FILE", help="where the molecules go: .csv, .tsv, .xlsx or .parquet")
    parser.add_argument("--report", metavar="FILE", help="every row that was left out or changed: .json or .html")
    parser.add_argument("--smiles-column", default="", metavar="C", help="column with the structures")
    parser.add_argument("--targets", default="", metavar="A,B", help="target columns")
    parser.add_argument("--task", default="auto", choices=("auto", "regression", "classification", "multiclass"))
    parser.add_argument("--json", action="store_true", help="print the counts as one JSON line")


def _config(arguments: argparse.Namespace) -> TrainConfig:
    given = {
        "path": arguments.data,
        "smiles_column": arguments.smiles_column,
        "targets": [name.strip() for name in arguments.targets.split(",") if name.strip()],
        "task": arguments.task,
    }
    return TrainConfig().with_overrides(arguments.settings).updated({"data": {k: v for k, v in given.items() if v}})


def _run(arguments: argparse.Namespace) -> int:
    config = _config(arguments)
    from mole_engine.cli.stages import progress_bar
    from mole_engine.data.columns import detect_roles
    from mole_engine.data.curated_table import curated_table
    from mole_engine.data.curation import curate
    from mole_engine.data.curation_report import check_report_suffix, write_report
    from mole_engine.data.sources import open_table
    from mole_engine.inference.table_writers import check_suffix, open_writer
    from mole_engine.store.files import check_not_same

    data = config.data
    if arguments.out:
        check_not_same(data.path, arguments.out)
        check_suffix(Path(arguments.out))
    if arguments.report:
        check_not_same(data.path, arguments.report)
        check_report_suffix(arguments.report)
    with progress_bar() as progress:
        raw = open_table(data, progress)
        dataset = curate(raw, detect_roles(raw, data, config.split), data.curation, progress)
    if arguments.report:
        write_report(dataset, arguments.report)
    if arguments.out:
        frame, own = curated_table(raw, dataset)
        with open_writer(Path(arguments.out), frozenset(own)) as writer:
            writer.write(frame)
    _show(dataset, arguments)
    return 0


def _show(dataset: CuratedDataset, arguments: argparse.Namespace) -> None:
    report = dataset.report
    for text in dataset.info.notes:
        note(text)
    for name, path in (("Molecules", arguments.out), ("Report", arguments.report)):
        if path:
            note(f"{name}: {path}")
    if arguments.json:
        json_line({"total": report.total, "kept": report.kept, "steps": report.steps, "counts": report.counts()})
        return
    targets = ", ".join(f"{task.name} ({task.kind.value})" for task in dataset.tasks) or "none"
    line(
        f"{report.kept} molecules remain of {report.total} rows. "
        f"Structures: {dataset.roles.smiles}. Targets: {targets}."
    )
    if report.issues:
        line()
        line(table(("line", "what", "outcome", "why"), [_cells(issue) for issue in report.issues[:_ROWS_SHOWN]]))
    if len(report.issues) > _ROWS_SHOWN:
        note(f"{len(report.issues) - _ROWS_SHOWN} more: name a file with --report to see them all.")


def _cells(issue: RowIssue) -> tuple[str, str, str, str]:
    return str(issue.line), issue.kind.value, "left out" if issue.dropped else "kept", issue.reason


COMMAND = Command("curate", "clean up a table of molecules", _configure, _run, accepts_settings=True)
