"""Conditions against a plain reading of each graph, and symmetric under renaming of nodes."""

from __future__ import annotations

import time
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.analysis.conditions import CONDITIONS, FIVE, Condition, crossed, find, split
from engine.analysis.sample import sample
from engine.errors import AnalysisError
from engine.space.graph import Graph
from tests.analysis.made import PROTOCOL, draw, graph, simulated, trial


def plain(condition: Condition, drawn: Graph) -> list[str]:
    """The condition's value of one graph, read with loops: a sorted list."""
    auxiliary = range(2, drawn.nodes + 1)
    return sorted({
        "aux-models": lambda: [drawn.models[n - 1] for n in auxiliary],
        "label-aux": lambda: [drawn.gate(0, n) for n in auxiliary],
        "label-target": lambda: [drawn.gate(0, 1)],
        "aux-target": lambda: [drawn.gate(n, 1) for n in auxiliary],
        "pretrained": lambda: ["some" if any(drawn.is_pretrained(n) for n in auxiliary) else "none"],
        "target-model": lambda: [drawn.models[0]],
        "target-aux": lambda: [drawn.gate(1, n) for n in auxiliary],
        "aux-aux": lambda: [drawn.gate(s, t) for s in auxiliary for t in auxiliary if s != t],
    }[condition.name]())


@pytest.mark.parametrize("condition", CONDITIONS.values(), ids=lambda c: c.name)
@pytest.mark.parametrize("nodes", [2, 3, 4])
def test_every_condition_reads_what_the_graph_says(condition: Condition, nodes: int) -> None:
    rng = np.random.default_rng(nodes)
    table = sample([trial(i, 10.0 + i / 9, draw(rng, nodes)) for i in range(80)], PROTOCOL, name="A")
    if nodes == 2 and condition.name == "aux-aux":
        with pytest.raises(AnalysisError, match=r"no L\[aux,aux\] edge"):
            split(table, condition)
        return
    parted = split(table, condition)
    for row, record in enumerate(table.trials):
        label = parted.values[parted.codes[row]].label
        assert sorted(label.split(" + ")) == plain(condition, Graph.parse(record.graph))
    assert sum(e.n for e in parted.edfs()) == 80
    assert len({v.label for v in parted.values}) == len(parted.values)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from(list(CONDITIONS.values())), st.sampled_from([3, 4]))
def test_swapping_node_names_changes_nothing(seed: int, condition: Condition, nodes: int) -> None:
    drawn = draw(np.random.default_rng(seed), nodes)
    labels = set()
    for order in permutations(range(2, nodes + 1)):
        relabelled = drawn.relabel((1, *order))
        # written as labelled, not canonical: the condition itself must be symmetric
        record = trial(0, 10.0)
        labels.add(split(sample([_as_written(record, relabelled)], PROTOCOL, name="A"), condition).values[0].label)
    assert len(labels) == 1


def _as_written(record: object, drawn: Graph) -> object:
    import msgspec

    return msgspec.structs.replace(record, graph=str(drawn))


def test_order_of_values_is_fixed_and_readable() -> None:
    labels = [v.label for v in split(sample(simulated(400, 0), PROTOCOL, name="A"), find("b")).values]
    assert labels == ["through + through", "through + linear", "through + cutoff", "linear + linear", "linear + cutoff",
                      "cutoff + cutoff"]
    assert [v.label for v in split(sample(simulated(50, 0), PROTOCOL, name="A"), find("a")).values] == [
        "mlp12 + mlp12", "mlp12 + mlp96", "mlp96 + mlp96"]


@pytest.mark.parametrize(
    ("text", "name"),
    [("b", "label-aux"), ("(b)", "label-aux"), ("L[y,aux]", "label-aux"), ("L[y, 3]", "label-aux"),
     ("L[2,1]", "aux-target"), ("m[2]", "aux-models"), ("m[1]", "target-model"), ("L[1,2]", "target-aux"),
     ("L[2,3]", "aux-aux"), ("L[y,1]", "label-target"), ("pretrained", "pretrained")],
)
def test_conditions_are_found_by_any_of_their_names(text: str, name: str) -> None:
    assert find(text).name == name


def test_an_unknown_condition_names_the_nearest() -> None:
    with pytest.raises(AnalysisError, match="unknown condition 'label-aix'; did you mean 'label-aux'"):
        find("label-aix")
    assert [c.letter for c in FIVE] == list("abcde")


def test_phrases_say_their_value() -> None:
    table = sample([trial(0, 10.0, graph(y2="linear", e21="linear", e31="linear", e23="cutoff"))], PROTOCOL, name="A")
    phrases = {c: split(table, CONDITIONS[c]).values[0].phrase for c in CONDITIONS}
    assert phrases["aux-target"] == "L[aux,1] = linear"
    assert phrases["label-aux"] == "L[y,2] = through and L[y,3] = linear"
    assert phrases["aux-aux"] == "count(L[aux,aux] = through) = 1 and count(L[aux,aux] = cutoff) = 1"


def test_crossing_keeps_every_row_once() -> None:
    table = sample(simulated(300, 5), PROTOCOL, name="A")
    panels = list(crossed(split(table, find("a")), split(table, find("c"))))
    assert [value.label for value, _ in panels] == ["mlp12 + mlp12", "mlp12 + mlp96", "mlp96 + mlp96"]
    assert sum(len(part.sample) for _, part in panels) == 300
    for _, part in panels:
        assert part.values == split(table, find("c")).values
        for row, record in enumerate(part.sample.trials):
            assert part.values[part.codes[row]].label == Graph.parse(record.graph).gate(0, 1)


def test_a_condition_of_ten_thousand_trials_takes_less_than_fifty_milliseconds() -> None:
    base = simulated(1000, 7)
    table = sample([t for _ in range(10) for t in base], PROTOCOL, name="A")
    slowest = max(min(_seconds(table, condition) for _ in range(3)) for condition in FIVE)
    assert slowest < 0.05


def _seconds(table: object, condition: Condition) -> float:
    start = time.process_time()
    split(table, condition).edfs()  # type: ignore[arg-type]
    return time.process_time() - start
