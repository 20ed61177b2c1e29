"""Counting, membership, enumeration and sampling against listing everything."""

from __future__ import annotations

from collections import Counter
from itertools import permutations
from math import factorial

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy.stats import chi2

from engine.space.constraints import Phrase
from engine.space.counting import effective_forms
from engine.space.counting.estimate import fibre
from engine.space.counting.graph_arrays import identities
from engine.space.counting.sampling import Sampler
from engine.space.files.load import load
from engine.space.graph import Graph
from engine.space.space import Ancestor, Space
from engine.space.what_if import Verdict, inside, narrowed, refine, whatif
from tests.space import oracle
from tests.space.spaces import phrases, spaces

few = settings(max_examples=15, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))


@given(spaces())
@few
def test_all_counts(space: Space) -> None:
    graphs = oracle.labelled(space)
    counts = space.counts()
    assert counts.raw == len(graphs)
    keys = {oracle.canonical(g) for g in graphs}
    assert counts.keys == len(keys)
    valid = [g for g in graphs if oracle.is_valid(g)]
    assert counts.effective == len({oracle.effective(g) for g in valid})
    assert counts.taught == len({oracle.effective(g) for g in valid if oracle.taught(g)})


@given(spaces())
@few
def test_the_papers_count_stands_only_for_closed_spaces(space: Space) -> None:
    graphs = oracle.labelled(space)
    written = {oracle.written(g) for g in graphs}
    orders = list(permutations(range(2, space.nodes + 1)))
    relabelled = {oracle.written(oracle.relabelled(g, (1, *order))) for g in graphs for order in orders}
    expected = -(-len(written) // factorial(space.nodes - 1)) if relabelled == written else None
    assert space.counts().paper == expected


@given(spaces())
@few
def test_enumeration_and_its_shards(space: Space) -> None:
    expected = sorted({oracle.canonical(g) for g in oracle.labelled(space)})
    listed = [(g.models, g.gates) for g in space.enumerate()]
    assert listed == expected
    parts = [[(g.models, g.gates) for g in space.enumerate((i, 3))] for i in (1, 2, 3)]
    assert all(part == sorted(part) for part in parts)
    assert sorted(g for part in parts for g in part) == expected


@given(spaces(), st.integers(0, 5))
@few
def test_sampling_everything_is_a_permutation(space: Space, seed: int) -> None:
    expected = sorted({oracle.canonical(g) for g in oracle.labelled(space)})
    drawn = [(g.models, g.gates) for g in space.sample(len(expected) + 3, seed)]
    assert sorted(drawn) == expected
    half = len(expected) // 2
    assert [(g.models, g.gates) for g in space.sample(half, seed)] == drawn[:half]


@given(st.data())
@few
def test_membership_whatever_the_labels(data: st.DataObject) -> None:
    space = data.draw(spaces())
    extra = data.draw(phrases(space.nodes))
    open_space = Space("open", space.nodes, space.models, space.gates, space.protocol, ())
    candidates = oracle.labelled(open_space)
    inside_keys = {oracle.canonical(g) for g in oracle.labelled(space)}
    both = {oracle.canonical(g) for g in oracle.labelled(space) if oracle.true(extra.expression, g)}
    for pair in data.draw(st.lists(st.sampled_from(candidates), min_size=1, max_size=10)):
        graph = Graph(*oracle.written(pair))
        order = data.draw(st.sampled_from(list(graph.relabellings())))
        key = oracle.canonical(pair)
        assert space.contains(graph.relabel(order)) == (key in inside_keys)
        assert space.satisfies(graph.relabel(order), [extra]) == (key in both)
        assert extra.holds(graph) == oracle.true(extra.expression, pair)


@given(spaces())
@few
def test_canonical_and_effective_forms(space: Space) -> None:
    for pair in oracle.labelled(space)[:50]:
        graph = Graph(*oracle.written(pair))
        least = Graph(*oracle.canonical(pair))
        for order in graph.relabellings():
            other = graph.relabel(order)
            assert other.canonical() == least
            assert other.key == graph.key
            assert other.is_taught == (oracle.is_valid(pair) and oracle.taught(pair))
        form = graph.effective()
        assert form.graph == (Graph(*oracle.effective(pair)) if oracle.is_valid(pair) else None)
        assert set(form.nodes) == (oracle.live(pair) if oracle.is_valid(pair) else set())


@given(st.data())
@few
def test_whatif(data: st.DataObject) -> None:
    space = data.draw(spaces(most_phrases=1))
    graphs = oracle.labelled(space)
    if not any(map(oracle.is_valid, graphs)):
        return
    phrase = data.draw(phrases(space.nodes))
    left = [g for g in graphs if oracle.true(phrase.expression, g)]
    found = whatif(space, phrase)
    keys = {oracle.canonical(g) for g in left}
    assert (found.raw, found.keys) == (len(left), len(keys))
    if not left:
        assert found.verdict is Verdict.EMPTIES
    elif keys == {oracle.canonical(g) for g in graphs}:
        assert found.verdict is Verdict.CHANGES_NOTHING
    elif not any(map(oracle.is_valid, left)):
        assert found.verdict is Verdict.LEAVES_NONE_VALID
    else:
        assert found.verdict is Verdict.NARROWS
        assert found.counts().effective == len({oracle.effective(g) for g in left if oracle.is_valid(g)})
    if found.conflict:
        check_conflict(space, found.conflict, found.verdict)


def check_conflict(space: Space, conflict: tuple, verdict: Verdict) -> None:
    """The phrases named cannot hold together, and any one of them left out would let the others hold."""
    open_graphs = oracle.labelled(Space("open", space.nodes, space.models, space.gates, space.protocol, ()))
    if verdict is Verdict.LEAVES_NONE_VALID:
        open_graphs = [g for g in open_graphs if oracle.is_valid(g)]
    for place in range(len(conflict) + 1):
        kept = [p.expression for k, p in enumerate(conflict) if k != place]
        possible = any(all(oracle.true(e, g) for e in kept) for g in open_graphs)
        assert possible == (place < len(conflict))


@given(st.data())
@few
def test_inclusion(data: st.DataObject) -> None:
    space = data.draw(spaces(most_phrases=1))
    one, two = (data.draw(phrases(space.nodes)) for _ in range(2))
    first = Space("1", space.nodes, space.models, space.gates, space.protocol, (*space.lineage, *steps(one)))
    second = Space("2", space.nodes, space.models, space.gates, space.protocol, (*space.lineage, *steps(two)))
    ours, theirs = ({oracle.canonical(g) for g in oracle.labelled(s)} for s in (first, second))
    assert inside(first, second) == (ours <= theirs)
    assert inside(first, space)


def steps(phrase: Phrase) -> tuple[Ancestor, ...]:
    return (Ancestor("step", (phrase,)),)


@given(spaces())
@few
def test_fibres_add_up(space: Space) -> None:
    """Each valid graph lies in one fibre, so fibres of distinct forms add up to the valid keys."""
    valid = [g for g in oracle.labelled(space) if oracle.is_valid(g)]
    members: dict[tuple, set] = {}
    for graph in valid:
        members.setdefault(oracle.effective(graph), set()).add(oracle.canonical(graph))
    for form, keys in sorted(members.items())[:8]:
        assert fibre(space.ground, Graph(*form)) == len(keys)


def test_sampling_is_uniform_over_keys() -> None:
    """Chi-square at 1 in 10,000 over 270 graphs, of which some have one labelling and some two."""
    ground = narrowed(load("X"), (load("X").parse("L[2,1] = L[3,1]"),))
    sampler = Sampler(ground)
    names, seen = np.unique(identities(sampler.draw(np.random.default_rng(7), 54_000)), return_counts=True)
    assert len(names) == 270
    assert ((seen - 200.0) ** 2 / 200.0).sum() < chi2.ppf(0.9999, 269)


def test_first_of_a_sample_is_uniform_too() -> None:
    """What `sample(1)` gives over 1,260 seeds, in a space of 63 graphs with one to two labellings each."""
    only_labels = ("L[y,aux] = cutoff", "L[1,aux] = cutoff", "L[aux,aux] = cutoff")
    space = refine(load("A"), *only_labels).child
    seen = Counter(space.sample(1, seed)[0] for seed in range(1_260))
    assert len(seen) == 63
    assert sum((n - 20.0) ** 2 / 20.0 for n in seen.values()) < chi2.ppf(0.9999, 62)


@pytest.mark.slow
@given(spaces(most_phrases=3, largest=3_000))
@settings(max_examples=1_000, deadline=None, suppress_health_check=list(HealthCheck))
def test_all_counts_at_length(space: Space) -> None:
    graphs = oracle.labelled(space)
    counts = space.counts()
    assert (counts.raw, counts.keys) == (len(graphs), len({oracle.canonical(g) for g in graphs}))
    valid = [g for g in graphs if oracle.is_valid(g)]
    assert counts.effective == effective_forms.forms(space.ground) == len({oracle.effective(g) for g in valid})
    assert counts.taught == len({oracle.effective(g) for g in valid if oracle.taught(g)})
