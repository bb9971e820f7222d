"""Coloured structures: blue raises, orange lowers, no colour where there is nothing, numbers for a pointer."""

from __future__ import annotations

import re

import pytest

from mole_engine.chem.contribution_picture import LONGEST_BOND, contribution_picture, shade
from mole_engine.chem.molecules import UnreadableMolecule


def discs(svg):
    return re.findall(r"<ellipse[^>]*class='atom-(\d+)'[^>]*fill:(#[0-9A-F]{6})", svg)


def channels(color):
    return [int(color[place : place + 2], 16) for place in (1, 3, 5)]


@pytest.mark.parametrize("dark", [False, True])
def test_signs_have_colours_of_their_own(dark):
    svg = contribution_picture("CCO", [1.0, 0.0, -1.0], 1.0, 200, 120, dark=dark).svg
    colored = dict(discs(svg))
    assert set(colored) == {"0", "2"}
    assert channels(colored["0"])[2] > channels(colored["0"])[0]
    assert channels(colored["2"])[0] > channels(colored["2"])[2]


def test_other_contributions_give_another_picture():
    first = contribution_picture("CCO", [0.5, 0.0, 0.2], 1.0, 200, 120).svg
    second = contribution_picture("CCO", [0.5, 0.0, 0.3], 1.0, 200, 120).svg
    assert first != second
    assert discs(first)[0] == discs(second)[0]


def test_the_scale_is_symmetrical_and_ends_at_the_reach():
    assert shade(0.0) == "#ffffff"
    assert shade(1.0) != shade(-1.0)
    beyond = contribution_picture("C", [5.0], 1.0, 100, 100).svg
    assert beyond == contribution_picture("C", [1.0], 1.0, 100, 100).svg
    strengths = [sum(abs(part - 255) for part in channels(shade(share))) for share in (0.1, 0.5, 1.0)]
    assert strengths == sorted(strengths)


def test_there_is_no_background_and_small_molecules_stay_small():
    picture = contribution_picture("CCO", [0.1, 0.2, 0.3], 0.3, 600, 400)
    assert "<rect" not in picture.svg
    (x1, y1), (x2, y2) = picture.atoms[:2]
    assert ((x1 - x2) ** 2 + (y1 - y2) ** 2) ** 0.5 == pytest.approx(LONGEST_BOND, rel=0.05)
    assert all(0 < x < 600 and 0 < y < 400 for x, y in picture.atoms)


def test_words_for_a_pointer_are_escaped():
    svg = contribution_picture("C", [1.0], 1.0, 100, 100, titles=["<b>&"]).svg
    assert "<title>&lt;b&gt;&amp;</title>" in svg
    assert svg.rstrip().endswith("</svg>")


def test_contributions_must_fit_the_molecule():
    with pytest.raises(ValueError, match="2 contributions for 3 atoms"):
        contribution_picture("CCO", [1.0, 2.0], 1.0, 100, 100)
    with pytest.raises(UnreadableMolecule):
        contribution_picture("C1CC", [1.0, 2.0, 3.0], 1.0, 100, 100)


def test_the_scale_below_is_part_of_the_document():
    import xml.etree.ElementTree as ET

    plain = contribution_picture("CCO", [0.1, 0.2, -0.3], 0.3, 300, 200)
    picture = contribution_picture("CCO", [0.1, 0.2, -0.3], 0.3, 300, 200, ends=("raises \u00d72", "lowers \u22120.3"))
    root = ET.fromstring(picture.svg.encode())
    assert root.attrib["height"] == "200px"
    assert root.attrib["viewBox"] == "0 0 300 200"
    texts = [item.text for item in root.iter("{http://www.w3.org/2000/svg}text")]
    assert texts == ["raises \u00d72", "lowers \u22120.3"]
    assert max(y for _, y in picture.atoms) < max(y for _, y in plain.atoms)
