"""Strategies whose draws do not depend on results: the whole space, a uniform sample of it, or a list."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice, product
from pathlib import Path
from types import MappingProxyType
from typing import Any

from engine.errors import SpaceError, nearest
from engine.space.catalogue import is_gate, is_model, known_gates, model_examples
from engine.space.files.load import Space
from engine.space.graph import Graph
from engine.store.records import Trial
from engine.strategies.inheritance import Inheritance
from engine.strategies.interface import Defaults, Draw

LARGEST = 5_000_000
"""Graphs a search holds in memory: 0.5 kB each, 2.5 GB; at ten trained a second they would take six days."""


class Fixed(Defaults):
    """Draws known beforehand: `repeats` passes over the same graphs."""

    def __init__(
        self, graphs: Sequence[Graph], repeats: int, settings: dict[str, Any], interleaved: bool = False,
        inherited: Mapping[tuple[str, int], Trial] = MappingProxyType({}),
    ) -> None:  # fmt: skip
        """`interleaved`: a graph's repeats follow each other; otherwise whole passes do."""
        if repeats < 1:
            raise SpaceError(f"--repeats: must be at least 1, got {repeats}")
        self.graphs, self.repeats, self.interleaved = graphs, repeats, interleaved
        self.inherited = inherited
        self.total = len(graphs) * repeats
        self._settings = settings | {"repeats": repeats} | ({"interleaved": True} if interleaved else {})
        self._draws = self.preview()

    def preview(self) -> Iterator[Draw]:
        passes = range(self.repeats)
        pairs: Iterable[tuple[Graph, int]]
        if self.interleaved:
            pairs = product(self.graphs, passes)
        else:
            pairs = ((graph, repeat) for repeat in passes for graph in self.graphs)
        return (Draw(number, graph, repeat) for number, (graph, repeat) in enumerate(pairs))

    def settings(self) -> dict[str, Any]:
        return self._settings

    def ask(self, most: int) -> list[Draw]:
        return list(islice(self._draws, most))


def exhaustive(space: Space, repeats: int = 1, interleaved: bool = False, parent: Inheritance | None = None) -> Fixed:
    """Every graph of the space, in canonical order (paper section 3.2, step 4). Raises SpaceError if they are too many."""
    _check_size(space, "--exhaustive", space.keys)
    settings = {"name": "exhaustive"} | (parent.settings() if parent else {})
    return Fixed(list(space.enumerate()), repeats, settings, interleaved, parent.results if parent else {})


def random(space: Space, n: int, seed: int, repeats: int = 1, parent: Inheritance | None = None) -> Fixed:
    """`n` different graphs, uniform up to relabelling (paper section 3.2, step 1); all of a smaller space.

    What is inherited counts among them, and comes first; the others are drawn from the rest of the space.
    """
    if n < 1:
        raise SpaceError(f"--random: must be at least 1 graph, got {n}")
    _check_size(space, f"--random {n}", min(n, space.keys))
    settings = {"name": "random", "n": n}
    if parent is None:
        return Fixed(space.sample(n, seed), repeats, settings)
    fresh = space.sample(max(0, n - len(parent.graphs)), parent.fresh_seed(seed), {g.key for g in parent.graphs})
    return Fixed([*parent.graphs, *fresh], repeats, settings | parent.settings(), inherited=parent.results)


def _check_size(space: Space, asked: str, graphs: int) -> None:
    if graphs > LARGEST:
        number = f"{graphs:,}" if graphs < 10**12 else f"{graphs:.1e}"
        raise SpaceError(f"{asked}: these are {number} graphs of {space.name}, and a search holds at most {LARGEST:,}",
                         "narrow the space with engine.space --refine, or draw fewer with --random N")


def listed(path: Path, space: Space, repeats: int = 1) -> Fixed:
    """The graphs of a text file, one a line in their text form, keyed or not; empty lines and lines from `#` are passed over."""
    try:
        lines = path.read_text("utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else f"{error.reason} at byte {error.start}"
        raise SpaceError(f"{path}: cannot be read: {why}", "name a UTF-8 text file with a graph a line") from None
    graphs: dict[Graph, None] = {}
    for number, line in enumerate(lines, 1):
        if text := line.partition("#")[0].strip():
            graphs[_graph(text, f"{path}, line {number}", space)] = None
    if not graphs:
        raise SpaceError(f"{path}: holds no graph", "write one a line, such as '1:mlp16 2:mlp96 | y>1 through, 2>1 linear'")
    digest = hashlib.blake2b("\n".join(map(str, graphs)).encode(), digest_size=8).hexdigest()
    return Fixed(list(graphs), repeats, {"name": "graphs", "digest": digest})


def _graph(text: str, where: str, space: Space) -> Graph:
    try:
        graph = Graph.parse(text)
    except SpaceError as error:
        raise SpaceError(f"{where}: {error.message}", error.hint) from None
    for name in graph.models:
        if not is_model(name):
            raise SpaceError(f"{where}: unknown model {name!r}", nearest(name, model_examples()))
    for name in graph.gates:
        if not is_gate(name):
            raise SpaceError(f"{where}: unknown gate {name!r}", nearest(name, known_gates()))
    if graph.nodes > space.nodes:
        raise SpaceError(f"{where}: {graph.nodes} nodes, but the space has {space.nodes}")
    return graph.canonical()
