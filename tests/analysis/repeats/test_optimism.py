"""What choosing the best is worth, where the truth is known."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from engine.analysis.repeats.optimism import Optimism, expected_error, optimism
from engine.space.graph import Graph
from engine.store.files.evaluations import FRESH, Evaluation
from engine.store.records import State
from tests.analysis.made import graph

Drawn = Callable[[int, int], tuple[dict[str, tuple[float, ...]], np.ndarray]]

GRAPHS = 400
NOISE, SPREAD = 0.6, 0.8
"""Standard deviations (%) of a training's error and of the graphs' true errors."""


def drawn(seed: int, repeats: int) -> tuple[dict[str, tuple[float, ...]], np.ndarray]:
    """Errors (%) of graphs over repeats, and the true ones."""
    rng = np.random.default_rng(seed)
    truth = rng.normal(20, SPREAD, GRAPHS)
    seen = truth[:, None] + rng.normal(0, NOISE, (GRAPHS, repeats))
    return {str(i): tuple(row) for i, row in enumerate(seen.tolist())}, truth


def lowest(errors: dict[str, tuple[float, ...]]) -> str:
    return min(errors, key=lambda key: np.mean(errors[key]))


def again(key: str, errors: list[float], other: Graph | None = None) -> list[Evaluation]:
    """A graph trained again; its key is any text here."""
    return [Evaluation(key=key, graph=str(other or graph()), repeat=FRESH + r, seed=0, state=State.DONE, epochs=1,
                       accuracy=(100.0 - e, None, None)) for r, e in enumerate(errors)]


def broken(seed: int, repeats: int) -> tuple[dict[str, tuple[float, ...]], np.ndarray]:
    """The same, of which every tenth graph has not learnt."""
    errors, truth = drawn(seed, repeats)
    for key in list(errors)[::10]:
        errors[key] = tuple(e + 40 for e in errors[key])
        truth[int(key)] += 40
    return errors, truth


@pytest.mark.parametrize("repeats", [2, 5])
@pytest.mark.parametrize("of", [drawn, broken])
def test_from_repeats_it_is_what_the_best_loses_on_average(of: Drawn, repeats: int) -> None:
    """A few broken graphs say nothing of the good ones: shrinking towards the mean of all told a fiftieth of it."""
    expected, lost = [], []
    for seed in range(40):
        errors, truth = of(seed, repeats)
        best = lowest(errors)
        found = optimism(errors, [best])
        assert found.basis == f"the noise between {repeats} repeats"
        expected.append(found.points)
        lost.append(truth[int(best)] - np.mean(errors[best]))
    error = np.std(lost) / np.sqrt(len(lost))
    assert np.mean(expected) == pytest.approx(np.mean(lost), abs=3 * error + 0.03)
    assert np.mean(expected) > 3 * error


def test_from_any_graphs_trained_again_it_is_told_in_one_pass_too() -> None:
    expected, lost = [], []
    for seed in range(60):
        errors, truth = drawn(seed, 1)
        best, rng = lowest(errors), np.random.default_rng(seed + 1000)
        others = [e for key in map(str, range(7, 37)) for e in again(key, (truth[int(key)] + rng.normal(0, NOISE, 5)).tolist())]
        found = optimism(errors, [best], [e for e in others if e.key != best])
        assert found.basis.endswith("trained again")
        expected.append(found.points)
        lost.append(truth[int(best)] - errors[best][0])
    assert np.mean(expected) == pytest.approx(np.mean(lost), abs=3 * np.std(lost) / np.sqrt(len(lost)) + 0.1)


def test_its_own_retrainings_say_it_themselves() -> None:
    errors = {"a": (3.0,), "b": (4.0,)}
    assert optimism(errors, ["a"], again("a", [5.0, 4.0])) == Optimism(1.5, "its 2 retrainings")
    assert optimism(errors, ["a"], again("a", [3.25])).words() == "expected optimism +0.25 points (its 1 retraining)"


def test_of_equal_graphs_trained_again_all_count_not_the_one_they_chose() -> None:
    errors = {"a": (3.0,), "b": (3.0,), "c": (4.0,)}
    found = optimism(errors, ["b", "a"], [*again("a", [5.0, 4.0]), *again("b", [3.0, 3.0])])
    assert found == Optimism(0.75, "4 retrainings of 2 equal graphs")


@pytest.mark.parametrize("evaluations", [[], again("b", [4.0])], ids=["none", "another one trained again once"])
def test_one_pass_knows_nothing(evaluations: list[Evaluation]) -> None:
    found = optimism({"a": (3.0,), "b": (4.0,)}, ["a"], evaluations)
    assert found == Optimism(None, "one pass")
    assert found.words() == "expected optimism not known: one pass"
    assert optimism({"a": (3.0, 4.0)}, ["a"]) == Optimism(None, "too few graphs")


def test_equal_graphs_and_no_noise_have_none() -> None:
    assert optimism(dict.fromkeys("abcd", (3.0, 3.0)), [*"abcd"]).points == 0.0
    assert optimism({"a": (3.0, 3.0), "b": (4.0, 4.0), "c": (3.0, 3.0)}, ["a"]).points == 0.0
    assert optimism({"a": (3.0,), "b": (3.0,)}, ["a"], again("c", [4.0, 5.0, 4.0, 6.0, 5.0])).points == 0.0


def test_noise_is_not_told_from_one_pair_nor_from_a_broken_graph() -> None:
    errors = {k: (float(i),) for i, k in enumerate("abcdefgh")}
    assert optimism(errors, ["a"], again("b", [4.0, 4.0])) == Optimism(None, "one pass")
    assert optimism(errors, ["a"], again("h", [80.0, 20.0, 50.0, 10.0, 70.0])) == Optimism(None, "one pass")
    assert optimism(errors, ["a"], again("b", [4.0, 4.5, 4.0, 5.0, 4.2])).basis == "the noise of 1 graph trained again"
    assert optimism({"a": (3.0, 3.5), "b": (9.0, 9.1)}, ["a"]).basis == "the noise between 2 repeats"


def test_ten_thousand_graphs_are_no_matter() -> None:
    rng = np.random.default_rng(0)
    means = {str(i): float(m) for i, m in enumerate(rng.normal(20, 1, 10_000))}
    seen = min(means.values())
    assert 0.5 < expected_error(means, seen, 0.6) - seen < 2.0
