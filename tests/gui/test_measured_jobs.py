"""Estimates of the Train page after a few real steps of the job that is set up."""

from __future__ import annotations

import pytest

from mole_engine.training.trial_steps import TrialSteps


@pytest.fixture
def csv(tmp_path):
    path = tmp_path / "chains.csv"
    rows = [f"{'C' * length}{end},{length}" for length in range(1, 9) for end in ("O", "N", "F", "Cl", "C=O")]
    path.write_text("smiles,y\n" + "\n".join(rows) + "\n")
    return path


def test_what_was_measured_takes_the_place_of_arithmetic_once(qtbot, window, open_file, csv, monkeypatch):
    asked = []

    def measure(config, smiles, on_progress):
        asked.append((config.training.batch_size, len(smiles)))
        return TrialSteps(molecules_per_second=2.0, judged_per_second=8.0, memory_bytes=1_234_567_890)

    monkeypatch.setattr("app.services.measured_jobs.measure_steps", measure)
    monkeypatch.setattr("app.pages.train_setup.find_devices", lambda: setup._devices)
    open_file(csv)
    window.go_to("train")
    setup = window.page("train").setup
    setup.presets.select("small")
    setup._choose("small")
    before = setup.estimate()
    with qtbot.waitSignal(setup._measured.measured, timeout=30_000):
        window.session.prefetch.devices_known.emit("CPU")
    assert setup.estimate() > before
    assert setup.memory() == 1_234_567_890
    assert asked == [(setup.form.config().training.batch_size, 40)]
    # One measurement tells the machine; from then on the runs themselves do.
    window.session.prefetch.devices_known.emit("CPU")
    window.go_to("data")
    assert len(asked) == 1
