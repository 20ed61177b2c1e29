"""Do trials and trainings speak of each other as they should?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from engine.errors import SpaceError
from engine.space.graph import Graph
from engine.store.records import Training, Trial


def faults_of_reference(trials: Sequence[Trial], trainings: Sequence[Training]) -> Iterator[str]:
    """One line for each: a number or id recorded twice, a key that is not its graph's, a training that is not there."""
    for number, times in Counter(trial.number for trial in trials).items():
        if times > 1:
            yield f"trial {number} is recorded {times} times"
    for id, times in Counter(training.id for training in trainings).items():
        if times > 1:
            yield f"training {id} is recorded {times} times"
    for training in trainings:
        yield from _faults_of_training(training)
    known = {training.id for training in trainings}
    for trial in trials:
        yield from _faults_of_trial(trial, known)


def _faults_of_training(training: Training) -> Iterator[str]:
    try:
        key = Graph.parse(training.graph).key
    except SpaceError as error:
        yield f"training {training.id}: {error}"
        return
    if training.id != f"{key}.{training.repeat}":
        yield f"training {training.id}: its graph in repeat {training.repeat} has the id {key}.{training.repeat}"


def _faults_of_trial(trial: Trial, known: set[str]) -> Iterator[str]:
    try:
        graph = Graph.parse(trial.graph)
    except SpaceError as error:
        yield f"trial {trial.number}: {error}"
        return
    if graph.key != trial.key:
        yield f"trial {trial.number}: its graph has the key {graph.key}, not {trial.key}"
    if trial.training is None:
        return
    if trial.training not in known and trial.inherited is None:
        yield f"trial {trial.number}: its training {trial.training} is not recorded"
    if trial.training.partition(".")[0] != graph.effective().key:
        yield f"trial {trial.number}: its graph trains as {graph.effective().key}, not as {trial.training}"
