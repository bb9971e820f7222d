"""The map's arithmetic: what a lasso holds, which dot is nearest, how colours are shared out."""

from __future__ import annotations

import numpy as np
import pytest

from app.widgets.map_colors import UNKNOWN, color_classes, color_numbers, ramp
from app.widgets.map_geometry import View, inside, nearest, shares


def test_a_lasso_holds_what_lies_inside_it_even_where_it_is_hollow():
    grid = np.array([(x, y) for x in range(10) for y in range(10)], np.float32)
    square = [(1.5, 1.5), (7.5, 1.5), (7.5, 7.5), (1.5, 7.5)]
    assert {tuple(p) for p in grid[inside(grid, square)].tolist()} == {(x, y) for x in range(2, 8) for y in range(2, 8)}
    # A "C": its mouth at the right is not inside, though it lies within the lasso's extent.
    mouth = [(0.5, 0.5), (8.5, 0.5), (8.5, 2.5), (3.5, 2.5), (3.5, 5.5), (8.5, 5.5), (8.5, 8.5), (0.5, 8.5)]
    held = inside(grid, mouth)
    assert held[grid.tolist().index([2, 4])]
    assert held[grid.tolist().index([7, 1])]
    assert not held[grid.tolist().index([6, 4])]
    assert not inside(grid, square[:2]).any()
    assert len(inside(grid[:0], square)) == 0


def test_the_nearest_dot_is_found_within_reach_and_only_among_those_shown():
    pixels = np.array([(10, 10), (20, 10), (21, 10)], np.float32)
    assert nearest(pixels, 19, 10, 5.0) == 1
    assert nearest(pixels, 19, 10, 5.0, np.array([True, False, True])) == 2
    assert nearest(pixels, 60, 10, 5.0) == -1
    assert nearest(pixels[:0], 0, 0, 5.0) == -1


def test_zooming_keeps_the_point_below_the_pointer_and_the_map_in_sight():
    points = shares(np.random.default_rng(0).normal(size=(50, 2)))
    assert points.min() == 0.0
    assert points.max() == 1.0
    view = View(800, 400)
    x, y = view.place(points)[7].tolist()
    closer = view.zoomed(3.0, x, y)
    assert closer.place(points)[7] == pytest.approx((x, y), abs=0.5)
    assert closer.zoomed(1e-6, x, y) == view
    lost = closer.moved(1e6, -1e6).place(points)
    assert ((lost[:, 0] >= 0) & (lost[:, 0] <= 800)).any()


@pytest.mark.parametrize("coordinates", [np.zeros((0, 2)), np.ones((3, 2)), np.array([[0, 5], [1, 5]])])
def test_maps_without_any_extent_have_places_all_the_same(coordinates):
    points = shares(coordinates)
    assert np.isfinite(points).all()
    assert ((points >= 0) & (points <= 1)).all()


def test_one_far_value_does_not_turn_all_others_alike():
    values = np.array([*np.linspace(0, 1, 99), -400.0, np.nan])
    coloring = color_numbers("y", values)
    assert coloring.shades[-1] == UNKNOWN
    assert len(set(coloring.shades[:99].tolist())) == len(ramp())
    assert (np.diff(coloring.shades[:99]) >= 0).all()


def test_values_over_many_decades_are_coloured_by_their_logarithm():
    coloring = color_numbers("IC50", np.logspace(0, 5, 101))
    assert coloring.logarithmic
    assert abs(int(coloring.shades[50]) - len(ramp()) // 2) <= 1
    alike = color_numbers("constant", np.full(4, 3.0))
    assert len(set(alike.shades.tolist())) == 1
    assert (color_numbers("nothing", np.full(3, np.nan)).shades == UNKNOWN).all()


def test_rare_classes_share_the_last_colour():
    codes = np.array([float(code) for code in range(12) for _ in range(20 - code)])
    coloring = color_classes("series", codes, tuple(f"s{code}" for code in range(12)))
    assert len(coloring.legend()) == 7
    assert coloring.labels[-1] == "6 others"
    assert set(coloring.shades[codes >= 6].tolist()) == {6}
    assert coloring.shades[0] == 0
