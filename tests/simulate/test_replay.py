"""Replayed searches against plain re-tellings of what they should do."""

from __future__ import annotations

import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from engine.simulate.auto_refine import refined
from engine.simulate.regret import Path as Found
from engine.simulate.regret import Regrets, marks, regrets
from engine.simulate.replay import random_search, replay
from engine.simulate.strategies import chosen, searches
from engine.simulate.table import NOTHING, Table, load
from engine.simulate.text import text
from engine.space.counting.sampling import Sampler
from engine.space.graph import Graph
from engine.strategies.asha import Asha
from engine.strategies.fixed import random
from tests.simulate.made import EPOCHS, small, table


@pytest.fixture
def held(tmp_path: Path) -> Table:
    return table(small(tmp_path), images=40)


@pytest.mark.parametrize("n", [1, 7, 40, 72, 100])
def test_the_quick_random_search_is_the_real_one(held: Table, n: int) -> None:
    sampler = Sampler(held.space.ground)
    for seed in range(8):
        quick, real = random_search(held, sampler, n, seed), replay(held, random(held.space, n, seed), seed % held.repeats)
        assert quick == real


def test_a_random_search_pays_each_training_once_and_keeps_the_first_best(held: Table) -> None:
    found = replay(held, random(held.space, 50, 3), 0)
    paid: set[str] = set()
    best, finds = np.inf, []
    for graph in held.space.sample(50, 3):
        form = graph.effective()
        if form.graph is None or not form.graph.is_taught:
            continue
        paid.add(form.key or "")
        error = float(held.errors[held.form[held.place(graph)], 0])
        if error < best:
            best = error
            finds.append((len(paid) * EPOCHS, error))
    assert [(c, float(held.errors[f, 0])) for c, f in zip(found.costs, found.finds, strict=True)] == finds
    assert (found.spent, found.trained, found.drawn) == (len(paid) * EPOCHS, len(paid), 50)


