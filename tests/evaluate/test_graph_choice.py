"""Which graphs a person means."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from engine.analysis.ranking import best_graphs
from engine.errors import EngineError
from engine.evaluate.graph_choice import TIES, chosen
from engine.space.files.load import load
from engine.space.graph import Graph
from engine.store.files.evaluations import FRESH, Evaluation
from engine.store.records import State, Trial

SPACE = load("digits/X")
GRAPHS = list(SPACE.enumerate())[:4]


def trial(number: int, graph: Graph, accuracy: float, repeat: int = 0) -> Trial:
    values = (accuracy, 90.0, 90.0)
    return Trial(number=number, key=graph.key, graph=str(graph), repeat=repeat, state=State.DONE, accuracy=values)


TRIALS = [trial(0, GRAPHS[0], 91.0), trial(1, GRAPHS[1], 93.0), trial(2, GRAPHS[2], 93.0), trial(3, GRAPHS[3], 9.0)]


def names(*wanted: str, trials: list[Trial] | None = None) -> list[Graph]:
    return choice(*wanted, trials=trials)[0]


def choice(
    *wanted: str, trials: list[Trial] | None = None, seed: int = 0, evaluations: Sequence[Evaluation] = ()
) -> tuple[list[Graph], list[str]]:
    return chosen(wanted, TRIALS if trials is None else trials, SPACE, Path("run"), seed, evaluations)


def again(graph: Graph, accuracy: float) -> Evaluation:
    return Evaluation(key=graph.key, graph=str(graph), repeat=FRESH, seed=0, state=State.DONE, epochs=1,
                      accuracy=(accuracy, 90.0, 90.0))


def test_best_is_the_lowest_error() -> None:
    clear = [trial(0, GRAPHS[0], 91.0), trial(1, GRAPHS[1], 93.0), trial(2, GRAPHS[2], 92.0)]
    assert choice("best", trials=clear) == ([GRAPHS[1]], [])
    assert names("top3", trials=clear) == [GRAPHS[1], GRAPHS[2], GRAPHS[0]]
    assert names("top9", trials=clear) == [GRAPHS[1], GRAPHS[2], GRAPHS[0]]


def test_which_of_two_equal_graphs_is_best_is_drawn_from_the_seed_and_said() -> None:
    for seed in range(6):
        (first,), (said,) = choice("best", seed=seed)
        assert choice("best", trials=TRIALS[::-1], seed=seed) == ([first], [said])
        assert said.startswith("--graph best: 1 of the 2 graphs that tie at 7.00 %, those trained again first, then drawn by lot")
        assert said.endswith("--graph ties takes all")
    assert {choice("best", seed=seed)[0][0] for seed in range(6)} == {GRAPHS[1], GRAPHS[2]}


def test_ties_takes_all_that_tie_as_the_best_up_to_a_limit() -> None:
    graphs, said = choice("ties")
    assert {*graphs} == {GRAPHS[1], GRAPHS[2]}
    assert said == []
    assert choice("ties1") == (names("best"), [choice("best")[1][0].replace("best", "ties1", 1)])
    many = [trial(i, g, 95.0) for i, g in enumerate(list(SPACE.enumerate())[: TIES + 5])]
    graphs, (note,) = choice("ties", trials=many)
    assert len(graphs) == TIES
    assert note.endswith("--graph ties25 takes all")
    assert len(choice("ties25", trials=many)[0]) == TIES + 5


def test_top_says_where_it_cuts_through_equal_graphs() -> None:
    assert choice("top2")[1] == choice("top3")[1] == []
    three = [*TRIALS, trial(4, list(SPACE.enumerate())[9], 91.0)]
    (note,) = choice("top3", trials=three)[1]
    assert note.startswith("--graph top3: 1 of the 2 graphs that tie at 9.00 %")
    assert "ties" not in note.split("key")[1]


def test_of_equal_graphs_the_best_trained_again_comes_first() -> None:
    for seed in range(4):
        assert choice("best", seed=seed, evaluations=[again(GRAPHS[1], 80.0)])[0] == [GRAPHS[1]]
        both = [again(GRAPHS[1], 80.0), again(GRAPHS[2], 92.0), again(GRAPHS[0], 99.0)]
        assert choice("best", seed=seed, evaluations=both)[0] == [GRAPHS[2]]


def test_a_graph_at_chance_does_not_compete() -> None:
    assert {*names("top9")} == {*GRAPHS[:3]}


def test_only_graphs_with_the_most_repeats_compete() -> None:
    more = [*TRIALS, trial(4, GRAPHS[0], 90.0, repeat=1)]
    assert [r.graph for r in best_graphs(more, SPACE, 0)] == [GRAPHS[0]]


def test_dml_is_every_edge_through_with_the_best_graphs_models() -> None:
    (graph,) = names("dml")
    assert graph.models == names("best")[0].models
    assert {*graph.gates} == {"through"}


def test_keys_their_beginnings_and_texts_name_graphs_and_each_comes_once() -> None:
    graph = GRAPHS[2]
    assert names(graph.key, graph.key[:8], str(graph), GRAPHS[0].key) == [graph, GRAPHS[0]]


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
    said = r"run: no graph is above the chance rule of 20\.0 % accuracy \(protocol\.chance\), so there is no best"
    with pytest.raises(EngineError, match=said):
        names("best", trials=[trial(0, GRAPHS[0], 9.0)])
