"""Which graphs of a run are evaluated: by key, by rank, or by name; of equal graphs those that their gates did not choose."""

from __future__ import annotations

import re
from collections.abc import Container, Sequence
from pathlib import Path

from engine.analysis.ranking import Ranked, Ranking, why_none
from engine.analysis.ties import BY_LOT
from engine.errors import AnalysisError, SpaceError
from engine.space.graph import Graph
from engine.space.reference_graphs import dml
from engine.space.space import Space
from engine.store.records import Trial

FORMS = ("best, topN (top5), ties (all that tie as the best, tiesN for at most N), dml (all edges through, of the best graph's "
         "models), a graph's key, or its text in quotes")
TIES = 20
"""Graphs that `ties` takes at most: with five repeats each 100 trainings."""


def chosen(
    wanted: Sequence[str], ranking: Ranking, trials: Sequence[Trial], space: Space, folder: Path
) -> tuple[list[Graph], list[str]]:
    """The canonical graphs that `wanted` names, each once, and what must be said where equal graphs were left out.

    Raises AnalysisError for what names none.
    """
    found: dict[str, Graph] = {}
    said: list[str] = []
    for name in wanted:
        if name in ("best", "dml") or re.fullmatch(r"top[1-9]\d*|ties([1-9]\d*)?", name):
            if not ranking.places:
                raise AnalysisError(f"{folder}: {why_none(trials, space)}, so there is no {name}",
                                    "look at another run, or let this one go on if it has not ended")
            taken = ranking.graphs(_number(name, ranking))
            graphs = [r.graph for r in taken] if name != "dml" else [dml(taken[0].graph.models).canonical()]
            said += _left_out(taken, {e.key for e in ranking.evaluations})
        else:
            graphs = _named(name, trials, folder)
        for graph in graphs:
            _check(graph, name, space)
            found.setdefault(graph.key, graph)
    return list(found.values()), list(dict.fromkeys(said))


def _number(name: str, ranking: Ranking) -> int:
    """How many graphs `best`, `dml` (whose models the best graph has), `top5` and `ties` are."""
    if name.startswith("ties"):
        return min(next(iter(ranking.places.values())).tied, int(name[4:] or TIES))
    return int(name[3:]) if name.startswith("top") else 1


def _left_out(taken: Sequence[Ranked], again: Container[str]) -> list[str]:
    """That equal graphs were left out, and what decided; empty if none was."""
    last = taken[-1].place
    own = [r for r in taken if r.place == last]
    if len(own) == last.tied:
        return []
    rule = BY_LOT
    if before := sum(r.key in again for r in own):
        trained = "trained again before"
        rule = f"the best of those {trained}" if before == len(own) else f"{before} of them {trained}, the others {BY_LOT}"
    more = f"; engine.evaluate --graph ties{'' if last.tied <= TIES else last.tied} takes all" if last.first == 1 else ""
    return [f"{len(own)} of the {last.tied:,} graphs that tie at {taken[-1].error:.2f} %: {rule}{more}"]


def _named(name: str, trials: Sequence[Trial], folder: Path) -> list[Graph]:
    """A graph by its text or key."""
    if "|" in name:
        return [Graph.parse(name).canonical()]
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
