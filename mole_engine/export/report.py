"""A run as one page of HTML that needs nothing else: result, curves, settings, and how to make it again.

Every text from outside (names, columns, settings, SMILES) is escaped; nothing is loaded from anywhere.
"""

from __future__ import annotations

import csv
import json
import math
import platform
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from html import escape
from pathlib import Path
from typing import Any

from mole_engine._version import __version__
from mole_engine.contracts.events import EpochMetrics, Notice
from mole_engine.contracts.records import RunRecord
from mole_engine.export.drawings import line_chart, parity_chart
from mole_engine.store.files import write_text
from mole_engine.store.run_folder import RunFolder

_STYLE = """
:root { color-scheme: light dark; --ink: #1b1f27; --muted: #5d6675; --line: #e2e6ec; --ground: #fff;
        --train: #0072b2; --validation: #d55e00; }
@media (prefers-color-scheme: dark) { :root { --ink: #e8ebf0; --muted: #98a2b1; --line: #2b313b; --ground: #14171c;
        --train: #56b4e9; --validation: #e8833a; } }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--ground); max-width: 60rem;
       margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; margin-bottom: 0; } h2 { font-size: 1.1rem; margin-top: 2rem; }
p.muted, td.muted, figcaption { color: var(--muted); }
table { border-collapse: collapse; } td, th { border-bottom: 1px solid var(--line); padding: .25rem 1.2rem .25rem 0;
       text-align: left; vertical-align: top; } td.number, th.number { text-align: right;
       font-variant-numeric: tabular-nums; }
pre { border: 1px solid var(--line); border-radius: 6px; padding: .8rem; overflow-x: auto; font-size: 13px; }
figure { display: inline-block; margin: 0 2rem 1rem 0; } svg text { fill: var(--muted); font-size: 11px; }
.big { font-size: 2rem; font-weight: 700; }
"""

_PARTS = (("train", "Training"), ("val", "Validation"), ("test", "Test"))


def write_report(run_dir: str | Path, path: str | Path) -> None:
    """Write the report of a run.

    Parameters
    ----------
    run_dir
        The run's folder.
    path
        The page; one that is there is replaced.

    Raises
    ------
    InputError, KnownError
        When the folder is not a run, or the page cannot be written.
    """
    write_text(Path(path), report_html(run_dir))


def report_html(run_dir: str | Path) -> str:
    """Return the report of a run as HTML. Raises InputError when the folder is not a run."""
    folder = RunFolder(run_dir)
    record = folder.read_record()
    epochs = [event for event in folder.iterate_events() if isinstance(event, EpochMetrics)]
    notices = [event.message for event in folder.iterate_events() if isinstance(event, Notice)]
    parts = [
        *_head(record),
        *_result(record),
        *_figures(folder, record, epochs),
        *_data(folder, record),
        *_list("What the run said", notices),
        *_settings(folder, record),
        *_origin(record),
    ]
    title = escape(record.name)
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        f"<style>{_STYLE}</style></head><body>\n" + "\n".join(parts) + "\n</body></html>\n"
    )


def _head(record: RunRecord) -> Iterator[str]:
    day = datetime.fromtimestamp(record.created, UTC).strftime("%d %B %Y, %H:%M UTC")
    yield f"<h1>{escape(record.name)}</h1>"
    yield f'<p class="muted">{escape(record.status.value)}, started {day}, {record.seconds:.0f} s</p>'
    if record.error:
        yield f"<p>{escape(record.error)}</p>"


def _result(record: RunRecord) -> Iterator[str]:
    names = list(dict.fromkeys([*record.metrics, *record.validation_metrics]))
    if not names:
        return
    yield "<h2>Result</h2>"
    rows = [(name, _number(record.metrics.get(name)), _number(record.validation_metrics.get(name))) for name in names]
    yield from _table(("metric", "test", "validation"), rows, numbers=(1, 2))
    yield '<p class="muted">The validation molecules chose the epoch that was kept; the test molecules judged it.</p>'


def _figures(folder: RunFolder, record: RunRecord, epochs: Sequence[EpochMetrics]) -> Iterator[str]:
    if not epochs:
        return
    yield "<h2>Figures</h2>"
    places = [float(event.epoch) for event in epochs]
    curves = {
        "train": [event.train_loss for event in epochs],
        "validation": [event.validation_loss for event in epochs],
    }
    yield _figure(line_chart(places, curves), f"Loss over epochs; epoch {record.best_epoch} was kept.")
    for task, measured, predicted in _parity(folder.predictions):
        yield _figure(parity_chart(measured, predicted), f"{task}: predicted against measured, test molecules.")


