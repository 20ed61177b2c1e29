"""Counts known beforehand, beyond Table 1: the pinned meanings of relabelling, ties and liveness."""

from __future__ import annotations

import time
from collections.abc import Iterator
from itertools import combinations, permutations
from math import factorial, prod

import pytest

from engine.space.constraints import parse
from engine.space.counting.counts import Counts, counts, rounded
from engine.space.counting.decision_diagram import Effort, TooEntangledError
from engine.space.counting.effective_forms import forms
from engine.space.counting.estimate import estimate
from engine.space.files.load import Space, load
from engine.space.protocol import Protocol
from engine.space.space import Ancestor
from engine.space.what_if import narrowed, refine

FOUR = ("through", "cutoff", "linear", "correct")


def space(nodes: int, models: tuple[str, ...], gates: tuple[str, ...], *phrases: str) -> Space:
    said = tuple(parse(text) for text in phrases)
    target = ("resnet32",)
    domains = (target, *[models] * (nodes - 1)), (gates,) * nodes**2
    return Space("it", nodes, *domains, Protocol(), (Ancestor("it", said),))


def child(name: str, *phrases: str) -> Counts:
    parent = load(name)
    return counts(narrowed(parent, tuple(parent.parse(text) for text in phrases)))


@pytest.mark.parametrize(
    ("parent", "phrases", "raw", "keys"),
    [
        ("X", ["L[2,1] = L[3,1]"], 486, 270),
        ("C", ["L[2,1] = L[3,1] in {through, linear}"], 486, 270),
        ("C", ["L[2,3] = L[3,2]"], 729, 405),
        ("C", ["L[aux,1] = through", "L[y,1] != cutoff"], 162, 90),
        ("A", ["m[2] = resnet32"], 39_366, 29_646),
        ("A", ["L[2,1] = through", "L[2,3] = cutoff"], 8_748, 8_289),
        ("A", ["L[3,1] = through", "L[3,2] = cutoff"], 8_748, 8_289),
    ],
)
def test_children(parent: str, phrases: list[str], raw: int, keys: int) -> None:
    found = child(parent, *phrases)
    assert (found.raw, found.keys) == (raw, keys)


def test_the_paper_counts_only_closed_spaces() -> None:
    assert child("X", "L[2,1] = L[3,1]").paper == 243
    assert child("A", "m[2] = resnet32").paper is None
    assert child("A", "m[2] = resnet32 or m[3] = resnet32").paper is not None
    assert child("A", "L[2,1] = through and L[3,1] = through").paper is not None


def test_two_nodes() -> None:
    found = space(2, ("resnet32", "wrn28-2"), FOUR[:3]).counts()
    assert (found.raw, found.paper, found.keys, found.effective) == (162, 162, 162, 110)


def test_two_gates() -> None:
    found = space(3, ("resnet32", "wrn28-2"), FOUR[:2]).counts()
    assert (found.raw, found.keys, found.effective) == (2_048, 1_056, 545)


def test_invalid_graphs_of_a() -> None:
    assert child("A", "L[*,1] = cutoff").keys == 1_485
    assert child("A", "L[*,1] = cutoff").effective == 0


def orbits_by_burnside(nodes: int, models: int, gates: int) -> int:
    """Burnside's lemma over all relabellings, node by node and edge by edge: no classes, no diagrams."""
    edges = [(a, b) for b in range(nodes) for a in range(-1, nodes) if a != b]

    def cycles(things: list, moved: dict) -> int:
        left = set(things)
        number = 0
        while left:
            start = thing = left.pop()
            number += 1
            while (thing := moved[thing]) != start:
                left.discard(thing)
        return number

    total = 0
    for rest in permutations(range(1, nodes)):
        to = {-1: -1, 0: 0, **dict(enumerate(rest, 1))}
        own = cycles(list(range(1, nodes)), to)
        total += models**own * gates ** cycles(edges, {(a, b): (to[a], to[b]) for a, b in edges})
    return total // factorial(nodes - 1)


