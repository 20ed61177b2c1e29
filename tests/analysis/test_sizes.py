"""Trajectories, pairs, noise and neighbours on small cases worked by hand, or by simulation with a known truth."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from engine.analysis.diagnostics.trajectory import trajectory
from engine.analysis.neighbours import Known, neighbours
from engine.analysis.repeats.noise import noise
from engine.analysis.repeats.paired import paired
from engine.analysis.sample import sample
from engine.errors import AnalysisError
from engine.store.records import State, Training
from tests.analysis.made import GATES, PROTOCOL, graph, trial


def training(id: str, epochs: int = 30, wall: float = 2.0, accuracy: float = 90.0) -> Training:
    return Training(id=id, graph="", seed=0, state=State.DONE, epochs=epochs, accuracy=(accuracy,), wall=wall)


def test_best_so_far_counts_every_graph_and_pays_every_training_once() -> None:
    twin = graph(y2="correct")
    only_aux = graph(default="cutoff", e21="through", e12="through")
    trials = [trial(2, 9.0, graph(e21="linear")), trial(0, 12.0), trial(1, 12.0, twin),
              trial(3, None, only_aux, state=State.UNTAUGHT), trial(4, None, graph(y1="linear"), state=State.STOPPED),
              trial(5, 8.0, graph(e23="linear"), inherited="runs/A"), trial(6, 85.0, graph(e32="cutoff"))]
    trainings = {str(t.training): training(str(t.training), 4 if t.state is State.STOPPED else 30) for t in trials
                 if t.state is not State.UNTAUGHT}
    found = trajectory(trials, trainings, PROTOCOL)
    assert found.graphs.tolist() == [1, 2, 3, 4, 5, 6, 7]
    assert found.best.tolist() == [12, 12, 9, 9, 9, 8, 8]
    assert found.epochs.tolist() == [30, 30, 60, 60, 64, 64, 94]
    assert found.seconds.tolist() == [2, 2, 4, 4, 6, 6, 8]


def test_before_the_first_result_there_is_no_best() -> None:
    found = trajectory([trial(0, None), trial(1, 10.0)], {}, PROTOCOL)
    assert np.isnan(found.best[0])
    assert found.best[1] == 10.0
    assert len(trajectory([], {}, PROTOCOL).best) == 0


def test_pairs_are_taken_repeat_by_repeat() -> None:
    other = graph(e21="linear")
    luck = (0.0, 1.0, -1.0, 0.5, 2.0)
    trials = [trial(2 * r + i, 10.0 + base + luck[r] + i * r / 10, g, repeat=r)
              for r in range(5) for i, (g, base) in enumerate(((graph(), 1.0), (other, 0.0)))]
    found = paired([*trials, trial(10, 3.0, repeat=5)], other.key, graph().key)
    assert found.differences == pytest.approx([-1.0, -0.9, -0.8, -0.7, -0.6])
    assert found.mean == pytest.approx(-0.8)
    assert found.wins == 5
    width = 2 * 2.776445 * np.std([1.0, 0.9, 0.8, 0.7, 0.6], ddof=1) / np.sqrt(5)
    assert found.high - found.low == pytest.approx(width, rel=1e-6)
    assert found.noise_removed is not None
    assert found.noise_removed > 0.9
    assert found.words("KD", "DML") == "KD beats DML: +0.80 (+0.60 to +1.00) points of error, 5 of 5 repeats"


def test_a_single_pair_is_sure_of_nothing_and_none_is_refused() -> None:
    other = graph(e21="linear")
    found = paired([trial(0, 10.0), trial(1, 11.0, other)], graph().key, other.key)
    assert (found.mean, found.low, found.high) == (-1.0, -np.inf, np.inf)
    assert "is not surely better than" in found.words("a", "b")
    with pytest.raises(AnalysisError, match="have no repeat in common; they have 1 and 0 results"):
        paired([trial(0, 10.0)], graph().key, other.key)


def test_noise_and_spread_are_told_apart() -> None:
    rng = np.random.default_rng(0)
    five = [gates for gates in product(GATES, repeat=5) if set(gates[:3]) != {"cutoff"}]
    graphs = [graph(y1=a, e21=b, e31=c, e23=d, e32=e) for a, b, c, d, e in five]
    drawn = list({g.canonical() for g in graphs})
    truth = rng.normal(20, 2.0, len(drawn))
    trials = [trial(r * len(drawn) + i, float(truth[i] + rng.normal(0, 0.5)), g, repeat=r)
              for r in range(5) for i, g in enumerate(drawn)]
    found = noise(sample(trials, PROTOCOL, name="X"))
    assert found.replicate == pytest.approx(0.5, abs=0.04)
    assert found.graphs == pytest.approx(2.0, abs=0.3)
    assert (found.n, found.repeats) == (len(drawn), 5)
    assert found.share == pytest.approx(0.25 / 4.25, abs=0.02)


def test_noise_needs_repeats() -> None:
    with pytest.raises(AnalysisError, match="X: noise needs two graphs trained at least twice; search with --repeats"):
        noise(sample([trial(0, 10.0), trial(1, 11.0, graph(y2="linear"))], PROTOCOL, name="X"))


def test_neighbours_know_what_was_trained_under_any_name() -> None:
    start = graph()
    cut = graph(y2="cutoff")
    swapped = cut.relabel((1, 3, 2))
    known = Known([trial(0, 10.0, swapped), trial(1, 12.0, swapped, repeat=1), trial(2, None, graph(y1="linear"))])
    found = neighbours(start, [GATES] * 9, known)
    assert len(found) == 9 * 2
    by_place = {(str(n.edge), n.gate): n for n in found}
    assert by_place["y>2", "cutoff"].error == by_place["y>3", "cutoff"].error == 11.0
    assert by_place["y>2", "cutoff"].state == "known"
    assert by_place["y>1", "linear"].state == "unknown"
    assert not any(n.same for n in found)


def test_edges_that_do_not_matter_and_graphs_that_do_not_train_are_said() -> None:
    alone = graph(default="cutoff", y1="through", y2="through")
    found = {(str(n.edge), n.gate): n for n in neighbours(alone, [GATES] * 9, Known([trial(0, 15.0, alone)]))}
    assert found["y>2", "linear"].same
    assert found["y>2", "linear"].error == 15.0
    assert found["y>1", "cutoff"].state == "invalid"
    only_aux = graph(default="cutoff", e21="through", e12="through")
    states = {n.state for n in neighbours(only_aux, [GATES] * 9, Known([])) if str(n.edge) == "1>2"}
    assert states == {"unknown", "untaught"}
