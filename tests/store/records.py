"""Records to store in tests: small, different from each other, and made from a number."""

from __future__ import annotations

from engine.space.graph import Graph
from engine.store.records import Curve, RunInfo, State, Training, Trial

DRAWN = Graph.parse("1:mlp12 2:mlp12 3:mlp96 | y>1 correct, 2>1 linear, y>2 through")
EFFECTIVE = DRAWN.effective()


def run_info(**fields: object) -> RunInfo:
    return RunInfo(**{"name": "x", "space": {"name": "X"}, "strategy": {"name": "random"}, "seed": 7,
                      "mode": {"pack": 4}, **fields})  # type: ignore[arg-type]


def id_of(number: int) -> str:
    """The training's id: one graph in repeat `number`."""
    return f"{EFFECTIVE.key}.{number}"


def trial(number: int, **fields: object) -> Trial:
    return Trial(**{"number": number, "key": DRAWN.key, "graph": str(DRAWN.canonical()), "repeat": number,
                    "state": State.DONE, "training": id_of(number), "nodes": EFFECTIVE.nodes,
                    "accuracy": (90 + number / 7, 50.5, None), **fields})  # type: ignore[arg-type]


def training(number: int, **fields: object) -> Training:
    return Training(**{"id": id_of(number), "graph": str(EFFECTIVE.graph), "repeat": number, "seed": 7,
                       "state": State.DONE, "epochs": 3, "accuracy": (90 + number / 7, 50.5),
                       "best_accuracy": (95.0, 60.0), "best_epoch": (2, 3), "losses": {"y>1": number / 3}, "wall": 0.25,
                       **fields})  # type: ignore[arg-type]


def curve(number: int, epochs: int = 3) -> Curve:
    rows = tuple((number / 7 + epoch, None) for epoch in range(epochs))
    return Curve(id=id_of(number), accuracy=rows, loss=rows)
