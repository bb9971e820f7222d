"""A run as one page of HTML that needs nothing else: verdict, figures, data, settings, and how to make it again.

Every text from outside (names, columns, settings, SMILES) is escaped; nothing is loaded from anywhere.
"""

from __future__ import annotations

import json
import math
import platform
import re
import shlex
import sys
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from html import escape
from pathlib import Path
from typing import Any

from mole_engine._version import __version__
from mole_engine.contracts.dataset import TaskSpec
from mole_engine.contracts.errors import InputError
from mole_engine.contracts.events import EpochMetrics, Notice, ProgressHandler
from mole_engine.contracts.records import RunRecord
from mole_engine.contracts.run_state import RunState
from mole_engine.contracts.wording import counted
from mole_engine.export.drawings import line_chart
from mole_engine.export.page import bullets, document, facts, figure, number, table
from mole_engine.export.report_checks import check_sections
from mole_engine.export.report_looked_at import looked_at_section
from mole_engine.export.report_tasks import task_sections
from mole_engine.inference.results import read_tasks
from mole_engine.inference.verdict import Judgement, judge_folder
from mole_engine.store.bundle import read_card
from mole_engine.store.card_text import learnt_scales, role_of_validation
from mole_engine.store.files import write_text
from mole_engine.store.run_folder import RunFolder

_PARTS = (("train", "Training"), ("val", "Validation"), ("test", "Test"))
_MOST_ISSUES = 50


def write_report(run_dir: str | Path, path: str | Path, on_progress: ProgressHandler | None = None) -> None:
    """Write the report of a run.

    Parameters
    ----------
    run_dir
        The run's folder.
    path
        The page; one that is there is replaced.
    on_progress
        Called with (stage, done, total) while the model is asked what it looked at. Where it raises `Cancelled`, the
        page is written without that section's pictures.

    Raises
    ------
    InputError, KnownError
        When the folder is not a run, or the page cannot be written.
    """
    write_text(Path(path), report_html(run_dir, on_progress))


def report_html(run_dir: str | Path, on_progress: ProgressHandler | None = None) -> str:
    """Return the report of a run as HTML; see `write_report`. Raises InputError when the folder is not a run."""
    folder = RunFolder(run_dir)
    record = folder.read_record()
    tasks = read_tasks(folder.dataset)
    judgement, results = judge_folder(folder, tasks)
    epochs = [event for event in folder.iterate_events() if isinstance(event, EpochMetrics)]
    notices = [event.message for event in folder.iterate_events() if isinstance(event, Notice)]
    # Older records do not know; a single network's epochs say 0.
    networks = record.networks or max((event.networks for event in epochs), default=0)
    parts = [
        *_head(record),
        *_verdict(record, judgement),
        *_result(folder, record, tasks, networks),
        *_learning(record, epochs, networks, _keeps_best(folder)),
        *task_sections(judgement, results),
        *looked_at_section(folder.model, results, on_progress),
        *check_sections(folder.checks),
        *_data(folder, record),
        *bullets("What the run said", notices),
        *_origin(folder, record),
        *_reproduce(folder, record),
    ]
    return document(record.name, parts)


def _head(record: RunRecord) -> Iterator[str]:
    day = datetime.fromtimestamp(record.created, UTC).strftime("%d %B %Y, %H:%M UTC")
    yield f"<h1>{escape(record.name)}</h1>"
    tags = f" · {', '.join(record.tags)}" if record.tags else ""
    yield f'<p class="muted">{escape(record.status.value)}, started {day}, {record.seconds:.0f} s{escape(tags)}</p>'
    if record.error:
        yield f"<p>{escape(record.error)}</p>"


def _verdict(record: RunRecord, judgement: Judgement) -> Iterator[str]:
    if record.status is RunState.COMPLETED:
        words = f"<strong>{escape(judgement.headline)}</strong>{escape(judgement.words)}"
        yield f'<div class="verdict {judgement.tone}">{words}</div>'
    if record.notes:
        yield f"<p>{escape(record.notes)}</p>"


def _result(folder: RunFolder, record: RunRecord, tasks: Sequence[TaskSpec], networks: int) -> Iterator[str]:
    names = list(dict.fromkeys([*record.metrics, *record.validation_metrics]))
    if len(tasks) == 1:
        # With a single target its metrics are the means.
        names = [name for name in names if "/" not in name]
    if not names:
        return
    yield "<h2>Result</h2>"
    rows = [(name, number(record.metrics.get(name)), number(record.validation_metrics.get(name))) for name in names]
    yield from table(("metric", "test", "validation"), rows, numbers=(1, 2))
    yield f'<p class="muted">{escape(_role_of_validation(folder, networks))} The test molecules judged the model.</p>'


def _role_of_validation(folder: RunFolder, networks: int) -> str:
    try:
        return role_of_validation(read_card(folder.model))
    except InputError:
        return "" if networks > 1 else "The validation molecules chose the epoch that was kept."


