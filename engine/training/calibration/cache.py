"""What calibration has measured, kept from search to search in the user's cache folder."""

from __future__ import annotations

import hashlib
import os
import platform
from collections.abc import Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Literal

import msgspec
import torch

from engine.space.graph import Graph
from engine.space.protocol import Protocol

FORMAT = 2
"""Raised when packs become faster, slower or larger in general, so that old figures are not believed."""

_WITHOUT_EFFECT = {"train", "validation", "split_seed", "epochs", "schedule", "milestones", "decay", "warmup", "lr", "repeats",
                   "chance", "initialisation", "momentum", "weight_decay"}  # fmt: skip
"""Protocol fields that change no step's time."""


class Measured(msgspec.Struct, kw_only=True):
    """Times and sizes of packs of one kind on one device."""

    layouts: dict[str, Literal["stacked", "looped"]] = {}
    """The faster layout of each model."""
    steps: dict[int, float] = {}
    """Graphs a pack: seconds a step."""
    graph_bytes: int = 0
    """Bytes a graph adds to a pack."""
    compiled: dict[str, tuple[float, float, float]] = {}
    """Pack shape: seconds a step as it is, compiled, and of the first compiled step."""
    slow_bfloat16: float = 0.0
    """How many times as long as in float32 a matrix product takes in bfloat16; 0 where nobody asked."""


def folder() -> Path:
    """`$XDG_CACHE_HOME/ktgtui`, or `~/.cache/ktgtui`."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "ktgtui"


def place(graphs: Sequence[Graph], protocol: Protocol, device: torch.device, threads: int, workers: int) -> Path:
    """The file for packs of these graphs' models under this protocol on this device."""
    fields = {f: getattr(protocol, f) for f in protocol.__struct_fields__ if f not in _WITHOUT_EFFECT}
    models = sorted({(m, i > 0) for g in graphs for i, m in enumerate(g.models)})
    parts = [FORMAT, fields, models, kind(device), threads, workers, str(torch.__version__)]
    digest = hashlib.blake2b(msgspec.json.encode(parts, order="deterministic"), digest_size=10).hexdigest()
    return folder() / f"packs-{digest}.json"


def kind(device: torch.device) -> str:
    """What a device is: those of one kind are equally quick and large, and take packs of one size."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else processor()


@cache
def processor() -> str:
    """The CPU's name and number of cores."""
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text("utf-8").splitlines():
            if line.startswith("model name"):
                return f"{line.partition(':')[2].strip()} x {os.cpu_count()}"
    return f"{platform.processor()} {platform.machine()} x {os.cpu_count()}"


def load(path: Path) -> Measured:
    """What was measured before; nothing where there is no file, or none that can be read: it is only a cache."""
    with suppress(OSError, msgspec.DecodeError):
        return msgspec.json.decode(path.read_bytes(), type=Measured)
    return Measured()


def save(path: Path, found: Measured) -> None:
    """Keep it for the next search; a home that cannot be written to costs that search some seconds, no more."""
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        beside = path.with_name(f"{path.name}.{os.getpid()}.tmp")
        beside.write_bytes(msgspec.json.encode(found))
        beside.replace(path)
