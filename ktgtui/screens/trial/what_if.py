"""A trained graph with gates turned by hand: what is known of it, and the search that trains what is not. Textual-free."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from engine.analysis.neighbours import Known
from engine.space.catalogue import GATES
from engine.space.graph import Graph
from engine.space.space import Space
from engine.store.records import Trial
from ktgtui.actions.launcher import Order, relative
from ktgtui.data.snapshot import RunDetail
from ktgtui.screens.trial import queue_file
from ktgtui.screens.trial.queue_results import NOTHING, Queued

Told = list[tuple[str, str]]


def turned(graph: Graph, place: int, gates: Sequence[Sequence[str]], by: int) -> Graph:
    """The graph with the next gate that the space allows on edge `place` (of `engine.space.graph.edges`)."""
    allowed = [gate for gate in GATES if gate in gates[place]] or [graph.gates[place]]
    now = graph.gates[place]
    gate = allowed[(allowed.index(now) + by) % len(allowed)] if now in allowed else allowed[0]
    return Graph(graph.models, (*graph.gates[:place], gate, *graph.gates[place + 1 :]))


def told(run: RunDetail, trial: Trial, graph: Graph, known: Known, queued: Queued = NOTHING) -> Told:
    """What was turned, and what is known of it."""
    before = Graph.parse(trial.graph)
    changed = ", ".join(f"{e} {g}" for (e, g), (_, was) in zip(graph.items(), before.items(), strict=True) if g != was)
    return [(f"#{trial.number} ", "accent"), (f"with {changed}: ", ""), *_known(run, trial, graph, known, queued)]


def _known(run: RunDetail, trial: Trial, graph: Graph, known: Known, queued: Queued) -> Told:
    if not graph.is_valid:
        return [("only cutoff edges reach the target", "bad")]
    if not graph.is_taught:
        return [("no label reaches the target", "bad")]
    outside: Told = [] if run.space.satisfies(graph, ()) else [(f"  not in {run.space.name}", "warn")]
    error = known.error(graph)
    if error is None:
        waits = graph.effective().key in queued.waiting
        return [("queued; s searches the queue" if waits else "not trained in this run; a queues it", "dim"), *outside]
    worse = "" if trial.error is None else f" ({error - trial.error:+.2f})"
    same = "  trains the same" if graph.effective().graph == Graph.parse(trial.graph).effective().graph else ""
    return [(f"error {error:.2f} %{worse}", "accent"), (same, "dim"), *outside]


def order(run: RunDetail, space: Space, reference: str, folder: Path) -> Order:
    """The search of the queued graphs, with the run's seed and protocol: they see the batches its graphs saw.

    `space` is the run's space as its file has it; what the run changed of the protocol is changed again.
    """
    protocol = run.space.protocol
    changes = tuple(f"{name}={json.dumps(getattr(protocol, name))}" for name in space.protocol.differing(protocol))
    names = (f"runs/{run.space.slug}-queue{i or ''}" for i in range(1000))
    free = next(name for name in names if not (folder / name).exists())
    file = relative(str(queue_file.path(folder, run.space.slug)), folder)
    return Order(relative(reference, folder), None, run.info.repeats, run.info.seed, changes, free, file)
