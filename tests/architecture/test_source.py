"""The house's rules about its source: sizes, no prints, no silent catches, nothing executed from files."""

import ast
import re
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
MOST_LINES_OF_A_FILE = 400
MOST_LINES_OF_A_FUNCTION = 60
OWN_PIPES = (
    "mole_engine/data/worker_process.py",
    "mole_engine/data/workers.py",
    "mole_engine/training/network_process.py",
)
"""Both ends of pipes between our own processes, where pickles never come from a file."""
PRODUCT = ("app", "mole_engine", "resources")
EVERYTHING = (*PRODUCT, "packaging", "benchmarks", "docs", "tests")


def sources(folders: tuple[str, ...]) -> Iterator[Path]:
    for folder in folders:
        yield from sorted((ROOT / folder).rglob("*.py"))


@cache
def nodes(path: Path) -> tuple[ast.AST, ...]:
    return tuple(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))


def faults(folders: tuple[str, ...], find: Callable[[ast.AST], str]) -> list[str]:
    """Return "file:line: fault" for every node of every file on which `find` returns words."""
    return [
        f"{path.relative_to(ROOT).as_posix()}:{getattr(node, 'lineno', 0)}: {words}"
        for path in sources(folders)
        for node in nodes(path)
        if (words := find(node))
    ]


def called(node: ast.AST) -> str:
    """Return the dotted name of what a call calls, or ""."""
    return ast.unparse(node.func) if isinstance(node, ast.Call) else ""


def test_files_are_short():
    lengths = {path: path.read_text(encoding="utf-8").count("\n") for path in sources(EVERYTHING)}
    assert {str(path): lines for path, lines in lengths.items() if lines > MOST_LINES_OF_A_FILE} == {}


def test_functions_are_short():
    def find(node: ast.AST) -> str:
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            return ""
        lines = (node.end_lineno or 0) - node.lineno + 1
        return f"{node.name} has {lines} lines" if lines > MOST_LINES_OF_A_FUNCTION else ""

    # A test that tells a whole journey may be long.
    assert faults((*PRODUCT, "packaging", "benchmarks", "docs"), find) == []


def test_nothing_is_printed_or_caught_in_silence():
    def find(node: ast.AST) -> str:
        if isinstance(node, ast.ExceptHandler) and node.type is None:
            return "bare except"
        call = called(node)
        return call if call == "print" or call.endswith("processEvents") else ""

    assert faults(PRODUCT, find) == []


def test_no_file_can_execute_code_when_it_is_loaded():
    """No unpickling (subclasses of Unpickler that refuse all but plain data are another matter), no unsafe loads."""

    def find(node: ast.AST) -> str:
        call = called(node)
        if re.search(r"^(pickle|dill|cloudpickle|joblib|marshal)\.(loads?|Unpickler)$", call) or call in (
            "eval",
            "exec",
        ):
            return call
        if re.search(r"^yaml\.(load|unsafe_load|full_load)$", call):
            return call
        keywords = {item.arg: ast.unparse(item.value) for item in getattr(node, "keywords", [])}
        if call == "torch.load" and keywords.get("weights_only") != "True":
            return "torch.load without weights_only=True"
        return f"{call} with allow_pickle" if keywords.get("allow_pickle", "False") != "False" else ""

    assert [fault for fault in faults(PRODUCT, find) if not fault.startswith(OWN_PIPES)] == []


def test_no_path_of_one_machine():
    machine = re.compile(r"^(/work/|/home/\w+/|/Users/\w+/|/root/|[A-Z]:\\Users)")

    def find(node: ast.AST) -> str:
        text = node.value if isinstance(node, ast.Constant) else ""
        return text if isinstance(text, str) and machine.match(text) else ""

    # Tests may speak of somebody's home.
    assert faults((*PRODUCT, "packaging", "benchmarks", "docs"), find) == []


def test_a_folder_of_a_moment_never_fails_what_was_done_in_it():
    """Windows removes no folder in which anybody, a virus scanner say, has a file open."""

    def find(node: ast.AST) -> str:
        if not called(node).endswith("TemporaryDirectory") or not isinstance(node, ast.Call):
            return ""
        forgives = any(option.arg == "ignore_cleanup_errors" for option in node.keywords)
        return "" if forgives else "ignore_cleanup_errors=True is missing"

    assert faults(PRODUCT, find) == []


def test_every_test_file_has_a_name_of_its_own():
    """Two test files of one name cannot be told apart in a report."""
    names = [path.name for path in (ROOT / "tests").rglob("test_*.py")]
    assert sorted(names) == sorted(set(names))
