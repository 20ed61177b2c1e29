"""The strategies a command line can choose: their flags, and the strategy they mean.

Strategies of other packages come as entry points of the group `engine.strategies`: a callable of the space, the number
of graphs and the seed (docs/strategies.md has one in ten lines).
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from importlib import metadata
from pathlib import Path

from engine.errors import SpaceError, nearest
from engine.space.catalogue import entry_points
from engine.space.space import Space
from engine.strategies.asha import COHORT, Asha
from engine.strategies.bayes import BATCH, Bayes
from engine.strategies.fixed import Fixed, exhaustive, listed, random
from engine.strategies.halving import RULES, TIES, Halving
from engine.strategies.inheritance import Inheritance, Parent, inherit
from engine.strategies.interface import Strategy
from engine.strategies.shard import Shard, read

_FOR = {
    "shard": ("exhaustive", "random", "graphs"),
    "interleaved": ("exhaustive",),
    "parent": ("exhaustive", "random", "tpe", "gp"),
    "cohort": ("asha", "tpe", "gp"),
    "eta": ("asha",), "r": ("asha",), "s": ("asha",), "rule": ("asha",), "ties": ("asha",),
    "repeats": ("exhaustive", "random", "graphs", "baselines"),
}  # fmt: skip
"""Flags that not every strategy takes, with those that do."""

Maker = Callable[[Space, int, int], Strategy]
"""`(space, graphs, seed)` to a strategy."""

KINDS = ("exhaustive", "random", "graphs", "asha", "tpe", "gp", "baselines", "strategy")


def add_flags(parser: argparse.ArgumentParser) -> None:
    """The flags that say which graphs are searched."""
    how = parser.add_mutually_exclusive_group(required=True)
    how.add_argument("--exhaustive", action="store_true", help="every graph of the space")
    how.add_argument("--random", type=int, metavar="N", help="N graphs, uniform up to relabelling, without replacement")
    how.add_argument("--graphs", type=Path, metavar="FILE", help="the graphs of a text file, one a line")
    how.add_argument("--asha", type=int, metavar="N", help="N random graphs, the worse half stopped at epochs 1, 2, 4, ...")
    how.add_argument("--tpe", type=int, metavar="N", help="N graphs proposed by Optuna's TPE (extra: optuna)")
    how.add_argument("--gp", type=int, metavar="N", help="N graphs proposed by Optuna's Gaussian process (extra: optuna)")
    how.add_argument("--baselines", action="store_true", help="alone, KD, DML, born-again, KD + DML of the space's models")
    how.add_argument("--strategy", nargs=2, metavar=("NAME", "N"), help="N graphs of an installed strategy")
    more = parser.add_argument_group("of some strategies")
    more.add_argument("--shard", metavar="I/N", help="only part I of N, as a search of its own; engine.store merge joins them")
    more.add_argument("--repeats", type=int, metavar="R", help="passes (default: the protocol's; baselines: 5)")
    more.add_argument("--interleaved", action="store_true", help="exhaustive: a pack's repeats follow each other")
    more.add_argument("--from", dest="parent", type=Path, metavar="RUN",
                      help="random, exhaustive: its trials count here where they are valid; tpe, gp: they are known")
    more.add_argument("--no-inherit", action="store_true", help="with --from: take over the seed, but no trial")
    more.add_argument("--cohort", type=int, metavar="C", help=f"graphs decided on together ({COHORT}; tpe, gp: {BATCH})")
    more.add_argument("--eta", type=int, metavar="ETA", help="asha: one in ETA goes on (2)")
    more.add_argument("--r", type=int, metavar="EPOCHS", help="asha: epochs to the first rung (1)")
    more.add_argument("--s", type=int, metavar="N", help="asha: rungs left out at the beginning (0)")
    more.add_argument("--rule", choices=RULES, help="asha: stop at once (the paper), or pause and promote (Li et al. 2020)")
    more.add_argument("--ties", choices=TIES, help="asha: equal values by rank, or as Optuna's pruner lets them through")


def kind(args: argparse.Namespace) -> str:
    """Which of the strategies the flags name."""
    return next(name for name in KINDS if _is_given(getattr(args, name)))


def _is_given(value: object) -> bool:
    return value is not None and value is not False


def chosen(args: argparse.Namespace, space: Space) -> tuple[Strategy, int]:
    """The strategy that the flags name, and the search seed (a parent's, if no other is asked for).

    Raises SpaceError or StoreError, naming the flag.
    """
    name = check_flags(args)
    parent = Parent.read(args.parent, space) if args.parent is not None else None
    seed = args.seed if args.seed is not None else parent.info.seed if parent else 0
    whole = _whole(name, args, space, seed, parent)
    if args.shard is None:
        return whole, seed
    assert isinstance(whole, Fixed)
    return Shard(whole, *read(args.shard)), seed


def remarks(args: argparse.Namespace, space: Space, strategy: Strategy) -> list[str]:
    """What a person should know of the graphs asked for, before they are trained."""
    name = kind(args)
    if name in ("random", "asha", "tpe", "gp") and getattr(args, name) > space.keys:
        return [f"{space.name} holds {space.keys:,} graphs: all of them are drawn"]
    if name == "graphs":
        graphs = {draw.graph for draw in strategy.preview()}
        if outside := sum(not space.contains(graph) for graph in graphs):
            return [f"{outside:,} of {len(graphs):,} graphs are not in {space.name}: trained by its protocol all the same"]
    return []


def check_flags(args: argparse.Namespace) -> str:
    """Which strategy it is. Raises SpaceError for a flag that it does not take."""
    name = kind(args)
    for flag, takers in _FOR.items():
        if _is_given(getattr(args, flag)) and name not in takers:
            flag = "from" if flag == "parent" else flag
            raise SpaceError(f"--{flag}: not of --{name}", f"it goes with --{', --'.join(takers)}")
    if args.no_inherit and (args.parent is None or name not in ("exhaustive", "random")):
        raise SpaceError("--no-inherit: needs --from RUN, and --random or --exhaustive", "leave it away")
    return name


def _whole(name: str, args: argparse.Namespace, space: Space, seed: int, parent: Parent | None) -> Strategy:
    taken = _taken(name, args, space, seed, parent)
    if name == "exhaustive":
        return exhaustive(space, args.repeats or space.protocol.repeats, args.interleaved, taken)
    if name == "random":
        return random(space, args.random, seed, args.repeats or 1, taken)
    if name == "graphs":
        return listed(args.graphs, space, args.repeats or 1)
    if name == "asha":
        return Asha(space, args.asha, seed, _halving(args), COHORT if args.cohort is None else args.cohort)
    if name == "strategy":
        return _installed(args.strategy[0], args.strategy[1], space, seed)
    n = args.tpe if name == "tpe" else args.gp
    return Bayes(space, n, seed, name, BATCH if args.cohort is None else args.cohort, parent)


def _taken(name: str, args: argparse.Namespace, space: Space, seed: int, parent: Parent | None) -> Inheritance | None:
    if parent is None or args.no_inherit or name not in ("exhaustive", "random"):
        return None
    return inherit(parent, space, seed, whole=name == "exhaustive")


def _halving(args: argparse.Namespace) -> Halving:
    asked = {"factor": args.eta, "least": args.r, "early": args.s, "rule": args.rule, "ties": args.ties}
    return Halving(**{field: value for field, value in asked.items() if value is not None})


def _installed(name: str, number: str, space: Space, seed: int) -> Strategy:
    if not number.isdecimal() or int(number) < 1:
        raise SpaceError(f"--strategy {name} {number}: must be at least 1 graph, got {number}")
    return installed(name)(space, int(number), seed)


def installed(name: str) -> Maker:
    """What an entry point of that name makes strategies with. Raises SpaceError if there is none."""
    known = entry_points("strategies")
    if name not in known:
        hint = nearest(name, known) if known else "no package here brings one; see docs/strategies.md"
        raise SpaceError(f"--strategy {name}: no strategy of that name is installed", hint)
    (entry,) = metadata.entry_points(group="engine.strategies", name=name)
    made: Maker = entry.load()
    return made


def run_name(strategy: Strategy) -> str:
    """What a run folder is called after its strategy: `random600`, `asha300`, `exhaustive-shard2of4`."""
    settings = strategy.settings()
    part = f"-shard{settings['shard']['part']}of{settings['shard']['of']}" if "shard" in settings else ""
    return f"{settings['name']}{settings.get('n', '')}{part}"
