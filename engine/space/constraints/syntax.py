"""The constraint language as a tree, and its long form: `str(expression)` reads back to an equal tree.

A phrase is what a researcher writes in the constraint column of the paper's Table 1: `m[aux] = wrn28-2`,
`L[y,aux] = through`, `L[aux,1] in {through, linear}`. A group (`aux`, `*`) means each of its members.
"""

from __future__ import annotations

import re
from typing import Literal

import msgspec

from engine.space.counting import variables
from engine.space.graph import LABEL, edges

Where = int | Literal["aux", "*"]
"""A node number (0: the label y, only as a source), all auxiliary nodes, or all there are (as a source, y too)."""

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.:\-]*")
RESERVED = frozenset(
    ("m", "L", "y", "aux", "in", "not", "and", "or", "any", "none", "of", "count", "pretrained", "some", "node",
     "taught")
)
"""Words of the language: a model or gate so called is written in quotes."""
SHORT = re.compile(r"m\d+|L[y\d]\d")
"""Short forms of variables: m2, Ly2, L21."""


class Model(msgspec.Struct, frozen=True):
    """`m[node]`: the model of a node."""

    node: Where

    @property
    def is_group(self) -> bool:
        return isinstance(self.node, str)

    def members(self, nodes: int) -> tuple[int, ...]:
        """The variables meant in a space of `nodes` nodes."""
        return tuple(variables.model(n) for n in range(1, nodes + 1) if _covers(self.node, n))

    def __str__(self) -> str:
        return f"m[{self.node}]"


class Gate(msgspec.Struct, frozen=True):
    """`L[source,target]`: the gate on an edge."""

    source: Where
    target: Where

    @property
    def is_group(self) -> bool:
        return isinstance(self.source, str) or isinstance(self.target, str)

    def members(self, nodes: int) -> tuple[int, ...]:
        """The variables meant in a space of `nodes` nodes; an edge never leads from a node to itself."""
        return tuple(
            variables.edge(nodes, *edge)
            for edge in edges(nodes)
            if _covers(self.source, edge.source) and _covers(self.target, edge.target)
        )

    def __str__(self) -> str:
        return f"L[{'y' if self.source == LABEL else self.source},{self.target}]"


def _covers(where: Where, node: int) -> bool:
    return where == "*" or (node > 1 if where == "aux" else node == where)


Reference = Model | Gate


class Compare(msgspec.Struct, frozen=True):
    """`a = b = VALUE`, `a in {..}`: the references are tied to each other, and restricted if there is a relation."""

    references: tuple[Reference, ...]
    relation: Literal["", "=", "!=", "in", "not in"] = ""
    values: tuple[str, ...] = ()

    def __str__(self) -> str:
        tied = " = ".join(map(str, self.references))
        names = ", ".join(map(quoted, self.values))
        if not self.relation:
            return tied
        return f"{tied} {self.relation} {{{names}}}" if "in" in self.relation else f"{tied} {self.relation} {names}"


class Differ(msgspec.Struct, frozen=True):
    """`a != b`."""

    left: Reference
    right: Reference

    def __str__(self) -> str:
        return f"{self.left} != {self.right}"


Comparison = Compare | Differ


class Quantified(msgspec.Struct, frozen=True):
    """`any of ...`, `none of ...`: over the members of the comparison's group."""

    kind: Literal["any", "none"]
    comparison: Comparison

    def __str__(self) -> str:
        return f"{self.kind} of {self.comparison}"


class Count(msgspec.Struct, frozen=True):
    """`count(...) <= 4`: how many members of the comparison's group satisfy it."""

    comparison: Comparison
    relation: Literal["=", "!=", "<", "<=", ">", ">="]
    number: int

    def __str__(self) -> str:
        return f"count({self.comparison}) {self.relation} {self.number}"


class Pretrained(msgspec.Struct, frozen=True):
    """`pretrained = none`, `some`, or `node 2` (whatever the others are)."""

    which: Literal["none", "some"] | int
    relation: Literal["=", "!="] = "="

    def __str__(self) -> str:
        return f"pretrained {self.relation} {self.which if isinstance(self.which, str) else f'node {self.which}'}"


class Taught(msgspec.Struct, frozen=True):
    """A label reaches the target by an open path (a pre-trained node knows labels)."""

    def __str__(self) -> str:
        return "taught"


class Negation(msgspec.Struct, frozen=True):
    part: Expression

    def __str__(self) -> str:
        return f"not {_inner(self.part, Conjunction, Disjunction)}"


class Conjunction(msgspec.Struct, frozen=True):
    parts: tuple[Expression, ...]

    def __str__(self) -> str:
        return " and ".join(_inner(p, Conjunction, Disjunction) for p in self.parts)


class Disjunction(msgspec.Struct, frozen=True):
    parts: tuple[Expression, ...]

    def __str__(self) -> str:
        return " or ".join(_inner(p, Disjunction) for p in self.parts)


Expression = Compare | Differ | Quantified | Count | Pretrained | Taught | Negation | Conjunction | Disjunction


def _inner(part: Expression, *looser: type) -> str:
    return f"({part})" if isinstance(part, looser) else str(part)


def quoted(name: str) -> str:
    """A model's or gate's name as it is written in a phrase: in double quotes if it would be read as something else."""
    plain = NAME.fullmatch(name) and name not in RESERVED and not SHORT.fullmatch(name)
    return name if plain else f'"{name}"'


def is_grouped(comparison: Comparison) -> bool:
    """Whether a comparison speaks of several variables at once."""
    references = comparison.references if isinstance(comparison, Compare) else (comparison.left, comparison.right)
    return any(reference.is_group for reference in references)


def spelled(left: Reference, right: Reference, nodes: int) -> str:
    """The tie of two groups written out member by member: what to write instead of it."""
    names = [*(f"m[{n}]" for n in range(1, nodes + 1)), *(str(Gate(*edge)) for edge in edges(nodes))]
    pairs = zip(left.members(nodes), right.members(nodes), strict=False)
    return " and ".join(f"{names[a]} = {names[b]}" for a, b in pairs if a != b)
