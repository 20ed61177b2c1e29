"""Run folders written through the store, as a search would leave them."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from engine.space.files import resolved
from engine.space.files.load import load
from engine.space.graph import Graph
from engine.space.space import Space
from engine.store.records import Curve, RunInfo, State, Training, Trial
from engine.store.run import Run

STEPS = {"A": None, "B": "m[aux] = mlp96", "C": "L[y,aux] = through", "X": "L[aux,1] in {through, linear}"}
ROOT = {
    "nodes": 3, "models": {"1": "mlp16", "aux": ["mlp16", "mlp96"]}, "gates": ["through", "cutoff", "linear"],
    "protocol": {"data": "digits", "train": 512, "validation": 988, "epochs": 60},
}


@cache
def space_named(name: str) -> Space:
    """`digits/A` to `digits/X`: the paper's lineage with models and a protocol that stay as these tests expect them."""
    if not name.startswith("digits/"):
        return load(name)
    with TemporaryDirectory() as place:
        parent = None
        for step, phrase in STEPS.items():
            content = {"name": f"digits/{step}", **({"extends": f"{parent}.json", "constraints": [phrase]} if parent else ROOT)}
            (Path(place) / f"{step}.json").write_text(json.dumps(content))
            parent = step
        return load(Path(place) / f"{name.removeprefix('digits/')}.json")


def effect(graph: Graph) -> float:
    """A known truth: small auxiliaries and cut label edges cost accuracy."""
    cut = sum(graph.gate(0, n) == "cutoff" for n in range(2, graph.nodes + 1))
    return 1.5 * graph.models[1:].count("mlp16") + 1.0 * cut + 2.0 * (graph.gate(0, 1) == "cutoff")


def records(
    space: Space, graphs: Sequence[Graph], repeats: int = 1, seed: int = 0, error_of: Callable[[Graph], float] = effect,
    noise: float = 0.8,
) -> tuple[list[Trial], dict[str, Training], dict[str, Curve]]:
    """Trials of `graphs` in order, repeats outermost; equal effective graphs share a training."""
    rng = np.random.default_rng(seed)
    trials: list[Trial] = []
    trainings: dict[str, Training] = {}
    curves: dict[str, Curve] = {}
    for repeat in range(repeats):
        for graph in graphs:
            form = graph.effective()
            id = f"{form.key}.{repeat}"
            common: dict[str, Any] = {"number": len(trials), "key": graph.key, "graph": str(graph), "repeat": repeat}
            if not graph.is_valid or not graph.is_taught:
                state = State.UNTAUGHT if graph.is_valid else State.INVALID
                trials.append(Trial(state=state, **common))
                continue
            assert form.graph is not None
            if id not in trainings:
                own = tuple(float(round(a, 3)) for a in 90 - error_of(graph) + rng.normal(0, noise, form.graph.nodes))
                epochs = space.protocol.epochs
                trainings[id] = Training(id=id, graph=str(form.graph), repeat=repeat, seed=0, state=State.DONE, epochs=epochs,
                                         accuracy=own, wall=0.2, device="cpu")
                rise = 1 - 0.8 ** np.arange(1, epochs + 1)
                curves[id] = Curve(id=id, accuracy=(*tuple(tuple(round(float(a * r), 2) for a in own) for r in rise[:-1]), own))
            accuracy: list[float | None] = [None] * graph.nodes
            for node, value in zip(form.nodes, trainings[id].accuracy, strict=True):
                accuracy[node - 1] = value
            trials.append(Trial(state=State.DONE, training=id, nodes=form.nodes, accuracy=tuple(accuracy), **common))
    return trials, trainings, curves


def written(
    folder: Path, name: str, n: int | None = None, *, repeats: int = 1, seed: int = 0, strategy: str | None = None,
    protocol: dict[str, Any] | None = None, keep: int | None = None, error_of: Callable[[Graph], float] = effect,
    noise: float = 0.8,
) -> Path:
    """A run of a space: `n` graphs drawn at random, or all of them; `keep` writes only the first trials."""
    space = space_named(name).with_protocol(protocol or {})
    graphs = list(space.enumerate()) if n is None else space.sample(n, seed)
    trials, trainings, curves = records(space, graphs, repeats, seed, error_of, noise)
    kept = trials[:keep]
    used = {t.training for t in kept}
    info = RunInfo(
        name=space.slug, space=resolved.dump(space), seed=seed, repeats=repeats, mode={"pack": 1, "device": "cpu"},
        strategy={"name": strategy or ("exhaustive" if n is None else "random"), "n": n}, total=len(trials),
        versions={"ktgtui": "0.1.0"}, created="2026-01-02T03:04:05+00:00", command=f"python -m engine.search {name}",
    )
    with Run.create(folder, info) as run:
        run.add(trials=kept, trainings=[t for i, t in trainings.items() if i in used],
                curves=[c for i, c in curves.items() if i in used])
    return folder
