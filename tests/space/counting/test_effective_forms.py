"""A graph and its effective form give the target the same losses, trained by a plain loop written from the paper.

Networks are linear maps in float64; gates, frozen nodes and detached sources are taken from the paper's table, with no
code of the trainer.
"""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.space.graph import Graph
from tests.space.spaces import GATES

STEPS, BATCH, PIXELS, CLASSES = 3, 8, 6, 4


def graphs() -> st.SearchStrategy[Graph]:
    """Valid graphs of 2 to 4 nodes, half of their edges cutoff so that dead and frozen nodes are common."""
    gates = st.sampled_from([*GATES, "negative-linear", "cutoff", "cutoff", "cutoff"])
    sized = st.integers(2, 4).flatmap(
        lambda n: st.builds(
            Graph,
            st.tuples(*[st.sampled_from(["mlp12", "mlp96"])] * n),
            st.tuples(*[gates] * (n * n)),
        )
    )
    return sized.filter(lambda graph: graph.is_valid)


def target_losses(graph: Graph, weights: list) -> list[float]:
    """The target's loss at each of the first steps; `weights[i]` starts node i + 1."""
    import torch
    from torch.nn.functional import cross_entropy

    draw = torch.Generator().manual_seed(1)
    nodes = [torch.nn.Parameter(w.clone()) for w in weights]
    frozen = [all(g == "cutoff" for e, g in graph.items() if e.target == n) for n in range(1, graph.nodes + 1)]
    frozen[0] = False
    optimiser = torch.optim.SGD([w for w, f in zip(nodes, frozen, strict=True) if not f], lr=0.5)
    found = []
    for step in range(1, STEPS + 1):
        images = torch.rand(BATCH, PIXELS, generator=draw, dtype=torch.float64)
        labels = torch.randint(CLASSES, (BATCH,), generator=draw)
        logits = [images @ w for w in nodes]
        losses = []
        for target in range(1, graph.nodes + 1):
            loss = torch.zeros((), dtype=torch.float64)
            for edge, gate in graph.items():
                if edge.target != target or gate == "cutoff":
                    continue
                if edge.source == 0:
                    each, right = cross_entropy(logits[target - 1], labels, reduction="none"), torch.ones(BATCH)
                else:
                    source = logits[edge.source - 1].detach()
                    log_ratio = source.log_softmax(1) - logits[target - 1].log_softmax(1)
                    each, right = (source.softmax(1) * log_ratio).sum(1), source.argmax(1) == labels
                if gate == "correct":
                    each = each * right
                weight = {"linear": step / STEPS, "negative-linear": 1 - step / STEPS}.get(gate, 1.0)
                loss = loss + weight * each.mean()
            losses.append(loss)
        found.append(losses[0].item())
        optimiser.zero_grad()
        sum(x for x, f in zip(losses, frozen, strict=True) if not f).backward()
        optimiser.step()
    return found


@pytest.mark.slow
@given(graphs())
@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
def test_the_effective_form_keeps_the_targets_losses(graph: Graph) -> None:
    import torch

    draw = torch.Generator().manual_seed(0)
    weights = [torch.randn(PIXELS, CLASSES, generator=draw, dtype=torch.float64) for _ in graph.models]
    form = graph.effective()
    assert form.graph is not None
    kept = [weights[node - 1] for node in form.nodes]
    assert target_losses(form.graph, kept) == pytest.approx(target_losses(graph, weights), rel=1e-12, abs=1e-12)
