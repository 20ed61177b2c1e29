"""Spaces and graphs in words."""

from __future__ import annotations

import pytest

from engine.errors import SpaceError
from engine.space.constraints import parse
from engine.space.files.load import Space, load
from engine.space.graph import Graph
from engine.space.protocol import Protocol
from engine.space.space import Ancestor
from engine.space.text import describe_graph
from engine.space.text.describe_graph import differences, name, unmet, why_equal
from engine.space.text.describe_space import describe
from engine.space.what_if import refine


def test_space_x() -> None:
    assert describe(load("X")) == (
        "Target ResNet32. Both auxiliary networks are WRN28-2, learn from labels throughout, and teach the target from "
        "the start or increasingly. 513 graphs."
    )


@pytest.mark.parametrize(
    ("phrases", "said"),
    [
        ([], "No gate is constrained. 39,609 graphs."),
        (["L[y,1] != cutoff"], "Target ResNet32, which learns from labels from the start or increasingly."),
        (["L[y,1] = cutoff"], "Target ResNet32, which does not learn from labels."),
        (["L[1,aux] = cutoff", "L[aux,aux] = linear"],
         "do not learn from the target, and teach each other increasingly."),
        (["m[2] = m[3]"], "The model of node 2 is the same as the model of node 3."),
        (["L[2,3] != L[3,2]"], "The gate from node 2 to node 3 differs from the gate from node 3 to node 2."),
        (["count(L[*,*] = cutoff) <= 4"], "At most 4 of all gates are cutoff."),
        (["count(m[aux] = m[1]) = 1"], "Exactly 1 of the models of auxiliary nodes is the same as the model of the target."),
        (["pretrained = node 3"], "does not learn from the target. Node 3 is pre-trained."),
        (["any of L[aux,1] in {through, linear}"],
         "At least one of the gates from auxiliary nodes to the target is through or linear."),
        (["none of m[aux] = m[1]", "m[2] != resnet32"], "Both auxiliary networks are WRN28-2."),
        (["pretrained = some", "taught"], "Some node is pre-trained. A label reaches the target."),
        (["not (pretrained = node 2 and L[3,1] = cutoff)"],
         "It is not so that node 2 is pre-trained and the gate from node 3 to the target is cutoff."),
    ],
)
def test_children_of_a(phrases: list[str], said: str) -> None:
    made = load("A") if not phrases else refine(load("A"), *phrases).child
    assert said in describe(made)


def test_a_phrase_about_one_node_is_told_of_some_node() -> None:
    said = describe(refine(load("A"), "L[2,1] = through", "L[2,3] = cutoff").child)
    assert "One auxiliary network, here called node 2, teaches the target throughout and does not teach node 3." in said
    assert "Which auxiliary network is called which does not matter" in said
    assert said.endswith("8,289 graphs.")
    both = describe(refine(load("A"), "L[2,1] = through and L[3,1] = through").child)
    assert "Both auxiliary networks" in both
    assert "does not matter" not in both


def test_one_auxiliary_node() -> None:
    space = Space("it", 2, (("mlp12",), ("mlp96",)), (("through", "cutoff"),) * 4, Protocol(),
                  (Ancestor("it", (parse("L[2,1] = cutoff"), parse("L[y,2] = through"))),))
    assert describe(space) == (
        "Target MLP12. The auxiliary network is MLP96, learns from labels throughout, and does not teach the target. "
        "4 graphs."
    )


