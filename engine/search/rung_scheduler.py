"""The flow of a search that judges graphs at rungs: survivors of a rung are packed anew and go on from checkpoints.

Packs never mix epochs (the schedule, the order of batches and linear gates go by epoch), and graphs that go on are taken
into packs in the order in which they were let on: so what rides with what depends on the decisions alone, and decisions
depend on the order of trials alone. Which pack is trained when does depend on the clock, and matters to no result.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field

import msgspec

from engine.errors import StoreError
from engine.executors.interface import PackDone, PackJob, PackPaused
from engine.packing.packs import PackShape, fill
from engine.search.scheduler import Results, by_number, light, trial_of
from engine.space.graph import Effective, Graph
from engine.space.protocol import Protocol
from engine.store.files.rung_decisions import Judgement
from engine.store.records import Curve, State, Training, Trial, training_id
from engine.strategies.interface import Draw, RungReport, Strategy


@dataclass(slots=True)
class Entry:
    """Draws that train identically: one entry in the rungs, by the number and the cohort of the first of them."""

    number: int
    cohort: int
    id: str
    graph: Graph
    """Effective."""
    draws: list[tuple[Draw, Effective]]
    stopped: int | None = None
    """Epoch of the rung that let it go no further."""
    is_through: bool = False
    """Did the last rung let it on?"""


@dataclass(slots=True)
class Lane:
    """The way from one rung to the next: graphs wait until a pack is full."""

    first: int
    until: int | None
    shape: PackShape
    waiting: list[Graph] = field(default_factory=list)
    packs: deque[list[Graph]] = field(default_factory=deque)
    seen: set[Graph] = field(default_factory=set)

    def add(self, graph: Graph) -> None:
        """Put a graph in line, once. With twice a pack in line one is filled: enough choice to fill it well."""
        if graph in self.seen:
            return
        self.seen.add(graph)
        self.waiting.append(graph)
        if len(self.waiting) >= 2 * self.shape.graphs:
            places = fill(self.waiting, self.shape)[0]
            self.packs.append([self.waiting[i] for i in places])
            self.waiting = [g for i, g in enumerate(self.waiting) if i not in {*places}]

    def close(self) -> None:
        """Nobody else comes: pack who is left."""
        self.packs.extend([self.waiting[i] for i in places] for places in fill(self.waiting, self.shape))
        self.waiting = []


@dataclass
class ByRungs:
    """Flow of the graphs of one strategy that judges; all its draws are added together."""

    strategy: Strategy
    protocol: Protocol
    shape: PackShape
    references: Sequence[Graph]
    """Effective graphs trained besides, to the end whatever the rungs say; they ride along in the survivors' packs."""
    trained: dict[str, Training]
    paused: dict[str, Training]
    curves: dict[str, Curve]
    """Of what is in `trained` and `paused`."""
    recorded: Collection[int] = ()
    """Numbers of the trials that are recorded."""
    judged: dict[tuple[int, int], Judgement] = field(default_factory=dict)
    """Judgements that are recorded, by (epoch, cohort)."""
    entries: dict[str, Entry] = field(default_factory=dict)
    _by_number: dict[int, Entry] = field(default_factory=dict)
    _lanes: list[Lane] = field(default_factory=list)
    _cohorts: int = 0
    _batches: list[dict[int, list[Entry]]] = field(default_factory=list)
    """Who comes to each rung, by cohort; known once the rung before has judged that cohort."""
    _next: list[int] = field(default_factory=list)
    """The cohort each rung judges next."""
    _open: set[str] = field(default_factory=set)
    """Ids of entries without a record."""
    _jobs: int = 0

    def __post_init__(self) -> None:
        marks = self.strategy.rungs
        self._lanes = [Lane(first, until, self.shape) for first, until in zip((0, *marks), (*marks, None), strict=True)]
        self._batches = [{} for _ in marks]
        self._next = [0] * len(marks)
        self._jobs = 1 + max((t.pack for t in (*self.trained.values(), *self.paused.values())), default=-1)

    @property
    def outstanding(self) -> int:
        return len(self._open)

    def add(self, draws: Sequence[Draw]) -> Results:
        assert not self.entries, "all draws of a search by rungs are added together"
        trials = [trial for draw in draws if (trial := self._enter(draw)) and trial.number not in self.recorded]
        self._by_number = {entry.number: entry for entry in self.entries.values()}
        for entry in self.entries.values():
            if entry.graph.is_taught and any(draw.number not in self.recorded for draw, _ in entry.draws):
                self._open.add(entry.id)
        self._cohorts = 1 + max((draw.number // self.strategy.cohort for draw in draws), default=-1)
        for lane in self._lanes:
            for graph in self.references:
                lane.add(graph)
        for entry in self.entries.values():
            self._batches[0].setdefault(entry.cohort, []).append(entry)
            if entry.graph.is_taught:
                self._lanes[0].add(entry.graph)
        self._lanes[0].close()
        made = self._judge_on()
        return self._results([*self.entries.values()], made, trials)

    def _enter(self, draw: Draw) -> Trial | None:
        """Put a draw among the entries; its record if it needs no training (untaught graphs enter all the same)."""
        effective = draw.graph.effective()
        if effective.graph is not None:
            id = training_id(effective.graph.key, draw.repeat)
            entry = Entry(draw.number, draw.number // self.strategy.cohort, id, effective.graph, [])
            self.entries.setdefault(id, entry).draws.append((draw, effective))
        return light(draw, effective)

    def next_job(self) -> PackJob | None:
        """The pack that is furthest on its way: what pauses then is soon continued, and few checkpoints lie about."""
        for lane in reversed(self._lanes):
            for pack in list(lane.packs):
                left = [graph for graph in pack if not self._has(graph, lane.until)]
                if not left:
                    lane.packs.remove(pack)
                elif all(self._has(graph, lane.first) for graph in pack):
                    lane.packs.remove(pack)
                    graphs = tuple(str(g) for g in pack if training_id(g.key, 0) not in self.trained)
                    self._jobs += 1
                    return PackJob(self._jobs - 1, graphs, 0, lane.first, lane.until)
        return None

    def _has(self, graph: Graph, epoch: int | None) -> bool:
        """Is everything known about the graph up to this epoch (None: the last)?"""
        id = training_id(graph.key, 0)
        if id in self.trained or epoch == 0:
            return True
        return epoch is not None and id in self.paused and self.paused[id].epochs >= epoch

    def take(self, event: PackDone | PackPaused) -> Results:
        curves = {curve.id: curve for curve in event.curves}
        ended, paused = [], []
        for training in event.trainings:
            before = self.paused.get(training.id)
            if training.id in self.trained or (before is not None and before.epochs > training.epochs):
                continue
            if isinstance(event, PackPaused) and training.state is State.STOPPED and training.reason is None:
                self.paused[training.id] = training
                paused.append(training)
            else:
                self.trained[training.id] = training
                ended.append(training)
            if training.id in curves:
                self.curves[training.id] = curves[training.id]
        new = {t.id for t in (*ended, *paused)}
        made = self._judge_on()
        touched = [self.entries[id] for id in new if id in self.entries]
        return self._results(touched, made, [], ended, paused, [c for id, c in curves.items() if id in new])

    @property
    def waiting(self) -> dict[str, list[tuple[Draw, Effective]]]:
        return {id: self.entries[id].draws for id in sorted(self._open)}

    def end(self, trainings: Sequence[Training]) -> Results:
        """What was judged stays judged: a graph ends where it paused last, and has no number at the rungs after that."""
        reached = {t.id: self.paused[t.id].epochs if t.id in self.paused else t.epochs for t in trainings}
        ended = tuple(msgspec.structs.replace(t, epochs=reached[t.id]) for t in trainings)
        return self.take(PackDone(-1, ended, ()))

    def _judge_on(self) -> list[Judgement]:
        """Judge every cohort that can be judged, at every rung. Rung k judges cohort c after rung k - 1 has judged c, and
        after it has itself judged c - 1: the order of packs in time cannot matter."""
        return [made for k in range(len(self._next)) for made in self._judge_rung(k)]

    def _judge_rung(self, k: int) -> Iterator[Judgement]:
        epoch = self.strategy.rungs[k]
        while self._next[k] < (self._cohorts if k == 0 else self._next[k - 1]):
            cohort = self._next[k]
            batch = sorted(self._batches[k].get(cohort, []), key=lambda entry: entry.number)
            if not all(not e.graph.is_taught or self._has(e.graph, epoch) for e in batch):
                return
            self._next[k] += 1
            made = self.strategy.judge(RungReport(epoch, cohort, tuple((e.number, self._value(e, epoch)) for e in batch)))
            self._carry_out(k, made)
            if made.entries or made.kept or made.stopped:
                if self.judged.get((epoch, cohort), made) != made:
                    raise StoreError(f"cohort {cohort} at epoch {epoch} was judged otherwise when it was recorded",
                                     "the strategy must give the same decisions for the same results")
                yield made

    def _carry_out(self, k: int, made: Judgement) -> None:
        for number in made.stopped:
            self._by_number[number].stopped = made.epoch
        kept = [self._by_number[number] for number in made.kept]
        if k + 1 < len(self._batches):
            self._batches[k + 1][made.cohort] = kept
        for entry in kept:
            entry.is_through = k + 1 == len(self._batches)
            if entry.graph.is_taught:
                self._lanes[k + 1].add(entry.graph)
        if made.cohort == self._cohorts - 1:
            self._lanes[k + 1].close()

    def _value(self, entry: Entry, epoch: int) -> float | None:
        """The target's accuracy (%) at an epoch: chance if nothing teaches it, None if there is no number."""
        if not entry.graph.is_taught:
            return 100.0 / self.protocol.classes if self.protocol.classes else 0.0
        ended = self.trained.get(entry.id)
        if ended is not None and ended.state is not State.DONE and epoch >= ended.epochs + (ended.state is State.STOPPED):
            return None  # the epoch in which a graph diverged has an accuracy, but no meaning
        return self._row(entry, epoch)[0]

    def _row(self, entry: Entry, epoch: int) -> tuple[float | None, ...]:
        """Accuracies (%) of an entry's nodes at an epoch. Raises StoreError if the run folder has lost them."""
        if entry.id not in self.curves:
            raise StoreError(f"training {entry.id} has lost the learning curve by which it is judged",
                             "restore curves.log from a copy")
        return self.curves[entry.id].accuracy[epoch - 1]

    def _results(
        self, touched: Collection[Entry], made: Sequence[Judgement], trials: Sequence[Trial],
        ended: Sequence[Training] = (), paused: Sequence[Training] = (), curves: Sequence[Curve] = (),
    ) -> Results:  # fmt: skip
        """Everything that is settled now, ready to be recorded in one piece."""
        reasons = {number: reason for judgement in made for number, reason in judgement.stopped.items()}
        decided = {n for judgement in made for n in (*judgement.stopped, *judgement.kept)}
        entries = {e.number: e for e in (*touched, *(self._by_number[n] for n in decided))}
        trainings, settled = [*ended], [*trials]
        for number, entry in sorted(entries.items()):
            if entry.stopped is not None and entry.id in self.paused and not self._goes_on(entry):
                training = msgspec.structs.replace(self.paused[entry.id], reason=reasons[number])
                self.trained[entry.id] = training
                trainings.append(training)
            settled += self._records(entry)
        done = {t.id for t in trainings}
        for id in done:
            self.paused.pop(id, None)
        new = tuple(j for j in made if (j.epoch, j.cohort) not in self.judged)
        self.judged.update(((j.epoch, j.cohort), j) for j in new)
        rest = tuple(t for t in paused if t.id not in done)
        return Results(by_number(settled), tuple(trainings), tuple(curves), rest, new)

    def _goes_on(self, entry: Entry) -> bool:
        """Is it trained further whatever the rungs say, or has it come to an end?"""
        return entry.graph in self.references or entry.id in self.trained

    def _records(self, entry: Entry) -> Iterator[Trial]:
        """Records of an entry whose end is known, once."""
        training = self.trained.get(entry.id)
        if entry.id not in self._open or training is None:
            return
        if entry.stopped is not None and self._value(entry, entry.stopped) is not None:
            row = self._row(entry, entry.stopped)
            training = msgspec.structs.replace(training, state=State.STOPPED, accuracy=row)
        elif training.state is State.DONE and not entry.is_through:
            return
        self._open.discard(entry.id)
        for draw, effective in entry.draws:
            if draw.number not in self.recorded:
                yield trial_of(draw, effective, training)
