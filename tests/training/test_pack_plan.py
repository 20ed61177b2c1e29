"""Laying graphs out in packs: arithmetic on indices, checked by counting."""

from __future__ import annotations

import json
from collections import Counter

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.packing.packs import PackShape, fill, open_edges, pretrained, shape_for, trainable
from engine.space.graph import Graph, edges
from engine.training.pack_plan import plan

GATES = ("through", "cutoff", "linear", "correct")
MODELS = ("mlp2", "mlp3", "cnn2")


@st.composite
def drawn_graph(draw) -> Graph:
    """An effective graph of at most three nodes."""
    nodes = draw(st.integers(1, 3))
    models = draw(st.tuples(*[st.sampled_from(MODELS)] * nodes))
    # cutoff often: frozen and dead nodes are what makes graphs of unequal demand.
    gate = st.sampled_from((*GATES, "cutoff", "cutoff"))
    written = Graph(models, ("through", *draw(st.tuples(*[gate] * (nodes * nodes - 1)))))
    found = written.effective().graph
    assert found is not None
    return found


many = st.lists(drawn_graph(), min_size=1, max_size=15)


def networks(graph: Graph) -> Counter[str]:
    """Networks to train, by counting nodes that something open leads into."""
    taught = {e.target for e, gate in graph.items() if gate != "cutoff"} | {1}
    return Counter(model for node, model in enumerate(graph.models, 1) if node in taught)


@settings(deadline=None, max_examples=60)
@given(many, st.integers(1, 12))
def test_every_graph_is_in_one_pack_and_no_pack_is_over_its_shape(graphs, most):
    shape = shape_for(graphs, most, 3)
    packs = fill(graphs, shape)
    assert sorted(place for pack in packs for place in pack) == list(range(len(graphs)))
    for pack in packs:
        assert 1 <= len(pack) <= shape.graphs <= most
        used = sum((networks(graphs[place]) for place in pack), Counter())
        assert all(used[model] <= shape.slots[model] for model in used)


@settings(deadline=None, max_examples=60)
@given(many, st.integers(1, 12))
def test_a_pack_takes_in_order_whoever_fits(graphs, most):
    shape, waiting, packs = shape_for(graphs, most, 3), list(range(len(graphs))), []
    while waiting:
        used, taken = Counter(), []
        for place in waiting:
            if len(taken) < shape.graphs and shape.fits(used, networks(graphs[place])):
                taken.append(place)
                used += networks(graphs[place])
        packs.append(taken)
        waiting = [place for place in waiting if place not in taken]
    assert fill(graphs, shape) == packs


@settings(deadline=None, max_examples=60)
@given(many, st.integers(1, 12))
def test_a_shape_holds_each_graph_and_what_all_of_them_use(graphs, most):
    shape = shape_for(graphs, most, 3)
    for graph in graphs:
        assert shape.fits(Counter(), trainable(graph))
        assert {gate for gate in graph.gates if gate != "cutoff"} <= set(shape.gates)
        assert {(graph.models[n - 1], n) for n in pretrained(graph)} <= set(shape.teachers)
    assert "cutoff" in shape.gates
    # No slot is more than every graph of a pack wanting its worst.
    for model, slots in shape.slots.items():
        assert 1 <= slots <= max(1, shape.graphs) * max(networks(g)[model] for g in graphs)


@settings(deadline=None, max_examples=40)
@given(many)
def test_one_pack_for_all_has_no_spare_network(graphs):
    shape = shape_for(graphs, len(graphs), 3)
    assert shape.slots == sum((networks(g) for g in graphs), Counter())
    assert fill(graphs, shape) == [list(range(len(graphs)))]


@settings(deadline=None, max_examples=60)
@given(many, st.integers(1, 12))
def test_a_plan_gives_each_trained_node_a_network_of_its_own(graphs, most):
    shape = shape_for(graphs, most, 3)
    starts, total = {}, 0
    for model, slots in shape.slots.items():
        starts[model] = total
        total += slots
    for pack in fill(graphs, shape):
        mine = [graphs[place] for place in pack]
        made = plan(mine, shape)
        # Every network of every fleet is somebody's, once; those without a graph are spares.
        assert sorted((p.model, p.row) for p in made.places) == sorted((m, r) for m, n in shape.slots.items() for r in range(n))
        assert made.rows.shape == (shape.graphs, 3)
        whose = {(p.graph, p.node): p for p in made.places if p.graph is not None}
        assert len(whose) == sum(sum(networks(g).values()) for g in mine)
        for k, graph in enumerate(mine):
            for node, model in enumerate(graph.models, 1):
                row = int(made.rows[k, node - 1])
                if node in pretrained(graph):
                    assert shape.teachers[row - total] == (model, node)
                    assert row - total in made.used_teachers
                else:
                    assert whose[k, node].model == model
                    assert row == starts[model] + whose[k, node].row
            assert (made.rows[k, graph.nodes :] == made.rows[k, 0]).all()


