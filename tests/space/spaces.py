"""Random phrases and small random spaces for property tests."""

from __future__ import annotations

from math import prod

from hypothesis import assume
from hypothesis import strategies as st

from engine.space.constraints import Phrase
from engine.space.constraints import syntax as s
from engine.space.protocol import Protocol
from engine.space.space import Ancestor, Space

MODELS = ("mlp12", "mlp96", "resnet8")
GATES = ("through", "cutoff", "linear", "correct")

LARGEST = 600
"""Labelled graphs of a random space: what brute force lists in 20 ms."""


def wheres(nodes: int, label: bool = False) -> st.SearchStrategy[s.Where]:
    return st.sampled_from([*([0] if label else []), *range(1, nodes + 1), "aux", "*"])


def references(nodes: int, kind: type[s.Reference], groups: bool = True) -> st.SearchStrategy[s.Reference]:
    if kind is s.Model:
        made: st.SearchStrategy[s.Reference] = st.builds(s.Model, wheres(nodes))
    else:
        made = st.builds(s.Gate, wheres(nodes, True), wheres(nodes))
    return made.filter(lambda r: bool(r.members(nodes)) and (groups or not r.is_group))


@st.composite
def comparisons(draw: st.DrawFn, nodes: int, grouped: bool = False) -> s.Comparison:
    kind, names = draw(st.sampled_from([(s.Model, MODELS), (s.Gate, GATES)]))
    first = draw(references(nodes, kind).filter(lambda r: r.is_group or not grouped))
    more = references(nodes, kind, groups=not first.is_group)
    if draw(st.integers(0, 4)) == 0:
        return s.Differ(first, draw(more))
    rest = draw(st.lists(references(nodes, kind, groups=False), max_size=2))
    relation = draw(st.sampled_from(["=", "!=", "in", "not in", *([""] if rest else [])]))
    number = 0 if not relation else 1 if relation in ("=", "!=") else draw(st.integers(1, 3))
    chosen = draw(st.lists(st.sampled_from(names), min_size=number, max_size=number, unique=True))
    return s.Compare((first, *rest), relation, tuple(chosen))


def expressions(nodes: int) -> st.SearchStrategy[s.Expression]:
    grouped = comparisons(nodes, grouped=True)
    single = st.one_of(
        comparisons(nodes),
        comparisons(nodes),
        st.builds(s.Quantified, st.sampled_from(["any", "none"]), grouped),
        st.builds(s.Count, grouped, st.sampled_from(["=", "!=", "<", "<=", ">", ">="]), st.integers(0, 5)),
        st.builds(s.Pretrained, st.sampled_from(["none", "some", *range(2, nodes + 1)]), st.sampled_from(["=", "!="])),
        st.just(s.Taught()),
    )

    def joined(part: st.SearchStrategy[s.Expression]) -> st.SearchStrategy[s.Expression]:
        parts = st.lists(part, min_size=2, max_size=3).map(tuple)
        return st.one_of(st.builds(s.Negation, part), st.builds(s.Conjunction, parts), st.builds(s.Disjunction, parts))

    return st.recursive(single, joined, max_leaves=4)


def phrases(nodes: int) -> st.SearchStrategy[Phrase]:
    return st.builds(Phrase, expressions(nodes))


@st.composite
def spaces(draw: st.DrawFn, most_phrases: int = 2, largest: int = LARGEST) -> Space:
    """A space small enough to list; its domains are equal for all auxiliary nodes and edges, or each its own."""
    nodes = draw(st.integers(2, 4))
    even = draw(st.booleans())
    names = st.lists(st.sampled_from(MODELS), min_size=1, max_size=3, unique=True).map(tuple)
    gates = st.lists(st.sampled_from(GATES), min_size=1, max_size=4, unique=True).map(tuple)
    if even:
        models = (draw(names), *[draw(names)] * (nodes - 1))
        kinds = {k: draw(gates) for k in ("label", "target", "out", "between", "own")}
        edges = [(a, b) for b in range(1, nodes + 1) for a in range(nodes + 1) if a != b]
        domains = tuple(kinds[_kind(a, b)] for a, b in edges)
    else:
        models = tuple(draw(names) for _ in range(nodes))
        domains = tuple(draw(gates) for _ in range(nodes * nodes))
    assume(prod(map(len, (*models, *domains))) <= largest)
    said = tuple(draw(st.lists(phrases(nodes), max_size=most_phrases)))
    return Space("random", nodes, models, domains, Protocol(), (Ancestor("random", said),))


def _kind(source: int, target: int) -> str:
    if target == 1:
        return "own" if source == 0 else "target"
    return {0: "label", 1: "out"}.get(source, "between")
