"""Strategies whose draws are fixed beforehand: what they draw, in which order, and how a list of graphs is refused."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from engine.errors import SpaceError
from engine.space.files.load import Space, load
from engine.space.graph import Graph
from engine.store.records import State, Trial
from engine.strategies.fixed import Fixed, exhaustive, listed, random
from engine.strategies.interface import Draw

PAIR = "1:mlp16 2:mlp96 | y>1 through, 2>1 linear, y>2 through"
SWAPPED = ("1:mlp16 2:mlp16 3:mlp96 | y>1 through, 3>1 linear", "1:mlp16 2:mlp96 3:mlp16 | y>1 through, 2>1 linear")


@pytest.fixture(scope="module")
def x() -> Space:
    return load("digits/X")


def drawn(strategy: Fixed, most: int = 10**9) -> list[Draw]:
    """All draws, asked for `most` at a time."""
    out: list[Draw] = []
    while found := strategy.ask(most):
        assert len(found) <= most
        out += found
    return out


def graphs_in(folder: Path, *lines: str) -> Path:
    path = folder / "graphs.txt"
    path.write_text("\n".join(lines), "utf-8")
    return path


def every_kind(folder: Path, space: Space, repeats: int) -> list[Fixed]:
    lines = [str(graph) for graph in space.sample(7, 3)]
    return [exhaustive(space, repeats), random(space, 9, 1, repeats), listed(graphs_in(folder, *lines), space, repeats)]


@pytest.mark.parametrize("repeats", [1, 3])
def test_the_contract_of_a_strategy(tmp_path: Path, x: Space, repeats: int) -> None:
    for made, again in zip(every_kind(tmp_path, x, repeats), every_kind(tmp_path, x, repeats), strict=True):
        draws = drawn(made, most=100)
        assert draws == list(made.preview()) == drawn(again), "the same settings draw alike, asked in any portions"
        assert made.settings() == again.settings()
        assert made.settings()["repeats"] == repeats
        assert [d.number for d in draws] == list(range(made.total))
        assert all(d.graph == d.graph.canonical() for d in draws)
        assert Counter(d.repeat for d in draws) == dict.fromkeys(range(repeats), made.total // repeats)
        assert [d.repeat for d in draws] == sorted(d.repeat for d in draws), "whole passes, one after the other"
        assert len({(d.graph.key, d.repeat) for d in draws}) == made.total
        assert made.ask(5) == []


def test_what_is_told_changes_no_draw(x: Space) -> None:
    told, untold = random(x, 20, 0), random(x, 20, 0)
    for draw in told.ask(10):
        told.tell(Trial(number=draw.number, key=draw.graph.key, graph=str(draw.graph), state=State.DONE, accuracy=(99.0,)))
    untold.ask(10)
    assert told.ask(10) == untold.ask(10)


def test_exhaustive_covers_x_once_a_pass(x: Space) -> None:
    strategy = exhaustive(x, 5)
    assert strategy.total == 5 * 513
    passes: dict[int, set[str]] = {}
    for draw in drawn(strategy):
        assert x.contains(draw.graph)
        passes.setdefault(draw.repeat, set()).add(draw.graph.key)
    assert {len(keys) for keys in passes.values()} == {513}
    assert len(set().union(*passes.values())) == 513


def test_random_draws_are_distinct_and_a_shorter_search_is_a_beginning_of_a_longer_one() -> None:
    space = load("digits/A")
    long = [d.graph for d in drawn(random(space, 300, 4))]
    assert len({g.key for g in long}) == 300
    assert [d.graph for d in drawn(random(space, 40, 4))] == long[:40]
    assert [d.graph for d in drawn(random(space, 40, 5))] != long[:40]


def test_random_takes_all_of_a_smaller_space(x: Space) -> None:
    strategy = random(x, 2000, 0)
    assert strategy.total == 513
    assert {d.graph for d in drawn(strategy)} == set(x.enumerate())


def test_a_list_passes_over_comments_empty_lines_and_graphs_it_has_already(tmp_path: Path, x: Space) -> None:
    path = graphs_in(tmp_path, "# taught by a large network", "", f"  {PAIR}   # the pair", SWAPPED[0], SWAPPED[1], PAIR)
    strategy = listed(path, x, 2)
    assert [str(d.graph) for d in strategy.ask(2)] == [PAIR, str(Graph.parse(SWAPPED[0]).canonical())]
    assert strategy.total == 4


def test_what_engine_space_lists_is_a_list(tmp_path: Path, x: Space) -> None:
    graphs = x.sample(5, 3)
    strategy = listed(graphs_in(tmp_path, *(f"{graph.key}  {graph}" for graph in graphs)), x)
    assert [draw.graph for draw in drawn(strategy)] == graphs


def test_a_list_is_known_by_its_graphs_not_by_its_file(tmp_path: Path, x: Space) -> None:
    digests = [
        listed(graphs_in(tmp_path, *lines), x).settings()["digest"]
        for lines in [(PAIR, SWAPPED[0]), ("# again", PAIR, SWAPPED[1]), (SWAPPED[0], PAIR), (PAIR,)]
    ]
    assert digests[0] == digests[1]
    assert len(set(digests)) == 3, "another order numbers the trials otherwise"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("nonsense", r"expected '1:MODEL' but got 'nonsense'"),
        ("1:mlp16 2:mlp96", r"expected '1:MODEL 2:MODEL \| y>1 GATE, ...'"),
        ("1:mlp16 2:mlp96 | y>3 through", r"'y>3 through' is not an edge and its gate"),
        ("1:mlp16 2:mlp96 | y>1 through, y>1 linear", r"the edge y>1 is written twice"),
        ("1:resnet32 2:resnet23 | y>1 through", r"unknown model 'resnet23'; did you mean 'resnet32'\?"),
        ("1:mlp16 2:mlp96 | y>1 linaer", r"unknown gate 'linaer'; did you mean 'linear'\?"),
        (f"0123456789abcdef  {PAIR}", r"0123456789abcdef is the key of another graph, not [0-9a-f]{16}; leave the key out"),
        ("1:mlp16 2:mlp16 3:mlp16 4:mlp16 | y>1 through", r"4 nodes, but the space has 3"),
    ],
)
def test_a_bad_line_is_named_by_file_and_line(tmp_path: Path, x: Space, line: str, said: str) -> None:
    path = graphs_in(tmp_path, "# two lines stand before the bad one", PAIR, line, PAIR)
    with pytest.raises(SpaceError, match=rf"graphs\.txt, line 3: .*{said}"):
        listed(path, x)


@pytest.mark.parametrize("content", [b"", b"# only a comment\n\n", b"\xff\xfe1\x00", None])
def test_a_list_without_a_graph_is_refused(tmp_path: Path, x: Space, content: bytes | None) -> None:
    path = tmp_path / "graphs.txt"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SpaceError, match=r"graphs\.txt: (holds no graph|cannot be read)"):
        listed(path, x)


def test_more_graphs_than_a_search_can_hold_are_refused_at_once() -> None:
    gates = ("through", "cutoff", "linear", "correct")
    large = replace(load("digits/A"), nodes=6, models=(("mlp16",),) * 6, gates=(gates,) * 36)
    with pytest.raises(SpaceError, match=r"--exhaustive: these are 3\.9e\+19 graphs of digits/A, and a search holds at most"):
        exhaustive(large)
    with pytest.raises(SpaceError, match=r"--random 6000000: these are 6,000,000 graphs .*; narrow the space .* or draw fewer"):
        random(large, 6_000_000, 0)
    assert random(large, 3, 0).total == 3


def test_counts_below_one_are_refused(x: Space) -> None:
    with pytest.raises(SpaceError, match="--repeats: must be at least 1, got 0"):
        exhaustive(x, 0)
    with pytest.raises(SpaceError, match="--random: must be at least 1 graph, got -3"):
        random(x, -3, 0)
