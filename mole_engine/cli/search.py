"""`mole search`: find settings for a table of molecules, then train with them."""

from __future__ import annotations

import argparse

from mole_engine.cli.parser import Command
from mole_engine.cli.train import configuration, configure, run_training
from mole_engine.contracts.errors import InputError

TRIALS = 20


def _configure(parser: argparse.ArgumentParser) -> None:
    configure(parser, "search")
    search = parser.add_argument_group("the search")
    search.add_argument("--trials", type=int, default=TRIALS, metavar="N", help=f"trainings to try ({TRIALS})")
    search.add_argument("--trial-epochs", type=int, default=0, metavar="N", help="epochs of a trial (all of --epochs)")
    search.add_argument("--minutes", type=float, default=0.0, metavar="M", help="begin no trial after this time")
    search.add_argument("--vary", metavar="A,B", default="", help="settings to vary, as section.field")
    search.add_argument("--no-pruning", action="store_true", help="let every trial run to its end")


def _run(arguments: argparse.Namespace) -> int:
    if arguments.trials < 1:
        raise InputError(f"--trials {arguments.trials} is no search.", "", "Give 1 or more.")
    arguments.resume = ""
    changes = {
        "trials": arguments.trials,
        "epochs": arguments.trial_epochs,
        "minutes": arguments.minutes,
        "prune": not arguments.no_pruning,
    }
    if arguments.vary:
        changes["settings"] = [name.strip() for name in arguments.vary.split(",") if name.strip()]
    config = configuration(arguments).updated({"search": changes})
    from mole_engine.training.search_space import default_space

    # What cannot be varied is told before molecules are prepared and simple models fitted.
    default_space(config)
    return run_training(config, arguments)


COMMAND = Command("search", "find settings by trying them, then train with the best", _configure, _run, True)
