"""Named protocols: whole ways of training that a space file may start from, `"protocol": "tiny"`.

A name is read once, when the file is: `run.json` keeps every field, so that a later version's named protocol changes no
run there is.
"""

from __future__ import annotations

from typing import Any, Literal, get_args

import msgspec

from engine.errors import SpaceError, nearest
from engine.space.protocol import Protocol

Name = Literal["cifar100", "cifar10", "fashion-mnist", "digits", "tiny"]
NAMES: tuple[str, ...] = get_args(Name)

_CIFAR: dict[str, Any] = {"train": 40_000, "validation": 10_000, "epochs": 100, "crop": 4, "flip": True}

_NAMED: dict[str, dict[str, Any]] = {
    "cifar100": {"data": "cifar100", **_CIFAR},
    "cifar10": {"data": "cifar10", **_CIFAR},
    "fashion-mnist": {"data": "fashion-mnist", "train": 50_000, "validation": 10_000, "epochs": 30, "crop": 2, "flip": True},
    "digits": {"data": "digits", "train": 1_024, "validation": 476, "epochs": 30},
    "tiny": {"data": "digits", "train": 256, "validation": 476, "epochs": 5, "batch": 32},
}
"""What differs from the defaults of `Protocol`, which are the paper's; `tiny` is for trying things out in seconds."""


class ProtocolKeys(Protocol, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A file's `protocol`: a name, or keys that change a base, a parent's protocol or the defaults."""

    base: Name | None = None
    """A named protocol to start from, afresh: nothing of a parent's protocol is left but what these keys repeat."""


def expanded(fields: dict[str, Any], where: str) -> dict[str, Any]:
    """The keys with those of their base written out, all of them. Raises SpaceError for an unknown name."""
    if (name := fields.get("base")) is None:
        return {key: value for key, value in fields.items() if key != "base"}
    if name not in _NAMED:
        raise SpaceError(f"{where}: unknown protocol {name!r}", nearest(str(name), NAMES))
    own = {key: value for key, value in fields.items() if key != "base"}
    return {**msgspec.to_builtins(Protocol(**_NAMED[name])), **own}
