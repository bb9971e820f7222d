"""The main job without a window: train on a table, predict new molecules, say where everything is."""

from __future__ import annotations

import csv
import json
import os
import subprocess
from pathlib import Path
from typing import Any

from bootstrap_console import BootstrapError, Console
from bootstrap_venv import Environment

PRESET = "quick-look"

TABLE_COLUMNS = ("_pred", "_class", "_lower", "_upper", "in_domain")

NEW_MOLECULES = (
    ("caffeine", "Cn1cnc2c1c(=O)n(C)c(=O)n2C"),
    ("ibuprofen", "CC(C)Cc1ccc(cc1)C(C)C(=O)O"),
    ("aspirin", "CC(=O)Oc1ccccc1C(=O)O"),
    ("n-octane", "CCCCCCCC"),
)


def run(environment: Environment, console: Console, path: Path | None) -> int:
    """Train the quick-look preset on `path` (or the sample) and predict a few molecules; return the exit code."""
    data = path or sample(environment)
    console.say("There is no display here, so no window can open.")
    console.say(f"Doing the same job in the terminal: {data.name}, preset {PRESET}.")
    mole = environment.scripts / "mole"
    code, record = _with_json([mole, "train", data, "--preset", PRESET, "--json"])
    if code:
        return code
    folder = Path(record["run_dir"])
    new = folder / "new-molecules.csv"
    new.write_text("name,smiles\n" + "".join(f"{name},{smiles}\n" for name, smiles in NEW_MOLECULES), encoding="utf-8")
    predicted = folder / "new-molecules-predicted.csv"
    console.say("")
    console.say(f"Predicting {len(NEW_MOLECULES)} new molecules with the model.")
    code = subprocess.call([str(mole), "predict", record["model_path"], str(new), "--out", str(predicted)])
    if code:
        return code
    _summary(console, record, predicted)
    return 0


def sample(environment: Environment) -> Path:
    """Return the bundled sample that the demo trains on."""
    path = environment.root / "resources" / "samples" / "logp.csv"
    if not path.is_file():
        raise BootstrapError(f"The sample {path} is missing.", "Fetch the program anew.")
    return path


def _with_json(command: list[Any]) -> tuple[int, dict[str, Any]]:
    """Run a command that ends with one line of JSON; its progress goes straight to the terminal."""
    result = subprocess.run(
        [str(word) for word in command],
        stdout=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        check=False,
        env={**os.environ, "PYTHONUTF8": "1"},
    )
    if result.returncode:
        return result.returncode, {}
    record: dict[str, Any] = json.loads(result.stdout.strip().splitlines()[-1])
    return 0, record


def table(predicted: Path) -> list[str]:
    """Return the lines of a small table: names, predictions, 90% intervals, domain."""
    with predicted.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    shown = [name for name in rows[0] if name == "name" or name.endswith(TABLE_COLUMNS)]
    cells = [shown, *[[_rounded(row[name]) for name in shown] for row in rows]]
    widths = [max(len(row[place]) for row in cells) for place in range(len(shown))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in cells]


def _rounded(cell: str) -> str:
    try:
        return f"{float(cell):.3g}"
    except ValueError:
        return cell


def _summary(console: Console, record: dict[str, Any], predicted: Path) -> None:
    console.say("")
    for line in table(predicted):
        console.say(f"  {line}")
    console.say("")
    metrics = {name: value for name, value in record["metrics"].items() if "/" not in name and value is not None}
    console.say("Test metrics:  " + "  ".join(f"{name} {value:.3f}" for name, value in metrics.items()))
    console.say(f"Model:         {record['model_path']}")
    console.say(f"Predictions:   {predicted}")
    console.say(f"Run folder:    {record['run_dir']}")