@pytest.mark.parametrize(
    ("text", "called"),
    [
        ("1:resnet32 2:wrn28-2 3:wrn28-2 | y>1 through, y>2 through", "alone"),
        ("1:resnet32 2:wrn28-2 | y>1 through, 2>1 through", "KD"),
        ("1:resnet32 2:wrn28-2 | 2>1 through", "KD without labels"),
        ("1:resnet32 2:resnet32 | y>1 through, 2>1 through", "born-again network"),
        ("1:resnet32 2:wrn28-2 3:wrn28-2 | y>1 through, 2>1 through, 3>1 through", "KD from 2 teachers"),
        ("1:resnet32 2:wrn28-2 | y>1 through, 2>1 through, y>2 through", "online distillation"),
        ("1:resnet32 2:wrn28-2 | y>1 through, 2>1 through, y>2 correct, 1>2 through", "DML of 2 nodes (losses summed)"),
        ("1:resnet32 2:wrn28-2 | y>1 through, 2>1 linear", None),
        ("1:resnet32 2:wrn28-2 3:wrn28-2 | y>1 through, 2>1 through, 3>2 through", None),
        ("1:resnet32 2:wrn28-2 | 2>1 through, 1>2 through", "untaught: no label reaches the target"),
        ("1:resnet32 2:wrn28-2 | y>2 through", "invalid: nothing trains the target"),
    ],
)
def test_names(text: str, called: str | None) -> None:
    assert name(Graph.parse(text)) == called


def test_differences_and_reasons() -> None:
    graph = describe_graph.read("1:resnet32 2:wrn28-2 3:resnet32 | y>1 through, 2>1 linear, y>2 through")
    swapped = graph.relabel((1, 3, 2))
    assert [str(d) for d in differences(graph, swapped)] == [
        "m[2]: wrn28-2 -> resnet32", "m[3]: resnet32 -> wrn28-2", "L[2,1]: linear -> cutoff",
        "L[3,1]: cutoff -> linear", "L[y,2]: through -> cutoff", "L[y,3]: cutoff -> through",
    ]
    assert why_equal(graph, swapped) == ["nodes 2 and 3 swapped"]
    other = describe_graph.read("1:resnet32 2:wrn28-2 3:wrn28-2 | y>1 correct, 2>1 linear, y>2 through, 1>3 linear")
    assert why_equal(graph, other) == [
        "in the first graph node 3 cannot reach the target",
        "in the second graph node 3 cannot reach the target",
        "in the second graph 'correct' on L[y,1] is 'through', since a label is always right",
    ]
    assert why_equal(graph, describe_graph.read("1:resnet32 2:wrn28-2 3:resnet32 | y>1 through")) == []


def test_four_nodes_in_a_round() -> None:
    text = "1:mlp12 2:mlp12 3:mlp12 4:mlp12 | y>1 through, 2>1 linear, 3>2 linear, 4>3 linear, y>4 through"
    graph = Graph.parse(text)
    assert why_equal(graph, graph.relabel((1, 3, 4, 2))) == ["nodes 2 -> 4 -> 3 -> 2 exchanged in a round"]


def test_what_keeps_a_graph_out() -> None:
    space = load("X")
    graph = next(space.enumerate())
    assert unmet(space, graph) == []
    assert unmet(space, describe_graph.read("1:resnet20 2:wrn28-2 | y>1 through")) == ["it has 2 nodes, the space 3"]
    text = "1:resnet20 2:wrn28-2 3:wrn28-2 | y>1 through, 2>1 linear, 3>1 through, y>2 through"
    assert unmet(space, describe_graph.read(text)) == ["m[1] is resnet20, not resnet32", "L[y,aux] = through"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "expected '1:MODEL 2:MODEL | y>1 GATE, ...'"),
        ("1:resnet32 3:resnet32 | y>1 through", "expected '2:MODEL' but got '3:resnet32'"),
        ("1:resnet32 2:resnet32 | y>1 throgh", "unknown gate 'throgh'; did you mean 'through'?"),
        ("1:resnet31 2:resnet32 | y>1 through", "unknown model 'resnet31'"),
        ("1:resnet32 2:resnet32 | 2>2 through", "'2>2 through' is not an edge"),
        ("1:resnet32 2:resnet32 | y>1 through, y>1 linear", "the edge y>1 is written twice"),
        (" ".join(f"{n}:mlp12" for n in range(1, 40)) + " | y>1 through", "at most 8 nodes, got 39"),
    ],
)
def test_bad_graph_texts(text: str, said: str) -> None:
    with pytest.raises(SpaceError) as caught:
        describe_graph.read(text)
    assert said in str(caught.value)
