"""What an EDF drawn with characters says, not how it looks."""

from __future__ import annotations

import re

import numpy as np
import pytest

from engine.analysis.edf import Edf
from engine.report.figures.terminal_plot import LETTERS, Mark, edf_plot, limits, thin


def edf(label: str, mean: float, n: int = 200, seed: int = 0) -> Edf:
    return Edf(label, np.sort(np.random.default_rng(seed).normal(mean, 1.0, n)))


def test_size_legend_and_letters_are_as_asked() -> None:
    drawn = edf_plot([edf("through", 10), edf("linear", 12)], 80, 24, colour=False, marks=[Mark("DML", 9.5)])
    lines = drawn.split("\n")
    assert len(lines) == 24
    assert max(map(len, lines)) == 80
    assert "  a through  n = 200" in drawn
    assert "  b linear  n = 200" in drawn
    assert "  | DML  9.50 %" in drawn
    assert "\x1b" not in drawn


def test_colour_is_never_the_only_sign() -> None:
    drawn = edf_plot([edf("through", 10), edf("linear", 12)], 80, 24, colour=True)
    assert "\x1b[" in drawn
    plot = re.sub(r"\x1b\[[0-9;]*m", "", drawn).split("validation error")[0]
    assert {"a", "b"} <= set(plot)


def test_plain_is_ascii_only() -> None:
    edf_plot([edf("through", 10), edf("linear", 12)], 80, 24, colour=True, plain=True).encode("ascii")


@pytest.mark.parametrize("size", [(20, 5), (60, 20), (200, 60)])
def test_any_size_is_drawn(size: tuple[int, int]) -> None:
    lines = edf_plot([edf("A", 10)], *size, colour=False).split("\n")
    assert len(lines) >= size[1]
    assert max(len(line) for line in lines[:-1]) <= size[0]


def test_more_curves_than_letters_and_colours_still_draw() -> None:
    many = [edf(f"v{i}", 10 + i / 10, 30, i) for i in range(len(LETTERS) + 4)]
    assert edf_plot(many, 100, 60, colour=True).count("n = 30") == len(many)


def test_nothing_to_draw_is_said_and_a_single_graph_draws() -> None:
    assert edf_plot([Edf("A", np.array([]))], 60, 20, colour=False).split("\n")[0] == "no graph with a result yet"
    assert "n = 1 " in edf_plot([Edf("A", np.array([7.0]))], 60, 20, colour=False)


def test_a_far_tail_is_cut_and_counted() -> None:
    bulk = np.linspace(10, 20, 990)
    assert limits([Edf("A", np.sort(np.append(bulk, [80.0] * 10)))]) == (10.0, pytest.approx(19.6, abs=0.01), 50)
    assert limits([Edf("A", bulk)], [5.0, 30.0]) == (5.0, 30.0, 0)


def test_columns_keep_exact_values_and_lose_flat_ends() -> None:
    curve = Edf("A", np.array([2.0, 3.0, 3.0, 4.0]))
    errors, shares = thin(curve, np.linspace(0, 6, 13))
    assert errors.tolist() == [2.0, 2.5, 3.0, 3.5, 4.0, 4.5]
    assert shares.tolist() == [0, 0.25, 0.25, 0.75, 0.75, 1]
