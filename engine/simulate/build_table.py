"""A table from the run folder of an exhaustive search."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from engine.errors import StoreError
from engine.simulate.table import INVALID, NOTHING, UNTAUGHT, Table, TableInfo
from engine.space.counting.enumeration import canonical_rows
from engine.space.counting.graph_arrays import Codebook
from engine.space.graph import Graph
from engine.space.space import Space
from engine.store.folder import space_of
from engine.store.reader import RunReader
from engine.store.records import Curve, State, Training


def build(folder: Path, repeats: int | None = None) -> Table:
    """The table of a run that has trained its whole space; `repeats` None: all whole passes there are.

    Raises StoreError if not one pass is whole, naming what is missing.
    """
    with RunReader(folder) as reader:
        reader.refresh()
        info, trainings = reader.info, reader.trainings
        space = space_of(folder, info)
        book = Codebook(space.ground)
        rows = np.concatenate([*canonical_rows(space.ground, book)])
        form, effective = _forms(book.graphs(rows))
        passes = _whole(effective, trainings, folder, repeats)
        right = _counts(effective, passes, trainings, reader, space, folder)
    # Inherited or retried trainings cost what they cost: the mean is over all that were timed.
    walls = [t.wall / t.epochs for t in trainings.values() if t.wall > 0 and t.epochs]
    made = TableInfo(
        space=info.space, models=book.models, gates=book.gates, seed=info.seed, graphs=len(rows), forms=len(effective),
        repeats=len(passes), epochs=space.protocol.epochs, seconds=sum(walls) / len(walls) if walls else 0.0,
        command=_without_folder(info.command), commit=info.commit, versions=info.versions,
    )  # fmt: skip
    return Table(made, rows, form, right)


def _without_folder(command: str) -> str:
    """Where the run lay says something of a machine, and nothing of the table."""
    words = shlex.split(command)
    if "--run" in words:
        del words[words.index("--run") : words.index("--run") + 2]
    return shlex.join(words)


def _forms(graphs: Sequence[Graph]) -> tuple[npt.NDArray[np.int16], list[str]]:
    """Form number of each graph, and the key of each form."""
    number: dict[str, int] = {}
    form = np.empty(len(graphs), np.int16)
    for place, graph in enumerate(graphs):
        effective = graph.effective().graph
        if effective is None:
            form[place] = INVALID
        elif not effective.is_taught:
            form[place] = UNTAUGHT
        else:
            form[place] = number.setdefault(effective.key, len(number))
    return form, list(number)


def _whole(forms: Sequence[str], trainings: Mapping[str, Training], folder: Path, wanted: int | None) -> list[int]:
    """The repeats in which every form was trained."""
    there = sorted({t.repeat for t in trainings.values()})
    missing = {r: sum(f"{key}.{r}" not in trainings for key in forms) for r in there}
    whole = [r for r in there if not missing[r]]
    if not whole or (wanted is not None and len(whole) < wanted):
        told = ", ".join(f"repeat {r} lacks {n} of {len(forms)} trainings" for r, n in missing.items() if n) or "it has none"
        raise StoreError(f"{folder}: {len(whole)} whole passes of the space, a table needs {wanted or 1} ({told})",
                         "let the exhaustive search end")
    return whole[:wanted]


def _counts(
    forms: Sequence[str], passes: Sequence[int], trainings: Mapping[str, Training], reader: RunReader, space: Space, folder: Path
) -> npt.NDArray[np.uint16]:
    """Right answers [form, repeat, epoch]."""
    right = np.full((len(forms), len(passes), space.protocol.epochs), NOTHING, np.uint16)
    for column, repeat in enumerate(passes):
        for row, key in enumerate(forms):
            training = trainings[f"{key}.{repeat}"]
            curve = reader.curve(training.id)
            if curve is None or training.state not in (State.DONE, State.DIVERGED):
                raise StoreError(f"{folder}: training {training.id} {'is ' + training.state if curve else 'has no curve'}",
                                 "a table needs every graph's learning curve")
            whole = curve.accuracy if training.state is State.DONE else curve.accuracy[:-1]
            right[row, column, : len(whole)] = _images(curve, len(whole), space.protocol.validation)
    return right


def _images(curve: Curve, epochs: int, total: int) -> list[int]:
    return [round((values[0] or 0.0) * total / 100) for values in curve.accuracy[:epochs]]
