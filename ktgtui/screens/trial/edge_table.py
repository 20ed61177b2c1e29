"""What a trial's page says of a graph edge by edge: its gate, its loss, what is known of the other gates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from engine.analysis.neighbours import Neighbour
from engine.analysis.sample import chance_rule, with_results
from engine.analysis.ties import Place
from engine.space.graph import LABEL, Edge, Graph
from engine.space.text.describe_graph import name, why_equal
from engine.store.records import Training, Trial
from ktgtui.data.snapshot import RunDetail
from ktgtui.drawing.text import Cell, Paragraph
from ktgtui.drawing.trial_cells import short
from ktgtui.screens.trial.queue_results import NOTHING, Queued


@dataclass(frozen=True, slots=True)
class Row:
    """One edge, its gate, and the graph with each other gate there."""

    edge: Edge
    gate: str
    error: float | None
    """Of the graph itself (%)."""
    others: dict[str, Neighbour]
    loss: float | None = None
    """Mean over the last epoch, before the gate's weight; None where nothing flowed or nothing was trained."""


def rows(trial: Trial, training: Training | None, around: Sequence[Neighbour]) -> list[Row]:
    """An edge a row."""
    losses = edge_losses(trial, training)
    return [Row(edge, gate, trial.error, {n.gate: n for n in around if n.edge == edge}, losses.get(edge))
            for edge, gate in Graph.parse(trial.graph).items()]


def edge_losses(trial: Trial, training: Training | None) -> Mapping[Edge, float]:
    """Losses by the trial's own edges: what was trained is its effective form, whose nodes have other numbers."""
    if training is None:
        return {}
    nodes = {str(place): node for place, node in enumerate(trial.nodes, 1)} | {"y": LABEL}
    ends = ((*written.partition(">")[::2], loss) for written, loss in training.losses.items())
    return {Edge(nodes[source], nodes[target]): loss for source, target, loss in ends if {source, target} <= nodes.keys()}


def cells(row: Row, turned: str, gates: Sequence[str], queued: Queued = NOTHING) -> Sequence[Cell]:
    """A row of the table; `turned`: the gate that a person has tried on the edge, else its own."""
    gate = (short(row.gate), "accent") if turned == row.gate else (f"{short(row.gate)} > {short(turned)}", "warn")
    loss = "" if row.loss is None else f"{row.loss:.4f}"
    return (str(row.edge), gate, (loss, "dim"), *(_cell(row, gate, queued) for gate in gates), "")


def _cell(row: Row, gate: str, queued: Queued) -> Cell:
    """What is known of the graph with this gate on the edge: its error and how much worse it is."""
    if gate == row.gate:
        return ("here" if row.error is None else f"{row.error:.2f}", "accent")
    other = row.others.get(gate)
    if other is None:
        return ""
    if other.same:
        return ("trains alike", "dim")
    if other.error is None:
        waits = other.state == "unknown" and other.graph.effective().key in queued.waiting
        return ("queued", "warn") if waits else ({"unknown": "?"}.get(other.state, other.state), "dim")
    if row.error is None:
        return f"{other.error:.2f}"
    worse = other.error - row.error
    return (f"{other.error:.2f} ({worse:+.2f})", "bad" if worse > 0 else "good" if worse < 0 else "")


def head(run: RunDetail, trial: Trial, graph: Graph) -> list[Paragraph]:
    """Which trial this is, and under which name its graph is known."""
    error = "" if trial.error is None else f"  error {trial.error:.2f} %"
    known_as = name(graph)
    repeat = f"  repeat {trial.repeat}" if run.info.repeats > 1 else ""
    place = _place(run, trial)
    return [[(f"#{trial.number}  ", "accent"), (trial.state.value, ""), (error, "accent"), (place, ""), (repeat, "dim"),
             (f"  {known_as}" if known_as else "", "good"), (f"  key {trial.key}", "dim")]]


def _place(run: RunDetail, trial: Trial) -> str:
    """`  place 2-31 of 513`: among the trials of its repeat, those that tie with it told; nothing for one at chance."""
    errors = [t.error for t in with_results(run.trials, chance_rule(run.space.protocol))[0] if t.repeat == trial.repeat]
    if trial.error not in errors:
        return ""
    better = sum(error < trial.error for error in errors if error is not None and trial.error is not None)
    return f"  place {Place(better + 1, errors.count(trial.error))} of {len(errors):,}"


def foot(run: RunDetail, trial: Trial, around: Sequence[Neighbour], queued: Queued = NOTHING) -> list[Paragraph]:
    """How the neighbourhood stands, which others are this graph and why, what failed."""
    training = run.trainings.get(trial.training or "")
    known = [n for n in around if n.error is not None and not n.same]
    better = sum((n.error or 0.0) < trial.error for n in known) if trial.error is not None else 0
    by_queue = "; some by a search of queued graphs" if queued.trials else ""
    told: list[Paragraph] = [[
        (f"{len(known)} of {len(around)} neighbours known, {better} of them better{by_queue}", ""),
        (f"   {training.wall:.1f} s, pack {training.pack}" if training else "", "dim")]]
    if alike := alikes(run, trial):
        told.append([(alike, "dim")])
    if training and training.reason:
        told.append([(training.reason, "bad")])
    return told


def alikes(run: RunDetail, trial: Trial) -> str:
    """How many other trials train just as this one, and why one of them does; empty if none."""
    others = [t for t in run.trials if t.training == trial.training and t is not trial] if trial.training else []
    if not others:
        return ""
    count = "1 other trial trains" if len(others) == 1 else f"{len(others)} other trials train"
    graph = Graph.parse(trial.graph)
    for other in others:
        if reasons := why_equal(graph, Graph.parse(other.graph)):
            return f"{count} the same; #{other.number}, the second graph, because {', '.join(reasons)}"
    return f"{count} the same"
