"""The phases of a job, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mole_engine.contracts.wording import counted

if TYPE_CHECKING:
    from mole_engine.contracts.config import TrainConfig
    from mole_engine.contracts.records import RunRecord
    from mole_engine.training.ensemble_fit import EnsembleFit

STAGES = {
    "open": ("Opening the file", "bytes"),
    "read": ("Reading the file", "bytes"),
    "curate": ("Checking molecules", "molecules"),
    "split": ("Dividing the molecules", "steps"),
    "Searching for settings": ("Searching for settings", "trials"),
    "Choosing the number of threads": ("Choosing the number of threads", "steps"),
    "Fitting simple models": ("Fitting simple models", "models"),
    "Fitting simple models to compare with": ("Fitting simple models to compare with", "models"),
}
"""Words and unit of the stages that libraries name in their own way, or that count other things than molecules."""


def training_words(config: TrainConfig, record: RunRecord, pool: int) -> str:
    """Return what trains on what, from the counts and the parameters of a record.

    `pool`: molecules that folds learn from, each left out once; those of a validation file are not among them.
    """
    train, held, test = (record.counts.get(part, 0) for part in ("train", "val", "test"))
    words = f"Training on {counted(train, 'molecule')}"
    use = ", which choose the epoch" if held and config.training.keep != "last" else ""
    if config.ensemble.kind == "folds":
        words, held = f"Training on {counted(pool, 'molecule')} in {config.ensemble.members} folds", train + held - pool
        use = " of a file of their own"
    if held or config.ensemble.kind != "folds":
        words += f", validation on {counted(held, 'molecule')}{use}"
    return f"{words}, test on {counted(test, 'molecule')}; {record.parameters:,} parameters"


def judging_words(kept_epoch: int, ensemble: EnsembleFit | None) -> str:
    """Return what is judged: the one model of an epoch, or all that predict together."""
    if ensemble is None:
        return f"Judging the model of epoch {kept_epoch}"
    networks, simple = len(ensemble.members), len(ensemble.blend.parts)
    what = f"the {counted(networks, 'network')}" if networks > 1 else "the network"
    more = f" and {counted(simple, 'simple model')}" if simple else ""
    return f"Judging {what}{more}{' together' if networks + simple > 1 else ''}"