def paper(held: Table, graphs: list[Graph], repeat: int) -> tuple[float, int]:
    """Lowest error and graph-epochs of the paper's rule, one graph at a time, told as its section 4.3 tells it."""
    seen: dict[int, list[tuple[float, int]]] = {1: [], 2: [], 4: [], 8: []}
    met: set[Graph] = set()
    best, spent = np.inf, 0
    for number, graph in enumerate(graphs):
        form = graph.effective().graph
        if form is None or form in met:
            continue
        met.add(form)
        place, trained = int(held.form[held.place(graph)]), 0
        for epoch, rung in seen.items():
            if form.is_taught:
                spent += epoch - trained
                trained = epoch
                value = held.accuracy(place, repeat, epoch)
            else:
                value = 10.0
            badness = (np.inf if value is None else -value, number)
            rung.append(badness)
            if value is None or sorted(rung).index(badness) + 1 > max(1, len(rung) // 2):
                break
        else:
            if form.is_taught:
                spent += EPOCHS - trained
                if (value := held.accuracy(place, repeat, EPOCHS)) is not None:
                    best = min(best, 100 - value)
    return best, spent


def test_asha_of_cohorts_of_one_is_the_papers_sentence(held: Table) -> None:
    for seed in range(12):
        found = replay(held, Asha(held.space, 60, seed, cohort=1), seed % 3)
        assert (found.best, found.spent) == paper(held, held.space.sample(60, seed), seed % 3)


@pytest.mark.parametrize("name", ["asha", "asha-optuna", "asha-promote"])
def test_halving_costs_less_than_training_to_the_end(held: Table, name: str) -> None:
    whole = list(searches("random", held, 60, range(6)))
    halved = list(searches(name, held, 60, range(6)))
    for one, other in zip(whole, halved, strict=True):
        assert other.trained == one.trained
        assert other.spent < 0.6 * one.spent
        assert other.best >= one.best
        assert other.costs == sorted(other.costs)


def test_regret_is_the_gap_to_the_best_there_is(held: Table) -> None:
    path = Found(repeat=1, costs=[10, 30], finds=[4, 2], spent=50, trained=3, best=float(held.errors[2, 1]))
    found = regrets("x", held, [path], [5, 10, 29, 30, 60])
    floor = held.errors.mean(axis=1).min()
    others = [float(held.errors[f][[0, 2]].mean()) for f in (4, 2)]
    assert np.isnan(found.true[0, 0])
    assert found.true[0, 1:] == pytest.approx([others[0] - floor] * 2 + [others[1] - floor] * 2)
    assert found.seen[0, -1] == pytest.approx(held.errors[2, 1] - held.errors[:, 1].min())
    assert found.optimism[0] == pytest.approx(others[1] - held.errors[2, 1])
    assert found.plain()["curve"][0]["true"] is None


def test_a_find_that_diverges_elsewhere_leaves_no_mean_error_to_be_told() -> None:
    true = np.array([[np.inf, 1.0, np.nan], [2.0, 2.0, np.nan], [3.0, 6.0, 1.0]])
    zeros = np.zeros(3)
    found = Regrets("x", np.arange(3), true, true, zeros, zeros, zeros)
    with np.errstate(all="raise"):
        curve = found.plain()["curve"]
    assert [c["true"] for c in curve] == [None, 3.0, None]
    assert [c["true_error"] for c in curve] == [None, pytest.approx(stats.sem(true[:, 1]), abs=1e-4), None]


def test_where_every_graph_diverged_in_a_repeat_there_is_no_floor_and_no_warning(held: Table) -> None:
    right = held.right.copy()
    right[:, 2, -1] = NOTHING
    gone = replace(held, right=right)
    paths = list(searches("random", gone, 30, range(6)))
    assert not paths[2].finds
    with np.errstate(all="raise"), warnings.catch_warnings():
        warnings.simplefilter("error")
        found = regrets("x", gone, paths, [5, 30, 100])
        assert text(gone, [found]).count(" - ") > 0
    assert all(c["true"] is None for c in found.plain()["curve"])


def test_the_best_of_everything_has_no_regret_where_it_looked(held: Table) -> None:
    paths = list(searches("random", held, 72, range(3)))
    assert np.allclose(regrets("x", held, paths, [72 * EPOCHS]).seen, 0)


def test_marks_end_at_the_longest_cost() -> None:
    assert marks(123.4) == [10, 20, 50, 100, 123]


def test_unknown_strategies_are_named() -> None:
    assert chosen("asha, random,asha") == ("asha", "random")
    with pytest.raises(Exception, match="did you mean 'random'"):
        chosen("randon")


def test_the_automatic_person_refines_and_then_trains_all_that_is_left(held: Table) -> None:
    for seed in range(3):
        found = refined(held, 60, seed)
        assert found == refined(held, 60, seed)
        assert found.spent == found.trained * EPOCHS
        first = replay(held, random(held.space, 60, seed + 1_000_003 * len(held.space.lineage)), seed % held.repeats)
        assert found.drawn >= 60
        assert found.best <= first.best


def test_a_small_space_is_trained_whole_at_once(held: Table) -> None:
    found = refined(held, 72, 0)
    assert (found.drawn, found.best) == (72, held.errors[:, 0].min())


def test_tpe_is_replayed_with_its_own_proposals(held: Table) -> None:
    pytest.importorskip("optuna")
    (found,) = searches("tpe", held, 40, [1])
    assert found.drawn == 40
    assert found.spent == found.trained * EPOCHS
    (again,) = searches("tpe", held, 40, [1])
    assert again == found


def test_a_strategy_of_another_package_is_replayed_by_name(held: Table, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.simulate.strategies.entry_points", lambda group: ("mine",))
    monkeypatch.setattr("engine.simulate.strategies.installed", lambda name: random)
    assert chosen("mine") == ("mine",)
    assert list(searches("mine", held, 20, [5])) == list(searches("random", held, 20, [5]))


def test_fifteen_hundred_graphs_of_the_shipped_table_from_end_to_end() -> None:
    """The paper's own number of graphs: a small part of random search's cost, and a find that is as good."""
    made = load()
    whole = random_search(made, Sampler(made.space.ground), 1500, 0)
    halved = replay(made, Asha(made.space, 1500, 0), 0)
    assert halved.drawn == whole.drawn == 1500
    assert halved.trained == whole.trained
    assert halved.spent < whole.spent / 5
    assert halved.best - whole.best < 1.0
