"""The Train page while jobs of other files than the open one begin."""

from __future__ import annotations

import time

import pytest

from app.pages.train_words import unit_of
from mole_engine.contracts.config import TrainConfig
from mole_engine.contracts.events import StateChanged, StepMetrics
from mole_engine.contracts.records import RunRecord
from mole_engine.contracts.run_state import RunState


@pytest.fixture
def page(qtbot, window, open_file, molecules_csv, monkeypatch):
    """Return the Train page with a file in log(mol/L); a stand-in trains until the window closes."""

    def train(config, on_event, control, resume):
        on_event(StateChanged(run_id="r1", seq=0, state=RunState.TRAINING))
        for seq in range(1, 6):
            where = {"step": seq, "total_steps": 9, "epoch": 1, "total_epochs": 1}
            on_event(StepMetrics(run_id="r1", seq=seq, loss=1.0, learning_rate=1e-3, **where))
        while True:
            # Raises Cancelled when the window closes.
            control.checkpoint()
            time.sleep(0.01)

    monkeypatch.setattr(window.session.training, "_train", train)
    open_file(molecules_csv)
    window.go_to("train")
    return window.page("train")


def start(qtbot, window, job, resume=""):
    with qtbot.waitSignal(window.session.run_started):
        window.session.training.start(job, resume)


def test_the_chart_of_a_job_of_another_file_is_not_in_the_unit_of_the_open_one(qtbot, window, page):
    job = {"name": "affinity", "data": {"path": "other.csv", "targets": ["dG"], "units": {"dG": "kcal/mol"}}}
    start(qtbot, window, TrainConfig.from_dict(job))
    assert page.watch._unit == "kcal/mol"
    assert page.header.title() == "Train: affinity"


def test_the_chart_of_a_job_of_the_open_file_is_in_its_unit(qtbot, window, page):
    start(qtbot, window, page.setup.job())
    assert page.watch._unit == "log(mol/L)"
    toxic = TrainConfig.from_dict({"data": {"targets": ["toxic"]}})
    assert unit_of(toxic, window.session.dataset) == ""


def test_the_head_names_a_run_that_goes_on_rather_than_the_open_file(qtbot, window, page, tmp_path):
    from app.pages.resuming import resume_run

    cut = RunRecord(
        run_id="r1", name="affinity", status=RunState.INTERRUPTED, data_name="other.csv", run_dir=str(tmp_path)
    )
    with qtbot.waitSignal(window.session.run_started):
        assert resume_run(window.session, cut)
    assert page.header.title() == "Train: affinity"
    assert page.watch._unit == ""


def test_events_of_a_long_training_are_not_kept(qtbot, window, page):
    start(qtbot, window, page.setup.job())
    qtbot.waitUntil(lambda: len(page.watch.curves.steps.epochs) == 5)
    assert not page.watch._heard


def test_train_waits_until_the_data_of_the_job_is_there(qtbot, window, page, tmp_path):
    train, heard = page.panel.train_button, []
    assert train.isEnabled()
    other = tmp_path / "other.csv"
    other.write_text("smiles,y\n" + "".join(f"{'C' * n}O,{n}\n" for n in range(1, 31)), encoding="utf-8")
    window.session.datasets.busy.connect(lambda *_: heard.append(train.isEnabled()))
    with qtbot.waitSignal(window.session.job_offered):
        window.session.start_task(window.session.offer_job(TrainConfig.from_dict({"data": {"path": str(other)}})))
    assert heard
    assert not any(heard)
    assert train.isEnabled()
    assert window.session.dataset.info.name == "other.csv"


def test_adding_to_the_queue_waits_until_the_data_is_there(qtbot, window, page):
    start(qtbot, window, page.setup.job())
    datasets, heard = window.session.datasets, []
    assert page.enqueue_button.isEnabled()
    datasets.busy.connect(lambda *_: heard.append(page.enqueue_button.isEnabled()))
    with qtbot.waitSignal(window.session.dataset_changed):
        window.session.start_task(datasets.revise(split={"method": "random"}))
    assert heard
    assert not any(heard)
    assert page.enqueue_button.isEnabled()
