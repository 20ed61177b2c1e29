"""Splitting a sample by a condition: the five of the paper (section 3.2), any variable, crossings, any phrase.

Auxiliary nodes carry no names of their own, so a condition over them is a *multiset*: `through + linear` is
`linear + through`, and swapping nodes 2 and 3 changes no group. The values of a condition part the sample: every row
is in exactly one.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from engine.analysis.constraint_mask import holding
from engine.analysis.edf import Edf, of_sample
from engine.analysis.sample import Codes, Mask, Sample
from engine.errors import AnalysisError, nearest
from engine.space.catalogue import CUTOFF, GATES
from engine.space.graph import LABEL, edges
from engine.space.space import Space


@dataclass(frozen=True, slots=True)
class Condition:
    """Something graphs are grouped by."""

    name: str
    """What a person types after `--by`."""
    variable: str
    """Its variable or group in the constraint language."""
    title: str
    letter: str = ""
    """(a) to (e) in the paper; empty for the others."""


CONDITIONS: dict[str, Condition] = {
    c.name: c
    for c in (
        Condition("aux-models", "m[aux]", "models of the auxiliary nodes", "a"),
        Condition("label-aux", "L[y,aux]", "gates from the label to the auxiliary nodes", "b"),
        Condition("label-target", "L[y,1]", "gate from the label to the target", "c"),
        Condition("aux-target", "L[aux,1]", "gates from the auxiliary nodes to the target", "d"),
        Condition("pretrained", "pretrained", "presence of a pre-trained node", "e"),
        Condition("target-model", "m[1]", "model of the target"),
        Condition("target-aux", "L[1,aux]", "gates from the target to the auxiliary nodes"),
        Condition("aux-aux", "L[aux,aux]", "gates between the auxiliary nodes"),
    )
}
FIVE = tuple(c for c in CONDITIONS.values() if c.letter)


def find(text: str, nodes: int | None = None) -> Condition:
    """A condition by name, letter, group or variable: `label-aux`, `b`, `L[y,aux]`, `L[y,2]` all name the same one.

    An auxiliary node's number is read as `aux`: numbers of relabelled nodes carry no meaning. Raises AnalysisError, also
    for a node that graphs of so many `nodes` have not.
    """
    plain = re.sub(r"\s+", "", text).strip("()")
    if absent := [n for n in re.findall(r"(?<=[\[,])\d+", plain) if nodes and not 1 <= int(n) <= nodes]:
        raise AnalysisError(f"{text}: there is no node {absent[0]}", f"nodes are 1 (the target) to {nodes}")
    group = re.sub(r"(?<=[\[,])(?!1\b)\d+", "aux", plain)
    for condition in CONDITIONS.values():
        if plain == condition.name or group == condition.variable or (condition.letter and plain == condition.letter):
            return condition
    raise AnalysisError(f"unknown condition {text!r}", nearest(plain, CONDITIONS) + " (or a variable such as L[y,1])")


@dataclass(frozen=True, slots=True)
class Value:
    """One value of a condition."""

    label: str
    """`through + linear`."""
    phrase: str | None
    """The constraint that keeps exactly these graphs; None if the language has none."""


@dataclass(frozen=True, eq=False)
class Split:
    """A sample parted by a condition."""

    title: str
    sample: Sample
    values: tuple[Value, ...]
    """Values seen in the sample, in an order that no error decides, so that colours stay as trials come in."""
    codes: npt.NDArray[np.int64]
    """Index into `values` of each row, shape [n]."""

    def mask(self, value: int) -> Mask:
        """Rows with one value, shape [n]."""
        return self.codes == value

    def sizes(self) -> npt.NDArray[np.int64]:
        """Rows a value, shape [values]."""
        return np.bincount(self.codes, minlength=len(self.values))

    def edfs(self) -> tuple[Edf, ...]:
        """One curve a value."""
        return tuple(of_sample(self.sample, self.mask(i), v.label) for i, v in enumerate(self.values))


def split(sample: Sample, condition: Condition) -> Split:
    """Part a sample by one condition. One sort and one `unique` over [n, members], whatever n is."""
    if condition.name == "pretrained":
        return _by_pretrained(sample, condition)
    codes, names, members = members_of(sample, condition)
    order = sorted(range(len(names)), key=lambda i: (_rank(names[i]), names[i]))
    ranks = np.argsort(order).astype(np.int64)[codes]
    base = len(names)
    packed = np.sort(ranks, axis=1) @ base ** np.arange(len(members), dtype=np.int64)[::-1]
    seen, inverse = np.unique(packed, return_inverse=True)
    multisets = (tuple(names[order[d]] for d in _digits(int(code), base, len(members))) for code in seen)
    values = tuple(Value(" + ".join(m), phrase(condition, members, m)) for m in multisets)
    return Split(condition.title, sample, values, inverse)


def members_of(sample: Sample, condition: Condition) -> tuple[Codes, tuple[str, ...], tuple[str, ...]]:
    """Codes [n, members], the names they index, and the members' variables (`L[y,2]`, `L[y,3]`)."""
    nodes = sample.nodes
    if condition.variable in ("m[1]", "m[aux]"):
        chosen = (1,) if condition.variable == "m[1]" else tuple(range(2, nodes + 1))
        return sample.models[:, [n - 1 for n in chosen]], sample.model_names, tuple(f"m[{n}]" for n in chosen)
    source, target = condition.variable[2:-1].split(",")
    places = [(i, e) for i, e in enumerate(edges(nodes)) if _fits(source, e.source) and _fits(target, e.target)]
    if not places:
        raise AnalysisError(f"{sample.name}: graphs of {nodes} nodes have no {condition.variable} edge")
    names = tuple(f"L[{'y' if e.source == LABEL else e.source},{e.target}]" for _, e in places)
    return sample.gates[:, [i for i, _ in places]], sample.gate_names, names


