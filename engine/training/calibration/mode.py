"""How the same numbers are computed: what may change last bits and nothing else (DESIGN.md, wall 1).

`run.json` freezes a search's mode at the first start; records are equal to the bit within one mode.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec


class Mode(msgspec.Struct, frozen=True, kw_only=True):
    pack: int
    """Graphs a pack, at most."""
    layouts: dict[str, Literal["stacked", "looped"]] = {}
    """Layout of each model's fleet; `stacked` where nothing is said."""
    compile: bool = False
    """Is forward and loss compiled (needs a C++ compiler on a CPU)?"""
    threads: int = 1
    """Threads of a process."""
    workers: int = 1
    """Worker processes, where the command line does not say; changes no bits."""
    device: str = "cpu"
    """What torch calls it: `cpu`, `cuda`."""
    sizes: dict[str, int] = {}
    """Graphs a pack on each kind of device that was measured when the search began (`training.measured.kind`), `pack` being the
    largest; empty where the size was given."""
    shape: dict[str, Any] | None = None
    """The packs' shape, filled in when the search starts (`PackShape` as plain data)."""
    seconds: float | None = None
    """Seconds a worker takes for a graph by calibration, validation counted; None where nothing was timed."""
    reason: str = ""
    """Why this mode: the measurement, in words."""
