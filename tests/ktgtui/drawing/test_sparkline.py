"""Curves in one line."""

from __future__ import annotations

from engine.store.records import Curve
from ktgtui.drawing.sparkline import LEVELS, sparkline, told


def test_each_value_is_a_level_and_a_gap_a_blank() -> None:
    assert sparkline([0, None, 10], 0, 10, 10) == f"{LEVELS[0]} {LEVELS[7]}"


def test_more_values_than_characters_are_averaged() -> None:
    assert sparkline([0, 0, 10, 10], 0, 10, 2) == f"{LEVELS[0]}{LEVELS[7]}"
    assert len(sparkline(list(range(1000)), 0, 999, 40)) == 40


def test_a_flat_curve_and_plain_characters() -> None:
    assert sparkline([5, 5], 5, 5, 4) == LEVELS[7] * 2
    sparkline(list(range(9)), 0, 8, 9, plain=True).encode("ascii")


def test_a_node_without_values_says_so() -> None:
    lines = told(Curve(id="x", accuracy=((50.0, None), (60.0, None))), 60)
    assert ["".join(t for t, _ in line) for line in lines][1].endswith("not trained")
    assert told(Curve(id="x", accuracy=()), 60) == []
