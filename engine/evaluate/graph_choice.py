"""Which graphs of a run are evaluated: by key, by rank, or by name."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from engine.analysis.ranking import best_graphs
from engine.analysis.sample import chance_rule
from engine.errors import AnalysisError, SpaceError
from engine.space.graph import Graph
from engine.space.reference_graphs import dml
from engine.space.space import Space
from engine.store.records import Trial

FORMS = "best, topN (top5), dml (all edges through, of the best graph's models), a graph's key, or its text in quotes"


def chosen(wanted: Sequence[str], trials: Sequence[Trial], space: Space, folder: Path) -> list[Graph]:
    """The canonical graphs that `wanted` names, each once. Raises AnalysisError for what names none."""
    found: dict[str, Graph] = {}
    for name in wanted:
        for graph in _named(name, trials, space, folder):
            _check(graph, name, space)
            found.setdefault(graph.key, graph)
    return list(found.values())


def _nothing(trials: Sequence[Trial], space: Space) -> str:
    """Why no graph is the best."""
    if any(trial.error is not None for trial in trials):
        return f"no graph is above the chance rule of {chance_rule(space.protocol):.1f} % (protocol.chance)"
    return "no graph has a result yet"


def _named(name: str, trials: Sequence[Trial], space: Space, folder: Path) -> list[Graph]:
    if "|" in name:
        return [Graph.parse(name).canonical()]
    if name in ("best", "dml") or re.fullmatch(r"top[1-9]\d*", name):
        ranked = best_graphs(trials, space)
        if not ranked:
            raise AnalysisError(f"{folder}: {_nothing(trials, space)}, so there is no {name}", "let the search go on")
        if name == "dml":
            return [dml(ranked[0].graph.models).canonical()]
        return [r.graph for r in ranked[: 1 if name == "best" else int(name[3:])]]
    keys = {t.key: t.graph for t in trials if t.key.startswith(name)} if re.fullmatch(r"[0-9a-f]{4,16}", name) else {}
    if len(keys) != 1:
        what = f"{len(keys)} graphs of {folder} have keys that begin so" if keys else f"names no graph of {folder}"
        raise AnalysisError(f"--graph {name}: {what}", f"say {FORMS}")
    return [Graph.parse(next(iter(keys.values())))]


def _check(graph: Graph, name: str, space: Space) -> None:
    """Raises SpaceError for a graph that cannot be trained under this space's protocol."""
    effective = graph.effective().graph
    if graph.nodes > space.nodes:
        raise SpaceError(f"--graph {name}: {graph.nodes} nodes, but the space has {space.nodes}")
    if effective is None:
        raise SpaceError(f"--graph {name}: nothing trains its target (only cutoff edges into it)", "choose another graph")
    if not effective.is_taught:
        raise SpaceError(f"--graph {name}: no label reaches its target, it stays at chance", "choose another graph")
