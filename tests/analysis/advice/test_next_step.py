"""Counts and costs of a child before anybody decides on it."""

from __future__ import annotations

from engine.analysis.advice.next_step import next_step
from tests.analysis.folders import space_named


def test_the_papers_first_step() -> None:
    step = next_step(space_named("digits/A"), "m[aux] = mlp96", 600, 150, 0.2)
    assert (step.raw, step.paper, step.keys) == (19_683, 9_842, 9_963)
    assert (step.graphs, step.seconds, step.is_exhaustive) == (450, 90.0, False)


def test_a_small_child_is_searched_whole() -> None:
    step = next_step(space_named("digits/C"), "L[aux,1] in {through, linear}", 600, 250, None)
    assert (step.keys, step.graphs, step.seconds, step.is_exhaustive) == (513, 263, None, True)


def test_a_constraint_that_tells_nodes_apart_has_no_halved_count() -> None:
    assert next_step(space_named("digits/B"), "L[y,2] = through and L[y,3] = linear", 100, 500, 1.0).paper is None
    assert next_step(space_named("digits/B"), "L[y,aux] = through", 100, 500, 1.0).graphs == 0
