"""What the three commands do once the environment stands, and what they say when something is wrong."""

import io
import json
import subprocess
import sys
from pathlib import Path

import pytest

BOOTSTRAP = Path(__file__).parents[3] / "packaging" / "bootstrap.py"


@pytest.fixture
def commands(bootstrap_part, monkeypatch):
    part = bootstrap_part("commands")
    monkeypatch.setattr(part, "set_up", lambda environment, console, tests: None)
    return part


def test_old_python_gets_a_clear_line(bootstrap_part):
    bootstrap = bootstrap_part("")
    assert "3.9.6" in bootstrap.unsupported_python((3, 9, 6))
    assert "Python 3.11, 3.12 or 3.13" in bootstrap.unsupported_python((3, 14, 0))
    assert bootstrap.unsupported_python((3, 12, 1)) == ""


def test_supported_pythons_are_those_of_the_project(bootstrap_part):
    import tomllib

    from packaging.specifiers import SpecifierSet

    project = tomllib.loads(BOOTSTRAP.parents[1].joinpath("pyproject.toml").read_text(encoding="utf-8"))["project"]
    allowed = SpecifierSet(project["requires-python"])
    supported = bootstrap_part("").SUPPORTED
    assert all(f"{major}.{minor}.0" in allowed for major, minor in supported)
    assert f"{supported[-1][0]}.{supported[-1][1] + 1}.0" not in allowed


def test_unsupported_python_hands_over_to_a_supported_one(bootstrap_part, monkeypatch, capsys):
    bootstrap = bootstrap_part("")
    calls = []
    monkeypatch.setattr(sys, "version_info", (3, 9, 6, "final", 0))
    monkeypatch.setattr("shutil.which", lambda name: f"/usr/bin/{name}" if name in ("python3.12", "python3.13") else "")

    def call(command, **_):
        calls.append(command)
        return 1 if command[0].endswith("3.13") else 0  # a version manager's stand-in that does not work

    monkeypatch.setattr(subprocess, "call", call)
    assert bootstrap.main(["run"]) == 0
    assert calls[-1] == ["/usr/bin/python3.12", str(BOOTSTRAP), "run"]
    assert "python3.12" in capsys.readouterr().out


def test_on_windows_the_launcher_hands_over_to_a_supported_one(bootstrap_part, monkeypatch):
    bootstrap = bootstrap_part("")
    calls = []
    monkeypatch.setattr(sys, "version_info", (3, 14, 0, "final", 0))
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setattr("shutil.which", lambda name: r"C:\Windows\py.exe" if name == "py" else None)

    def call(command, **_):
        calls.append(command)
        return 103 if "-3.13" in command else 0  # the launcher's answer for one that is not installed

    monkeypatch.setattr(subprocess, "call", call)
    assert bootstrap.main(["run"]) == 0
    assert calls[-1] == ["py", "-3.12", str(BOOTSTRAP), "run"]


def test_how_to_start_is_said_in_words_that_work_on_this_system(commands):
    assert commands.start_command("win32").startswith("py ")
    assert commands.start_command("darwin") == commands.start_command("linux") == "python3 packaging/bootstrap.py run"


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("[WinError 32] The process cannot access the file: '.venv'", "Close MolE Studio"),
        ("[WinError 5] Zugriff verweigert: '.venv'", "Close MolE Studio"),
        ("[Errno 13] Permission denied: '.venv'", "may not be written"),
        ("[Errno 30] Read-only file system: '.venv'", "may not be written"),
    ],
)
def test_an_environment_that_cannot_be_changed_is_told_without_a_traceback(commands, monkeypatch, capsys, said, told):
    def refuse(environment, console, tests):
        raise OSError(said)

    monkeypatch.setattr(commands, "set_up", refuse)
    assert commands.main(["setup"]) == 1
    text = capsys.readouterr().err
    assert said in text
    assert told in text


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("this system does not have Windows Long Path support enabled", "too long"),
        ('[WinError 126] Das Modul wurde nicht gefunden Error loading "c10.dll" or one of its dependencies.', "Visual"),
        ("ImportError: DLL load failed while importing rdBase", "vc_redist"),
    ],
)
def test_what_windows_lacks_is_named(bootstrap_part, said, told):
    assert told in bootstrap_part("console").remedy_for(["ERROR: something", said])


def test_bootstrap_needs_only_the_standard_library():
    """`-S -I` hides every installed package."""
    command = [sys.executable, "-I", "-S", "-c", f"import runpy; runpy.run_path({str(BOOTSTRAP)!r})"]
    assert subprocess.run(command, capture_output=True, check=False, timeout=60).returncode == 0
    code = f"import sys; sys.path.insert(0, {str(BOOTSTRAP.parent)!r}); import bootstrap_commands"
    outcome = subprocess.run([sys.executable, "-I", "-S", "-c", code], capture_output=True, check=False, timeout=60)
    assert outcome.returncode == 0, outcome.stderr


def test_missing_file_is_named(commands, capsys):
    assert commands.main(["run", "no such file.csv"]) == 2
    assert "no such file.csv" in capsys.readouterr().err


