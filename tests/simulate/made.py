"""Tables of made-up results over a small space with graphs of all kinds, and a run folder that holds the same."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from engine.simulate.build_table import _forms
from engine.simulate.table import NOTHING, Table, TableInfo
from engine.space.counting.enumeration import canonical_rows
from engine.space.counting.graph_arrays import Codebook
from engine.space.files import resolved
from engine.space.files.load import Space, load
from engine.space.graph import Graph
from engine.store.records import Curve, RunInfo, State, Training, training_id
from engine.store.run import Run

EPOCHS, IMAGES = 9, 200


def small(tmp_path: Path) -> Space:
    """72 graphs: twins, invalid ones, untaught ones, some with pre-trained nodes."""
    file = tmp_path / "small.json"
    file.write_text(
        '{"extends": "digits/A", "models": {"aux": "mlp16"}, "gates": {"L[y,*]": ["through", "cutoff"], "L[aux,1]": ["through",'
        ' "cutoff"], "L[1,aux]": "cutoff", "L[2,3]": ["cutoff", "linear"], "L[3,2]": ["cutoff", "linear"]}}'
    )
    return load(file).with_protocol({"epochs": EPOCHS, "validation": IMAGES})


def table(space: Space, repeats: int = 3, seed: int = 0, images: int = IMAGES) -> Table:
    """Curves that rise with noise; one training in thirty diverges. Few images make ties."""
    book = Codebook(space.ground)
    rows = np.concatenate([*canonical_rows(space.ground, book)])
    form, keys = _forms(book.graphs(rows))
    draw = np.random.default_rng(seed)
    level = draw.uniform(0.4, 0.9, (len(keys), 1, 1)) + draw.normal(0, 0.03, (len(keys), repeats, EPOCHS))
    rise = np.linspace(0.5, 1, EPOCHS)
    right = np.clip(level * rise * images, 0, images).astype(np.uint16)
    for gone in np.argwhere(draw.random((len(keys), repeats)) < 1 / 30):
        right[*gone, draw.integers(EPOCHS) :] = NOTHING
    info = TableInfo(
        space=resolved.dump(space.with_protocol({"validation": images})), models=book.models, gates=book.gates, seed=0,
        graphs=len(rows), forms=len(keys), repeats=repeats, epochs=EPOCHS, seconds=0.01,
    )  # fmt: skip
    return Table(info, rows, form, right)


def run(folder: Path, held: Table) -> None:
    """The run folder of an exhaustive search that found what the table says."""
    info = RunInfo(name="made", space=held.info.space, strategy={"name": "exhaustive"}, seed=0, mode={})
    graphs: dict[int, Graph] = {}
    for place, form in enumerate(held.form.tolist()):
        if form >= 0:
            graphs.setdefault(form, held.graph(place).effective().graph)  # type: ignore[arg-type]
    with Run.create(folder, info) as made:
        for form, graph in graphs.items():
            for repeat in range(held.repeats):
                made.add((), *([part] for part in _trained(held, form, graph, repeat)))


def _trained(held: Table, form: int, graph: Graph, repeat: int) -> tuple[Training, Curve]:
    seen = [held.accuracy(form, repeat, epoch) for epoch in range(1, held.epochs + 1)]
    diverged = None in seen
    epochs = seen.index(None) + 1 if diverged else held.epochs
    # The epoch in which a training diverges has an accuracy, but no meaning.
    rows = tuple((10.0 if a is None else round(a, 4),) * graph.nodes for a in seen[:epochs])
    id = training_id(graph.key, repeat)
    training = Training(id=id, graph=str(graph), repeat=repeat, seed=0, epochs=epochs, accuracy=rows[-1], wall=0.01 * epochs,
                        state=State.DIVERGED if diverged else State.DONE)
    return training, Curve(id=id, accuracy=rows)
