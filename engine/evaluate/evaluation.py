"""A final evaluation as the command and a notebook call it: choose graphs, train them again, sum up."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Any

from engine.analysis.ranking import rank
from engine.analysis.repeats.retrained import Repeated, repeated
from engine.errors import AnalysisError, TrainingError
from engine.evaluate.graph_choice import chosen
from engine.space.graph import Graph
from engine.space.space import Space
from engine.store.files.evaluations import FRESH, WEIGHTS, EvaluationFile, read_evaluations, remark
from engine.store.folder import space_of
from engine.store.log.durable import disk, replace_file
from engine.store.reader import RunReader
from engine.store.records import RunInfo

if TYPE_CHECKING:
    from engine.evaluate.retraining import Going, Options


@dataclass(frozen=True, slots=True)
class Chosen:
    """A run and the graphs of it that are to be evaluated."""

    folder: Path
    info: RunInfo
    space: Space
    graphs: tuple[Graph, ...]
    selected: dict[str, float]
    """Mean validation accuracy (%) in the search by key: what the graphs were chosen by."""
    seconds: float | None
    """Mean seconds of a training in the search."""
    notes: tuple[str, ...] = ()
    """Where equal graphs were left out, and what decided."""


@dataclass(frozen=True, slots=True)
class Evaluated:
    """What an evaluation found."""

    chosen: Chosen
    graphs: tuple[Repeated, ...]
    remark: str | None
    """That the test set was opened, if it ever was."""

    def optimism(self, graph: Repeated) -> float | None:
        """Validation accuracy (%) at selection minus the retrained mean: how far the search flattered this graph."""
        seen, again = self.chosen.selected.get(graph.key), graph.target.validation
        return None if seen is None or again is None else seen - again.mean

    def plain(self, *, test: bool) -> dict[str, Any]:
        """For `--json`; figures of the test set only if `test`."""
        found = []
        for graph in self.graphs:
            seen, flattered = self.chosen.selected.get(graph.key), self.optimism(graph)
            found.append(graph.plain(test=test) | {"selected": seen, "optimism": flattered})
        c = self.chosen
        return {"run": str(c.folder), "space": c.space.name, "seed": c.info.seed, "protocol_epochs": c.space.protocol.epochs,
                "notes": list(c.notes), "graphs": found, "test_set": self.remark or "closed"}


def choose(folder: Path, wanted: Sequence[str]) -> Chosen:
    """Read a run and find the graphs. Raises StoreError, AnalysisError or SpaceError; loads no torch."""
    with RunReader(folder) as reader:
        reader.refresh()
        trials, trainings, info = reader.trials, reader.trainings, reader.info
        space = space_of(folder, info)
    walls = [t.wall for t in trainings.values() if t.wall > 0]
    ranking = rank(trials, space, info, read_evaluations(folder))
    graphs, notes = chosen(wanted, ranking, trials, space, folder)
    selected = {key: 100 - fmean(errors) for key, errors in ranking.errors.items()}
    return Chosen(folder, info, space, tuple(graphs), selected, sum(walls) / len(walls) if walls else None, tuple(notes))


def evaluate(chosen: Chosen, options: Options) -> Iterator[Going]:
    """Train the chosen graphs again and record them, with a model card each. `evaluated` sums up afterwards.

    Raises StoreError if a search holds the folder, DataError if the data are not there, TrainingError for a run whose batches
    were shared by several processes.
    """
    from engine.evaluate.model_card import card
    from engine.evaluate.retraining import Retraining

    if options.repeats < 1:
        raise AnalysisError(f"--repeats: must be at least 1, got {options.repeats}")
    if (sharing := chosen.space.protocol.processes) > 1:
        told = f"trained with protocol.processes = {sharing}, but an evaluation trains in one process"
        raise TrainingError(f"{chosen.folder}: {told}", "search with --processes 1 what is to be evaluated")
    with EvaluationFile(chosen.folder) as file:
        yield from Retraining(
            chosen.folder, chosen.info, chosen.space.protocol, chosen.space.nodes, chosen.graphs, file, options, chosen.seconds
        ).events()
        wanted = {g.key for g in chosen.graphs}
        for graph in repeated(e for e in file.evaluations if e.key in wanted):
            path = chosen.folder / WEIGHTS / f"{graph.key}.md"
            with disk("write", path):
                path.parent.mkdir(exist_ok=True)
                replace_file(path, card(graph, chosen.space, chosen.info).encode())


def evaluated(chosen: Chosen, repeats: int | None = None) -> Evaluated:
    """What is recorded of the chosen graphs, over the first `repeats` retrainings (None: all)."""
    every = read_evaluations(chosen.folder)
    most = None if repeats is None else FRESH + repeats
    found = {r.key: r for r in repeated(e for e in every if most is None or e.repeat < most)}
    graphs = tuple(found[g.key] for g in chosen.graphs if g.key in found)
    return Evaluated(chosen, graphs, remark(every))
