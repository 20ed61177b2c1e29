"""What stands beside a trial's curves on the live page: running packs, the machine, the log. Textual-free."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from types import MappingProxyType

from ktgtui.data.snapshot import RunDetail
from ktgtui.drawing.formatting import count, duration, percent, size
from ktgtui.drawing.sparkline import sparkline

Line = Sequence[tuple[str, str]]
STALE = 60.0
"""Seconds after which a reading is told with its age."""


def packs(run: RunDetail, width: int, height: int, plain: bool, now: datetime) -> list[Line]:
    """A line a pack in training: how far, where, and the best target accuracy by epoch."""
    if not run.packs:
        said = "no pack in training yet" if run.view.live else f"no search runs here: {run.view.phase}"
        return [[(said, "dim")]]
    lines: list[Line] = []
    for pack in run.packs:
        head = f"{pack.number:>4} {count(pack.graphs):>4} graphs {pack.epoch:>3}/{pack.epochs} {pack.worker:10.10} "
        known = [value for value in pack.best if value is not None]
        drawn = sparkline(pack.best, min(known), max(known), max(4, width - len(head) - 9), plain) if known else ""
        lines.append([(head, ""), (drawn, "curve0"), (f" {percent(known[-1])} %" if known else "", "accent")])
    return lines


def machine(run: RunDetail, width: int, height: int, plain: bool, now: datetime) -> list[Line]:
    """The host's last reading, and the way there."""
    if not run.readings:
        return [[(f"{run.info.host or 'the host'}: nothing read yet", "dim")]]
    last = run.readings[-1]
    age = (now - datetime.fromisoformat(last.time)).total_seconds()
    old = f"  {duration(age)} ago" if age > STALE or not run.view.live else ""
    wide = max(8, min(40, width - 40))
    lines: list[Line] = [
        [(f"{run.info.host}  ", "accent"), (f"load {last.load:.1f}", ""), (old, "warn")],
        [(f"{'cpu':8}{last.cpu:4.0f} %  ", ""),
         (sparkline([r.cpu for r in run.readings[-wide:]], 0, 100, wide, plain), "curve0")],
        [(f"{'memory':8}{size(last.used)} of {size(last.memory)}, the search {size(last.search)}", "")],
        [(f"{'disk':8}{size(last.free)} free", "bad" if last.free < 1e9 else "")],
    ]
    for place, gpu in enumerate(last.gpus):
        uses = [r.gpus[place].use for r in run.readings[-wide:] if place < len(r.gpus)]
        lines.append([(f"gpu {place:<4}{gpu.use:4.0f} %  ", ""), (sparkline(uses, 0, 100, wide, plain), "curve1"),
                      (f"  {size(gpu.used)} of {size(gpu.memory)}  {gpu.temperature:.0f} C", "")])
    return lines


def log(run: RunDetail, width: int, height: int, plain: bool, now: datetime) -> list[Line]:
    """The newest lines of the run's log that fit."""
    return [[(line[:width], "dim")] for line in run.log[-max(1, height) :]]


Pane = Callable[[RunDetail, int, int, bool, datetime], list[Line]]
PANES: Mapping[str, Pane] = MappingProxyType({"packs": packs, "machine": machine, "log": log})


def clock() -> datetime:
    return datetime.now(UTC)
