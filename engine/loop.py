"""The search loop: draws become packs, packs become records, as a generator of events.

Both front ends consume it: the command prints the events, a notebook may do as it likes; stop consuming and it stops.
Whatever an event speaks of is on the disk when the event is seen (DESIGN.md, wall 2).
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import product

from engine.events import Event, Finished, Progress, TrialsDone
from engine.executors.protocol import EpochDone, Executor, Heartbeat, Note, PackDone, PackJob
from engine.space.catalogue import THROUGH
from engine.space.design import Space
from engine.space.graph import Effective, Graph
from engine.space.refinement import whatif
from engine.store.runs import Run
from engine.store.status import FINISHED, PackStatus, Status
from engine.store.trials import State, Training, Trial
from engine.strategies.protocol import Draw, Strategy
from engine.training.outcome import training_id
from engine.training.pack import PackShape, fill

MOST_REFERENCES = 16
"""Combinations of models for which the all-through graph is trained besides; spaces with more go without."""

STATUS_EVERY = 0.5
"""Seconds between writes of status.json: often enough to look live, far too seldom to cost anything."""


def references(space: Space) -> list[Graph]:
    """The effective all-through graph (DML, node losses summed) of each combination of models in the space."""
    combinations = list(product(*space.models))
    if len(combinations) > MOST_REFERENCES:
        return []
    graphs = {dml(models).effective().graph for models in combinations if _may_have(space, models)}
    return sorted(g for g in graphs if g is not None)


def _may_have(space: Space, models: Sequence[str]) -> bool:
    """Is there a graph with these models in the space? Its constraints may leave out what its domains list."""
    return whatif(space, " and ".join(f"m[{node}] = {model}" for node, model in enumerate(models, 1))).keys > 0


def dml(models: Sequence[str]) -> Graph:
    """Deep mutual learning of these models as a transfer graph: every edge through (the paper's "DML" row)."""
    return Graph(tuple(models), (THROUGH,) * len(models) ** 2)


def demand(draws: Iterable[Draw], extra: Iterable[Graph] = ()) -> list[Graph]:
    """Distinct effective graphs that need training, `extra` first: what packs are made of."""
    effective = (draw.graph.effective().graph for draw in draws)
    return list(dict.fromkeys([*extra, *(g for g in effective if g is not None and g.is_taught)]))


@dataclass
class Search:
    """One search on one run folder, from wherever its records stand."""

    space: Space
    strategy: Strategy
    run: Run
    executor: Executor
    shape: PackShape
    limit: int | None = None
    done: int = 0
    fresh: int = 0
    """Trials recorded by this process."""
    best: Trial | None = None
    started: float = field(default_factory=time.monotonic)
    _light: int = 0
    _waiting: dict[str, list[tuple[Draw, Effective]]] = field(default_factory=lambda: defaultdict(list))
    _trained: dict[str, Training] = field(default_factory=dict)
    _written: float = 0.0
    _running: dict[int, EpochDone] = field(default_factory=dict)

    def events(self) -> Iterator[Event]:
        """Run to the end of the strategy (or the limit), yielding what was recorded."""
        known = self.run.trials()
        self._trained = self.run.trainings()
        for trial in known:
            self._count(trial)
        numbers = {trial.number for trial in known}
        try:
            yield self._progress()
            draws = self.strategy.ask(self.strategy.total)
            yield from self._settle([d for d in draws if d.number not in numbers])
            yield from self._train(self._jobs(draws) if self._waiting else ())
        finally:  # also after Ctrl-C, or when nobody listens any more
            complete = self.done >= self.strategy.total
            self._status(FINISHED if complete else "stopped")
        yield Finished(complete)

    def _settle(self, draws: Sequence[Draw]) -> Iterator[Event]:
        """Record what needs no training, or has had it; the rest waits for its pack."""
        ready = []
        for draw in draws:
            effective = draw.graph.effective()
            if effective.graph is None:
                ready.append(_light(draw, State.INVALID))
            elif not effective.graph.is_taught:
                ready.append(_light(draw, State.UNTAUGHT))
            else:
                id = training_id(effective.graph.key, draw.repeat)
                if id in self._trained:
                    ready.append(trial_of(draw, effective, self._trained[id]))
                else:
                    self._waiting[id].append((draw, effective))
        if ready:
            yield from self._record(ready)

    def _jobs(self, draws: Sequence[Draw]) -> Iterator[PackJob]:
        """The packs of all draws, one repeat after the other, references first; those that are trained are passed over.

        The division into packs does not depend on what is done, so a resumed search forms the very packs it had: compiled
        code may give other last bits at another place of a pack.
        """
        number = 0
        for repeat in sorted({draw.repeat for draw in draws}):
            graphs = demand((d for d in draws if d.repeat == repeat), references(self.space))
            for places in fill(graphs, self.shape):
                job = PackJob(number, tuple(str(graphs[i]) for i in places), repeat)
                if any(training_id(graphs[i].key, repeat) not in self._trained for i in places):
                    yield job
                number += 1

    def _train(self, jobs: Iterable[PackJob]) -> Iterator[Event]:
        if self.limit is not None and self.fresh >= self.limit:
            return
        self.started, self._light = time.monotonic(), self.fresh
        for event in self.executor.run(jobs):
            if isinstance(event, EpochDone):
                self._running[event.pack] = event
            if isinstance(event, EpochDone | Heartbeat):
                yield self._progress()
                continue
            if isinstance(event, Note):
                self.run.log("note", message=event.message)
                continue
            assert isinstance(event, PackDone), "no job of this loop pauses"
            yield from self._pack_done(event)
            if self.limit is not None and self.fresh >= self.limit:
                return

    def _pack_done(self, event: PackDone) -> Iterator[Event]:
        self._running.pop(event.pack, None)
        new = tuple(t for t in event.trainings if t.id not in self._trained)
        ids = {t.id for t in new}
        event = PackDone(event.pack, new, tuple(c for c in event.curves if c.id in ids))
        trials = []
        for training in new:
            self._trained[training.id] = training
            waiting = self._waiting.pop(training.id, [])
            trials += [trial_of(draw, effective, training) for draw, effective in waiting]
        yield from self._record(sorted(trials, key=lambda t: t.number), event)

    def _record(self, trials: Sequence[Trial], pack: PackDone | None = None) -> Iterator[Event]:
        """The one place that writes results; they are on the disk before anybody hears of them."""
        self.run.add(trials, pack.trainings if pack else (), pack.curves if pack else ())
        for trial in trials:
            self._count(trial)
            self.strategy.tell(trial)
        self.fresh += len(trials)
        if pack:
            self.run.log("pack", number=pack.pack, graphs=len(pack.trainings), done=self.done)
        yield TrialsDone(tuple(trials))
        yield self._progress()

    def _count(self, trial: Trial) -> None:
        self.done += 1
        if trial.error is not None and (self.best is None or trial.error < (self.best.error or 0.0)):
            self.best = trial

    def _progress(self) -> Progress:
        part = sum(p.graphs * p.epoch / p.epochs for p in self._running.values())
        seconds = time.monotonic() - self.started
        trained = self.fresh - self._light + part
        rate = trained / seconds if trained and seconds > 1 else None
        left = max(0.0, self.strategy.total - self.done - part)
        made = Progress(self.done, self.strategy.total, self.best, rate, left / rate if rate else None, part)
        if time.monotonic() - self._written > STATUS_EVERY:
            self._status("training", made.rate, made.eta)
        return made

    def _status(self, phase: str, rate: float | None = None, eta: float | None = None) -> None:
        self._written = time.monotonic()
        packs = tuple(
            PackStatus(number=p.pack, graphs=p.graphs, epoch=p.epoch, epochs=p.epochs, worker=p.worker)
            for p in self._running.values()
        )
        total = self.strategy.total
        self.run.write_status(Status(phase=phase, done=self.done, total=total, packs=packs, rate=rate, eta=eta))


def _light(draw: Draw, state: State) -> Trial:
    return Trial(number=draw.number, key=draw.graph.key, graph=str(draw.graph), repeat=draw.repeat, state=state)


def trial_of(draw: Draw, effective: Effective, training: Training) -> Trial:
    """The light record of a draw whose effective graph was trained: accuracies by the drawn graph's own nodes."""
    accuracy: list[float | None] = [None] * draw.graph.nodes
    for node, value in zip(effective.nodes, training.accuracy, strict=False):
        accuracy[node - 1] = value
    return Trial(
        number=draw.number,
        key=draw.graph.key,
        graph=str(draw.graph),
        repeat=draw.repeat,
        state=training.state,
        training=training.id,
        nodes=effective.nodes,
        accuracy=tuple(accuracy),
    )