def _fits(word: str, node: int) -> bool:
    return node >= 2 if word == "aux" else node == (LABEL if word == "y" else int(word))


def _rank(name: str) -> tuple[object, ...]:
    """Order of values: gates as the catalogue lists them with cutoff last, models by name with numbers as numbers."""
    if name == CUTOFF:
        return (1, 0)
    if name in GATES:
        return (0, list(GATES).index(name))
    return (0, len(GATES), *((0, int(w), "") if w.isdigit() else (1, 0, w) for w in re.findall(r"\d+|\D+", name)))


def _digits(number: int, base: int, length: int) -> tuple[int, ...]:
    return tuple(number // base**place % base for place in reversed(range(length)))


def phrase(condition: Condition, members: Sequence[str], multiset: Sequence[str]) -> str:
    """The constraint that says a condition's members take exactly this multiset, up to relabelling."""
    if len(set(multiset)) == 1:
        return f"{condition.variable} = {multiset[0]}"
    if condition.name == "aux-aux":  # one node a member elsewhere; here an assignment would say more than the multiset
        tallies = Counter(multiset).items()
        return " and ".join(f"count({condition.variable} = {name}) = {n}" for name, n in tallies)
    return " and ".join(f"{m} = {v}" for m, v in zip(members, multiset, strict=True))


def _by_pretrained(sample: Sample, condition: Condition) -> Split:
    some = sample.pretrained().any(axis=1).astype(np.int64)
    seen, inverse = np.unique(some, return_inverse=True)
    return Split(condition.title, sample, tuple(_PRETRAINED[i] for i in seen), inverse)


_PRETRAINED = (Value("none", "pretrained = none"), Value("some", "pretrained = some"))


def by_phrase(sample: Sample, text: str, space: Space) -> Split:
    """Part a sample by a constraint: rows that hold it, and the others. Raises PhraseError if it cannot be read."""
    kept = space.parse(text)
    holds = holding(sample, space, [kept])
    both = (Value(str(kept), str(kept)), Value(f"not: {kept}", None))
    seen, inverse = np.unique(~holds, return_inverse=True)
    return Split(f"constraint {kept}", sample, tuple(both[int(i)] for i in seen), inverse)


def crossed(outer: Split, inner: Split) -> Iterator[tuple[Value, Split]]:
    """Small multiples: the inner condition within each value of the outer one, values numbered as in `inner`."""
    for i, value in enumerate(outer.values):
        rows = outer.mask(i)
        part = inner.sample.where(rows, value.label)
        yield value, Split(f"{inner.title}, {outer.title} {value.label}", part, inner.values, inner.codes[rows])
