"""May this command go on with that run folder? Only if it would give the same records."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from engine.errors import StoreError
from engine.space.files.load import Space
from engine.store.folder import space_of
from engine.store.records import RunInfo
from engine.strategies.asha import Asha
from engine.strategies.interface import Strategy


def differing(
    other: Space, info: RunInfo, space: Space, strategy: Mapping[str, Any], seed: int, mode: Mapping[str, Any]
) -> list[str]:
    """What the command asks for that the run folder has otherwise, each as `field: asked / has`.

    `other` is the space of `info`; `mode` holds only what the command line fixes; anything else is taken from the run.
    """
    out = [f"{field}: {_part(space, field)} / {_part(other, field)}" for field in space.differs(other)]
    for name in strategy.keys() | info.strategy.keys():
        asked, has = strategy.get(name), info.strategy.get(name)
        if asked != has:
            out.append(f"strategy.{name}: {asked} / {has}")
    if seed != info.seed:
        out.append(f"seed: {seed} / {info.seed}")
    out += [f"mode.{n}: {v} / {info.mode.get(n)}" for n, v in mode.items() if info.mode.get(n) != v]
    return out


def by_its_rule(strategy: Strategy, info: RunInfo) -> None:
    """Let a strategy whose rule has changed since a run was begun judge as it did then: recorded decisions stay true."""
    if isinstance(strategy, Asha):
        strategy.judge_as(info.strategy)


def check(folder: Path, info: RunInfo, space: Space, strategy: Mapping[str, Any], seed: int, mode: Mapping[str, Any]) -> None:
    """Raise StoreError naming every differing field."""
    if found := differing(space_of(folder, info), info, space, strategy, seed, mode):
        lacking = [f for f in found if f.startswith("protocol.teachers: {} /")]  # it was started with weights brought
        hint = "give their folder with --teachers" if lacking == found else "name another folder with --run"
        raise StoreError(f"{folder}: holds another search (asked / has): {'; '.join(sorted(found))}", hint)


def _part(space: Space, field: str) -> str:
    if field.startswith("protocol."):
        return str(getattr(space.protocol, field.removeprefix("protocol.")))
    if field == "constraints":
        return " and ".join(map(str, space.phrases)) or "none"
    value = getattr(space, field)
    return str(value) if isinstance(value, int) else f"{space.name}'s"
