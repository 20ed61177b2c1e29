"""What an expression means for graphs of N nodes: groups become their members, counts become tallies."""

from __future__ import annotations

from functools import lru_cache

from engine.space.constraints.syntax import (
    Compare,
    Comparison,
    Conjunction,
    Count,
    Differ,
    Disjunction,
    Expression,
    Negation,
    Pretrained,
    Quantified,
    Reference,
    Taught,
)
from engine.space.counting import formula as f
from engine.space.counting.formula import Formula, Not, Same, Within


@lru_cache(maxsize=4096)
def meaning(expression: Expression, nodes: int) -> Formula:
    """The formula of an expression over the variables of graphs of `nodes` nodes."""
    match expression:
        case Compare() | Differ():
            return f.every(members(expression, nodes))
        case Quantified("any", comparison):
            return f.some(members(comparison, nodes))
        case Quantified(_, comparison):
            return f.every(Not(m) for m in members(comparison, nodes))
        case Count():
            return _count(expression, nodes)
        case Pretrained():
            return _pretrained(expression, nodes)
        case Taught():
            return f.taught(nodes)
        case Negation(part):
            return Not(meaning(part, nodes))
        case Conjunction(parts):
            return f.every(meaning(p, nodes) for p in parts)
        case Disjunction(parts):
            return f.some(meaning(p, nodes) for p in parts)


def members(comparison: Comparison, nodes: int) -> list[Formula]:
    """One formula a member of the comparison's group; one in all if it has none."""
    if isinstance(comparison, Differ):
        left, right = (r.members(nodes) for r in (comparison.left, comparison.right))
        return [Not(Same(frozenset((a, b)))) for a in left for b in right]
    group = next((r for r in comparison.references if r.is_group), comparison.references[0])
    single = [r for r in comparison.references if r is not group]
    return [_member(comparison, member, single, nodes) for member in group.members(nodes)]


def _member(comparison: Compare, member: int, single: list[Reference], nodes: int) -> Formula:
    tied = frozenset((member, *(v for r in single for v in r.members(nodes))))
    parts: list[Formula] = [Same(tied)] if len(tied) > 1 else []
    if comparison.relation:
        positive = comparison.relation in ("=", "in")
        withins = (Within(v, frozenset(comparison.values)) for v in tied)
        parts += [within if positive else Not(within) for within in withins]
    return f.every(parts)


def _count(count: Count, nodes: int) -> Formula:
    parts = members(count.comparison, nodes)
    n, most = count.number, len(parts)
    low, high = {
        "=": (n, n), "!=": (n, n), "<": (0, n - 1), "<=": (0, n), ">": (n + 1, most), ">=": (n, most),
    }[count.relation]
    tally = f.tally(parts, low, high)
    return Not(tally) if count.relation == "!=" else tally


def _pretrained(phrase: Pretrained, nodes: int) -> Formula:
    if isinstance(phrase.which, int):
        found = f.pretrained(nodes, phrase.which)
    else:
        found = f.some(f.pretrained(nodes, n) for n in range(2, nodes + 1))
    return Not(found) if (phrase.which == "none") != (phrase.relation == "!=") else found
