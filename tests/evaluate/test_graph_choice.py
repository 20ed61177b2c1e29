"""Which graphs a person means."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest

from engine.analysis.ranking import rank
from engine.errors import EngineError
from engine.evaluate.graph_choice import TIES, chosen
from engine.space.files.load import load
from engine.space.graph import Graph
from engine.store.files.evaluations import FRESH, Evaluation
from engine.store.records import RunInfo, State, Trial

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
    every = TRIALS if trials is None else trials
    return chosen(wanted, rank(every, SPACE, info(seed), evaluations), every, SPACE, Path("run"))


def info(seed: int = 0, **strategy: object) -> RunInfo:
    return RunInfo(name="run", space={}, strategy={"name": "exhaustive", **strategy}, seed=seed, mode={})


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
        assert said == ("1 of the 2 graphs that tie at 7.00 %: drawn by lot from the search seed and the key; "
                        "engine.evaluate --graph ties takes all")
    assert {choice("best", seed=seed)[0][0] for seed in range(6)} == {GRAPHS[1], GRAPHS[2]}


def test_ties_takes_all_that_tie_as_the_best_up_to_a_limit() -> None:
    graphs, said = choice("ties")
    assert {*graphs} == {GRAPHS[1], GRAPHS[2]}
    assert said == []
    assert choice("ties1") == choice("best") == choice("best", "top1")
    many = [trial(i, g, 95.0) for i, g in enumerate(list(SPACE.enumerate())[: TIES + 5])]
    graphs, (note,) = choice("ties", trials=many)
    assert len(graphs) == TIES
    assert note.endswith("--graph ties25 takes all")
    assert len(choice("ties25", trials=many)[0]) == TIES + 5


def test_top_says_where_it_cuts_through_equal_graphs() -> None:
    assert choice("top2")[1] == choice("top3")[1] == []
    three = [*TRIALS, trial(4, list(SPACE.enumerate())[9], 91.0)]
    (note,) = choice("top3", trials=three)[1]
    assert note == "1 of the 2 graphs that tie at 9.00 %: drawn by lot from the search seed and the key"


def test_of_equal_graphs_the_best_trained_again_comes_first() -> None:
    for seed in range(4):
        assert choice("best", seed=seed, evaluations=[again(GRAPHS[1], 80.0)])[0] == [GRAPHS[1]]
        both = [again(GRAPHS[1], 80.0), again(GRAPHS[2], 92.0), again(GRAPHS[0], 99.0)]
        (best,), (said,) = choice("best", seed=seed, evaluations=both)
        assert best == GRAPHS[2]
        assert ": the best of those trained again before; engine.evaluate --graph ties takes all" in said


def test_a_graph_at_chance_does_not_compete() -> None:
    assert {*names("top9")} == {*GRAPHS[:3]}


def test_a_second_pass_that_has_just_begun_changes_nothing() -> None:
    more = [*TRIALS, trial(4, GRAPHS[0], 30.0, repeat=1)]
    assert {r.key: r.errors for r in rank(more, SPACE, info()).graphs()} == {
        GRAPHS[i].key: (e,) for i, e in ((0, 9.0), (1, 7.0), (2, 7.0))}
    whole = [*more, *(trial(5 + i, g, 92.0, repeat=1) for i, g in enumerate(GRAPHS[1:]))]
    assert [r.errors for r in rank(whole, SPACE, info()).graphs()][:2] == [(7.0, 8.0)] * 2


def test_where_repeats_follow_each_other_finished_graphs_compete() -> None:
    more = [*TRIALS[1:], trial(4, GRAPHS[1], 91.0, repeat=1), trial(5, GRAPHS[2], 92.0, repeat=1)]
    assert [(r.graph, r.errors) for r in rank(more, SPACE, info(interleaved=True)).graphs()] == [
        (GRAPHS[2], (7.0, 8.0)), (GRAPHS[1], (7.0, 9.0))]


def test_a_graph_that_diverged_in_a_repeat_does_not_compete() -> None:
    passes = [*TRIALS, *(trial(4 + i, g, 92.0, repeat=1) for i, g in enumerate(GRAPHS))]
    lost = msgspec.structs.replace(passes[6], state=State.DIVERGED, accuracy=(None, None, None))
    assert {r.key for r in rank([*passes[:6], lost, passes[7]], SPACE, info()).graphs()} == {GRAPHS[0].key, GRAPHS[1].key}


def failed(number: int, graph: Graph, repeat: int, state: State = State.FAILED) -> Trial:
    return msgspec.structs.replace(trial(number, graph, 0.0, repeat), state=state, accuracy=(None, None, None))


def test_where_no_graph_has_every_repeat_as_many_as_there_are_count() -> None:
    one = [trial(0, GRAPHS[0], 91.0), failed(1, GRAPHS[0], 1), trial(2, GRAPHS[0], 93.0, repeat=2)]
    assert [r.errors for r in rank(one, SPACE, info()).graphs()] == [(9.0, 7.0)]
    none = [*TRIALS[:3], *(failed(4 + i, g, 1, State.DIVERGED) for i, g in enumerate(GRAPHS[:3]))]
    assert {r.errors for r in rank(none, SPACE, info()).graphs()} == {(9.0,), (7.0,)}
    assert rank(none, SPACE, info()).best.repeats == 1


def test_graphs_that_do_not_compete_are_counted() -> None:
    passes = [*TRIALS, *(trial(4 + i, g, 92.0, repeat=1) for i, g in enumerate(GRAPHS))]
    found = rank([*passes[:6], failed(6, GRAPHS[2], 1), passes[7]], SPACE, info()).best
    assert found.others == 2, "one failed in the second pass, one was at chance in the first"
    assert found.words().endswith("; not competing for want of a result in every repeat: 2 graphs")


def test_trials_recorded_beforehand_tell_of_no_pass() -> None:
    """Graphs that need no training have all their trials at once."""
    light = [failed(10 + r, GRAPHS[3], r, State.UNTAUGHT) for r in range(5)]
    for strategy in ({}, {"interleaved": True}):
        assert len(rank([*TRIALS[:3], *light], SPACE, info(**strategy)).graphs()) == 3


def test_graphs_that_share_a_training_are_one_among_equal_ones() -> None:
    alike = [msgspec.structs.replace(t, training=f"{'a' if t.number else 'b'}.0") for t in TRIALS[1:3]]
    shared = [msgspec.structs.replace(t, training="a.0") for t in TRIALS[1:3]]
    found, one = rank(alike, SPACE, info()).best, rank(shared, SPACE, info()).best
    assert (found.tied, found.trainings, one.tied, one.trainings) == (2, 1, 2, 1)
    assert one.words().startswith("best 7.00 %, 2 graphs tie (1 training); ")
    assert one.chosen_by() is None
    again_both = [again(GRAPHS[1], 90.0), again(GRAPHS[2], 90.0)]
    assert rank(shared, SPACE, info(), again_both).best.optimism.basis == "its 1 retraining"
    assert rank(TRIALS[1:3], SPACE, info(), again_both).best.optimism.basis == "2 retrainings of 2 equal graphs"


def test_means_of_as_many_wrong_images_tie_though_records_round() -> None:
    """461 + 459 right of 476 is 460 + 460, but the sums of what is kept to 4 decimals differ."""
    a, b = GRAPHS[:2]
    rights = [(0, a, 459), (1, b, 460), (2, a, 461), (3, b, 460)]
    trials = [trial(n, g, round(100 * right / 476, 4), repeat=n // 2) for n, g, right in rights]
    assert trials[0].error + trials[2].error != trials[1].error + trials[3].error
    assert [str(r.place) for r in rank(trials, SPACE, info()).graphs()] == ["1-2", "1-2"]
    found = rank(trials, SPACE, info()).best
    assert (found.tied, found.error) == (2, pytest.approx(100 * 16 / 476, abs=1e-9))


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
