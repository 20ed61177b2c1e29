"""Nodes of different graphs that are one network are trained once, and no number shows it."""

from __future__ import annotations

from collections import Counter
from itertools import combinations

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.packing.packs import PackShape, fill, pretrained, shape_for, together, trainable
from engine.packing.shared_networks import networks
from engine.search.scheduler import demand
from engine.space.files.load import load
from engine.space.graph import Graph
from engine.strategies.fixed import exhaustive
from engine.training.models.cost import count_parameters
from engine.training.pack_plan import plan
from tests.training.state.test_checkpoint import go_on, pause
from tests.training.test_pack_plan import many
from tests.training.test_packs import drawn, finish, weights

SHARED = {"initialisation": "shared"}


def graph(text: str) -> Graph:
    """The graph as written; it has to be its own effective form."""
    found = Graph.parse(text)
    assert found == found.effective().graph
    return found


DML = "1:mlp4 2:mlp7 3:mlp7 | y>1 through, 2>1 through, 3>1 through, y>2 through, 1>2 through, 3>2 through, " \
      "y>3 through, 1>3 through, 2>3 through"  # fmt: skip
CHAIN = "1:mlp4 2:mlp4 3:mlp7 | y>1 {}, 2>1 {}, 3>2 linear, y>3 through"
CIRCLE = "1:mlp4 2:mlp4 3:mlp7 | y>1 through, 2>1 {}, 3>1 {}, y>2 through, 3>2 through, y>3 linear, 2>3 correct"
FROZEN = "1:mlp4 2:mlp7 3:mlp7 | y>1 {}, 2>1 {}, 3>1 through, 2>3 through"
FAMILIES = {
    "DML": ([DML, DML.replace("2>1 through", "2>1 linear")], 6),
    "a chain": ([CHAIN.format(*g) for g in (("through", "through"), ("linear", "through"), ("cutoff", "correct"))], 5),
    "a circle": ([CIRCLE.format(*g) for g in (("through", "linear"), ("linear", "linear"), ("correct", "through"))], 5),
    "frozen": ([FROZEN.format(*g) for g in (("through", "through"), ("linear", "cutoff"), ("cutoff", "through"))], 4),
}
"""Graphs and the networks they train together, counted by hand."""


def family(name: str) -> list[Graph]:
    return [*map(graph, FAMILIES[name][0])]


def shape_of(graphs, most: int | None = None) -> PackShape:
    return shape_for(graphs, most or len(graphs), 3, shared=True)


def assert_equal_to_each_alone(prepare, trainer, graphs, images=(1, 6, 6), **fields) -> None:
    for place, own in enumerate(graphs):
        alone = finish(prepare([own], images, pack_shape=shape_of([own]), **fields))
        expected, found = weights(alone, 0), weights(trainer, place)
        assert found.keys() == expected.keys()
        for name, tensor in expected.items():
            torch.testing.assert_close(found[name], tensor, rtol=1e-9, atol=1e-9, msg=f"graph {place}, {name}")
        n = own.nodes
        for a, b in zip(trainer.reports, alone.reports, strict=True):
            torch.testing.assert_close(a.accuracy[place, :n], b.accuracy[0, :n], rtol=0, atol=0)
            torch.testing.assert_close(a.losses[place, :n], b.losses[0, :n], rtol=1e-9, atol=1e-9)
            torch.testing.assert_close(a.edges[place, :n, : n + 1], b.edges[0, :n, : n + 1], rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", FAMILIES)
def test_graphs_that_share_networks_train_fewer_and_equal_each_graph_alone(prepare, name):
    graphs = family(name)
    trainer = finish(prepare(graphs, pack_shape=shape_of(graphs), **SHARED))
    assert len(trainer.plan.places) == sum(f.size for f in trainer.module.fleets) == FAMILIES[name][1]
    assert len(trainer.plan.homes) == sum(sum(trainable(g).values()) for g in graphs)
    assert_equal_to_each_alone(prepare, trainer, graphs, **SHARED)


VARIANTS = [
    {"join": "mean", "temperature": 2.0, "label_smoothing": 0.1},
    {"optimizer": "adamw", "lr": 0.01, "momentum": 0.9, "crop": 1, "flip": True},
    {"layouts": {"mlp4": "looped", "mlp7": "looped"}, "batch": 7},
]


@pytest.mark.parametrize("fields", VARIANTS, ids=",".join)
def test_whole_families_and_strangers_in_one_pack(prepare, fields):
    strangers = drawn(12, ("mlp4", "mlp7"))
    graphs = [*dict.fromkeys([*family("a circle"), *strangers, *family("frozen"), *family("a chain")])]
    trainer = finish(prepare(graphs, pack_shape=shape_of(graphs), **SHARED, **fields))
    assert len(trainer.plan.places) < len(trainer.plan.homes)
    assert_equal_to_each_alone(prepare, trainer, graphs, **SHARED, **fields)


@pytest.mark.slow
@pytest.mark.parametrize("layout", ["stacked", "looped"])
def test_networks_with_batch_normalisation_are_shared_too(prepare, layout):
    names = {"mlp4": "resnet8", "mlp7": "wrn10-1"}
    graphs = [Graph(tuple(names[m] for m in g.models), g.gates) for g in (*family("a circle"), *family("frozen"))]
    fields = {**SHARED, "layouts": dict.fromkeys(names.values(), layout)}
    trainer = finish(prepare(graphs, (3, 8, 8), pack_shape=shape_of(graphs), **fields))
    assert len(trainer.plan.places) < len(trainer.plan.homes)
    assert_equal_to_each_alone(prepare, trainer, graphs, (3, 8, 8), **fields)


def test_a_shared_networks_loss_counts_once_in_its_gradient(prepare):
    """Three graphs show it: its gradient is that of one of them, not their sum."""
    graphs = family("a chain")
    trainer, alone = (prepare(gs, pack_shape=shape_of(gs), **SHARED) for gs in (graphs, graphs[:1]))
    for one in (trainer, alone):
        one.loss(next(one.batches.epoch(0)), 1).total.backward()
    def gradient(one, node):
        home = one.plan.homes[0, node]
        fleet = dict(zip(one.module.models, one.module.fleets, strict=True))[home.model]
        return torch.cat([p.grad[home.row].flatten() for p in fleet.parameters()])

    for node in (2, 3):
        found, expected = gradient(trainer, node), gradient(alone, node)
        assert expected.abs().sum() > 0
        torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-12)


@settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(*[st.sampled_from(("through", "cutoff", "linear"))] * 8), min_size=3, max_size=6), st.data())
def test_nodes_are_one_network_if_and_only_if_they_train_to_equal_weights(prepare, tails, data):
    """By brute force: each node of each graph a network of its own, trained for five steps from shared weights."""
    models = st.tuples(st.just("mlp4"), *[st.sampled_from(("mlp4", "mlp7"))] * 2)
    graphs = [Graph(data.draw(models), ("through", *tail)).effective().graph for tail in tails]
    trainer = finish(prepare(graphs, epochs=1, pack_shape=shape_for(graphs, len(graphs), 3), **SHARED))
    trained = {
        (place, node): torch.cat([t.flatten() for (n, _), t in weights(trainer, place).items() if n == node])
        for place, node in trainer.plan.homes
    }
    for (i, n), (j, m) in combinations(trained, 2):
        a, b = trained[i, n], trained[j, m]
        equal = a.shape == b.shape and torch.allclose(a, b, rtol=0, atol=1e-12)
        assert equal == (networks(graphs[i])[n] == networks(graphs[j])[m])


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 0, 2)])
@pytest.mark.parametrize("fields", [{}, {"temperature": 2.0}], ids=["plain", "warm"])
@pytest.mark.parametrize("name", ["a chain", "a circle"])
def test_a_graph_that_diverges_spares_the_networks_it_shares(prepare, name, order, fields):
    """Its target is no number; the other nodes, which do not listen to it, are healthy graphs' too, wherever it rides."""
    graphs = [family(name)[i] for i in order]
    how = {"pack_shape": shape_of(graphs), **SHARED, **fields}
    calm, wild = prepare(graphs, **how), prepare(graphs, **how)
    sick = order.index(0)
    home = wild.plan.homes[sick, 1]
    with torch.no_grad():
        fleet = dict(zip(wild.module.models, wild.module.fleets, strict=True))[home.model]
        next(iter(fleet.network(home.row).values()))[:] = float("nan")
    finish(calm)
    finish(wild)
    assert not wild.reports[-1].losses[sick, 0].isfinite()
    for place in {0, 1, 2} - {sick}:
        for name, tensor in weights(calm, place).items():
            torch.testing.assert_close(weights(wild, place)[name], tensor, rtol=0, atol=0)
        for a, b in zip(calm.reports, wild.reports, strict=True):
            torch.testing.assert_close(a.losses[place], b.losses[place], rtol=0, atol=0)


def test_records_are_equal_to_the_bit_whatever_is_shared_with_whom(prepare):
    graphs = [*family("a circle"), *family("a chain"), *family("frozen")]
    how = {"pack_shape": shape_of(graphs), "precision": "float32", **SHARED}
    together = finish(prepare(graphs, **how))
    for some in ([5, 0, 8], [1], [7, 2, 6, 3]):
        other = finish(prepare([graphs[i] for i in some], **how))
        for place, i in enumerate(some):
            for name, tensor in weights(together, i).items():
                assert torch.equal(weights(other, place)[name], tensor)
            for a, b in zip(together.reports, other.reports, strict=True):
                assert torch.equal(a.losses[i], b.losses[place])
                assert torch.equal(a.accuracy[i], b.accuracy[place])


