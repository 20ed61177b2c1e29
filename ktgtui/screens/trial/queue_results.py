"""Graphs that a person queued, as they stand beside a run: waiting, or trained by another search since. Textual-free.

A trial's result depends on the protocol, the graph and the search seed alone, so what a search of listed graphs found
with both alike is what the run itself would have found.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from engine.errors import EngineError
from engine.store.folder import space_of
from engine.store.reader import RunReader
from engine.store.records import Trial
from ktgtui.data.snapshot import RunDetail, RunView
from ktgtui.screens.trial import queue_file

LISTED = "graphs"
"""Strategy of a search whose graphs a person listed."""


def searches(run: RunDetail, runs: Iterable[RunView]) -> tuple[RunView, ...]:
    """Searches of listed graphs, of the run's space, that have something to tell."""
    return tuple(view for view in runs if view.strategy == LISTED and view.space == run.view.space
                 and view.folder != run.view.folder and view.done and not view.error)


@dataclass(frozen=True, eq=False)
class Queued:
    """What is known of queued graphs."""

    trials: tuple[Trial, ...] = ()
    """Of other searches, made as the run's own are: seed and protocol alike."""
    waiting: frozenset[str] = frozenset()
    """Effective keys of the graphs on the space's list, trained or not."""


NOTHING = Queued()


def read(run: RunDetail, views: Sequence[RunView], folder: Path) -> Queued:
    """Search folders and the list of the workbench's folder; what of them cannot be read counts as empty."""
    return Queued(tuple(trial for view in views for trial in _results(run, view)), _waiting(run, folder))


def _results(run: RunDetail, view: RunView) -> Sequence[Trial]:
    with suppress(EngineError), RunReader(view.folder) as reader:
        reader.refresh()
        protocol = space_of(view.folder, reader.info).protocol
        if reader.info.seed == run.info.seed and not run.space.protocol.differing(protocol):
            return reader.trials
    return ()


def _waiting(run: RunDetail, folder: Path) -> frozenset[str]:
    with suppress(EngineError):
        graphs = queue_file.read(queue_file.path(folder, run.space.slug))
        return frozenset(key for graph in graphs if (key := graph.effective().key))
    return frozenset()
