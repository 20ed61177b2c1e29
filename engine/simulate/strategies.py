"""The strategies a table can replay, by name: each a function of (table, graphs, seed) to the path of one search."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from engine.errors import SpaceError, nearest
from engine.simulate.regret import Path
from engine.simulate.replay import random_search, replay
from engine.simulate.table import Table
from engine.space.catalogue import entry_points
from engine.space.counting.sampling import Sampler
from engine.strategies.asha import Asha
from engine.strategies.bayes import Bayes
from engine.strategies.command_line import Maker, installed
from engine.strategies.halving import Halving

MAKERS: dict[str, Maker] = {
    "asha": Asha,
    "asha-optuna": lambda space, n, seed: Asha(space, n, seed, Halving(ties="optuna")),
    "asha-promote": lambda space, n, seed: Asha(space, n, seed, Halving(rule="promote")),
    "tpe": lambda space, n, seed: Bayes(space, n, seed, "tpe"),
    "gp": lambda space, n, seed: Bayes(space, n, seed, "gp"),
}
"""Strategies run by their own code, one object a search."""

NAMES = ("random", *MAKERS, "refine")
"""Built-in ones; `random` has a quicker way of its own, and `refine` is no strategy but the automatic person."""


def chosen(text: str) -> tuple[str, ...]:
    """Names from `random,asha`. Raises SpaceError for an unknown one."""
    names = tuple(dict.fromkeys(n.strip() for n in text.split(",") if n.strip()))
    known = (*NAMES, *entry_points("strategies"))
    for name in names:
        if name not in known:
            raise SpaceError(f"--strategy: unknown strategy {name!r}", nearest(name, known))
    if not names:
        raise SpaceError("--strategy: names no strategy", "known: " + ", ".join(known))
    return names


def searches(name: str, table: Table, graphs: int, seeds: Sequence[int]) -> Iterator[Path]:
    """One search a seed; search `seed` sees repeat `seed` modulo the table's repeats."""
    if name == "random":
        sampler = Sampler(table.space.ground)
        yield from (random_search(table, sampler, graphs, seed) for seed in seeds)
        return
    if name == "refine":
        from engine.simulate.auto_refine import refined  # scipy's special functions, which the others do not need

        yield from (refined(table, graphs, seed) for seed in seeds)
        return
    maker = MAKERS[name] if name in MAKERS else installed(name)
    yield from (replay(table, maker(table.space, graphs, seed), seed % table.repeats) for seed in seeds)
