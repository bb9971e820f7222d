"""What curation did, as a file to keep: JSON for programs, HTML for people."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from html import escape
from pathlib import Path
from typing import Any

from mole_engine.contracts.config import CurationConfig
from mole_engine.contracts.dataset import CurationReport, IssueKind, RowIssue, Split, split_content
from mole_engine.contracts.errors import InputError, KnownError
from mole_engine.contracts.wording import counted, counted_of
from mole_engine.data.dataset import CuratedDataset

MAX_HTML_ISSUES = 5_000
"""Rows of the HTML page; a browser stays quick, and the JSON report has them all."""

ISSUE_WORDS = {
    IssueKind.UNREADABLE: "structure cannot be read",
    IssueKind.EMPTY: "no structure",
    IssueKind.MISSING_LABEL: "no label",
    IssueKind.BAD_LABEL: "label cannot be read",
    IssueKind.SALT: "salt or mixture",
    IssueKind.CHARGED: "charge taken off",
    IssueKind.STEREO: "stereochemistry removed",
    IssueKind.DUPLICATE: "repeated structure, labels agree",
    IssueKind.DISAGREE: "repeated structure, labels disagree",
    IssueKind.TOO_LARGE: "too large",
    IssueKind.INORGANIC: "inorganic",
    IssueKind.CENSORED: "a bound, not a value",
    IssueKind.TAUTOMER: "written as another tautomer",
    IssueKind.OUTLIER: "value far from all others",
}
"""What each kind of issue is called."""

_STYLE = """
body{font:15px/1.5 system-ui,sans-serif;color:#1b1f27;background:#f5f6f8}
body{margin:32px auto;max-width:1100px;padding:0 24px}h1{font-size:22px}h2{font-size:16px;margin-top:28px}
table{border-collapse:collapse;width:100%;background:#fff}th{color:#5d6675;font-weight:600}
th,td{text-align:left;padding:6px 10px;border-bottom:1px solid #e2e6ec;vertical-align:top}
td.smiles{font-family:ui-monospace,monospace;font-size:13px;word-break:break-all}.dropped{color:#b93a32}
@media(prefers-color-scheme:dark){body{color:#e8ebf0;background:#14171c}table{background:#1c2027}
th,td{border-color:#2b313b}th{color:#98a2b1}.dropped{color:#f07a70}}
"""


def left_out_words(report: CurationReport) -> str:
    """Say how many rows were dropped and why, the commonest reason first."""
    counts = Counter(issue.kind for issue in report.issues if issue.dropped)
    reasons = "; ".join(f"{count} × {ISSUE_WORDS[kind]}" for kind, count in counts.most_common())
    dropped = counted_of(len(report.dropped_rows), report.total, "row", "is", "are")
    return f"{dropped} merged or left out: {reasons}."


def bounds_words(report: CurationReport, file: str = "") -> str:
    """Say how many bounds count as measured values, and what to do; "" where there are none.

    Parameters
    ----------
    report
        What curation did.
    file
        The file's name, where it is not the one with the training molecules.
    """
    if not report.bounds:
        return ""
    where = f"{file}: " if file else ""
    has = counted_of(report.bounds, report.total, "row", "has", "have")
    return (
        f"{where}{has} a bound such as > 50 in place of a value; it counts as measured. "
        "To leave such values out, set data.curation.bounds=drop (in the window: More steps, Bounds)."
    )


def report_content(
    dataset: CuratedDataset, steps: CurationConfig | None = None, split: Split | None = None
) -> dict[str, Any]:
    """Return everything that is known about how the molecules came about, JSON-able.

    Parameters
    ----------
    dataset
        The molecules.
    steps, split
        Settings of the clean-up, and the parts, where they are known.
    """
    info, roles = dataset.info, dataset.roles
    more: dict[str, Any] = {} if steps is None else {"settings": steps.model_dump(mode="json")}
    if split is not None:
        more["split"] = split_content(split)
    return {
        "file": {"name": info.name, "sha256": info.sha256, "format": info.format, "rows": info.rows},
        "read_as": {"delimiter": info.delimiter, "encoding": info.encoding, "decimal": info.decimal},
        "notes": list(info.notes),
        "columns": {
            "smiles": roles.smiles,
            "identifier": roles.identifier,
            "weight": roles.weight,
            "split": roles.split,
        },
        "targets": [task.to_dict() for task in roles.tasks],
        "curation": dataset.report.to_dict(),
        **more,
    }


def check_report_suffix(path: str | Path) -> str:
    """Return the ending of a report's name, in lower case. Raises InputError when it is not .json or .html."""
    suffix = Path(path).suffix.lower()
    if suffix not in {".json", ".html", ".htm"}:
        raise InputError(f"A report cannot be written as '{path}'.", "", "Let its name end in .json or .html.")
    return suffix


def write_report(
    dataset: CuratedDataset, path: str | Path, steps: CurationConfig | None = None, split: Split | None = None
) -> None:
    """Write the report; the ending (.json or .html) decides the form.

    Parameters
    ----------
    dataset, steps, split
        As for `report_content`.
    path
        Where it goes.

    Raises
    ------
    InputError
        When the ending is another one.
    KnownError
        When the file cannot be written.
    """
    path = Path(path)
    if check_report_suffix(path) == ".json":
        text = json.dumps(report_content(dataset, steps, split), ensure_ascii=False, indent=1)
    else:
        text = report_html(dataset, steps, split)
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise KnownError(f"{path} cannot be written.", f"{error.strerror}.", "Choose another folder.") from error


def report_html(dataset: CuratedDataset, steps: CurationConfig | None = None, split: Split | None = None) -> str:
    """Return one self-contained page; every text of the file is escaped."""
    return "".join(_page(dataset, steps, split))


def _page(dataset: CuratedDataset, steps: CurationConfig | None, split: Split | None) -> Iterator[str]:
    info, report = dataset.info, dataset.report
    title = escape(f"Curation of {info.name}")
    yield f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
    yield f"<style>{_STYLE}</style></head><body><h1>{title}</h1>"
    kept = counted(report.kept, "molecule remains", "molecules remain")
    yield f"<p>{kept} of {counted(report.total, 'row')}. Structures are in the column "
    yield f"<b>{escape(dataset.roles.smiles)}</b>, {_targets(dataset)}.</p>"
    for note in info.notes:
        yield f"<p>{escape(note)}</p>"
    if steps is not None:
        yield from _steps(steps, dataset)
    if split is not None:
        train = counted(len(split.train), "molecule trains", "molecules train")
        yield f"<h2>Parts</h2><p>{train}, {counted(len(split.validation), 'validates', 'validate')}, "
        yield f"{counted(len(split.test), 'tests', 'test')}. Divided by: {escape(split.method)}.</p>"
        for text in (*split.overlap, *(part.words() for part in split.nearness)):
            yield f"<p>{escape(text)}</p>"
    if not report.issues:
        yield "<p>No row was left out or changed.</p></body></html>"
        return
    yield "<h2>What was found</h2><table><tr><th>rows</th><th>what</th></tr>"
    for kind, count in report.counts().items():
        yield f"<tr><td>{count}</td><td>{ISSUE_WORDS[IssueKind(kind)]}</td></tr>"
    several = any(issue.file for issue in report.issues)
    names = ("file",) * several + ("line", "what", "why", "outcome", "structure")
    heads = "".join(f"<th>{name}</th>" for name in names)
    yield f"</table><h2>Row by row</h2><table><tr>{heads}</tr>"
    left_out = report.dropped_rows
    for issue in report.issues[:MAX_HTML_ISSUES]:
        yield _row(issue, issue.row in left_out, several)
    yield "</table>"
    if len(report.issues) > MAX_HTML_ISSUES:
        yield f"<p>{len(report.issues) - MAX_HTML_ISSUES} more are in the JSON report.</p>"
    yield f"<p>SHA-256 of the file: {escape(info.sha256)}</p></body></html>"


def _steps(steps: CurationConfig, dataset: CuratedDataset) -> Iterator[str]:
    yield "<h2>Steps</h2><table><tr><th>step</th><th>set to</th><th>rows</th></tr>"
    for name, field in CurationConfig.model_fields.items():
        value = getattr(steps, name)
        words = ("yes" if value else "no") if isinstance(value, bool) else escape(str(value))
        count = dataset.report.steps.get(name, "")
        yield f"<tr><td>{escape(field.description or name)}</td><td>{words}</td><td>{count}</td></tr>"
    yield "</table>"


def _targets(dataset: CuratedDataset) -> str:
    names = [f"<b>{escape(task.name)}</b> ({task.kind.value})" for task in dataset.tasks]
    return f"targets: {', '.join(names)}" if names else "there is no target"


def _row(issue: RowIssue, left_out: bool, several: bool) -> str:
    outcome = '<span class="dropped">left out</span>' if left_out else "kept"
    column = f"{escape(issue.column)}: " if issue.column else ""
    file = f"<td>{escape(issue.file)}</td>" if several else ""
    return (
        f"<tr>{file}<td>{issue.line}</td><td>{ISSUE_WORDS[issue.kind]}</td><td>{column}{escape(issue.reason)}</td>"
        f'<td>{outcome}</td><td class="smiles">{escape(issue.smiles)}</td></tr>'
    )
