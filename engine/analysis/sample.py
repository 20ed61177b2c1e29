"""The trials of one run as arrays: what every question of the analysis is asked of.

Reading text into integer codes once makes a condition, a phrase or a crossing a few array operations, whatever the
number of trials. Left-out trials (untaught, stopped, failed ...) are counted here and never seen again.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from engine.errors import AnalysisError
from engine.space.catalogue import CUTOFF, is_open
from engine.space.graph import Edge, Graph, edges, positions
from engine.space.protocol import Protocol
from engine.store.files.evaluations import Evaluation
from engine.store.records import State, Trial

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int16]
Mask = npt.NDArray[np.bool_]

DIGITS = 9
"""Decimals (%) to which errors are equal: means of the same images summed in another order differ in the 14th, one image
of ten million in the 5th."""
KEPT = 1e-4
"""Points (%) by which a record may miss its whole number of images: it keeps accuracies to 4 decimals."""


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Trials drawn that are in no EDF, by reason. Their sum and the results make up every trial drawn."""

    untaught: int = 0
    """No label reaches the target: not trained, at chance by construction."""
    chance: int = 0
    """Trained, but the target stayed at or below the chance rule (paper section 4.2: 2 % on CIFAR-100)."""
    invalid: int = 0
    """Only cutoff edges into the target."""
    diverged: int = 0
    stopped: int = 0
    failed: int = 0

    @property
    def total(self) -> int:
        return sum(self.counts().values())

    def counts(self) -> dict[str, int]:
        """Reason to number, every reason, in a fixed order."""
        return {name: getattr(self, name) for name in self.__slots__}

    def __str__(self) -> str:
        """`3 untaught, 1 failed`; `none` if nothing was left out."""
        return ", ".join(f"{n} {name}" for name, n in self.counts().items() if n) or "none"


def chance_rule(protocol: Protocol) -> float:
    """Accuracy (%) at or below which a graph is left out: the protocol's own, else its classes'; 0 if unknown."""
    if protocol.chance is not None:
        return protocol.chance
    return 0.0 if protocol.classes is None else protocol.chance_rule(protocol.classes)


def with_results(trials: Iterable[Trial], chance: float) -> tuple[list[Trial], LeftOut]:
    """The trials that enter EDFs, in order, and the count of those that do not.

    A trial enters if it ran the whole protocol and its target's accuracy (%) is above `chance`.
    """
    kept = []
    out = dict.fromkeys(LeftOut.__slots__, 0)
    for trial in trials:
        if not trial.state.has_result or trial.accuracy[0] is None:
            out[(State.FAILED if trial.state.has_result else trial.state).value] += 1
        elif not trial.accuracy[0] > chance:
            out["chance"] += 1
        else:
            kept.append(trial)
    return kept, LeftOut(**out)


def exact_errors(trials: Sequence[Trial | Evaluation], images: int) -> Floats:
    """Errors (%) of trials or retrainings that have one, as so many wrong of `images`, shape [n]: free of records' rounding.

    Without it two graphs with as many wrong images over two repeats differ in the fifth decimal of their means. What is no
    such share stays as it is.
    """
    held = np.array([t.error for t in trials], dtype=np.float64)
    whole = np.round(held * images / 100) * 100 / images
    return np.where(np.abs(whole - held) < KEPT, whole, held)


@dataclass(frozen=True, eq=False)
class Sample:
    """Results of one run, one row a trial: n rows, N nodes, N*N edges (in the order of `engine.space.graph.edges`).

    Rows stand by key and repeat, whatever the order of trials: sums and seeded resamples are then the same to the last bit.
    """

    name: str
    """What legends call it: the space's or the run's name."""
    protocol: Protocol
    trials: tuple[Trial, ...]
    """The row's record, length n."""
    errors: Floats
    """The target's validation error rate (%), shape [n]."""
    models: Codes
    """Index into `model_names`, shape [n, N]."""
    gates: Codes
    """Index into `gate_names`, shape [n, N*N]."""
    repeats: npt.NDArray[np.int64]
    """Which whole pass, shape [n]."""
    trainings: npt.NDArray[np.int64]
    """Number of the training behind each row, shape [n]: equal for graphs that share one."""
    inherited: Mask
    """Rows taken from a parent's run, shape [n]."""
    model_names: tuple[str, ...]
    gate_names: tuple[str, ...]
    left_out: LeftOut = LeftOut()
    drawn: int = 0
    """Trials drawn, the left-out ones included."""
    population: int | None = None
    """Graphs up to relabelling in the space the trials were drawn from; None if not known."""
    averaged: int = 1
    """Trainings (repeats) that each error is the mean of."""

    def __len__(self) -> int:
        return len(self.trials)

    @property
    def nodes(self) -> int:
        return self.models.shape[1]

    @property
    def passes(self) -> int:
        """Whole passes over the same graphs that the rows hold (1 where every row is a mean over them)."""
        return 1 if self.averaged > 1 else len(np.unique(self.repeats)) or 1

    @property
    def fraction(self) -> float:
        """Share of the space that was drawn, 0 if its size is not known; 1 for an exhaustive run."""
        return min(1.0, self.drawn / (self.population * self.passes)) if self.population else 0.0

    def gate_column(self, source: int, target: int) -> Codes:
        """Gate codes of the edge source -> target (source 0: the label), shape [n]."""
        return self.gates[:, positions(self.nodes)[Edge(source, target)]]

    def pretrained(self) -> Mask:
        """Which nodes are pre-trained and frozen: auxiliary with only cutoff edges in, shape [n, N]."""
        closed = np.array([not is_open(name) for name in self.gate_names], dtype=bool)[self.gates]
        of = {n: [i for i, e in enumerate(edges(self.nodes)) if e.target == n] for n in range(2, self.nodes + 1)}
        return np.stack([np.zeros(len(self), bool), *(closed[:, of[n]].all(axis=1) for n in of)], axis=1)

    def where(self, mask: Mask, name: str | None = None) -> Sample:
        """The rows that `mask` [n] selects. Left-out counts stay: they belong to the draw, not to a subset."""
        rows = np.flatnonzero(mask)
        return replace(
            self, name=name or self.name, trials=tuple(self.trials[i] for i in rows), errors=self.errors[rows],
            models=self.models[rows], gates=self.gates[rows], repeats=self.repeats[rows],
            trainings=self.trainings[rows], inherited=self.inherited[rows],
        )

    def over_repeats(self) -> Sample:
        """One row a graph: the mean error over its repeats. Raises AnalysisError unless all graphs have equally many.

        Means are not comparable with single runs: averaging thins tails. `engine.analysis.edf.comparable` says so.
        """
        rows: dict[str, list[int]] = {}
        for i, trial in enumerate(self.trials):
            rows.setdefault(trial.key, []).append(i)
        sizes = {len(r) for r in rows.values()}
        if len(sizes) > 1:
            raise AnalysisError(
                f"{self.name}: graphs have between {min(sizes)} and {max(sizes)} repeats, a mean needs equally many",
                "finish the run, or use the separate passes",
            )
        first = np.zeros(len(self), bool)
        first[[r[0] for r in rows.values()]] = True
        means = np.array([self.errors[r].mean() for r in rows.values()]).round(DIGITS)
        return replace(self.where(first), errors=means, averaged=max(sizes, default=1))