@pytest.mark.parametrize("nodes", [2, 3, 4, 5, 6])
def test_sizes_that_cannot_be_listed(nodes: int) -> None:
    models = ("resnet32", "resnet110", "wrn28-2")
    began = time.process_time()
    found = space(nodes, models, FOUR)
    assert found.keys == orbits_by_burnside(nodes, 3, 4)
    raw = 3 ** (nodes - 1) * 4 ** (nodes * nodes)
    assert counts(found.ground).paper == -(-raw // factorial(nodes - 1))
    assert time.process_time() - began < 10


def test_four_nodes_with_local_phrases_take_under_a_second() -> None:
    began = time.process_time()
    phrases = ("L[2,1] = through", "m[3] != wrn28-2", "L[y,4] = cutoff")
    found = counts(space(4, ("resnet32", "resnet110", "wrn28-2"), FOUR, *phrases).ground)
    assert found.raw == 3 * 3 * 2 * 4**14
    assert time.process_time() - began < 1


def test_a_disjoint_union_of_children_adds_up() -> None:
    """At 5 nodes, no oracle lists the space; but phrases closed under relabelling split its keys."""
    whole = space(5, ("resnet32", "wrn28-2"), FOUR[:3])
    for phrase in ("taught", "pretrained = some", "count(L[aux,1] = cutoff) <= 1"):
        yes, no = (narrowed(whole, (parse(text),)) for text in (phrase, f"not ({phrase})"))
        assert yes.orbits() + no.orbits() == whole.keys


def test_taught_splits_the_effective_forms() -> None:
    for name in ("A", "B", "minami2020"):
        parent = load(name)
        found = parent.counts()
        untaught = narrowed(parent, (parse("not taught and any of L[*,1] != cutoff"),))
        assert forms(untaught) == found.untaught
        assert forms(untaught, only_taught=True) == 0


def test_estimates_hold_what_is_exact() -> None:
    for parent in (load("A"), load("minami2020"), space(4, ("resnet32",), FOUR)):
        exact, found = parent.counts(), estimate(parent.ground, parent.keys)
        assert found.effective_within[0] <= exact.effective <= found.effective_within[1]
        assert found.taught_within[0] <= exact.taught <= found.taught_within[1]
        assert found.effective_within[1] - found.effective_within[0] < 0.4 * exact.effective


def test_an_estimate_is_marked(monkeypatch: pytest.MonkeyPatch) -> None:
    phrases = ("L[2,1] = through", "taught", "count(L[*,*] = cutoff) <= 6")
    entangled = space(5, ("resnet32",), FOUR, *phrases).ground
    exact = counts(entangled)
    assert exact.effective_within is None
    monkeypatch.setattr("engine.space.counting.counts.LARGEST_EXACT", 4_096)
    found = counts(entangled)
    assert (found.raw, found.paper, found.keys) == (exact.raw, exact.paper, exact.keys)
    assert found.effective_within is not None
    assert (exact.shown("effective"), exact.shown("paper")) == (f"{exact.effective:,}", "-")
    assert found.shown("effective") == f"~{rounded(found.effective)}"
    assert found.effective_within[0] <= exact.effective <= found.effective_within[1]


@pytest.mark.parametrize(
    ("value", "text"), [(0, "0"), (87, "87"), (1_234, "1,230"), (999_999_999, "1,000,000,000"), (771_374_244_869_570, "7.71e+14")]
)
def test_an_estimate_is_written_with_the_digits_that_stand(value: int, text: str) -> None:
    assert rounded(value) == text


def test_effort_is_bounded_and_reported() -> None:
    entangled = space(5, ("resnet32", "wrn28-2"), FOUR, *entangling()).ground
    heard: list[int] = []
    with pytest.raises(TooEntangledError, match="more than 120,000 decisions"):
        entangled.orbits(Effort(120_000, heard.append))
    assert heard == [102_400]


def entangling() -> Iterator[str]:
    """Ties of edges far apart in the order of decisions."""
    for a, b in combinations(range(2, 6), 2):
        yield f"L[{a},{b}] = L[{b},{a}] or L[y,{a}] = L[{b},1] and L[1,{b}] != L[{a},1]"


def test_refinement_says_what_each_phrase_took() -> None:
    made = refine(load("A"), "m[aux] = wrn28-2", "L[y,aux] = through", "m[2] = m[3]", name="mine/C")
    assert [(s.before, s.after) for s in made.steps] == [(39_609, 9_963), (9_963, 1_134), (1_134, 1_134)]
    assert [s.changes_nothing for s in made.steps] == [False, False, True]
    assert made.after == made.child.counts()
    assert made.before == load("A").counts()
    assert made.child.slug == "mine-C"
    assert prod(len(names) for names in made.child.gates) == 3**9
