"""What a search says at its end."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from engine.analysis.ranking import rank
from engine.report.search_result import BEST, Result, result, text
from engine.space.files import resolved
from engine.space.files.load import load
from engine.space.graph import Graph
from engine.store.records import RunInfo, State, Training, Trial

X = load("digits/X")
GRAPHS = list(X.enumerate())[:8]
DML = Graph(("mlp16", "mlp96", "mlp96"), ("through",) * 9)
PAIR = Graph.parse("1:mlp16 2:mlp96 | y>1 linear, 2>1 through, 1>2 linear")


def trial(number: int, graph: Graph, accuracy: float | None, repeat: int = 0, state: State = State.DONE) -> Trial:
    row = () if accuracy is None else (accuracy, *(50.0 + n for n in range(2, graph.nodes + 1)))
    return Trial(number=number, key=graph.key, graph=str(graph), repeat=repeat, state=state, accuracy=row)


def dml(repeat: int, accuracy: float) -> Training:
    return Training(
        id=f"{DML.key}.{repeat}", graph=str(DML), repeat=repeat, seed=0, state=State.DONE, epochs=1,
        accuracy=(accuracy, 60.0, 70.0),
    )  # fmt: skip


def made(trials: Sequence[Trial], trainings: Sequence[Training] = (), total: int | None = None) -> Result:
    info = RunInfo(
        name="digits-X-exhaustive", space=resolved.dump(X), strategy={"name": "exhaustive"}, seed=3, mode={},
        command="python -m engine.search digits/X --exhaustive", total=len(trials) if total is None else total,
    )  # fmt: skip
    return result(Path("runs/digits-X-exhaustive"), info, trials, {t.id: t for t in trainings}, 12.5)


def eight() -> list[Trial]:
    return [trial(n, g, 90.0 + n) for n, g in enumerate(GRAPHS)]


NO_RULE = RunInfo(name="x", space={}, strategy={}, seed=0, mode={})


def test_graphs_rank_by_mean_error_over_repeats() -> None:
    a, b, c, d, e = GRAPHS[:5]
    trials = [
        trial(0, a, 90.0), trial(1, b, 94.0), trial(2, c, 94.0), trial(3, d, 99.0, state=State.DIVERGED),
        trial(4, e, None, state=State.FAILED), trial(5, a, 96.0, repeat=1), trial(6, b, 94.0, repeat=1),
    ]  # fmt: skip
    ranked = rank(trials, X, NO_RULE).graphs()
    assert [r.key for r in ranked[2:]] == [a.key], "the second pass has begun and is not whole"
    assert {r.key for r in ranked[:2]} == {b.key, c.key}
    assert [str(r.place) for r in ranked] == ["1-2", "1-2", "3"]
    whole = rank([t for t in trials if t.key in (a.key, b.key)], X, NO_RULE).graphs()
    assert [str(r.place) for r in whole] == ["1", "2"]
    assert whole[1].errors == (10.0, 4.0)
    assert whole[1].error == 7.0
    assert whole[1].accuracy == (93.0, 52.0, 53.0)


def tied() -> list[Trial]:
    """One best graph, then six that tie."""
    return [trial(n, g, 97.0 if n == 3 else 95.0) for n, g in enumerate(GRAPHS[:7])]


def test_graphs_that_tie_share_their_place_and_their_order_is_drawn() -> None:
    shown = text(made(tied()), 80, colour=False, plain=True)
    rows = [line.split()[:2] for line in shown.splitlines()[3:8]]
    assert rows == [["1", "3.00"], *[["2-7", "5.00"]] * 4]
    assert "6 graphs tie at 5.00 %; their gates do not decide which are listed" in shown
    assert "best 3.00 %; expected optimism not known: one pass" in shown
    assert f"resolution 0.21 points (one of {X.protocol.validation} images), nothing finer is told apart" in shown
    assert made(tied()).best == made(tied()[::-1]).best
    assert json.loads(json.dumps(made(tied()).plain()))["best"][1] | {"key": "", "graph": "", "gates": {}, "accuracy": []} == {
        "key": "", "place": 2, "tied": 6, "graph": "", "gates": {}, "error": 5.0, "errors": [5.0], "accuracy": []}


def test_equal_bests_are_counted() -> None:
    found = made([t for t in tied() if t.accuracy[0] == 95.0]).plain()
    assert (found["tied"], found["optimism"]) == (6, {"points": None, "basis": "one pass"})


def test_a_run_at_chance_says_so_and_names_no_command_that_would_fail() -> None:
    shown = text(made([trial(n, g, 15.0) for n, g in enumerate(GRAPHS)]), 80, colour=False, plain=True)
    assert "no graph is above the chance rule of 20.0 % accuracy (protocol.chance)" in shown
    assert shown.endswith("next        train longer or at another rate (--set protocol.epochs=..., --set protocol.lr=...)")


def test_every_outcome_is_counted_and_the_best_are_few() -> None:
    states = [State.UNTAUGHT, State.INVALID, State.FAILED]
    found = made([*eight(), *(trial(8 + i, GRAPHS[0], None, repeat=1 + i, state=s) for i, s in enumerate(states))])
    assert found.outcomes == {"done": 8, "untaught": 1, "invalid": 1, "diverged": 0, "stopped": 0, "failed": 1}
    assert len(found.best) == BEST
    assert found.best[0].graph == GRAPHS[7]
    assert found.complete
    assert found.edf.n == 8


def test_the_reference_is_dml_of_the_best_graphs_nodes_over_its_repeats() -> None:
    other = Training(
        id="0.0", graph="1:mlp16 | y>1 through", seed=0, state=State.DONE, epochs=1, accuracy=(99.0,)
    )  # fmt: skip
    reference = made(eight(), [other, dml(0, 92.0), dml(1, 94.0)]).reference
    assert reference is not None
    assert (reference.graph, reference.errors, reference.accuracy) == (DML, (8.0, 6.0), (93.0, 60.0, 70.0))
    assert made(eight(), [other]).reference is None
    assert made([trial(0, GRAPHS[0], None, state=State.FAILED)], [dml(0, 92.0)]).reference is None


def test_json_says_all_in_one_object() -> None:
    found = json.loads(json.dumps(made(eight(), [dml(0, 92.0)], total=513).plain(), allow_nan=False))
    assert found["counts"] == {"raw": 972, "paper": 486, "keys": 513, "effective": 513}
    assert (found["space"], found["seed"], found["wall"]) == ("digits/X", 3, 12.5)
    assert (found["complete"], found["trials"], found["total"]) == (False, 8, 513)
    assert [b["error"] for b in found["best"]] == [3.0, 4.0, 5.0, 6.0, 7.0]
    assert Graph.parse(found["best"][0]["graph"]) == GRAPHS[7]
    assert found["best"][0]["gates"] == {str(e): g for e, g in GRAPHS[7].items()}
    assert found["reference"]["name"] == "dml"
    assert found["folder"] == "runs/digits-X-exhaustive"


def test_the_ending_shows_the_best_the_reference_the_edf_and_what_to_type() -> None:
    shown = text(made(eight(), [dml(0, 92.0)]), 80, colour=False, plain=True)
    lines = shown.splitlines()
    assert shown.isascii()
    assert max(map(len, lines)) <= 80
    assert lines[0] == "digits/X, exhaustive: 8 of 8 trials (8 done)"
    assert any(line.split()[:2] == ["1", "3.00"] for line in lines)
    assert any(line.split()[:2] == ["DML", "8.00"] for line in lines)
    assert any("DML of the same nodes" in line for line in lines)
    assert lines[-2:] == [
        "run folder  runs/digits-X-exhaustive",
        "next        python -m engine.analysis runs/digits-X-exhaustive --advice",
    ]


def test_an_unfinished_search_tells_how_to_go_on() -> None:
    shown = text(made(eight(), total=513), 80, colour=False, plain=True)
    assert shown.startswith("digits/X, exhaustive: 8 of 513 trials (8 done)")
    assert shown.endswith("next        python -m engine.search digits/X --exhaustive")


def test_the_best_of_what_is_no_sample_are_evaluated_not_taken_advice_from() -> None:
    shown = made(eight())
    halved = replace(shown, info=msgspec.structs.replace(shown.info, strategy={"name": "asha", "n": 8}))
    assert text(halved, 80, colour=False, plain=True).endswith(
        "next        python -m engine.evaluate runs/digits-X-exhaustive --graph top5")


@pytest.mark.parametrize("trials", [[], [trial(0, GRAPHS[0], None, state=State.UNTAUGHT)]])
def test_without_a_result_it_says_so(trials: list[Trial]) -> None:
    shown = text(made(trials), 80, colour=True, plain=False)
    assert ("no graph has a result (1 untaught)" if trials else "no graph has a result yet") in shown
    assert "\x1b" not in shown


def cells(shown: str, row: str) -> dict[str, str]:
    """The gates of a row by the edge they stand under."""
    lines = shown.splitlines()
    head = next(line for line in lines if "error %" in line)
    line = next(line for line in lines if line.split()[:1] == [row])
    names = [word for word in head.split() if ">" in word]
    return {name: line[head.index(name) :].split(" ", 1)[0] for name in names}


@pytest.mark.parametrize("graph", [GRAPHS[5], PAIR, Graph.parse("1:mlp16 | y>1 through")])
def test_gates_stand_under_their_edges(graph: Graph) -> None:
    """A listed graph may have fewer nodes than the space: the edges it lacks are shown as cut."""
    shown = text(made([trial(0, graph, 95.0)]), 80, colour=False, plain=True)
    own = {str(e): g for e, g in graph.items()}
    short = {"through": "thr", "linear": "lin", "cutoff": "-"}
    names = ("y>1", "2>1", "3>1", "y>2", "1>2", "3>2", "y>3", "1>3", "2>3")
    assert cells(shown, "1") == {e: short[own.get(e, "cutoff")] for e in names}
