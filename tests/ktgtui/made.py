"""Run folders made by a known rule, so that a screen can be read against the truth."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from pathlib import Path

from engine.space.files import resolved
from engine.space.files.load import Space, load
from engine.space.graph import Graph
from engine.store.records import Curve, RunInfo, State, Training, Trial
from engine.store.run import Run

EPOCHS = 4


def error_of(graph: Graph) -> float:
    """Validation error (%) of a graph: large auxiliaries and taught ones help, and a little noise of its own."""
    noise = zlib.crc32(str(graph).encode()) % 1000 / 250
    helped = 2.0 * sum(m == "mlp96" for m in graph.models[1:])
    taught = sum(graph.gate(0, n) == "through" for n in range(2, graph.nodes + 1))
    return 12.0 - helped - taught + noise


Recorded = tuple[Trial, Training | None, Curve | None]


def records(space: Space, n: int, seed: int = 0, first: int = 0) -> Iterator[Recorded]:
    """Trials `first` to `n` - 1 of a random search; graphs that need no training have none."""
    seen: set[str] = set()
    for number, graph in enumerate(space.sample(n, seed)):
        effective = graph.effective()
        trial_id = None if effective.graph is None or not graph.is_taught else f"{effective.key}.0"
        state = State.DONE if trial_id else State.UNTAUGHT if graph.is_valid else State.INVALID
        accuracy = 100.0 - error_of(graph)
        values = (accuracy, accuracy - 1, None)[: graph.nodes] if trial_id else ()
        trial = Trial(number=number, key=graph.key, graph=str(graph), state=state, training=trial_id,
                      nodes=effective.nodes, accuracy=values)
        if trial_id is None or trial_id in seen:
            training = curve = None
        else:
            seen.add(trial_id)
            live = effective.graph.nodes  # type: ignore[union-attr]
            training = Training(id=trial_id, graph=str(effective.graph), seed=seed, state=state, epochs=EPOCHS,
                                accuracy=(accuracy, *(accuracy - 1,) * (live - 1)), losses={"y>1": 0.25}, wall=0.5)
            rows = tuple(tuple(accuracy - 20 / (e + 1) - i for i in range(live)) for e in range(EPOCHS))
            curve = Curve(id=trial_id, accuracy=rows, loss=rows)
        if number >= first:
            yield trial, training, curve


def info(space: Space, name: str, total: int | None, strategy: str = "random", seed: int = 0) -> RunInfo:
    return RunInfo(name=name, space=resolved.dump(space), strategy={"name": strategy, "graphs": total}, seed=seed,
                   mode={"pack": 64}, total=total, created="2026-01-01T00:00:00+00:00")


def run_folder(folder: Path, space: str = "digits/A", n: int = 60, total: int | None = None, seed: int = 0,
               strategy: str = "random") -> Path:
    """A run folder with `n` trials of `total` (default: finished), closed by its writer."""
    found = load(space)
    with Run.create(folder, info(found, folder.name, total or n, strategy, seed)) as run:
        add(run, found, n, seed)
    return folder


def add(run: Run, space: Space, n: int, seed: int = 0, first: int = 0) -> None:
    """Record trials `first` to `n` - 1."""
    made = list(records(space, n, seed, first))
    known = {t.id for t in run.trainings().values()} if first else set()
    run.add([t for t, _, _ in made], [t for _, t, _ in made if t and t.id not in known],
            [c for _, _, c in made if c and c.id not in known])
