"""The paper's Table 1 and other counts known beforehand."""

from __future__ import annotations

import pytest

from engine.space.files.load import load
from engine.space.graph import Graph


@pytest.mark.parametrize("lineage", ["", "digits/"])
@pytest.mark.parametrize(
    ("name", "raw", "paper", "keys", "effective", "taught"),
    [
        ("A", 78_732, 39_366, 39_609, 29_432, 28_512),
        ("B", 19_683, 9_842, 9_963, 7_427, 7_191),
        ("C", 2_187, 1_094, 1_134, 857, 857),
        ("X", 972, 486, 513, 513, 513),
    ],
)
def test_table_1(lineage: str, name: str, raw: int, paper: int, keys: int, effective: int, taught: int) -> None:
    counts = load(lineage + name).counts()
    assert (counts.raw, counts.paper, counts.keys) == (raw, paper, keys)
    assert (counts.effective, counts.taught) == (effective, taught)


def test_minami2020_the_papers_way() -> None:
    assert load("minami2020").counts().paper == 1_179_648


def test_sample_is_a_beginning_of_any_longer_sample() -> None:
    space = load("X")
    whole = space.sample(600, seed=3)
    assert space.sample(10, seed=3) == whole[:10]
    assert sorted(whole) == list(space.enumerate())
    assert len(whole) == 513
    taken = frozenset(g.key for g in whole[:5])
    assert space.sample(600, seed=3, exclude=taken) == whole[5:]


def test_contains_looks_at_relabellings() -> None:
    space = load("X")
    graph = next(space.enumerate())
    assert space.contains(graph)
    assert space.contains(graph.relabel((1, 3, 2)))
    assert not space.contains(Graph(graph.models, ("cutoff",) * 9))
