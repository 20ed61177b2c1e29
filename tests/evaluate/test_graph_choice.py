"""Which graphs a person means."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.analysis.ranking import best_graphs
from engine.errors import EngineError
from engine.evaluate.graph_choice import chosen
from engine.space.files.load import load
from engine.space.graph import Graph
from engine.store.records import State, Trial

SPACE = load("digits/X")
GRAPHS = list(SPACE.enumerate())[:4]


def trial(number: int, graph: Graph, accuracy: float, repeat: int = 0) -> Trial:
    values = (accuracy, 90.0, 90.0)
    return Trial(number=number, key=graph.key, graph=str(graph), repeat=repeat, state=State.DONE, accuracy=values)


TRIALS = [trial(0, GRAPHS[0], 91.0), trial(1, GRAPHS[1], 93.0), trial(2, GRAPHS[2], 93.0), trial(3, GRAPHS[3], 9.0)]


def names(*wanted: str, trials: list[Trial] | None = None) -> list[Graph]:
    return chosen(wanted, TRIALS if trials is None else trials, SPACE, Path("run"))


def test_best_is_the_lowest_error_and_ties_go_to_the_earlier_trial() -> None:
    assert names("best") == [GRAPHS[1]]
    assert names("top3") == [GRAPHS[1], GRAPHS[2], GRAPHS[0]]


def test_a_graph_at_chance_does_not_compete() -> None:
    assert names("top9") == [GRAPHS[1], GRAPHS[2], GRAPHS[0]]


def test_only_graphs_with_the_most_repeats_compete() -> None:
    more = [*TRIALS, trial(4, GRAPHS[0], 90.0, repeat=1)]
    assert [r.graph for r in best_graphs(more, SPACE)] == [GRAPHS[0]]


def test_dml_is_every_edge_through_with_the_best_graphs_models() -> None:
    (graph,) = names("dml")
    assert graph.models == GRAPHS[1].models
    assert {*graph.gates} == {"through"}


def test_keys_their_beginnings_and_texts_name_graphs_and_each_comes_once() -> None:
    graph = GRAPHS[2]
    assert names(graph.key, graph.key[:8], str(graph), "best") == [graph, GRAPHS[1]]


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        ("nobody", "names no graph of run"),
        ("0000", "names no graph of run"),
        ("1:mlp16 2:mlp96 | 2>1 cutoff", "nothing trains its target"),
        ("1:mlp16 2:mlp96 | 2>1 through, 1>2 through", "no label reaches its target"),
        ("1:mlp16 | y>9 through", "y>9"),
        (f"1:mlp16 {' '.join(f'{n}:mlp16' for n in range(2, 5))} | y>1 through", "4 nodes, but the space has 3"),
    ],
)
def test_what_names_no_graph_is_refused_in_one_line(wanted: str, said: str) -> None:
    with pytest.raises(EngineError, match=said):
        names(wanted)


def test_a_run_without_results_has_no_best() -> None:
    with pytest.raises(EngineError, match="no graph has a result yet"):
        names("best", trials=[])


def test_a_run_at_chance_has_no_best_and_says_why() -> None:
    said = r"run: no graph is above the chance rule of 20\.0 % \(protocol\.chance\), so there is no best"
    with pytest.raises(EngineError, match=said):
        names("best", trials=[trial(0, GRAPHS[0], 9.0)])
