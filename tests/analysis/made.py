"""Trials made by hand or by a known rule, so that tests know the truth."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from engine.space.graph import Edge, Graph, edges
from engine.space.protocol import Protocol
from engine.store.records import State, Trial

GATES = ("through", "cutoff", "linear")
AUXILIARIES = ("mlp12", "mlp96")
PROTOCOL = Protocol(data="digits", train=512, validation=988, epochs=30)


def trial(number: int, error: float | None, graph: Graph | None = None, **fields: object) -> Trial:
    """A trial with the target's error rate (%); None for one without a result."""
    drawn = (graph or dml()).canonical()
    target = None if error is None else 100.0 - error
    state = fields.pop("state", State.DONE if error is not None else State.FAILED)
    return Trial(
        number=number, key=drawn.key, graph=str(drawn), state=state,  # type: ignore[arg-type]
        training=f"{drawn.effective().key}.{fields.get('repeat', 0)}",
        accuracy=(target, *(None,) * (drawn.nodes - 1)), **fields,  # type: ignore[arg-type]
    )


def graph(models: Sequence[str] = ("mlp12", "mlp96", "mlp96"), default: str = "through", **gates: str) -> Graph:
    """`graph(y2="cutoff", e21="linear")`: named edges, the others `default`."""
    table = {Edge(0 if name[0] == "y" else int(name[1]), int(name[-1])): gate for name, gate in gates.items()}
    return Graph(tuple(models), tuple(table.get(e, default) for e in edges(len(models))))


def dml() -> Graph:
    return graph()


def draw(rng: np.random.Generator, nodes: int = 3) -> Graph:
    """A labelled graph drawn uniformly: target mlp12, auxiliaries of two models, three gates."""
    models = ("mlp12", *(str(m) for m in rng.choice(AUXILIARIES, nodes - 1)))
    return Graph(models, tuple(str(g) for g in rng.choice(GATES, nodes * nodes)))


def simulated(n: int, seed: int, error_of: Callable[[Graph], float] = lambda g: 0.0, noise: float = 1.0) -> list[Trial]:
    """n valid, taught graphs with error 10 + error_of(graph) + noise * N(0, 1) %."""
    rng = np.random.default_rng(seed)
    made: list[Trial] = []
    while len(made) < n:
        drawn = draw(rng)
        if drawn.is_valid and drawn.is_taught:
            made.append(trial(len(made), float(10 + error_of(drawn.canonical()) + noise * rng.normal()), drawn))
    return made
