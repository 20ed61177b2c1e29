"""A graph drawn: every open edge with its gate, cutoff edges nowhere."""

from __future__ import annotations

import pytest

from engine.space.graph import Edge, Graph, edges
from ktgtui.drawing.graph import HEIGHT, WIDTH, Drawn, draw

MODELS = ("mlp16", "mlp96", "mlp96")


def text(graph: Graph, plain: bool = False, edge: Edge | None = None) -> str:
    return "\n".join("".join(t for t, _ in line) for line in draw(Drawn(graph, (94.0, 92.5, None), edge), plain))


def only(edge: Edge, nodes: int = 3) -> Graph:
    gates = tuple("linear" if e == edge else "cutoff" for e in edges(nodes))
    return Graph(MODELS[:nodes], gates)


@pytest.mark.parametrize("edge", edges(3))
def test_an_open_edge_is_drawn_once_and_a_cutoff_one_never(edge: Edge) -> None:
    assert text(only(edge)).count("lin") == 1
    assert "thr" not in text(only(edge))


def test_all_nine_edges_have_room() -> None:
    lines = text(Graph(MODELS, ("through",) * 9)).split("\n")
    assert len(lines) == HEIGHT
    assert max(map(len, lines)) == WIDTH
    assert sum(line.count("thr") for line in lines) == 9


def test_accuracy_target_and_frozen_nodes_are_told() -> None:
    drawn = text(only(Edge(2, 1)))
    assert "1  mlp16   target   94.00 %" in drawn
    assert "2  mlp96  92.50 %" in drawn
    assert "frozen, pre-trained" in drawn


def test_the_edge_under_the_cursor_is_drawn_even_if_cut_off() -> None:
    roles = {role for line in draw(Drawn(only(Edge(2, 1)), (), Edge(3, 2))) for text_, role in line if "-" in text_}
    assert "cursor" in roles


def test_two_nodes_and_more_than_three_are_drawn_too() -> None:
    assert text(only(Edge(2, 1), 2)).count("lin") == 1
    four = Graph(("mlp16",) * 4, ("through",) * 16)
    assert text(four).count("thr") == 16


def test_plain_is_ascii() -> None:
    text(Graph(MODELS, ("through",) * 9), plain=True).encode("ascii")