def _figure(drawing: str, words: str) -> str:
    return f"<figure>{drawing}<figcaption>{escape(words)}</figcaption></figure>"


def _parity(path: Path) -> Iterator[tuple[str, list[float], list[float]]]:
    """Yield measured and predicted test values of every numeric task."""
    try:
        with path.open(encoding="utf-8", newline="") as stream:
            rows = [row for row in csv.DictReader(stream) if row.get("part") == "test"]
    except (OSError, ValueError, csv.Error):
        return
    columns = list(rows[0]) if rows else []
    for name in columns:
        task = name.removesuffix("_true")
        # A class has a predicted class beside its probability; a number has none.
        if name.endswith("_true") and f"{task}_pred" in columns and f"{task}_class" not in columns:
            pairs = [(_float(row[name]), _float(row[f"{task}_pred"])) for row in rows]
            known = [(true, said) for true, said in pairs if math.isfinite(true) and math.isfinite(said)]
            if known:
                yield task, [true for true, _ in known], [said for _, said in known]


def _data(folder: RunFolder, record: RunRecord) -> Iterator[str]:
    content = _json(folder.dataset)
    info = content.get("info") or {}
    facts = [
        ("File", str(info.get("name", record.data_name))),
        ("SHA-256", str(info.get("sha256", ""))),
        ("Rows", str(info.get("rows", ""))),
        *((f"{title} molecules", str(record.counts.get(key, ""))) for key, title in _PARTS),
    ]
    yield "<h2>Data</h2>"
    yield from _facts(facts)
    counts = (content.get("report") or {}).get("counts") or {}
    yield from _list("", [f"{number} rows: {str(kind).replace('_', ' ')}" for kind, number in counts.items()])


def _settings(folder: RunFolder, record: RunRecord) -> Iterator[str]:
    try:
        text = folder.config.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return
    yield "<h2>How to make it again</h2>"
    yield "<p>Save the settings below as <code>config.yaml</code> beside the file of the data, and run:</p>"
    yield f"<pre>{escape(f'mole train {shlex.quote(record.data_name)} --config config.yaml')}</pre>"
    yield f"<pre>{escape(text)}</pre>"


def _origin(record: RunRecord) -> Iterator[str]:
    yield "<h2>Made with</h2>"
    yield from _facts(
        [
            ("MolE Studio", __version__),
            ("Python", platform.python_version()),
            ("System", f"{platform.system()} {platform.machine()}"),
            ("Device", record.device),
            ("Preset", record.preset),
            ("Parameters", f"{record.parameters:,}" if record.parameters else ""),
            ("Seed", str(record.seed)),
            ("Run", record.run_id),
        ]
    )


def _facts(facts: Iterable[tuple[str, str]]) -> Iterator[str]:
    rows = [f'<tr><td class="muted">{escape(name)}</td><td>{escape(value)}</td></tr>' for name, value in facts if value]
    yield f"<table>{''.join(rows)}</table>"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]], numbers: Sequence[int] = ()) -> Iterator[str]:
    kinds = ['class="number"' if place in numbers else "" for place in range(len(head))]
    yield "<table><tr>" + "".join(f"<th {kind}>{escape(name)}</th>" for name, kind in zip(head, kinds, strict=True))
    yield "</tr>"
    for row in rows:
        yield (
            "<tr>" + "".join(f"<td {kind}>{escape(cell)}</td>" for cell, kind in zip(row, kinds, strict=True)) + "</tr>"
        )
    yield "</table>"


def _list(title: str, lines: Sequence[str]) -> Iterator[str]:
    if not lines:
        return
    if title:
        yield f"<h2>{escape(title)}</h2>"
    yield "<ul>" + "".join(f"<li>{escape(line)}</li>" for line in lines) + "</ul>"


def _json(path: Path) -> Mapping[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def _number(value: float | None) -> str:
    return "" if value is None or not math.isfinite(value) else f"{value:.4g}".replace("-", "\u2212")


def _float(text: str | None) -> float:
    try:
        return float(text or "nan")
    except ValueError:
        return math.nan
