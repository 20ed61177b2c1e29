"""Brute force: every labelled graph listed, every definition taken literally, no code shared with what it checks.

Graphs are pairs (models, gates) of dictionaries: node -> model, (source, target) -> gate, source 0 the label.
"""

from __future__ import annotations

from itertools import permutations, product

from engine.space.constraints import syntax as s
from engine.space.graph import Graph
from engine.space.space import Space

Pair = tuple[dict[int, str], dict[tuple[int, int], str]]


def edge_list(nodes: int) -> list[tuple[int, int]]:
    return [(a, b) for b in range(1, nodes + 1) for a in range(nodes + 1) if a != b]


def pair(graph: Graph) -> Pair:
    n = len(graph.models)
    return dict(enumerate(graph.models, 1)), dict(zip(edge_list(n), graph.gates, strict=True))


def labelled(space: Space) -> list[Pair]:
    """Every assignment of the domains that satisfies every phrase as written."""
    n = space.nodes
    found = []
    for models in product(*space.models):
        for gates in product(*space.gates):
            graph = dict(enumerate(models, 1)), dict(zip(edge_list(n), gates, strict=True))
            if all(true(phrase.expression, graph) for phrase in space.phrases):
                found.append(graph)
    return found


def relabelled(graph: Pair, order: tuple[int, ...]) -> Pair:
    """Node order[i] becomes node i + 1."""
    models, gates = graph
    new = {old: i for i, old in enumerate(order, 1)} | {0: 0}
    return ({new[k]: m for k, m in models.items() if k in new},
            {(new[a], new[b]): g for (a, b), g in gates.items() if a in new and b in new})


def written(graph: Pair) -> tuple[tuple[str, ...], tuple[str, ...]]:
    models, gates = graph
    return tuple(models[k] for k in sorted(models)), tuple(gates[e] for e in edge_list(len(models)))


def canonical(graph: Pair) -> tuple[tuple[str, ...], tuple[str, ...]]:
    others = sorted(set(graph[0]) - {1})
    return min(written(relabelled(graph, (1, *rest))) for rest in permutations(others))


def is_valid(graph: Pair) -> bool:
    return any(g != "cutoff" for (_, b), g in graph[1].items() if b == 1)


def live(graph: Pair) -> set[int]:
    found = {1}
    for _ in graph[0]:
        found |= {a for (a, b), g in graph[1].items() if b in found and a != 0 and g != "cutoff"}
    return found


def effective(graph: Pair) -> tuple[tuple[str, ...], tuple[str, ...]]:
    models, gates = graph
    plain = {(a, b): "through" if a == 0 and g == "correct" else g for (a, b), g in gates.items()}
    return canonical(relabelled((models, plain), tuple(sorted(live(graph)))))


def pretrained(graph: Pair) -> set[int]:
    return {k for k in graph[0] if k != 1 and all(g == "cutoff" for (_, b), g in graph[1].items() if b == k)}


def taught(graph: Pair) -> bool:
    alive = live(graph)
    return bool(alive & pretrained(graph)) or any(graph[1][0, k] != "cutoff" for k in alive)


def covers(where: s.Where, node: int) -> bool:
    return where in ("*", node) or (where == "aux" and node > 1)


def values(reference: s.Reference, graph: Pair) -> list[str]:
    if isinstance(reference, s.Model):
        return [m for k, m in graph[0].items() if covers(reference.node, k)]
    return [g for (a, b), g in graph[1].items() if covers(reference.source, a) and covers(reference.target, b)]


def members(comparison: s.Comparison, graph: Pair) -> list[bool]:
    """The truth of a comparison for each member of its group."""
    if isinstance(comparison, s.Differ):
        return [a != b for a in values(comparison.left, graph) for b in values(comparison.right, graph)]
    found = []
    for choice in product(*(values(r, graph) for r in comparison.references)):
        tied = all(v == choice[0] for v in choice)
        if comparison.relation in ("=", "in"):
            tied = tied and choice[0] in comparison.values
        elif comparison.relation:
            tied = tied and choice[0] not in comparison.values
        found.append(tied)
    return found


def true(e: s.Expression, graph: Pair) -> bool:
    """An expression's truth for a graph as labelled."""
    if isinstance(e, s.Compare | s.Differ):
        return all(members(e, graph))
    if isinstance(e, s.Quantified):
        return any(members(e.comparison, graph)) == (e.kind == "any")
    if isinstance(e, s.Count):
        n, k = sum(members(e.comparison, graph)), e.number
        return {"=": n == k, "!=": n != k, "<": n < k, "<=": n <= k, ">": n > k, ">=": n >= k}[e.relation]
    if isinstance(e, s.Pretrained):
        frozen = pretrained(graph)
        held = {"none": not frozen, "some": bool(frozen)}.get(str(e.which), e.which in frozen)
        return held == (e.relation == "=")
    if isinstance(e, s.Taught):
        return taught(graph)
    if isinstance(e, s.Negation):
        return not true(e.part, graph)
    if isinstance(e, s.Conjunction):
        return all(true(p, graph) for p in e.parts)
    return any(true(p, graph) for p in e.parts)
