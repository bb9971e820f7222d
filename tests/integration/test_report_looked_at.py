"""What a report of a real run shows of what its model looked at, and what it says where it cannot."""

import re
import shutil
import xml.etree.ElementTree as ET
from html import escape

import pandas as pd
import pytest

from mole_engine.contracts.errors import Cancelled
from mole_engine.contracts.events import StageProgress
from mole_engine.contracts.explanations import READING
from mole_engine.contracts.run_state import RunControl, RunState
from mole_engine.export import report_looked_at
from mole_engine.export.report import report_html, write_report
from mole_engine.export.report_looked_at import MOST_BEST, MOST_WORST, STAGE, TITLE
from mole_engine.inference.predictor import load_model
from mole_engine.store.run_folder import RunFolder
from mole_engine.train import train

EVIL, UNIT = "<b>y</b>", "<i>mg</i>"
WHY = "There are no coloured structures:"


@pytest.fixture
def evil_table(table):
    """Name the value after HTML, and the classes too; one test molecule is too large to be shown."""
    frame = pd.read_csv(table).rename(columns={"y": EVIL})
    frame["size"] = frame["smiles"].str.len() / 10
    frame["aromatic"] = "<u>" + frame["aromatic"] + "</u>"
    tests = frame.index[frame["part"] == "test"]
    frame.loc[tests[-1], ["smiles", EVIL]] = ["C" * 51, 99.0]
    frame.to_csv(table, index=False)
    return table


@pytest.fixture
def run(make_config, evil_table):
    targets = {"data": {"targets": [EVIL, "size"], "units": {EVIL: UNIT}}}
    return RunFolder(train(make_config(**targets, training={"epochs": 1})).run_dir)


def section(text):
    """Return the section, or nothing."""
    found = re.search(rf"<h2>{TITLE}</h2>(.*?)<h2>", text, re.DOTALL)
    return found.group(1) if found else ""


def values(text, name):
    return re.findall(rf'<td class="muted">{re.escape(escape(name))}</td><td>(.*?)</td>', section(text))


def number(cell):
    return float(cell.split()[0].replace("\u2212", "-"))


def test_the_report_of_a_run_shows_what_its_model_looked_at(run):
    text = run.report.read_text(encoding="utf-8")
    part = section(text)
    assert READING in part
    # The page that is written when it is asked for is the same.
    assert section(report_html(run.path)) == part
    pictures = re.findall(r"<svg.*?</svg>", part, re.DOTALL)
    assert len(pictures) == MOST_WORST + MOST_BEST
    for picture in pictures:
        ET.fromstring(picture)
        assert re.search(r"<title>[A-Z][a-z]?\d+: ", picture)
        assert "raises " in picture

    table = pd.read_csv(run.predictions)
    tests = table[(table["part"] == "test") & (table["smiles"].str.len() <= 50)].set_index("smiles")
    errors = (tests[f"{EVIL}_pred"] - tests[f"{EVIL}_true"]).abs().sort_values(ascending=False)
    expected = [*errors.index[:MOST_WORST], *errors.index[::-1][:MOST_BEST]]
    assert re.findall(r"<code>(.*?)</code>", part) == expected
    for name, column in (("Measured", "_true"), ("Predicted", "_pred")):
        cells = values(text, name)
        assert [number(cell) for cell in cells] == pytest.approx(tests.loc[expected, EVIL + column], rel=1e-3)
        assert all(cell.endswith(" &lt;i&gt;mg&lt;/i&gt;") for cell in cells)

    assert "The first target, &lt;b&gt;y&lt;/b&gt;. Shown are, of 8 test molecules, the 4" in part
    assert "more than 50 atoms are passed over" in part
    assert not re.search("<[bi]>", text)


def test_of_classes_the_surest_of_the_wrong_come_first(make_config, evil_table):
    run = RunFolder(train(make_config(data={"targets": ["aromatic"]}, training={"epochs": 1})).run_dir)
    text = run.report.read_text(encoding="utf-8")
    measured = values(text, "Measured")
    yes = escape("<u>yes</u>")
    said = [float(cell) for cell in values(text, "Predicted probability of '<u>yes</u>'")]
    assert len(said) == len(measured) == MOST_WORST + MOST_BEST
    doubt = [1 - chance if label == yes else chance for label, chance in zip(measured, said, strict=True)]
    assert doubt[:MOST_WORST] == sorted(doubt[:MOST_WORST], reverse=True)
    assert min(doubt[:MOST_WORST]) >= max(doubt[MOST_WORST:])
    assert "first target" not in section(text)
    assert "<u>" not in text


def test_without_its_model_a_report_says_why(run, tmp_path):
    whole = run.model.read_bytes()
    run.model.unlink()
    write_report(run.path, tmp_path / "missing.html")
    part = section((tmp_path / "missing.html").read_text(encoding="utf-8"))
    assert part.strip() == f"<p>{WHY} the model file of this run is missing.</p>"

    run.model.write_bytes(whole[:100])
    assert WHY in section(report_html(run.path))

    shutil.copy("resources/models/mole-small.mole", run.model)
    part = section(report_html(run.path))
    assert f"{WHY} " in part
    assert "has no prediction head" in part

    run.predictions.unlink()
    assert TITLE not in report_html(run.path)


def test_a_fault_of_ours_does_not_cost_the_page(run, monkeypatch, caplog):
    def broken(*_: object) -> None:
        raise RuntimeError("<b>no</b>")

    monkeypatch.setattr("mole_engine.inference.predictor.load_model", broken)
    part = section(report_html(run.path))
    assert WHY in part
    assert "RuntimeError: &lt;b&gt;no&lt;/b&gt;" in part
    assert "could not be explained" in caplog.text


def test_progress_is_told_in_molecules_and_can_be_cancelled(run, tmp_path):
    told = []
    report_html(run.path, lambda *step: told.append(step))
    assert {(stage, total) for stage, _, total in told} == {(STAGE, 6)}
    assert [done for _, done, _ in told] == sorted(done for _, done, _ in told)
    assert told[-1][1] == 6

    def cancel(*_: object) -> None:
        raise Cancelled

    write_report(run.path, tmp_path / "cancelled.html", cancel)
    text = (tmp_path / "cancelled.html").read_text(encoding="utf-8")
    assert section(text).strip() == f"<p>{WHY} the work on them was cancelled.</p>"
    assert "How to make it again" in text


def test_cancelled_during_its_report_a_run_is_complete(make_config):
    control = RunControl()

    def cancel(event: object) -> None:
        if isinstance(event, StageProgress) and event.stage == STAGE:
            control.cancel()

    record = train(make_config(training={"epochs": 1}), on_event=cancel, control=control)
    assert control.cancel_requested
    assert record.status is RunState.COMPLETED
    assert load_model(record.model_path).predict(["CCO"])["y_pred"].notna().all()
    assert WHY in RunFolder(record.run_dir).report.read_text(encoding="utf-8")


def test_large_molecules_alone_are_not_shown(run, monkeypatch):
    monkeypatch.setattr(report_looked_at, "MOST_ATOMS", 1)
    assert f"{WHY} no test molecule can be drawn with at most 1 atoms." in section(report_html(run.path))
