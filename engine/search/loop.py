"""The search loop: draws become packs, packs become records, as a generator of events.

Both front ends consume it: the command prints the events, a notebook may do as it likes; stop consuming and it stops.
Whatever an event speaks of is on the disk when the event is seen (DESIGN.md, wall 2).
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field

from engine.control.requests import Answer
from engine.control.server import Desk, Kill
from engine.errors import StoreError
from engine.executors.interface import Checkpointed, EpochDone, Executor, Note, PackDone, PackJob, PackLimit, PackPaused
from engine.packing.packs import PackShape
from engine.search.eta import Pace
from engine.search.events import Event, Finished, Progress, TrialsDone
from engine.search.executor_control import Hire, Steering
from engine.search.rung_scheduler import ByRungs
from engine.search.running_packs import Underway
from engine.search.scheduler import Flow, Results, Whole
from engine.search.stop_trial import named, stopped
from engine.space.files.load import Space
from engine.space.reference_graphs import references
from engine.store.files.status import FINISHED, Status
from engine.store.records import Trial
from engine.store.run import Run
from engine.strategies.interface import Draw, Strategy

STATUS_EVERY = 0.5
"""Seconds between writes of status.json: often enough to look live, far too seldom to cost anything."""


@dataclass
class Search:
    """One search on one run folder, from wherever its records stand."""

    space: Space
    strategy: Strategy
    run: Run
    executor: Executor
    shape: PackShape
    limit: int | None = None
    desk: Desk = field(default_factory=Desk)
    """Where people say what they want of it, and it says how far it is."""
    hire: Hire | None = None
    """Makes an executor of so many workers."""
    done: int = 0
    fresh: int = 0
    """Trials recorded by this process."""
    best: Trial | None = None
    started: float = field(default_factory=time.monotonic)
    _drawn: int = 0
    """Draws that the strategy was asked for, recorded ones too."""
    _trained: int = 0
    """Trainings recorded by this process."""
    _stood: float = 0.0
    _warned: str = ""
    _asked: list[Draw] = field(default_factory=list)
    """Draws whose outcomes the strategy has not been told."""
    _trials: dict[int, Trial] = field(default_factory=dict)
    """Everything recorded, by number."""
    _written: float = 0.0
    _underway: Underway = field(default_factory=Underway)
    _pace: Pace = field(init=False)

    def __post_init__(self) -> None:
        seconds, workers = self.run.info.mode.get("seconds"), self.run.info.mode.get("workers") or 1
        self._pace = Pace(workers / seconds if seconds else None)

    def events(self) -> Iterator[Event]:
        """Run to the end of the strategy (or the limit), yielding what was recorded. Raises Stopped on a person's wish."""
        for trial in self.run.trials():
            self._count(trial)
        flow = self._flow()
        self.run.checkpoints.sweep(self.run.trainings())
        self.desk.phase = "training"
        try:
            yield self._progress(flow)
            yield from self._ask(flow)
            if flow.outstanding:
                yield from self._train(flow)
            if self.desk.end and self.done < self.strategy.total:
                raise self.desk.stopped()
        finally:  # also after Ctrl-C, or when nobody listens any more
            complete = self.done >= self.strategy.total
            self.desk.training, self.desk.phase = False, FINISHED if complete else "stopped"
            self._status()
        yield Finished(complete)

    def _flow(self) -> Flow:
        """The way from draws to records, from where the run folder stands."""
        besides, trained, recorded = references(self.space), self.run.trainings(), frozenset(self._trials)
        if not self.strategy.rungs:
            settings, taken = self.strategy.settings(), self.strategy.inherited
            interleaved, origin = bool(settings.get("interleaved")), str(settings.get("from", ""))
            return Whole(self.shape, besides, trained, recorded, interleaved, taken, origin)
        paused, judged = self.run.paused(), {(j.epoch, j.cohort): j for j in self.run.judgements()}
        curves = self.run.curves([*trained, *paused])
        paused = {id: training for id, training in paused.items() if id in curves}  # else it is trained again
        return ByRungs(
            self.strategy, self.space.protocol, self.shape, besides, trained, paused, curves, recorded, judged
        )  # fmt: skip

    def _ask(self, flow: Flow) -> Iterator[Event]:
        """Ask for draws until some of them wait for training; what needs none is recorded at once."""
        while not flow.outstanding:
            for draw in self._asked:
                self.strategy.tell(self._trials[draw.number])
            self._asked = list(self.strategy.ask(self.strategy.total))
            if not self._asked:
                return
            self._drawn += len(self._asked)
            yield from self._record(flow, flow.add(self._asked))

    def _jobs(self, flow: Flow) -> Iterator[PackJob | None]:
        """Jobs as they can be trained; None while the next one waits for what is running."""
        while True:
            job = flow.next_job()
            if job is None and not self._underway:
                return
            if job is not None:
                self._underway.begin(job)
            yield job

    def _train(self, flow: Flow) -> Iterator[Event]:
        if self.limit is not None and self.fresh >= self.limit:
            return
        self.started = time.monotonic()
        self.desk.training = True
        steering = Steering(self.executor, self.desk, self.hire)
        for event in steering.run(self._jobs(flow)):
            self.executor, self._stood = steering.executor, steering.stood
            if isinstance(event, PackDone | PackPaused):
                self._underway.end(event.pack)
                yield from self._record(flow, flow.take(event), event)
            elif isinstance(event, Note):
                self.run.log("note", message=event.message)
            elif isinstance(event, Checkpointed):
                self.run.log("checkpoint", pack=event.pack, epoch=event.epoch)
            elif isinstance(event, PackLimit):
                self.run.limit_packs(event.graphs, event.kind)
                self.run.log("limit", message=f"packs of {event.graphs} graphs on {event.kind} from now on: {event.reason}")
            else:
                if isinstance(event, EpochDone):
                    self._underway.note(event)
                yield self._progress(flow)
            while self.desk.kills:
                yield from self._kill(flow, self.desk.kills.popleft())
            yield from self._ask(flow)
            if self.limit is not None and self.fresh >= self.limit:
                return

    def _kill(self, flow: Flow, kill: Kill) -> Iterator[Event]:
        """Record a training that a person does not want as stopped, with all trials that share it.

        At once, not when its pack is done: what was answered is on the disk. The pack's result for it is passed over.
        """
        waiting = flow.waiting
        try:
            ids = named(kill.key, waiting, self._trials.values())
        except StoreError as error:
            kill.settle(Answer(done=False, message=str(error)))
            return
        results = flow.end([stopped(waiting[id][0], id, self.run.info.seed, kill.who) for id in ids])
        self.executor.drop(ids)
        self._keep(results)
        numbers = ", ".join(str(t.number) for t in results.trials)
        self.run.log("kill-trial", key=kill.key, who=kill.who, trials=numbers)
        kill.settle(Answer(done=True, message=f"trial {numbers} is recorded as stopped", status=self.desk.status))
        yield from self._tell(flow, results)

    def _record(self, flow: Flow, results: Results, pack: PackDone | PackPaused | None = None) -> Iterator[Event]:
        """Results on the disk before anybody hears of them."""
        self._keep(results)
        if pack:
            self.run.log("pack", number=pack.pack, graphs=len(pack.trainings), done=self.done)
        yield from self._tell(flow, results)

    def _keep(self, results: Results) -> None:
        """The one place that writes results."""
        if results:
            self.run.add(results.trials, results.trainings, results.curves, results.paused, results.judgements)
            self.run.checkpoints.remove({training.id for training in results.trainings})
        for trial in results.trials:
            self._count(trial)
        self.fresh += len(results.trials)
        self._trained += len(results.trainings)

    def _tell(self, flow: Flow, results: Results) -> Iterator[Event]:
        if results.trials:
            yield TrialsDone(results.trials)
        yield self._progress(flow)

    def _count(self, trial: Trial) -> None:
        self.done += 1
        self._trials[trial.number] = trial
        if trial.error is not None and (self.best is None or trial.error < (self.best.error or 0.0)):
            self.best = trial

    def _progress(self, flow: Flow) -> Progress:
        part = self._underway.part
        rate = self._pace.rate(time.monotonic() - self.started - self._stood, self._trained + part)
        # Draws that share a training are one, and a draw nobody has asked for yet is taken for one.
        left = self._pace.left(max(0.0, flow.outstanding + self.strategy.total - self._drawn - part), rate)
        made = Progress(self.done, self.strategy.total, self.best, rate, left, part, self.desk.warning)
        if made.warning != self._warned:
            self._warned = made.warning
            self.run.log("warning", message=made.warning or "no more")
        if time.monotonic() - self._written > STATUS_EVERY:
            self._status(made.rate, made.eta)
        return made

    def _status(self, rate: float | None = None, eta: float | None = None) -> None:
        self._written = time.monotonic()
        packs, total = self._underway.packs(), self.strategy.total
        status = Status(phase=self.desk.phase, done=self.done, total=total, packs=packs, rate=rate, eta=eta)
        self.run.write_status(self.desk.show(status))