@settings(deadline=None, max_examples=40)
@given(many)
def test_a_plans_gates_are_its_graphs(graphs):
    shape = shape_for(graphs, len(graphs), 3)
    made = plan(graphs, shape)
    for k, graph in enumerate(graphs):
        for target in range(1, 4):
            for source in range(4):
                there = source != target and max(source, target) <= graph.nodes
                wanted = graph.gate(source, target) if there else "cutoff"
                assert shape.gates[int(made.gates[k, target - 1, source])] == wanted
        for target in range(1, graph.nodes + 1):
            teaching = [s for s in range(1, graph.nodes + 1) if s != target and graph.gate(s, target) != "cutoff"]
            assert made.join[k, target - 1, 0] == 1
            assert made.join[k, target - 1, 1:].tolist() == [pytest.approx(1 / max(1, len(teaching)))] * 3


def test_places_without_a_graph_train_nothing():
    graph = Graph(("mlp2", "mlp3"), ("through",) * 4)
    made = plan([graph], PackShape(3, 2, {"mlp2": 4, "mlp3": 1}, ("cutoff", "through")))
    assert (made.gates[1:] == 0).all()
    assert [(p.model, p.row) for p in made.places if p.graph is None] == [("mlp2", 1), ("mlp2", 2), ("mlp2", 3)]
    assert torch.equal(made.gates[0], torch.tensor([[1, 0, 1], [1, 1, 0]]))


def test_only_auxiliary_nodes_without_open_edges_are_pretrained():
    #             y>1        2>1        3>1        y>2      1>2       3>2       y>3       1>3       2>3
    gates = ("cutoff", "through", "linear", "linear", "cutoff", "cutoff", "cutoff", "cutoff", "cutoff")
    graph = Graph(("mlp2", "mlp3", "mlp3"), gates)
    assert pretrained(graph) == (3,)
    assert trainable(graph) == Counter({"mlp2": 1, "mlp3": 1})
    assert open_edges(graph) == tuple(e for e in edges(3) if str(e) in ("2>1", "3>1", "y>2"))


def test_first_come_first_in():
    """A graph that does not fit waits; smaller ones behind it go ahead, and the order is kept otherwise."""
    one = Graph(("mlp2",), ("through",))
    three = Graph(("mlp2",) * 3, ("through",) * 9)
    assert fill([one, three, three, one, one, one], PackShape(3, 3, {"mlp2": 4})) == [[0, 1], [2, 3], [4, 5]]
    assert fill([], PackShape(3, 3, {"mlp2": 4})) == []


def test_a_shape_for_no_graph_at_all():
    assert shape_for([], 16, 3) == PackShape(1, 3, {})


def test_no_slot_for_a_model_that_is_never_trained():
    """A frozen teacher of a model of its own needs no fleet."""
    kd = Graph(("mlp2", "cnn2"), ("through", "through", "cutoff", "cutoff"))
    shape = shape_for([kd] * 4, 2, 2)
    assert shape.slots == {"mlp2": 2}
    assert shape.teachers == (("cnn2", 2),)


@settings(deadline=None, max_examples=60)
@given(many, st.integers(1, 12))
def test_a_shape_comes_back_from_json_as_it_was(graphs, most):
    shape = shape_for(graphs, most, 3, shared=len(graphs) % 2 == 1)
    back = PackShape.of(json.loads(json.dumps(shape.plain())))
    assert back == shape
    # The order of fleets is part of it: rows of logits are counted in it.
    assert list(back.slots) == list(shape.slots)


@pytest.mark.parametrize("missing", ["graphs", "nodes", "slots", "gates", "teachers"])
def test_a_shape_without_a_field_is_refused(missing):
    plain = PackShape(1, 2, {"mlp2": 1}, ("cutoff",), (("mlp2", 2),)).plain()
    del plain[missing]
    with pytest.raises(KeyError, match=missing):
        PackShape.of(plain)


def test_a_shape_from_before_networks_were_shared_shares_none():
    plain = PackShape(1, 2, {"mlp2": 1}).plain()
    del plain["shared"]
    assert not PackShape.of(plain).shared
