"""Stopping one trial on a person's wish: which training that is, and what is recorded of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from engine.errors import StoreError
from engine.space.graph import Effective
from engine.store.records import State, Training, Trial
from engine.strategies.interface import Draw

Waiting = Mapping[str, Sequence[tuple[Draw, Effective]]]
"""Draws whose training is not recorded yet, by training id."""


def named(name: str, waiting: Waiting, recorded: Iterable[Trial]) -> list[str]:
    """The ids of unfinished trainings that `name` means: the beginning of a graph's key, drawn or effective, with
    `.REPEAT` for one repeat of it. Raises StoreError: unknown, recorded already, or several graphs."""
    key, _, repeat = name.partition(".")
    found: dict[str, set[str]] = {}
    for id, draws in waiting.items():
        for draw, effective in draws:
            assert effective.graph is not None
            if repeat in ("", str(draw.repeat)) and (draw.graph.key.startswith(key) or effective.graph.key.startswith(key)):
                found.setdefault(effective.graph.key, set()).add(id)
    if key and len(found) == 1:
        return sorted(*found.values())
    if key and found:
        raise StoreError(f"{name}: {len(found)} graphs begin so", "write more of the key")
    for trial in recorded:
        if key and trial.key.startswith(key) and repeat in ("", str(trial.repeat)):
            raise StoreError(f"{name}: trial {trial.number} is recorded already ({trial.state})")
    raise StoreError(f"{name}: no trial of this search has a key that begins so")


def stopped(waits: tuple[Draw, Effective], id: str, seed: int, who: str) -> Training:
    """The record of a training that a person does not want, or not to its end. `waits` is a draw that waits for it."""
    draw, effective = waits
    assert effective.graph is not None
    return Training(
        id=id, graph=str(effective.graph), repeat=draw.repeat, seed=seed, state=State.STOPPED, epochs=0,
        accuracy=(None,) * effective.graph.nodes, reason=f"stopped by {who or 'a person'}",
    )  # fmt: skip
