"""The build of PyTorch is chosen by the card, the driver and the system, and offline computers do not wait."""

import io
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[3]

SMI = """
| NVIDIA-SMI 580.65.06   Driver Version: 580.65.06   CUDA Version: {cuda}  |
"""


@pytest.fixture
def torch_part(bootstrap_part):
    return bootstrap_part("torch")


def fake_smi(cuda="13.0", rows=("NVIDIA H100 80GB HBM3, 9.0",)):
    def run(command, **_):
        text = "\n".join(rows) + "\n" if len(command) > 1 else SMI.format(cuda=cuda)
        return subprocess.CompletedProcess(command, 0, stdout=text)

    return run


def test_pinned_version_is_one_that_the_project_accepts(torch_part):
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = next(Requirement(line) for line in project["dependencies"] if Requirement(line).name == "torch")
    assert torch_part.VERSION in wanted.specifier


def test_card_is_read_from_nvidia_smi(torch_part):
    card = torch_part.find_card(fake_smi())
    assert card == torch_part.Card("NVIDIA H100 80GB HBM3", (13, 0), (9, 0))


def test_weakest_of_several_cards_decides(torch_part):
    card = torch_part.find_card(fake_smi(rows=("NVIDIA RTX 4090, 8.9", "NVIDIA GTX 1080, 6.1")))
    assert card.name == "NVIDIA GTX 1080"
    assert torch_part.choose(card, "linux").attempts[0].label == "CUDA build cu126 from PyTorch"


@pytest.mark.parametrize(
    "error", [FileNotFoundError(), subprocess.TimeoutExpired("nvidia-smi", 20), subprocess.CalledProcessError(9, "x")]
)
def test_no_driver_means_no_card(torch_part, error):
    def run(*_, **__):
        raise error

    assert torch_part.find_card(run) is None


def test_a_program_on_the_card_with_a_name_in_another_encoding_hides_no_card(torch_part):
    """On Windows nvidia-smi lists paths in the console's code page, where the u of Juergen with its dots is 0x81."""
    table = rb"""| NVIDIA-SMI 580.65.06   Driver Version: 580.65.06   CUDA Version: 13.0  |
    |    0   N/A  N/A   4711   C   C:\Users\J\x81rgen\python.exe |"""
    table = table.replace(rb"\x81", b"\x81")

    def run(command, **options):
        content = b"NVIDIA RTX 4090, 8.9" if len(command) > 1 else table
        say = f"import sys; sys.stdout.buffer.write({content!r})"
        return subprocess.run([sys.executable, "-c", say], **options, encoding="cp1252")  # noqa: PLW1510 - among the options

    assert torch_part.find_card(run).name == "NVIDIA RTX 4090"


def test_unknown_output_of_nvidia_smi_means_no_card(torch_part):
    assert torch_part.find_card(fake_smi(cuda="N/A")) is None


@pytest.mark.parametrize(
    ("cuda", "capability", "tag"),
    [((13, 2), (12, 0), "cu130"), ((13, 0), (7, 5), "cu130"), ((13, 0), (7, 0), "cu126"), ((12, 4), (9, 0), "cu126")],
)
def test_build_follows_driver_and_card(torch_part, cuda, capability, tag):
    for system in ("linux", "win32"):
        plan = torch_part.choose(torch_part.Card("card", cuda, capability), system)
        assert plan.cuda
        assert plan.attempts[0].arguments == (f"torch==2.13.0+{tag}", "--index-url", plan.attempts[0].index)
        assert plan.attempts[0].index.endswith(tag)


def test_old_driver_gets_the_processor_build_and_is_told_so(torch_part):
    plan = torch_part.choose(torch_part.Card("Tesla K80", (11, 4), (3, 7)), "linux")
    assert not plan.cuda
    assert "too old" in plan.reason


def test_linux_without_card_looks_at_local_wheels_then_the_small_index_then_anywhere(torch_part):
    plan = torch_part.choose(None, "linux")
    assert ["--no-index" in attempt.arguments for attempt in plan.attempts] == [True, False, False]
    assert plan.attempts[1].index.endswith("/cpu")
    # Only a build that calls itself +cpu, so that another configured source cannot slip in gigabytes of CUDA.
    assert plan.attempts[1].arguments[0].endswith("+cpu")
    assert plan.attempts[2].arguments == ("torch==2.13.0",)


@pytest.mark.parametrize("system", ["darwin", "win32"])
def test_mac_and_windows_without_card_use_the_common_build(torch_part, system):
    assert [attempt.arguments for attempt in torch_part.choose(None, system).attempts] == [("torch==2.13.0",)]


@pytest.mark.parametrize(
    ("installed", "card", "satisfied"),
    [
        ("2.13.0+cpu", None, True),
        ("2.13.0+cu130", None, True),
        ("2.13.0+cpu", (13, 0), False),
        ("2.13.0+cu126", (13, 0), True),
        ("2.12.1+cpu", None, False),
        ("", None, False),
    ],
)
def test_a_fitting_torch_is_kept(torch_part, installed, card, satisfied):
    plan = torch_part.choose(card and torch_part.Card("card", card, (9, 0)), "linux")
    assert torch_part.is_satisfied(installed, plan) is satisfied


class FakeConsole:
    """Answers each pip command with the next exit code."""

    def __init__(self, codes):
        self.codes = list(codes)
        self.commands = []

    def run(self, command, **_):
        self.commands.append([str(word) for word in command])
        return self.codes.pop(0), ["ERROR: No matching distribution found for torch"]

    def note(self, text):
        pass


def test_ways_are_tried_in_order_until_one_works(torch_part):
    console = FakeConsole([1, 0])
    label = torch_part.install(Path("python"), torch_part.choose(None, "linux"), console, lambda index: True)
    assert label == "CPU build from PyTorch"
    assert len(console.commands) == 2


def test_an_index_that_does_not_answer_is_left_out(torch_part):
    console = FakeConsole([1, 0])
    label = torch_part.install(Path("python"), torch_part.choose(None, "linux"), console, lambda index: False)
    assert label == "from pip's own sources"
    assert not any("--index-url" in command for command in console.commands)


def test_failure_shows_the_last_lines_and_what_to_do(torch_part, bootstrap_part):
    console = FakeConsole([1, 1])
    with pytest.raises(bootstrap_part("console").BootstrapError) as caught:
        torch_part.install(Path("python"), torch_part.choose(None, "linux"), console, lambda index: False)
    assert "No matching distribution" in str(caught.value)
    assert "offline" in caught.value.remedy


def test_unreachable_index_is_known_at_once(torch_part):
    assert not torch_part.answers("http://127.0.0.1:9/whl/cpu", seconds=1.0)


def test_console_survives_a_command_that_is_not_there(bootstrap_part):
    code, lines = bootstrap_part("console").Console(io.StringIO()).run(["no-such-command-anywhere"])
    assert code == 127
    assert "no-such-command-anywhere" in lines[0]
