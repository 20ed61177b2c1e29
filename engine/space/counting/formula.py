"""What a phrase means: a Boolean formula over the variables of a graph, with no groups and no syntax left.

Formulas are frozen and compare by content, so that the same condition reached by two relabellings is one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import chain, combinations

import msgspec

from engine.space.catalogue import GATES
from engine.space.counting import variables
from engine.space.counting.variables import Move
from engine.space.graph import LABEL, MAX_NODES

CLOSED = frozenset(name for name, facts in GATES.items() if not facts.open)
"""Gates that remove their edge."""


class Within(msgspec.Struct, frozen=True):
    """The variable takes one of the values."""

    variable: int
    values: frozenset[str]


class Same(msgspec.Struct, frozen=True):
    """All the variables take one value."""

    variables: frozenset[int]


class Tally(msgspec.Struct, frozen=True):
    """Between `low` and `high` of the parts hold. A part may stand for several: each goes with its number."""

    parts: frozenset[tuple[Formula, int]]
    low: int
    high: int


class Not(msgspec.Struct, frozen=True):
    part: Formula


class All(msgspec.Struct, frozen=True):
    parts: frozenset[Formula]


class Any(msgspec.Struct, frozen=True):
    parts: frozenset[Formula]


Formula = Within | Same | Tally | Not | All | Any

TRUE = All(frozenset())
FALSE = Any(frozenset())


def tally(parts: Iterable[Formula], low: int, high: int) -> Tally:
    """Between `low` and `high` of the parts hold; equal parts count as often as they are given."""
    return Tally(frozenset(Counter(parts).items()), low, high)


def every(parts: Iterable[Formula]) -> Formula:
    """The conjunction, with nested conjunctions opened and the values of one variable met."""
    within: dict[int, frozenset[str]] = {}
    rest: set[Formula] = set()
    for part in _opened(parts, All):
        if isinstance(part, Within):
            within[part.variable] = within.get(part.variable, part.values) & part.values
        else:
            rest.add(part)
    if FALSE in rest or not all(within.values()):
        return FALSE
    rest.update(Within(v, values) for v, values in within.items())
    return next(iter(rest)) if len(rest) == 1 else All(frozenset(rest))


def some(parts: Iterable[Formula]) -> Formula:
    """The disjunction, with nested disjunctions opened."""
    found = frozenset(_opened(parts, Any))
    if TRUE in found:
        return TRUE
    return next(iter(found)) if len(found) == 1 else Any(found)


def _opened(parts: Iterable[Formula], kind: type[All] | type[Any]) -> Iterable[Formula]:
    for part in parts:
        if isinstance(part, kind):
            yield from _opened(part.parts, kind)
        else:
            yield part


def moved(formula: Formula, by: Move) -> Formula:
    """The formula that holds for a graph when `formula` holds for that graph relabelled by `by`."""
    match formula:
        case Within(variable, values):
            return Within(by[variable], values)
        case Same(tied):
            return Same(frozenset(by[v] for v in tied))
        case Tally(parts, low, high):
            return Tally(frozenset((moved(p, by), number) for p, number in parts), low, high)
        case Not(part):
            return Not(moved(part, by))
        case All(parts):
            return All(frozenset(moved(p, by) for p in parts))
        case Any(parts):
            return Any(frozenset(moved(p, by) for p in parts))


def holds(formula: Formula, values: Sequence[str]) -> bool:
    """Whether an assignment (`(*graph.models, *graph.gates)`) satisfies the formula."""
    match formula:
        case Within(variable, allowed):
            return values[variable] in allowed
        case Same(tied):
            return len({values[v] for v in tied}) <= 1
        case Tally(parts, low, high):
            return low <= sum(number for p, number in parts if holds(p, values)) <= high
        case Not(part):
            return not holds(part, values)
        case All(parts):
            return all(holds(p, values) for p in parts)
        case Any(parts):
            return any(holds(p, values) for p in parts)


def support(formula: Formula) -> frozenset[int]:
    """The variables a formula reads."""
    match formula:
        case Within(variable, _):
            return frozenset((variable,))
        case Same(tied):
            return tied
        case Not(part):
            return support(part)
        case Tally(numbered, _, _):
            return frozenset(chain.from_iterable(support(p) for p, _ in numbered))
        case All(parts) | Any(parts):
            return frozenset(chain.from_iterable(support(p) for p in parts))


def closed(nodes: int, source: int, target: int) -> Formula:
    """The edge is removed."""
    return Within(variables.edge(nodes, source, target), CLOSED)


def opened(nodes: int, source: int, target: int) -> Formula:
    return Not(closed(nodes, source, target))


@lru_cache(maxsize=64)
def pretrained(nodes: int, node: int) -> Formula:
    """The auxiliary node has only cutoff edges into it (paper section 3: it starts pre-trained, frozen)."""
    return every(closed(nodes, s, node) for s in range(nodes + 1) if s != node)


@lru_cache(maxsize=MAX_NODES)
def valid(nodes: int) -> Formula:
    """Something trains the target."""
    return some(opened(nodes, s, 1) for s in range(nodes + 1) if s != 1)


@lru_cache(maxsize=MAX_NODES)
def taught(nodes: int) -> Formula:
    """A label reaches the target by an open path; a pre-trained node on the path knows labels.

    Untaught means: some set of nodes with the target in it lets nothing in from outside, no label either, and has no
    pre-trained node (the live nodes are such a set, and any such set holds them).
    """
    return Not(some(_keeps_out(nodes, inside) for inside in subsets(range(2, nodes + 1))))


def _keeps_out(nodes: int, others: tuple[int, ...]) -> Formula:
    inside = (1, *others)
    walls = (closed(nodes, s, t) for t in inside for s in range(nodes + 1) if s not in inside)
    return every(chain(walls, (Not(pretrained(nodes, n)) for n in others)))


def alive(nodes: int, live: int) -> Formula:
    """Nodes 2..`live` all reach the target through nodes 1..`live`: every group of them has a way out.

    For a target alone: its label reaches it.
    """
    if live == 1:
        return opened(nodes, LABEL, 1)
    groups = (g for g in subsets(range(2, live + 1)) if g)
    return every(
        some(opened(nodes, s, t) for s in group for t in range(1, live + 1) if t not in group) for group in groups
    )


def knows_labels(nodes: int, live: int) -> Formula:
    """Among nodes 1..`live`, all alive, one is taught by labels or pre-trained: what `taught` says of such a graph."""
    labels = (opened(nodes, LABEL, t) for t in range(1, live + 1))
    sources = range(live + 1)
    frozen = (every(closed(nodes, s, n) for s in sources if s != n) for n in range(2, live + 1))
    return some(chain(labels, frozen))


def subsets(members: Sequence[int]) -> Iterable[tuple[int, ...]]:
    """Every subset, the empty one first."""
    return chain.from_iterable(combinations(members, size) for size in range(len(members) + 1))
