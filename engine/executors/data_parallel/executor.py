"""Packs that all processes of a group train together, each computing its part of every mini-batch.

Process 0 is the search: it tells the others each pack, and all of them train it in step, so their collectives meet.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager

from engine.errors import TrainingError
from engine.executors.data_parallel.process_group import Others
from engine.executors.interface import ExecutorEvent, PackDone, PackJob, PackPaused
from engine.executors.local import LocalExecutor
from engine.executors.workers.pool import Task
from engine.store.records import State
from engine.training.data.splits import Images
from engine.training.data_parallel import join, leave, tell
from engine.training.teachers.bank import TeacherCache


@contextmanager
def group(processes: int, workers: int | None) -> Iterator[Others | None]:
    """The other processes of a data-parallel search, for as long as the block runs; None if it is no such search.

    Raises TrainingError if worker processes are asked for besides.
    """
    if processes == 1:
        yield None
        return
    if workers not in (None, 1):
        raise TrainingError(f"--workers {workers}: the {processes} processes of a group train one pack at a time",
                            "leave --workers out")
    others = Others(processes)
    try:
        join()
        yield others
    finally:
        if others.told:
            leave()
        others.end()


class ParallelExecutor:
    """Process 0 of a group. Checkpoints and stopping single graphs are not for groups: the others would not know."""

    def __init__(self, task: Task, part: Images, others: Others) -> None:
        """`part` is the data set's training part; the others read it themselves."""
        self.inner = local(task, part)
        self.others = others
        tell(task)

    def run(self, jobs: Iterable[PackJob | None]) -> Iterator[ExecutorEvent]:
        """Events as they come. Raises TrainingError if a process of the group ends before its time."""
        listening = True
        try:
            for job in jobs:
                assert job is not None, "nothing is running that a job could wait for"
                tell(job)
                listening = False
                for event in self.inner.run([job]):
                    if isinstance(event, PackDone | PackPaused):
                        self._check(event)
                        listening = True
                    yield event
        finally:
            if listening:  # else they are in the middle of a pack that nobody wants any more
                tell(None)
                self.others.told = True

    def pause(self) -> None:
        """The others wait at the next step for this process's part."""
        self.inner.pause()

    def resume(self) -> None:
        self.inner.resume()

    def resize(self, workers: int) -> bool:
        """The group's size is a part of the protocol."""
        return workers == 1

    def drop(self, ids: Collection[str]) -> None:
        """Nothing: the graphs are trained to the end, and whoever dropped them passes their results over."""

    def checkpoint_now(self) -> None:
        """Nothing: a pack of a group begins again."""

    def _check(self, end: PackDone | PackPaused) -> None:
        """A graph may have failed only because a process of the group is gone: such a failure must not be recorded."""
        if not any(t.state is State.FAILED for t in end.trainings):
            return
        try:
            tell(ALIVE)
        except RuntimeError as error:
            raise TrainingError(
                f"a process of the group has ended: {str(error).splitlines()[0]}", "the same command goes on from here"
            ) from None


ALIVE = "still there?"


def local(task: Task, part: Images) -> LocalExecutor:
    """What each process of the group trains with."""
    return LocalExecutor(task.protocol, part, task.shape, task.mode, task.seed, TeacherCache(task.teachers))
