"""What a search may take over from another: trials that are valid trials of its own space, without training them again.

A uniform sample of a space, restricted to a smaller space inside it, is a uniform sample of the smaller one (DESIGN.md,
"The five conditions are the product"), given the same protocol and search seed. But the trials that suggested a
constraint flatter the space it makes: inherited and fresh ones are told apart wherever they are shown.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.errors import SpaceError
from engine.space.files import resolved
from engine.space.graph import Graph
from engine.space.space import Space
from engine.store.reader import RunReader
from engine.store.records import RunInfo, State, Trial

_OUTCOMES = frozenset({State.DONE, State.UNTAUGHT, State.INVALID, State.DIVERGED})
"""What another run would have found too; a failed or stopped graph is trained anew."""


@dataclass(frozen=True)
class Parent:
    """A run folder that something is taken over from."""

    folder: Path
    info: RunInfo
    space: Space
    trials: tuple[Trial, ...]

    @classmethod
    def read(cls, folder: Path, space: Space) -> Parent:
        """Raises StoreError if it holds no run, SpaceError if it was trained by another protocol than `space`'s."""
        with RunReader(folder) as reader:
            reader.refresh()
            info, trials = reader.info, tuple(reader.trials)
        parent = cls(folder, info, resolved.load(info.space), trials)
        ours, theirs = space.protocol, parent.space.protocol
        if fields := ours.differing(theirs):
            told = ", ".join(f"{name}: {getattr(ours, name)} / {getattr(theirs, name)}" for name in fields)
            raise SpaceError(f"--from {folder}: trained by another protocol (here / there): {told}",
                             "search without --from, or set the protocol alike")
        if parent.space.nodes != space.nodes:
            raise SpaceError(f"--from {folder}: graphs of {parent.space.nodes} nodes, but {space.name} has {space.nodes}")
        return parent

    def check_seed(self, seed: int) -> None:
        """Raises SpaceError: batches and initial weights derive from the search seed."""
        if seed != self.info.seed:
            raise SpaceError(f"--from {self.folder}: searched with seed {self.info.seed}, got --seed {seed}",
                             "leave --seed away to take over the seed")

    def members(self, space: Space) -> tuple[Trial, ...]:
        """Trials whose graph is in the space, by number."""
        return tuple(t for t in self.trials if space.contains(Graph.parse(t.graph)))


@dataclass(frozen=True)
class Inheritance:
    """What a child takes over."""

    name: str
    """Of the parent's run folder."""
    graphs: Sequence[Graph]
    """The child's members among a uniform sample, in the parent's order."""
    results: Mapping[tuple[str, int], Trial]
    """By (graph's key, repeat)."""

    def settings(self) -> dict[str, Any]:
        """What a resume compares: the same results must be there."""
        told = sorted(f"{key}.{repeat} {t.state} {t.accuracy[:1]}" for (key, repeat), t in self.results.items())
        digest = hashlib.blake2b("\n".join(told).encode(), digest_size=8).hexdigest()
        return {"from": self.name, "inherited": len(self.results), "digest": digest}

    def fresh_seed(self, seed: int) -> int:
        """Of the child's own draws. Not the search seed: the parent's draws came from it, and two spaces walked by the
        same random numbers would draw like graphs, so that the child's draws would flatter it as the parent's did."""
        told = f"{seed} {self.settings()['digest']}"
        return int.from_bytes(hashlib.blake2b(told.encode(), digest_size=8).digest()) >> 1


def inherit(parent: Parent, space: Space, seed: int, *, whole: bool) -> Inheritance:
    """What a search of `space` takes over from a parent. `whole`: it trains every graph, so that nothing need be uniform.

    Raises SpaceError with the reason if the parent's trials are no valid sample of the child.
    """
    name, where = parent.info.strategy.get("name"), f"--from {parent.folder}"
    parent.check_seed(seed)
    if name not in ("random", "exhaustive"):
        raise SpaceError(f"{where}: {_reason(name)}, so its trials are no valid trials of {space.name}",
                         "inherit from a random or an exhaustive run")  # fmt: skip
    trials = parent.trials
    if not whole:
        _check_uniform(parent, space, where)
        if name == "random":
            trials = _without_gaps(trials)
    members = [t for t in trials if space.contains(Graph.parse(t.graph))]
    graphs = dict.fromkeys(Graph.parse(t.graph) for t in members if t.repeat == 0)
    return Inheritance(parent.info.name, list(graphs), {(t.key, t.repeat): t for t in members if t.state in _OUTCOMES})


def _reason(name: object) -> str:
    why = {
        "asha": "ASHA stopped graphs by their results",
        "tpe": "TPE drew graphs by the results of others",
        "gp": "a Gaussian process drew graphs by the results of others",
    }
    return why.get(str(name), f"the strategy {name!r} is no uniform sample")


def _check_uniform(parent: Parent, space: Space, where: str) -> None:
    whole = parent.info.total is not None and len(parent.trials) >= parent.info.total
    if parent.info.strategy["name"] == "exhaustive" and not whole:
        raise SpaceError(f"{where}: an exhaustive run in progress is no uniform sample yet", "let it finish first")
    if "shard" in parent.info.strategy:
        raise SpaceError(f"{where}: one shard is no uniform sample", "merge the shards with python -m engine.store merge")
    if not lies_in(space, parent.space):
        raise SpaceError(f"{where}: {space.name} does not lie in {parent.space.name}, so its trials cannot stand for it")


def lies_in(child: Space, parent: Space) -> bool:
    """Does the child narrow the parent: domains within its domains, and all its constraints among the child's?"""
    domains = zip((*child.models, *child.gates), (*parent.models, *parent.gates), strict=True)
    return all({*ours} <= {*theirs} for ours, theirs in domains) and {*map(str, parent.phrases)} <= {*map(str, child.phrases)}


def _without_gaps(trials: Sequence[Trial]) -> tuple[Trial, ...]:
    """Trials up to the first number missing: which packs of an unfinished run came first depends on the graphs."""
    return tuple(trial for place, trial in enumerate(trials) if trial.number == place)
