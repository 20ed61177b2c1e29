"""Losses of a pack against a plain reference: a loop over edges and samples, written from the paper's table."""

from __future__ import annotations

import math

import pytest
import torch

from engine.packing.packs import shape_for
from engine.space.graph import Graph, edges
from engine.training.gates import GateTable
from engine.training.losses import pack_loss
from engine.training.pack_plan import plan

GATES = ["through", "cutoff", "linear", "correct", "negative-linear"]
K_END = 12


def softmax(row):
    top = max(row)
    out = [math.exp(v - top) for v in row]
    return [v / sum(out) for v in out]


def reference(graph, logits, labels, k, temperature=1.0, smoothing=0.0, mean=False):
    """Loss of one graph as autograd scalars, straight from the table: logits is `[node][batch]` of class tensors."""
    nodes, batch, classes = logits.shape
    total = logits.new_zeros(())
    for t in range(1, nodes + 1):
        sources = [s for s in range(1, nodes + 1) if s != t and graph.gate(s, t) != "cutoff"]
        for s in [0, *(s for s in range(1, nodes + 1) if s != t)]:
            gate = graph.gate(s, t)
            edge = logits.new_zeros(())
            for n in range(batch):
                z_t = logits[t - 1, n]
                if s == 0:
                    log_p = z_t - torch.logsumexp(z_t, 0)
                    share = [smoothing / classes + (1 - smoothing) * (c == int(labels[n])) for c in range(classes)]
                    a = -sum(share[c] * log_p[c] for c in range(classes))
                    right = True
                else:
                    z_s = logits[s - 1, n].detach()
                    p_s = softmax((z_s / temperature).tolist())
                    log_t = z_t / temperature - torch.logsumexp(z_t / temperature, 0)
                    a = sum(p_s[c] * (math.log(p_s[c]) - log_t[c]) for c in range(classes)) * temperature**2
                    right = int(z_s.argmax()) == int(labels[n])
                if gate == "through":
                    edge = edge + a
                elif gate == "linear":
                    edge = edge + a * k / K_END
                elif gate == "negative-linear":
                    edge = edge + a * (1 - k / K_END)
                elif gate == "correct":
                    edge = edge + a * right
            edge = edge / batch
            total = total + (edge / max(1, len(sources)) if mean and s else edge)
    return total


def random_graphs(count, nodes, seed):
    draw = torch.Generator().manual_seed(seed)
    pick = lambda: GATES[int(torch.randint(len(GATES), (1,), generator=draw))]  # noqa: E731
    return [Graph(("mlp4",) * nodes, ("through", *(pick() for _ in edges(nodes)[1:]))) for _ in range(count)]


def every_gate_on_every_edge(nodes):
    """One graph a (gate, edge), all other edges cutoff but the target's label, plus random ones."""
    out = []
    for place in range(nodes * nodes):
        for gate in GATES:
            gates = ["cutoff"] * (nodes * nodes)
            gates[0] = "through"
            gates[place] = gate
            out.append(Graph(("mlp4",) * nodes, tuple(gates)))
    return out + random_graphs(6, nodes, 3)


@pytest.mark.parametrize("k", [1, 6, K_END])
@pytest.mark.parametrize(
    ("temperature", "smoothing", "mean"), [(1.0, 0.0, False), (3.0, 0.0, False), (1.0, 0.1, True), (2.0, 0.2, True)]
)
def test_losses_and_gradients_equal_a_loop_over_edges_and_samples(k, temperature, smoothing, mean):
    graphs = every_gate_on_every_edge(3)
    laid = plan(graphs, shape_for(graphs, len(graphs), 3))
    like = torch.empty(0, dtype=torch.float64)
    # Frozen nodes are nodes like others here: the reference has gates only, and the plan must not change them.
    gates = GateTable(laid.shape.gates, laid.gates, K_END, like, laid.join if mean else None)
    draw = torch.Generator().manual_seed(0)
    logits = torch.randn(len(graphs), 3, 5, 4, generator=draw, dtype=torch.float64) * 2
    logits.requires_grad_()
    labels = torch.randint(0, 4, (5,), generator=draw)

    loss = pack_loss(logits, labels, gates.at(k), gates.masks, temperature=temperature, smoothing=smoothing)
    (gradient,) = torch.autograd.grad(loss.total, logits)

    for i, graph in enumerate(graphs):
        own = logits[i].detach().clone().requires_grad_()
        wanted = reference(graph, own, labels, k, temperature, smoothing, mean)
        assert loss.nodes[i].sum().item() == pytest.approx(wanted.item(), abs=1e-9)
        if wanted.requires_grad:
            (expected,) = torch.autograd.grad(wanted, own)
            torch.testing.assert_close(gradient[i], expected, rtol=0, atol=1e-9)
        else:
            assert gradient[i].abs().max() == 0


def test_edge_losses_are_plain_means_before_gates():
    graphs = random_graphs(3, 3, 1)
    laid = plan(graphs, shape_for(graphs, 3, 3))
    gates = GateTable(laid.shape.gates, laid.gates, K_END, torch.empty(0, dtype=torch.float64))
    logits = torch.randn(3, 3, 6, 4, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    labels = torch.tensor([0, 1, 2, 3, 0, 1])
    found = pack_loss(logits, labels, gates.at(1), gates.masks).edges
    lp = logits.log_softmax(-1)
    for k in range(3):
        for t in range(3):
            ce = torch.nn.functional.cross_entropy(logits[k, t], labels)
            assert found[k, t, 0].item() == pytest.approx(ce.item(), abs=1e-12)
            for s in range(3):
                kl = torch.nn.functional.kl_div(lp[k, t], lp[k, s], reduction="batchmean", log_target=True)
                assert found[k, t, s + 1].item() == pytest.approx(kl.item(), abs=1e-12)


def test_a_source_is_not_moved_by_what_it_teaches():
    graph = Graph(("mlp4", "mlp4"), ("through", "through", "cutoff", "cutoff"))
    laid = plan([graph], shape_for([graph], 1, 2))
    gates = GateTable(laid.shape.gates, laid.gates, K_END, torch.empty(0, dtype=torch.float64))
    logits = torch.randn(1, 2, 4, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0)).requires_grad_()
    (gradient,) = torch.autograd.grad(pack_loss(logits, torch.tensor([0, 1, 2, 0]), gates.at(1)).total, logits)
    assert gradient[0, 0].abs().max() > 0
    assert gradient[0, 1].abs().max() == 0


def test_a_graph_with_nan_does_not_touch_its_neighbours():
    graphs = random_graphs(2, 3, 5)
    laid = plan(graphs, shape_for(graphs, 2, 3))
    gates = GateTable(laid.shape.gates, laid.gates, K_END, torch.empty(0, dtype=torch.float64))
    clean = torch.randn(2, 3, 4, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    dirty = clean.clone()
    dirty[0, 1, 2, 1] = float("nan")
    labels = torch.tensor([0, 1, 2, 0])
    grads = []
    for logits in (clean, dirty):
        logits.requires_grad_()
        loss = pack_loss(logits, labels, gates.at(3), gates.masks)
        grads.append(torch.autograd.grad(loss.total, logits)[0][1])
        assert loss.nodes[1].isfinite().all()
    torch.testing.assert_close(grads[0], grads[1], rtol=0, atol=0)