def _learning(record: RunRecord, epochs: Sequence[EpochMetrics], networks: int, best: bool) -> Iterator[str]:
    if not epochs:
        return
    places = [float(event.epoch) for event in epochs]
    losses = {
        "train": [event.train_loss for event in epochs],
        "validation": [event.validation_loss for event in epochs],
    }
    yield "<h2>How it learned</h2>"
    kept = f"Loss over epochs; epoch {record.best_epoch} was kept."
    if networks > 1:
        kept = f"Loss over the epochs of {counted(networks, 'network')}, one after the other; each has kept its own."
    yield figure(line_chart(places, losses), kept)
    chose = ", which chose the epoch" if best and networks <= 1 else ""
    monitor = epochs[-1].monitor.removeprefix("val/")
    values = [event.metrics.get(monitor, event.metrics.get(f"val/{monitor}", math.nan)) for event in epochs]
    if monitor and any(math.isfinite(value) for value in values):
        yield figure(line_chart(places, {"validation": values}), f"{monitor} of the validation molecules{chose}.")


def _keeps_best(folder: RunFolder) -> bool:
    try:
        return folder.read_config().training.keep == "best"
    except InputError:
        return False


def _data(folder: RunFolder, record: RunRecord) -> Iterator[str]:
    content = _json(folder.dataset)
    info, report, split = (content.get(name) or {} for name in ("info", "report", "split"))
    yield "<h2>Data</h2>"
    yield from facts(
        [
            ("File", str(info.get("name", record.data_name))),
            ("SHA-256", str(info.get("sha256", ""))),
            ("Rows", str(info.get("rows", ""))),
            *((f"{title} molecules", str(record.counts.get(key, ""))) for key, title in _PARTS),
            ("Split", str(split.get("method", ""))),
            ("Learnt as", "; ".join(f"{name}: {scale}" for name, scale in _scales(folder).items())),
        ]
    )
    yield from bullets("", [str(words) for words in split.get("overlap") or ()])
    counts, steps = report.get("counts") or {}, report.get("steps") or {}
    lines = [f"{counted(value, 'row')}: {str(kind).replace('_', ' ')}" for kind, value in counts.items()]
    lines += [
        f"{str(step).replace('_', ' ')}: changed {counted(value, 'row')}" for step, value in steps.items() if value
    ]
    if lines:
        yield "<h3>Clean-up</h3>"
    yield from bullets("", lines)
    yield from _left_out([item for item in report.get("issues") or () if item.get("dropped")])


def _scales(folder: RunFolder) -> Mapping[str, str]:
    try:
        return learnt_scales(read_card(folder.model)) if folder.model.is_file() else {}
    except InputError:
        return {}


def _left_out(issues: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    if not issues:
        return
    yield "<h3>Rows left out</h3>"
    several = any(item.get("file") for item in issues)
    keys = ("file",) * several + ("line", "reason", "smiles")
    rows = [tuple(str(item.get(key, "")) for key in keys) for item in issues]
    header = ("file",) * several + ("line", "why", "structure")
    yield from table(header, rows[:_MOST_ISSUES], numbers=(header.index("line"),))
    if len(rows) > _MOST_ISSUES:
        yield f'<p class="muted">{len(rows) - _MOST_ISSUES} more are in dataset.json.</p>'


def _origin(folder: RunFolder, record: RunRecord) -> Iterator[str]:
    yield "<h2>Made with</h2>"
    versions = _versions(folder) or {"mole-studio": __version__, "python": platform.python_version()}
    yield from facts(
        [
            *versions.items(),
            ("System", f"{platform.system()} {platform.machine()}"),
            ("Device", record.device),
            ("Preset", record.preset),
            ("Parameters", f"{record.parameters:,}" if record.parameters else ""),
            ("Seed", str(record.seed)),
            ("Run", record.run_id),
        ]
    )


def _versions(folder: RunFolder) -> dict[str, str]:
    """Return the versions that the model's card names; none where there is no model."""
    if not folder.model.is_file():
        return {}
    try:
        return dict(read_card(folder.model).versions)
    except InputError:
        return {}


def _reproduce(folder: RunFolder, record: RunRecord) -> Iterator[str]:
    try:
        text = folder.config.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return
    yield "<h2>How to make it again</h2>"
    if folder.split.is_file():
        yield "<p>From the run's folder, of which <code>config.yaml</code> and <code>split.csv</code> suffice:</p>"
        yield f"<pre>{escape(f'mole reproduce {shell_word(str(folder.path))}')}</pre>"
    yield (
        "<p>From the data file: save the settings below as <code>config.yaml</code> beside it, and run the following. "
        "The seed is among the settings, so on the same kind of machine the numbers are the same.</p>"
    )
    yield f"<pre>{escape(f'mole train {shell_word(record.data_name)} --config config.yaml')}</pre>"
    yield f"<pre>{escape(_without_place(text))}</pre>"


def shell_word(text: str) -> str:
    """Return a file's name as a terminal of this system takes it; cmd.exe knows no quotes but double ones.

    No name has these under Windows.
    """
    for_cmd = text if re.fullmatch(r"[\w.:\\/-]+", text) else f'"{text}"'
    return for_cmd if sys.platform == "win32" else shlex.quote(text)


def _without_place(text: str) -> str:
    """Return settings without the folder they made, which holds a run by now."""
    import yaml

    try:
        fields = yaml.safe_load(text)
    except yaml.YAMLError:
        return text
    if not isinstance(fields, dict) or "out" not in fields:
        return text
    del fields["out"]
    return yaml.safe_dump(fields, sort_keys=False, allow_unicode=True)


def _json(path: Path) -> Mapping[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}
