"""What a prediction rests on, atom by atom. Plain data: the window, the command line and scripts read the same."""

from __future__ import annotations

import math
from dataclasses import dataclass

from mole_engine.contracts.dataset import TaskSpec

LOG10 = "log10"

LAST_SHADE = 0.72
"""How much of its colour the strongest atom has: letters on it must stay readable."""

FIRST_SHADE = 0.15
"""The share of that which the weakest atoms have that are coloured at all, so that they are not taken for none."""

READING = (
    "Blue atoms raise the prediction, orange ones lower it: by how much it would change if the model did not see the "
    "atom. It shows what the model relies on, which need not be what causes the property."
)
"""How such a picture is to be read, wherever one is shown."""


@dataclass(frozen=True, slots=True)
class ExplainedAtom:
    """An atom of the structure that the model read.

    Attributes
    ----------
    symbol
        Its element.
    given
        Its place among the atoms of the SMILES as given, counted from 0; None where clean-up changed the structure
        so that it cannot be told.
    """

    symbol: str
    given: int | None


@dataclass(frozen=True, slots=True)
class TaskExplanation:
    """One target's prediction and what each atom adds to it.

    Attributes
    ----------
    task
        What is predicted.
    value, lower, upper
        The prediction as tables have it: in the unit of training, or the probability of `label`; the 90% interval is
        NaN where the model does not know it.
    contributions
        One an atom of `Explanation.atoms`: prediction minus prediction with that atom hidden.
    scale
        "" where contributions are differences of `value`; "log10" where they are differences of its logarithm.
    reach
        Contributions of this size have the full colour, of either sign; larger than any of them where all are so small
        that they mean nothing.
    label
        The class whose probability it is; "" for numbers.
    """

    task: TaskSpec
    value: float
    contributions: tuple[float, ...]
    reach: float
    scale: str = ""
    lower: float = math.nan
    upper: float = math.nan
    label: str = ""

    @property
    def unit(self) -> str:
        """What stands behind a contribution, where it is a plain difference of numbers."""
        return "" if self.scale or self.label else self.task.unit

    def meaning(self) -> str:
        """Return what a contribution is, as a sentence."""
        if self.label:
            return f"Change of the probability of '{self.label}' that the atom brings about, 1 being certain."
        if self.scale == LOG10:
            return "Factor by which the atom changes the prediction (contributions are differences of log10)."
        unit = f", in {self.task.unit}" if self.task.unit else ""
        return f"Change of the prediction that the atom brings about{unit}."

    def ends(self) -> tuple[str, str]:
        """Return what stands at the ends of the scale of colours."""
        return f"raises {self.words(self.reach)}", f"lowers {self.words(-self.reach)}"

    def words(self, contribution: float, digits: int = 2) -> str:
        """Return a contribution as people read it: "+0.42", "\u22120.31", "\u00d72.0", "\u00f71.5"."""
        if self.scale == LOG10:
            sign = "\u00f7" if contribution < 0 else "\u00d7"
            return sign + _factor(10 ** min(abs(contribution), 300.0))
        places = places_for_reach(self.reach, digits)
        text = f"{abs(contribution):,.{places}f}"
        if not float(text.replace(",", "")):
            return text
        return ("\u2212" if contribution < 0 else "+") + text


@dataclass(frozen=True, slots=True)
class Explanation:
    """What a model looked at in one molecule.

    Attributes
    ----------
    smiles
        As given.
    read
        SMILES of the structure that the model read, after the clean-up that its training molecules went through;
        "" where there is none.
    atoms
        The atoms of `read`, in its order.
    tasks
        One entry a target that was asked for.
    notes
        What clean-up changed, and what the picture cannot show, as sentences.
    error
        Why there is no explanation, or "".
    similarity
        Tanimoto similarity to the nearest training molecule; NaN where the model does not know them.
    in_domain
        Whether that is near enough, and all elements are those of training molecules; None where not known.
    unseen
        Elements that no training molecule has, where those are known.
    """

    smiles: str
    read: str = ""
    atoms: tuple[ExplainedAtom, ...] = ()
    tasks: tuple[TaskExplanation, ...] = ()
    notes: tuple[str, ...] = ()
    error: str = ""
    similarity: float = math.nan
    in_domain: bool | None = None
    unseen: tuple[str, ...] = ()

    def strongest(self, task: TaskExplanation, most: int = 3) -> list[int]:
        """Return the atoms that matter most, the strongest first; none whose contribution is a rounding error."""
        order = sorted(range(len(self.atoms)), key=lambda place: -abs(task.contributions[place]))
        return [place for place in order[:most] if abs(task.contributions[place]) >= 0.05 * task.reach]

    def atom_name(self, place: int) -> str:
        """Return an atom as people point at it: "N4", counted from 1 in the SMILES as given where that is known."""
        atom = self.atoms[place]
        return f"{atom.symbol}{(place if atom.given is None else atom.given) + 1}"


def places_for_reach(reach: float, digits: int = 2) -> int:
    """Return how many decimals show contributions up to `reach` with so many digits."""
    if not math.isfinite(reach) or reach <= 0:
        return digits
    return min(6, max(0, digits - 1 - math.floor(math.log10(reach))))


def _factor(value: float) -> str:
    return f"{value:.3g}" if value >= 100 else f"{value:.2f}" if value < 10 else f"{value:.1f}"
