"""A space in words: what its constraints leave, told by the paper's five conditions, then how many graphs that is.

Told from what each model and gate may still be (exact, whatever the phrases), so two ways to write one constraint read
alike; phrases that say more than that, such as ties and counts, follow in words of their own.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from engine.space.catalogue import on_label
from engine.space.constraints.syntax import Gate, Pretrained
from engine.space.counting import counts, variables
from engine.space.counting import formula as f
from engine.space.counting.formula import Within
from engine.space.counting.solver import Solver
from engine.space.graph import LABEL, Edge, edges
from engine.space.space import Space
from engine.space.text import phrasing
from engine.space.text.phrasing import either

Left = tuple[frozenset[str], ...]
"""What each variable may still be."""

_NUMBERS = {2: "both", 3: "all three", 4: "all four", 5: "all five", 6: "all six", 7: "all seven"}


class _Doing(NamedTuple):
    """What auxiliary networks do along a group of edges."""

    group: Gate
    many: str
    one: str


_DOINGS = (
    _Doing(Gate(LABEL, "aux"), "learn from labels", "learns from labels"),
    _Doing(Gate("aux", 1), "teach the target", "teaches the target"),
    _Doing(Gate(1, "aux"), "learn from the target", "learns from the target"),
    _Doing(Gate("aux", "aux"), "teach each other", "teaches"),
)
"""Conditions (b) and (d) of the paper, then the edges it leaves free."""


def describe(space: Space) -> str:
    """Two or three sentences, the number of graphs last."""
    left = remaining(space)
    said = [_target(space, left), _auxiliaries(space, left), *_alone(space, left), *_further(space, left)]
    if counts.basic(space.ground)[1] is None:
        said.append("Which auxiliary network is called which does not matter, so long as all of this holds together")
    if all(names == _palette(space) for names in left[space.nodes :]) and not space.phrases:
        said.append("No gate is constrained")
    count = f"{space.keys:,} {'graph' if space.keys == 1 else 'graphs'}"
    return " ".join(f"{sentence[0].upper()}{sentence[1:]}." for sentence in (*said, count))


def remaining(space: Space) -> Left:
    """The values each variable takes in some labelled graph of the space."""
    solver = Solver(space.ground)
    domains = space.ground.domains
    written = space.ground.phrases
    return tuple(
        frozenset(name for name in names if solver.possible([written, Within(v, frozenset((name,)))]))
        for v, names in enumerate(domains)
    )


def _palette(space: Space) -> frozenset[str]:
    """All gates of the space: an edge that may have any of them is free, and not spoken of."""
    return frozenset(name for names in space.gates for name in names)


def _target(space: Space, left: Left) -> str:
    label = left[variables.edge(space.nodes, LABEL, 1)]
    target = f"target {_models(left[0])}"
    if label == _palette(space):
        return target
    return f"{target}, which {_clause('learn from labels', 'learns from labels', _on_label(label), True)}"


def _models(names: Iterable[str]) -> str:
    return either([phrasing.model(name) for name in sorted(names)])


def _on_label(gates: Iterable[str]) -> frozenset[str]:
    return frozenset(on_label(gate) for gate in gates)


def _clause(many: str, one: str, gates: frozenset[str], single: bool) -> str:
    """`learn from labels throughout`; only cutoff: `do not learn from labels`."""
    if gates <= f.CLOSED:
        return f"{'does' if single else 'do'} not {many}"
    told = phrasing.how(gates)
    return f"{one} {told.replace('they are', 'it is')}" if single else f"{many} {told}"


def _auxiliaries(space: Space, left: Left) -> str:
    """What holds of every auxiliary network alike."""
    number = space.nodes - 1
    single = number == 1
    clauses = []
    models = {left[variables.model(n)] for n in range(2, space.nodes + 1)}
    if len(models) == 1:
        (names,) = models
        clauses.append(f"{'is' if single else 'are each' if len(names) > 1 else 'are'} {_models(names)}")
    for doing in _DOINGS:
        kinds = {left[v] for v in doing.group.members(space.nodes)}
        if len(kinds) == 1 and kinds != {_palette(space)}:
            (gates,) = kinds
            told = _on_label(gates) if doing.group.source == LABEL else gates
            clauses.append(_clause(doing.many, doing.one, told, single))
    subject = "the auxiliary network" if single else f"{_NUMBERS[number]} auxiliary networks"
    return f"{subject} {_series(clauses)}" if clauses else f"there are {number} auxiliary networks"


def _series(clauses: Sequence[str]) -> str:
    """`a`, `a and b`, `a, b, and c`."""
    if len(clauses) < 3:
        return " and ".join(clauses)
    return f"{', '.join(clauses[:-1])}, and {clauses[-1]}"


def _alone(space: Space, left: Left) -> Iterator[str]:
    """What holds of one auxiliary node and not of the others: these may change places, all conditions together."""
    nodes = range(2, space.nodes + 1)
    told: dict[int, list[str]] = {}
    if len({left[variables.model(n)] for n in nodes}) > 1:
        told = {n: [f"is {_models(left[variables.model(n)])}"] for n in nodes}
    for doing in _DOINGS:
        members = doing.group.members(space.nodes)
        if len({left[v] for v in members}) > 1:
            for v in members:
                edge = edges(space.nodes)[v - space.nodes]
                if left[v] != _palette(space):
                    node = edge.target if edge.source in (LABEL, 1) else edge.source
                    told.setdefault(node, []).append(_edge_clause(doing, edge, left[v]))
    for place, (node, clauses) in enumerate(sorted(told.items())):
        subject = f"one auxiliary network, here called node {node}," if place == 0 else f"another, node {node},"
        yield f"{subject} {_series(clauses)}"


def _edge_clause(doing: _Doing, edge: Edge, gates: frozenset[str]) -> str:
    if doing.group == Gate("aux", "aux"):
        return _clause(f"teach node {edge.target}", f"teaches node {edge.target}", gates, True)
    return _clause(doing.many, doing.one, _on_label(gates) if edge.source == LABEL else gates, True)


def _further(space: Space, left: Left) -> Iterator[str]:
    """Phrases that say more than what each variable may be, and all of condition (e), for which no edge alone speaks."""
    solver = Solver(space.ground)
    box = [Within(v, names) for v, names in enumerate(left)]
    for phrase in dict.fromkeys(space.phrases):
        if isinstance(phrase.expression, Pretrained) or not solver.implied(phrase.formula(space.nodes), box):
            yield phrasing.clause(phrase.expression)