def _without(trials: Sequence[Trial], left_out: LeftOut) -> str:
    """Why there is nothing to analyse."""
    return f"all {len(trials)} are left out ({left_out})" if trials else "it holds no trial yet"


def _hint(left_out: LeftOut, protocol: Protocol) -> str:
    """What to do about it."""
    if left_out.chance:
        rule = f"an accuracy of {chance_rule(protocol):.1f} % or less counts as not learnt (protocol.chance)"
        return f"{rule}: train longer or at another rate"
    return "look at another run, or let this one go on if it has not ended"


class _Reader:
    """Text forms of graphs to codes. Parts such as `2>1 linear` repeat, so each is parsed once a run."""

    def __init__(self) -> None:
        self.models: dict[str, int] = {}
        self.gates: dict[str, int] = {CUTOFF: 0}
        self._parts: dict[tuple[int, str], tuple[int, int]] = {}

    def row(self, text: str) -> tuple[list[int], list[int]]:
        """Model codes [N] and gate codes [N*N] of one graph. Raises SpaceError for a text that is no graph."""
        head, _, tail = text.partition(" | ")
        models = [self.models.setdefault(word.partition(":")[2], len(self.models)) for word in head.split(" ")]
        gates = [0] * len(models) ** 2
        for part in tail.split(", ") if tail else ():
            known = self._parts.get((len(models), part))
            if known is None:
                known = self._learn(text, len(models), part)
            gates[known[0]] = known[1]
        return models, gates

    def _learn(self, text: str, nodes: int, part: str) -> tuple[int, int]:
        graph = Graph.parse(text)
        edge = next(e for e in edges(nodes) if part == f"{e} {graph.gate(*e)}")
        code = self.gates.setdefault(graph.gate(*edge), len(self.gates))
        return self._parts.setdefault((nodes, part), (positions(nodes)[edge], code))


def sample(trials: Iterable[Trial], protocol: Protocol, *, name: str, population: int | None = None) -> Sample:
    """Read trials into a Sample, leaving out those without a result (counted in `left_out`).

    Raises AnalysisError if no trial is left, naming what became of them, or if graphs differ in their number of nodes.
    """
    every = list(trials)
    kept, left_out = with_results(every, chance_rule(protocol))
    if not kept:
        raise AnalysisError(f"{name}: no trial to analyse, {_without(every, left_out)}", _hint(left_out, protocol))
    kept.sort(key=lambda t: (t.key, t.repeat, t.error, t.inherited or ""))
    reader = _Reader()
    rows = [reader.row(t.graph) for t in kept]
    if len({len(models) for models, _ in rows}) > 1:
        raise AnalysisError(f"{name}: graphs of different numbers of nodes in one run")
    return Sample(
        name=name, protocol=protocol, trials=tuple(kept),
        errors=exact_errors(kept, protocol.validation),
        models=np.array([m for m, _ in rows], dtype=np.int16),
        gates=np.array([g for _, g in rows], dtype=np.int16),
        repeats=np.array([t.repeat for t in kept], dtype=np.int64),
        trainings=np.unique([t.training or f"{t.key}.{t.repeat}" for t in kept], return_inverse=True)[1],
        inherited=np.array([t.inherited is not None for t in kept], dtype=bool),
        model_names=tuple(reader.models), gate_names=tuple(reader.gates),
        left_out=left_out, drawn=len(every), population=population,
    )
