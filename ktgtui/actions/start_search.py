"""The form that starts a search: what, how many, and what it will cost, before anything runs."""

from __future__ import annotations

import json
from collections.abc import Sequence

from engine.space.files.load import Space, load
from ktgtui.actions.jobs import seen
from ktgtui.actions.launcher import COUNTED, estimate, read_order, relative, start_search
from ktgtui.context import Context
from ktgtui.dialogs.form import Field, Form, Values
from ktgtui.drawing import formatting
from ktgtui.drawing.text import Paragraph

FEW = 1_000
"""Graphs up to which searching all of them is offered first; the paper's X has 486 by its count."""
SAMPLE = 600
"""Random graphs offered for a larger space."""


def search_form(context: Context, reference: str, sample: int | None = None) -> None:
    """Show the form for one space, offering `sample` random graphs of a large one; starts the search when taken."""
    space = load(reference)
    chosen = context.snapshot.chosen
    known = seen(chosen.view.folder, context.session.folder) if chosen else "runs/digits-A-random600"
    fields = [
        Field("strategy", "exhaustive" if space.keys <= FEW else f"random {sample or SAMPLE}",
              f"exhaustive, or {', '.join(COUNTED)} N"),
        Field("repeats", str(space.protocol.repeats)),
        Field("seed", str(chosen.info.seed if chosen else 0), "a child takes its parent's: the same batches"),
        Field("changes", hint="protocol fields, e.g. epochs=5"),
        Field("inherit", hint=f"a wider run to count from: {known}"),
        Field("workers", hint="processes (default: one a GPU; on a CPU one a core)"),
        Field("run", hint="run folder (default: runs/SPACE-STRATEGY)"),
    ]
    form = Form(f"search {space.name}", fields, lambda values: _tell(context, space, reference, values))
    context.push_screen(form, lambda values: _start(context, space, reference, values))


def _tell(context: Context, space: Space, reference: str, values: Values) -> Sequence[Paragraph]:
    """Graphs, time, folder and command. Raises SpaceError for what cannot be."""
    order = read_order(relative(reference, context.session.folder), space.slug, values)
    trained = space.with_protocol(_fields(order.changes)).protocol if order.changes else space.protocol
    graphs = space.keys if order.graphs is None else min(order.graphs, space.keys)
    seconds = estimate(order, space.keys, trained.epochs, context.snapshot.chosen)
    chosen = context.snapshot.chosen
    cost = f"about {formatting.duration(seconds)} at the speed of {chosen.view.name}" if seconds and chosen else (
        "no run here yet to tell how long that takes")
    passes = f", {order.repeats} passes" if order.repeats > 1 else ""
    goes_on = "goes on with" if (context.session.folder / order.run / "run.json").exists() else "writes"
    return [
        [(f"{graphs:,} graphs{passes}, {trained.epochs} epochs each on {trained.data}: ", ""), (cost, "accent")],
        [(f"{goes_on} {order.run}", "dim")],
        [(order.command(), "dim")],
    ]


def _fields(changes: Sequence[str]) -> dict[str, object]:
    fields: dict[str, object] = {}
    for change in changes:
        name, _, value = change.partition("=")
        try:
            fields[name] = json.loads(value)
        except ValueError:
            fields[name] = value
    return fields


def _start(context: Context, space: Space, reference: str, values: Values | None) -> None:
    if values is None:
        return
    order = read_order(relative(reference, context.session.folder), space.slug, values)
    start_search(context, order)
