"""A search in parts: together they are the whole, and no two train the same."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import SpaceError
from engine.search.scheduler import demand
from engine.space.files.load import load
from engine.strategies.fixed import Fixed, exhaustive, random
from engine.strategies.shard import Shard, read

A = load("digits/A")
X = load("digits/X")


def whole(seed: int, repeats: int) -> Fixed:
    return random(A, 60, seed, repeats)


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 5), st.integers(1, 3), st.integers(1, 9))
def test_the_parts_are_the_whole(seed: int, repeats: int, of: int) -> None:
    parts = [Shard(whole(seed, repeats), part, of) for part in range(1, of + 1)]
    draws = [draw for part in parts for draw in part.ask(10**6)]
    assert sorted(draws, key=lambda d: d.number) == list(whole(seed, repeats).preview())
    forms = [set(demand(part.preview())) for part in parts]
    assert sum(map(len, forms)) == len(set().union(*forms)), "two parts train the same graph"
    assert max(map(len, forms)) - min(map(len, forms)) <= max(4, 60 // of), "one part has far more to train"


def test_all_repeats_of_a_graph_are_in_one_part() -> None:
    parts = [Shard(whole(0, 3), part, 4) for part in range(1, 5)]
    keys = [{draw.graph.key for draw in part.preview()} for part in parts]
    assert sum(map(len, keys)) == 60 == len(set().union(*keys))


def test_settings_tell_the_part_and_the_rest_is_the_whole_s() -> None:
    shard = Shard(exhaustive(X, 2), 2, 3)
    assert shard.settings() == exhaustive(X, 2).settings() | {"shard": {"part": 2, "of": 3, "draws": 1026}}
    assert shard.total == len(list(shard.preview())) == 342
    assert len(shard.ask(5)) == 5
    assert len(shard.ask(10**6)) == 337
    assert shard.ask(1) == []


@pytest.mark.parametrize("text", ["1", "a/2", "1/b", "/", "1/2/3", "-1/2", "1.5/2", ""])
def test_what_is_no_shard_is_said(text: str) -> None:
    with pytest.raises(SpaceError, match="must read PART/OF"):
        read(text)


@pytest.mark.parametrize("text", ["0/4", "5/4", "1/0", "0/0"])
def test_a_part_that_is_not_there_is_refused(text: str) -> None:
    with pytest.raises(SpaceError, match="--shard"):
        Shard(whole(0, 1), *read(text))


def test_more_parts_than_graphs_are_refused() -> None:
    with pytest.raises(SpaceError, match="no graph is left"):
        Shard(random(X, 3, 0), 4, 4)