def test_window_opens_on_the_file(commands, monkeypatch, tmp_path):
    data = tmp_path / "mes données.csv"
    data.touch()
    started = []
    monkeypatch.setattr(commands, "has_display", lambda environment: True)
    monkeypatch.setattr(commands, "_wait_for", lambda command: started.append(command) or 0)
    assert commands.main(["run", str(data)]) == 0
    assert started[0][1:] == ["-m", "app", str(data)]


def test_no_display_trains_and_predicts_in_the_terminal(commands, bootstrap_part, monkeypatch, tmp_path, capsys):
    demo = bootstrap_part("demo")
    record = {
        "run_dir": str(tmp_path),
        "model_path": str(tmp_path / "model.mole"),
        "metrics": {"rmse": 0.5, "r2": None},
    }
    called = []

    def run(command, **options):
        called.append(command)
        return subprocess.CompletedProcess(command, 0, stdout="progress\n" + json.dumps(record) + "\n")

    def call(command):
        called.append(command)
        Path(command[-1]).write_text("name,smiles,logp_pred,in_domain\ncaffeine,C,0.12345,True\n", encoding="utf-8")
        return 0

    monkeypatch.setattr(commands, "has_display", lambda environment: False)
    monkeypatch.setattr(demo, "sample", lambda environment: tmp_path / "sample.csv")
    monkeypatch.setattr(subprocess, "run", run)
    monkeypatch.setattr(subprocess, "call", call)
    assert commands.main(["run"]) == 0
    shown = capsys.readouterr().out
    assert "no display" in shown
    assert "caffeine  0.123      True" in shown
    assert "rmse 0.500" in shown
    assert str(tmp_path / "model.mole") in shown
    assert called[0][1:] == ["train", str(tmp_path / "sample.csv"), "--preset", "quick-look", "--json"]


def test_failed_training_passes_its_exit_code_on(commands, bootstrap_part, monkeypatch, tmp_path):
    data = tmp_path / "empty.csv"
    data.touch()
    monkeypatch.setattr(commands, "has_display", lambda environment: False)
    monkeypatch.setattr(subprocess, "run", lambda command, **_: subprocess.CompletedProcess(command, 2, stdout=""))
    assert commands.main(["run", str(data)]) == 2


def test_every_check_runs_and_any_failure_counts(commands, monkeypatch, capsys):
    ran = []

    def call(command, **_):
        ran.append(command)
        return 1 if "mypy" in command else 0

    monkeypatch.setattr(subprocess, "call", call)
    assert commands.main(["test"]) == 1
    assert len(ran) == 6
    assert "pytest" in ran[-1]
    assert "types: mypy" in capsys.readouterr().err


def test_all_checks_passing_is_success(commands, monkeypatch):
    monkeypatch.setattr(subprocess, "call", lambda command, **_: 0)
    assert commands.main(["test"]) == 0


def test_set_up_failure_says_what_to_do_and_where_the_log_is(commands, bootstrap_part, monkeypatch, tmp_path, capsys):
    console_part = bootstrap_part("console")

    def fail(environment, console, tests):
        console.open_log(tmp_path / "bootstrap.log")
        raise console_part.failure("A package could not be installed.", ["Temporary failure in name resolution"])

    monkeypatch.setattr(commands, "set_up", fail)
    assert commands.main(["setup"]) == 1
    text = capsys.readouterr().err
    assert "Check the network" in text
    assert str(tmp_path / "bootstrap.log") in text
    assert "Check the network" in (tmp_path / "bootstrap.log").read_text(encoding="utf-8")


def test_interrupt_ends_with_130(commands, monkeypatch):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(commands, "set_up", interrupt)
    assert commands.main(["setup"]) == 130


def test_pip_output_is_condensed_to_a_line_a_package(bootstrap_part):
    shorten = bootstrap_part("console").shorten_pip
    assert (
        shorten("  Downloading numpy-2.4.6-cp311-cp311-manylinux_2_27_x86_64.whl (16.9 MB)") == "numpy 2.4.6 (16.9 MB)"
    )
    assert shorten("  Downloading https://host/a/PySide6_Essentials-6.11.3-cp310-abi3.whl (80 MB)") == (
        "PySide6-Essentials 6.11.3 (80 MB)"
    )
    assert shorten("  Downloading numpy-2.4.6-cp311-cp311-manylinux_2_27_x86_64.whl.metadata (6 kB)") == ""
    assert shorten("Collecting numpy") == ""
    assert shorten("Installing collected packages: a, b, c") == "unpacking 3 packages"


def test_console_logs_everything_and_shows_little(bootstrap_part, tmp_path):
    stream = io.StringIO()
    console = bootstrap_part("console").Console(stream)
    console.open_log(tmp_path / "log.txt")
    code, lines = console.run(
        [sys.executable, "-c", "print('shown'); print('hidden')"],
        shorten=lambda line: line[:5] if line == "shown" else "",
    )
    console.close()
    assert (code, lines) == (0, ["shown", "hidden"])
    assert "hidden" not in stream.getvalue()
    assert "hidden" in (tmp_path / "log.txt").read_text(encoding="utf-8")


def test_demo_trains_on_a_sample_that_exists(bootstrap_part):
    environment = bootstrap_part("venv").Environment()
    assert bootstrap_part("demo").sample(environment).is_file()
