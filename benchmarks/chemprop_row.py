"""chemprop as a row of the accuracy benchmark: another Python runs it as a program, on files without test labels.

chemprop (MIT licence, https://github.com/chemprop/chemprop) is neither imported nor shipped. It trains with its own
default settings on the training part, and keeps the epoch that is best on the validation part (decision record 0045).
"""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from mole_engine.contracts.dataset import Split, TaskKind
from mole_engine.data.dataset import CuratedDataset
from mole_engine.data.scaling import TargetScaler
from mole_engine.training.metrics import compute_metrics

NORMALISED = ("--molecule-featurizers", "v1_rdkit_2d_normalized", "--no-descriptor-scaling")
"""200 descriptors of RDKit, which the featurizer brings to 0 to 1 itself."""

CHEMPROP: dict[str, tuple[str, ...]] = {"chemprop": (), "chemprop-descriptors": NORMALISED}
"""Name of each row, and what is said to chemprop beyond its defaults."""

MAIN = "from chemprop.cli.main import main; main()"
VERSION = "from importlib.metadata import version; print('chemprop', version('chemprop'))"
REMEDY = (
    "chemprop is not installed for {python}. Give it an environment of its own, since it asks for another RDKit:\n"
    "    python -m venv chemprop-env\n"
    "    chemprop-env/bin/python -m pip install 'chemprop>=2.3,<2.4'\n"
    "and name its Python: --chemprop chemprop-env/bin/python"
)

Floats = npt.NDArray[np.float64]
Runner = Callable[[Sequence[str], Path], None]


class ChempropMissingError(RuntimeError):
    """The named Python has no chemprop; the message says what to do."""


@cache
def chemprop_version(python: str) -> str:
    """Return "chemprop 2.3.1", as installed for an interpreter.

    Raises
    ------
    ChempropMissingError
        Where it is not, or the interpreter cannot be run.
    """
    try:
        found = subprocess.run([python, "-c", VERSION], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise ChempropMissingError(REMEDY.format(python=python)) from error
    return found.stdout.strip()


def fit_chemprop(
    name: str, dataset: CuratedDataset, split: Split, *, seed: int, run: Runner
) -> tuple[dict[str, float], Floats]:
    """Train chemprop on the training part, its epoch chosen on the validation part; return metrics and test outputs.

    Parameters
    ----------
    name
        One of `CHEMPROP`.
    run
        Runs chemprop with arguments, in a folder; see `runner`.

    Returns
    -------
    metrics, outputs
        Of the test part; outputs (n, tasks) in the labels' units, or chances of the second class.
    """
    kind = _common_kind(dataset)
    scaler = TargetScaler.fit(dataset.targets[list(split.train)], dataset.tasks, "auto")
    further = (*CHEMPROP[name], "--accelerator", "cpu")
    with tempfile.TemporaryDirectory() as text:
        folder = Path(text)
        write_inputs(folder, dataset, split, scaler)
        seeds = ("--data-seed", str(seed), "--pytorch-seed", str(seed))
        learn = ("--data-path", "learn.csv", "--splits-column", "split", "--smiles-columns", "smiles")
        run(("train", *learn, "--task-type", kind, "--output-dir", "model", *seeds, *further), folder)
        asked = ("--test-path", "test.csv", "--smiles-columns", "smiles", "--preds-path", "predicted.csv")
        run(("predict", *asked, "--model-paths", "model", *further), folder)
        outputs = scaler.inverse(read_outputs(folder, split, len(dataset.tasks)))
    targets = dataset.targets[list(split.test)]
    return compute_metrics(outputs, targets, ~np.isnan(targets), dataset.tasks), outputs


def runner(python: str, threads: int) -> Runner:
    """Return what runs chemprop with an interpreter; 0 threads: as many as it chooses itself."""
    environment = {**os.environ, **({"OMP_NUM_THREADS": str(threads)} if threads else {})}

    def run(arguments: Sequence[str], folder: Path) -> None:
        found = subprocess.run(
            [python, "-c", MAIN, *arguments],
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            encoding="utf-8",
            errors="replace",
            check=False,
        )
        if found.returncode:
            raise RuntimeError(f"chemprop {arguments[0]} ended with {found.returncode}:\n{found.stderr[-2000:]}")

    return run


def write_inputs(folder: Path, dataset: CuratedDataset, split: Split, scaler: TargetScaler) -> None:
    """Write learn.csv (training and validation part, scaled labels) and test.csv (structures without labels)."""
    import pandas as pd

    learning = [*split.train, *split.validation]
    labels = scaler.transform(dataset.targets[learning])
    learn: dict[str, Any] = {"smiles": [dataset.smiles[place] for place in learning]}
    learn |= {_column(task): labels[:, task] for task in range(labels.shape[1])}
    learn["split"] = ["train"] * len(split.train) + ["val"] * len(split.validation)
    pd.DataFrame(learn).to_csv(folder / "learn.csv", index=False)
    test = {"smiles": [dataset.smiles[place] for place in split.test], "place": list(split.test)}
    pd.DataFrame(test).to_csv(folder / "test.csv", index=False)


def read_outputs(folder: Path, split: Split, tasks: int) -> Floats:
    """Return what chemprop said of the test part, (n, tasks), in the order of the split.

    Raises
    ------
    ValueError
        When a molecule has no prediction, or one that is no number.
    """
    import pandas as pd

    table = pd.read_csv(folder / "predicted.csv").set_index("place")
    outputs = table.reindex(list(split.test))[[_column(task) for task in range(tasks)]].to_numpy(dtype=np.float64)
    missing = int((~np.isfinite(outputs)).any(axis=1).sum())
    if missing:
        raise ValueError(f"chemprop has no prediction for {missing} of {len(outputs)} test molecules")
    return outputs


def _column(task: int) -> str:
    """Return a column's name that no name of a target can confuse chemprop with."""
    return f"target_{task}"


def _common_kind(dataset: CuratedDataset) -> str:
    kinds = {task.kind for task in dataset.tasks}
    if len(kinds) > 1 or TaskKind.MULTICLASS in kinds:
        raise ValueError("chemprop's row is for targets of one kind: numbers, or two classes")
    return kinds.pop().value
