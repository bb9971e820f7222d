"""A disk that is full: what was there before stays, and half a file never passes for a whole one."""

from __future__ import annotations

import sys

import pytest

from app.services.row_export import write_issues
from app.services.sources import keep_pasted
from app.services.user_presets import UserPresets
from mole_engine.contracts.config import TrainConfig
from mole_engine.contracts.errors import KnownError
from tests.gui.conftest import write_csv

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="limits of files are POSIX")


@pytest.fixture
def full_disk():
    """Return a function that lets no file grow beyond a few bytes until the test ends, as a full disk does."""
    import resource
    import signal

    before, handler = resource.getrlimit(resource.RLIMIT_FSIZE), signal.getsignal(signal.SIGXFSZ)
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    yield lambda size: resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    resource.setrlimit(resource.RLIMIT_FSIZE, before)
    signal.signal(signal.SIGXFSZ, handler)


def test_a_preset_that_cannot_be_written_leaves_the_one_of_the_same_title(tmp_path, full_disk):
    presets = UserPresets(tmp_path)
    presets.save("Mine", "", TrainConfig.from_dict({"training": {"epochs": 7}}))
    full_disk(10)
    with pytest.raises(KnownError):
        presets.save("Mine", "", TrainConfig.from_dict({"training": {"epochs": 9}}))
    assert [preset.config().training.epochs for preset in presets.read()] == [7]
    assert [path.name for path in (tmp_path / "presets").iterdir()] == ["my-mine.yaml"]


def test_a_report_that_does_not_fit_on_the_disk_leaves_the_former_file(window, open_file, tmp_path, full_disk):
    odd = [("CC(", f"{number}") for number in range(99)]
    open_file(write_csv(tmp_path / "odd.csv", [("smiles", "y"), *odd, *(("C" * n, "1.5") for n in range(1, 20))]))
    dataset = window.session.dataset
    target = tmp_path / "report.csv"
    target.write_text("of before")
    full_disk(500)
    with pytest.raises(KnownError):
        write_issues(target, dataset)
    assert (target.read_text(), list(tmp_path.glob("*.part"))) == ("of before", [])


def test_pasted_text_that_does_not_fit_on_the_disk_leaves_nothing(tmp_path, full_disk):
    full_disk(500)
    with pytest.raises(KnownError):
        keep_pasted("smiles,y\n" + "\n".join(f"{'C' * n},{n}" for n in range(1, 99)), tmp_path)
    assert list((tmp_path / "pasted").iterdir()) == []


@pytest.mark.parametrize("ending", ["csv", "smi", "sdf"])
def test_rows_that_do_not_fit_on_the_disk_leave_the_former_file(qtbot, window, open_file, tmp_path, full_disk, ending):
    open_file(write_csv(tmp_path / "many.csv", [("smiles", "y"), *(("C" * n, f"{n}") for n in range(1, 200))]))
    qtbot.waitUntil(lambda: not window.session.tasks._tasks)
    target = tmp_path / f"out.{ending}"
    target.write_text("of before")
    problems = []
    window.session.problem_raised.connect(problems.append)
    full_disk(500)
    window.data_page.export_to(str(target))
    # Not the only one: the index of runs cannot be written either.
    qtbot.waitUntil(lambda: any(str(target) in problem.title for problem in problems))
    assert (target.read_text(), list(tmp_path.glob("*.part"))) == ("of before", [])
