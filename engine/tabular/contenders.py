"""The strategies a table can replay, by name: each a function of (table, graphs, seed) to the path of one search."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from engine.errors import SpaceError, nearest
from engine.space.sampling import Sampler
from engine.space.space import Space
from engine.strategies.asha import Asha
from engine.strategies.halving import Halving
from engine.strategies.protocol import Strategy
from engine.tabular.paths import Path
from engine.tabular.replay import random_search, replay
from engine.tabular.table import Table

Maker = Callable[[Space, int, int], Strategy]
"""`(space, graphs, seed)` to a strategy."""

MAKERS: dict[str, Maker] = {
    "asha": Asha,
    "asha-optuna": lambda space, n, seed: Asha(space, n, seed, Halving(ties="optuna")),
    "asha-promote": lambda space, n, seed: Asha(space, n, seed, Halving(rule="promote")),
}
"""Strategies run by their own code, one object a search. `random` has a quicker way of its own."""

NAMES = ("random", *MAKERS, "refine")


def chosen(text: str) -> tuple[str, ...]:
    """Names from `random,asha`. Raises SpaceError for an unknown one."""
    names = tuple(dict.fromkeys(n.strip() for n in text.split(",") if n.strip()))
    for name in names:
        if name not in NAMES:
            raise SpaceError(f"--strategy: unknown strategy {name!r}", nearest(name, NAMES))
    if not names:
        raise SpaceError("--strategy: names no strategy", "known: " + ", ".join(NAMES))
    return names


def searches(name: str, table: Table, graphs: int, seeds: Sequence[int]) -> Iterator[Path]:
    """One search a seed; search `seed` sees repeat `seed` modulo the table's repeats."""
    if name == "random":
        sampler = Sampler(table.space.ground)
        for seed in seeds:
            yield random_search(table, sampler, graphs, seed)
        return
    if name == "refine":
        from engine.tabular.person import refined  # scipy's special functions, which the others do not need

        yield from (refined(table, graphs, seed) for seed in seeds)
        return
    for seed in seeds:
        yield replay(table, MAKERS[name](table.space, graphs, seed), seed % table.repeats)
