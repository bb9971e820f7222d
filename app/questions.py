"""Problems that the user can solve on the spot: what is asked, and how it goes on with the answer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from mole_engine.contracts.errors import InputError, Problem, StructureColumnError, problem_of


@dataclass(frozen=True, slots=True)
class ColumnProblem(Problem):
    """A problem that is solved by saying which column holds the structures.

    Attributes
    ----------
    columns
        Those that could be meant.
    again
        Goes on with the one that was chosen.
    """

    columns: tuple[str, ...] = ()
    again: Callable[[str], object] | None = None


class ColumnNeededError(InputError):
    """An error about the column of the structures that knows how to go on; shown as a `ColumnProblem`."""

    def __init__(self, error: StructureColumnError, again: Callable[[str], object]) -> None:
        known = problem_of(error)
        super().__init__(known.title, known.cause)
        remedy = "Which column holds the SMILES?"
        self.problem = ColumnProblem(known.title, known.cause, remedy, known.details, error.columns, again)