def test_graphs_part_from_those_they_share_networks_with_and_meet_again(prepare):
    """Paused in one pack, in packs of other company, and at last in one again: as if nothing had been."""
    graphs = [*family("a circle"), *family("a chain")]
    how = {"pack_shape": shape_of(graphs), "precision": "float32", **SHARED}
    calm = finish(prepare(graphs, **how))
    kept = pause(prepare(graphs[:4], **how), 1) | pause(prepare(graphs[4:], **how), 1)
    for group in (graphs[::2], graphs[1::2]):
        kept |= pause(go_on(prepare, group, kept, 1, **how), 3)
    last = finish(go_on(prepare, graphs[::-1], kept, 3, **how))
    for place in range(6):
        found = weights(last, 5 - place)
        for name, tensor in weights(calm, place).items():
            assert torch.equal(found[name], tensor), name
        for a, b in zip(calm.reports, last.reports, strict=True):
            assert torch.equal(a.losses[place], b.losses[5 - place])


@settings(deadline=None, max_examples=60)
@given(many, st.integers(1, 12))
def test_packs_hold_what_their_graphs_share_once(graphs, most):
    shape = shape_of(graphs, most)
    packs = fill(graphs, shape)
    assert sorted(place for pack in packs for place in pack) == list(range(len(graphs)))
    for pack in packs:
        mine = [graphs[place] for place in pack]
        assert len(mine) <= shape.graphs
        made = plan(mine, shape)
        assert sorted((p.model, p.row) for p in made.places) == sorted((m, r) for m, n in shape.slots.items() for r in range(n))
        trained = [(k, n) for k, g in enumerate(mine) for n in range(1, g.nodes + 1) if n not in pretrained(g)]
        assert made.homes.keys() == {*trained}
        for (i, n), (j, m) in combinations(trained, 2):
            same = networks(mine[i])[n] == networks(mine[j])[m]
            assert (made.homes[i, n] == made.homes[j, m]) == same == bool(made.rows[i, n - 1] == made.rows[j, m - 1])
        for row in {int(made.rows[k, n - 1]) for k, n in trained}:
            shown = [place for place, r in enumerate(made.rows.flatten().tolist()) if r == row]
            assert int(made.back[row]) == shown[0]


@settings(deadline=None, max_examples=40)
@given(many)
def test_one_pack_for_all_has_a_slot_a_network(graphs):
    distinct = {network: g.models[n - 1] for g in graphs for n, network in networks(g).items()}
    assert shape_of(graphs).slots == Counter(distinct.values()) == together(graphs, shared=True)
    assert shape_for(graphs, len(graphs), 3).slots == together(graphs, shared=False)


def told_apart(graphs):
    """Nodes of all graphs by what they can feel, round by round: (number, model), then what each edge brings, and so on."""
    classes = {(k, n): hash((n, m)) for k, g in enumerate(graphs) for n, m in enumerate(g.models, 1)}
    opens = {place: [] for place in classes}
    for k, g in enumerate(graphs):
        for edge, gate in g.items():
            if gate != "cutoff":
                opens[k, edge.target].append((edge.source, gate))
    for _ in range(4):
        classes = {
            (k, n): hash((own, *((s, gate, classes.get((k, s))) for s, gate in opens[k, n])))
            for (k, n), own in classes.items()
        }  # fmt: skip
    return classes


@pytest.mark.parametrize(
    ("space", "trained", "distinct", "saved"),
    [("X", 1539, 1355, 15.5), ("C", 2549, 2263, 14.6), pytest.param("A", 83_680, 75_820, 11.4, marks=pytest.mark.slow)],
)
def test_what_sharing_saves_at_most_in_an_exhaustive_search(space, trained, distinct, saved):
    """All graphs in one pack, counted by brute force; `saved` in % of parameters, which is what optimiser steps cost."""
    graphs = demand(exhaustive(load(space)).preview())
    apart = told_apart(graphs)
    mine = {(k, n): network for k, g in enumerate(graphs) for n, network in networks(g).items()}
    assert len(mine) == trained
    assert len({*mine.values()}) == len({apart[place] for place in mine}) == len({(apart[p], mine[p]) for p in mine}) == distinct
    size = {m: count_parameters(m, (3, 32, 32), 100) for m in ("resnet32", "wrn28-2")}
    cost = lambda counted: sum(size[m] * n for m, n in counted.items())  # noqa: E731
    found = 100 - 100 * cost(together(graphs, shared=True)) / cost(together(graphs, shared=False))
    assert found == pytest.approx(saved, abs=0.06)


def test_packs_of_an_exhaustive_search_profit():
    """In the order of the enumeration graphs that share networks are near each other."""
    graphs = demand(exhaustive(load("digits/X")).preview())
    own, shared = shape_for(graphs, 64, 3), shape_for(graphs, 64, 3, shared=True)
    assert sum(shared.slots.values()) < 0.94 * sum(own.slots.values())
    assert len(fill(graphs, shared)) == len(fill(graphs, own))
