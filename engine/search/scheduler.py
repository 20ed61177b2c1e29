"""How draws become packs and packs become records: to the protocol's end at once (here), or by rungs (`rung_scheduler`)."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

import msgspec

from engine.executors.interface import PackDone, PackJob, PackPaused
from engine.packing.packs import PackShape, fill
from engine.space.graph import Effective, Graph
from engine.store.files.rung_decisions import Judgement
from engine.store.records import Curve, State, Training, Trial, training_id
from engine.strategies.interface import Draw


@dataclass(frozen=True, slots=True)
class Results:
    """What is to be recorded, in one piece."""

    trials: tuple[Trial, ...] = ()
    """By number."""
    trainings: tuple[Training, ...] = ()
    curves: tuple[Curve, ...] = ()
    paused: tuple[Training, ...] = ()
    judgements: tuple[Judgement, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.trials or self.trainings or self.curves or self.paused or self.judgements)


class Flow(Protocol):
    """Draws in, jobs out, events in, records out. It writes nothing."""

    def add(self, draws: Sequence[Draw]) -> Results:
        """Take draws in, recorded ones too (packs are formed as they were); what needs no training is a result at once."""
        ...

    @property
    def outstanding(self) -> int:
        """Trainings that draws wait for."""
        ...

    def next_job(self) -> PackJob | None:
        """A pack that can be trained now; None if there is none (yet)."""
        ...

    def take(self, event: PackDone | PackPaused) -> Results:
        """What a pack's end amounts to."""
        ...

    @property
    def waiting(self) -> Mapping[str, Sequence[tuple[Draw, Effective]]]:
        """Draws whose training is not recorded yet, by training id."""
        ...

    def end(self, trainings: Sequence[Training]) -> Results:
        """Trainings that came to their end outside a pack: what a pack says of them later is passed over."""
        ...


@dataclass
class Whole:
    """Every graph is trained to the protocol's last epoch."""

    shape: PackShape
    references: Sequence[Graph]
    """Effective graphs trained besides, first in each repeat."""
    trained: dict[str, Training]
    """What is recorded, by training id; grows."""
    recorded: Collection[int]
    """Numbers of the trials that are recorded."""
    interleaved: bool = False
    """Are a pack's repeats to follow each other, rather than whole passes?"""
    inherited: Mapping[tuple[str, int], Trial] = field(default_factory=dict)
    """By (graph's key, repeat): results of the run `origin` that count as this one's."""
    origin: str = ""
    waiting: dict[str, list[tuple[Draw, Effective]]] = field(default_factory=lambda: defaultdict(list))
    _jobs: deque[PackJob] = field(default_factory=deque)
    _packed: set[str] = field(default_factory=set)
    """Ids of the trainings that are in a pack formed so far."""
    _number: int = 0

    @property
    def outstanding(self) -> int:
        return len(self.waiting)

    def add(self, draws: Sequence[Draw]) -> Results:
        ready = []
        for draw in draws:
            if draw.number in self.recorded:
                continue
            effective = draw.graph.effective()
            if (taken := self.inherited.get((draw.graph.key, draw.repeat))) is not None:
                ready.append(msgspec.structs.replace(taken, number=draw.number, inherited=self.origin))
            elif (trial := light(draw, effective)) is not None:
                ready.append(trial)
            elif (id := training_id(effective.key or "", draw.repeat)) in self.trained:
                ready.append(trial_of(draw, effective, self.trained[id]))
            else:
                self.waiting[id].append((draw, effective))
        self._pack([draw for draw in draws if (draw.graph.key, draw.repeat) not in self.inherited])
        return Results(trials=tuple(ready))

    def _pack(self, draws: Sequence[Draw]) -> None:
        """Form the packs of these draws, one repeat after the other.

        The division into packs does not depend on what is done, so a resumed search forms the very packs it had: compiled
        code may give other last bits at another place of a pack.
        """
        jobs = []
        for repeat in sorted({draw.repeat for draw in draws}):
            named = {training_id(g.key, repeat): g for g in demand((d for d in draws if d.repeat == repeat), self.references)}
            graphs = [graph for id, graph in named.items() if id not in self._packed]
            self._packed.update(named)
            jobs += [(place, graphs, places, repeat) for place, places in enumerate(fill(graphs, self.shape))]
        for _, graphs, places, repeat in sorted(jobs, key=lambda job: job[0]) if self.interleaved else jobs:
            self._jobs.append(PackJob(self._number, tuple(str(graphs[i]) for i in places), repeat))
            self._number += 1

    def next_job(self) -> PackJob | None:
        while self._jobs:
            job = self._jobs.popleft()
            if any(training_id(Graph.parse(text).key, job.repeat) not in self.trained for text in job.graphs):
                return job
        return None

    def take(self, event: PackDone | PackPaused) -> Results:
        assert isinstance(event, PackDone), "no job of this flow pauses"
        ended = self.end(event.trainings)
        ids = {t.id for t in ended.trainings}
        return replace(ended, curves=tuple(c for c in event.curves if c.id in ids))

    def end(self, trainings: Sequence[Training]) -> Results:
        new = tuple(t for t in trainings if t.id not in self.trained)
        self.trained.update((t.id, t) for t in new)
        trials = [trial_of(draw, effective, t) for t in new for draw, effective in self.waiting.pop(t.id, ())]
        return Results(by_number(trials), new)


def by_number(trials: Collection[Trial]) -> tuple[Trial, ...]:
    return tuple(sorted(trials, key=lambda trial: trial.number))


def light(draw: Draw, effective: Effective) -> Trial | None:
    """The record of a graph that needs no training; None if it needs one."""
    if effective.graph is None:
        state = State.INVALID
    elif not effective.graph.is_taught:
        state = State.UNTAUGHT
    else:
        return None
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


def demand(draws: Iterable[Draw], extra: Iterable[Graph] = ()) -> list[Graph]:
    """Distinct effective graphs that need training, `extra` first: what packs are made of."""
    effective = (draw.graph.effective().graph for draw in draws)
    return list(dict.fromkeys([*extra, *(g for g in effective if g is not None and g.is_taught)]))
