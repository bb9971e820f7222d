"""Structures whose atoms are coloured by what they add to a prediction."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from rdkit.Chem.Draw import rdMolDraw2D

from mole_engine.chem.depict import laid_out, prepared_drawer
from mole_engine.contracts.explanations import FIRST_SHADE, LAST_SHADE

Color = tuple[float, float, float]

RAISES_LIGHT, LOWERS_LIGHT, GROUND_LIGHT = "#0072B2", "#D55E00", "#FFFFFF"
RAISES_DARK, LOWERS_DARK, GROUND_DARK = "#56B4E9", "#E8833A", "#1C2027"
"""Blue and orange, which every eye can tell apart (Okabe and Ito's colours, as in the charts of the window)."""

_INK_LIGHT, _INK_DARK = (0.106, 0.122, 0.153), (0.91, 0.92, 0.94)

_FAINTEST = 0.04
"""Contributions below this share of the scale are left white."""

LONGEST_BOND = 36.0
"""Pixels of a bond where there is room: as large as a card allows, but ethanol shall not fill it."""

LEGEND_HEIGHT = 26
_BAR, _BAR_STEPS = 130.0, 26
_MUTED_LIGHT, _MUTED_DARK = "#5D6675", "#98A2B1"

_UNITS_PER_BOND, _RADIUS = 1.5, 0.42
# RDKit's units: a bond is 1.5 long, a disc has this radius.


@dataclass(frozen=True, slots=True)
class Picture:
    """A drawing and where its atoms are.

    Attributes
    ----------
    svg
        The document, with a clear background.
    width, height
        Of the drawing, in its own pixels.
    atoms
        Middle of each atom, in the same pixels.
    """

    svg: str
    width: int
    height: int
    atoms: tuple[tuple[float, float], ...]


def contribution_picture(
    smiles: str,
    contributions: Sequence[float],
    reach: float,
    width: int,
    height: int,
    *,
    dark: bool = False,
    titles: Sequence[str] = (),
    ends: tuple[str, str] = ("", ""),
) -> Picture:
    """Draw a molecule with a disc behind each atom: blue where the atom raises the prediction, orange where it lowers.

    Parameters
    ----------
    smiles
        The structure.
    contributions
        One an atom, in the order of the SMILES.
    reach
        Contribution that has the full colour, of either sign.
    width, height
        Size in pixels.
    dark
        Colours for a dark background.
    titles
        Words that a browser shows when the pointer is over an atom; one an atom, or none.
    ends
        What stands at the ends of a bar below the structure: what raises and what lowers most; no bar without words.

    Raises
    ------
    UnreadableMolecule
        When the SMILES cannot be read.
    ValueError
        When there are not as many contributions as atoms.
    """
    mol = laid_out(smiles)
    whole = height
    height -= LEGEND_HEIGHT if any(ends) else 0
    if len(contributions) != mol.GetNumAtoms():
        raise ValueError(f"{len(contributions)} contributions for {mol.GetNumAtoms()} atoms")
    drawer, options = prepared_drawer(width, height, dark)
    options.fixedBondLength = LONGEST_BOND / _UNITS_PER_BOND
    options.minFontSize, options.maxFontSize = 8, 15
    options.bondLineWidth = 1.3
    options.highlightRadius = _RADIUS
    options.atomHighlightsAreCircles = True
    # Letters in ink: colour says one thing only here.
    options.setAtomPalette({-1: _INK_DARK if dark else _INK_LIGHT})
    shares = [_share(value, reach) for value in contributions]
    colored = {place: _color(share, dark) for place, share in enumerate(shares) if abs(share) >= _FAINTEST}
    prepared = rdMolDraw2D.PrepareMolForDrawing(mol, addChiralHs=False)
    drawer.DrawMolecule(
        prepared, highlightAtoms=sorted(colored), highlightAtomColors=colored, highlightBonds=[], highlightBondColors={}
    )
    points = tuple((point.x, point.y) for point in map(drawer.GetDrawCoords, range(mol.GetNumAtoms())))
    drawer.FinishDrawing()
    more = _titles(points, titles) + (_legend(width, height, ends, dark) if any(ends) else "")
    return Picture(_enlarged(str(drawer.GetDrawingText()), more, height, whole), width, whole, points)


def shade(share: float, dark: bool = False) -> str:
    """Return the colour of a share of the scale, from -1 (lowers most) to 1 (raises most), as "#rrggbb"."""
    return "#" + "".join(f"{round(255 * part):02x}" for part in _color(share, dark))


def _share(value: float, reach: float) -> float:
    return min(1.0, max(-1.0, value / reach)) if reach > 0 else 0.0


def _color(share: float, dark: bool) -> Color:
    raises, lowers, ground = (
        (RAISES_DARK, LOWERS_DARK, GROUND_DARK) if dark else (RAISES_LIGHT, LOWERS_LIGHT, GROUND_LIGHT)
    )
    # Something of the colour from the start, so that a weak contribution is not taken for none.
    strength = 0.0 if abs(share) < _FAINTEST else LAST_SHADE * (FIRST_SHADE + (1 - FIRST_SHADE) * abs(share))
    end, begin = _parts(raises if share > 0 else lowers), _parts(ground)
    return (
        begin[0] + strength * (end[0] - begin[0]),
        begin[1] + strength * (end[1] - begin[1]),
        begin[2] + strength * (end[2] - begin[2]),
    )


def _parts(color: str) -> Color:
    return int(color[1:3], 16) / 255, int(color[3:5], 16) / 255, int(color[5:7], 16) / 255


def _titles(points: Sequence[tuple[float, float]], titles: Sequence[str]) -> str:
    """Return a clear disc with a tool tip over each atom."""
    return "".join(
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="11" fill="transparent"><title>{escape(words)}</title></circle>'
        for (x, y), words in zip(points, titles, strict=False)
    )


def _legend(width: int, top: int, ends: tuple[str, str], dark: bool) -> str:
    """Return the bar of colours from what raises to what lowers, with words at its ends."""
    step, left = _BAR / _BAR_STEPS, (width - _BAR) / 2
    cells = "".join(
        f'<rect x="{left + place * step:.1f}" y="{top + 8}" width="{step + 0.4:.1f}" height="8" '
        f'fill="{shade(1 - 2 * place / (_BAR_STEPS - 1), dark)}"/>'
        for place in range(_BAR_STEPS)
    )
    style = f'font-family="sans-serif" font-size="11" fill="{_MUTED_DARK if dark else _MUTED_LIGHT}"'
    first, last = escape(ends[0]), escape(ends[1])
    return (
        f'<text x="{left - 8:.1f}" y="{top + 16}" text-anchor="end" {style}>{first}</text>{cells}'
        f'<text x="{left + _BAR + 8:.1f}" y="{top + 16}" {style}>{last}</text>'
    )


def _enlarged(svg: str, more: str, height: int, whole: int) -> str:
    """Return RDKit's document with further elements, and with room for them below."""
    for before in (f"height='{height}px'", "viewBox='0 0 "):
        if before not in svg:
            raise RuntimeError("RDKit writes its drawings in another way than expected")
    # RDKit announces Latin-1, in which there is no minus sign.
    svg = re.sub(r"encoding='[^']*'", "encoding='UTF-8'", svg, count=1)
    svg = svg.replace(f"height='{height}px'", f"height='{whole}px'", 1)
    svg = re.sub(r"viewBox='0 0 (\d+) \d+'", rf"viewBox='0 0 \g<1> {whole}'", svg, count=1)
    return re.sub(r"</svg>\s*$", lambda _: f"{more}</svg>\n", svg)
