"""What is kept of a search: one light record a graph drawn, one training record an effective graph trained.

Two graphs with the same effective form train once, so several trials may point to one training (DESIGN.md, "Graphs
that need no training"). Learning curves live apart, so that a list of thousands of trials opens without them.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec


class State(StrEnum):
    """How a trial ended (DESIGN.md, "Outcomes of a trial"), or that it has not."""

    DONE = "done"
    UNTAUGHT = "untaught"
    INVALID = "invalid"
    DIVERGED = "diverged"
    STOPPED = "stopped"
    FAILED = "failed"

    @property
    def has_result(self) -> bool:
        """True if the target's accuracy is a result of the whole protocol."""
        return self is State.DONE

    @property
    def is_failure(self) -> bool:
        """Only these make a search's exit code 1."""
        return self is State.FAILED


class Trial(msgspec.Struct, frozen=True, kw_only=True):
    """One graph drawn, in one repeat."""

    number: int
    """Place in the order of draws, from 0; unique in a run."""
    key: str
    """`Graph.key`: equal for relabelled graphs."""
    graph: str
    """Text form of the canonical graph."""
    repeat: int = 0
    """Which whole pass, from 0."""
    state: State
    training: str | None = None
    """`Training.id` this trial shares; None if it needed no training."""
    nodes: tuple[int, ...] = ()
    """`nodes[i]` is the node of `graph` that is node i+1 of the training's effective graph."""
    accuracy: tuple[float | None, ...] = ()
    """Validation accuracy (%) a node of `graph` at the last epoch; None for a node that was not trained."""
    inherited: str | None = None
    """Run folder name this trial was taken from; None if it was drawn here."""

    @property
    def error(self) -> float | None:
        """The target's validation error rate (%), None without a result (paper equation 1: e_i)."""
        return None if not self.state.has_result or self.accuracy[0] is None else 100.0 - self.accuracy[0]


class Training(msgspec.Struct, frozen=True, kw_only=True):
    """One effective graph trained once with one seed."""

    id: str
    """`KEY.REPEAT` with KEY the effective graph's key."""
    graph: str
    """Text form of the effective canonical graph."""
    repeat: int = 0
    seed: int
    """The search seed."""
    state: State
    epochs: int
    """Epochs trained (fewer than the protocol's for a stopped or diverged trial)."""
    accuracy: tuple[float | None, ...]
    """Validation accuracy (%) a node at the last epoch: what the search selects on."""
    best_accuracy: tuple[float | None, ...] = ()
    """Validation accuracy (%) a node at its best epoch (never selected on)."""
    best_epoch: tuple[int, ...] = ()
    """1-based epoch of `best_accuracy`, a node."""
    losses: dict[str, float] = {}
    """Mean loss of each open edge (`y>1`, `2>1`) over the last epoch's images, before its gate's weight."""
    pretrained: tuple[int, ...] = ()
    """Nodes that started pre-trained and stayed frozen."""
    wall: float = 0.0
    """Seconds of the pack divided by its graphs."""
    pack: int = 0
    """Number of the pack it rode in."""
    worker: str = ""
    device: str = ""
    """Kind of device that trained it, by name: last bits are equal within one kind."""
    reason: str | None = None
    """Why it failed, diverged or was stopped: one line."""
    traceback: str | None = None


class Curve(msgspec.Struct, frozen=True, kw_only=True):
    """Learning curves of one training."""

    id: str
    """`Training.id`."""
    accuracy: tuple[tuple[float | None, ...], ...]
    """Validation accuracy (%), `[epoch][node]`."""
    loss: tuple[tuple[float | None, ...], ...] = ()
    """Training loss of each node (its gated sum), `[epoch][node]`: the mean over the images of the epoch's batches."""


class Origin(msgspec.Struct, frozen=True, kw_only=True):
    """Where a part of a merged run comes from."""

    name: str
    """Its run folder's name."""
    shard: str = ""
    """`1/4` if it was a shard."""
    host: str = ""
    command: str = ""
    commit: str | None = None
    created: str = ""
    mode: dict = {}
    versions: dict[str, str] = {}


class PackLimit(msgspec.Struct, frozen=True, kw_only=True):
    """How large packs may be on a kind of device: by measurement, or because memory ran out."""

    graphs: int
    """Graphs a pack, at most."""
    kind: str
    """The device's name, as `Training.device` has it."""


class RunInfo(msgspec.Struct, frozen=True, kw_only=True):
    """`run.json`: everything that decides the records, frozen at the first start."""

    format: int = 1
    """Version of the run folder's layout."""
    name: str
    space: dict
    """The resolved space as plain data (`space.files.resolved`), lineage included."""
    strategy: dict
    """`name` and every setting that decides which graphs are drawn."""
    seed: int
    """The search seed: data order, augmentation and initial weights derive from it."""
    repeats: int = 1
    mode: dict
    """What changes last bits: pack, layout, compile, threads, precision, device kind."""
    versions: dict[str, str] = {}
    host: str = ""
    command: str = ""
    commit: str | None = None
    """Commit of the project's checkout, if it is one."""
    created: str = ""
    """ISO 8601, UTC."""
    total: int | None = None
    """Trials the search will have when done; None if not known beforehand."""
    parts: tuple[Origin, ...] = ()
    """The runs this one was merged from; empty for a search of its own."""


def training_id(key: str, repeat: int) -> str:
    """`Training.id`, from the effective graph's key."""
    return f"{key}.{repeat}"
