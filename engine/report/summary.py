"""The report's tables: spaces, results, retrainings, cost, left-out trials, provenance; and a methods paragraph."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev

from engine.analysis.diagnostics.certificate import certify
from engine.analysis.diagnostics.trajectory import trajectory
from engine.analysis.edf import resolution_words
from engine.analysis.ranking import Ranked
from engine.analysis.repeats.retrained import Repeated, Which, difference, repeated
from engine.report.lineage import Chapter
from engine.report.tables import Table
from engine.space.graph import Graph
from engine.space.protocol import Protocol
from engine.space.reference_graphs import dml
from engine.space.text.describe_graph import name
from engine.store.files.evaluations import Evaluation
from engine.store.records import Training

BEST = 5
"""Graphs of the last run that are listed; the first two are drawn, as in the paper's Figure 5."""


@dataclass(frozen=True, slots=True)
class Reference:
    """A graph with a name (DML, KD, alone) of the same nodes as the best one, trained in the same run."""

    name: str
    ranked: Ranked


def spaces(chapters: Sequence[Chapter]) -> Table:
    """Table 1: every space, what it adds and how many graphs it holds, counted four ways."""
    rows = []
    for c in chapters:
        counts = c.run.space.counts()
        rows.append((c.run.space.name, "; ".join(map(str, c.added)) or "none",
                     *map(counts.shown, ("raw", "paper", "keys", "effective"))))
    caption = ("Design spaces: the constraint each adds, and its graphs counted raw, as the paper halves them, up to relabelling "
               "of auxiliary nodes, and by what differs for the target")
    columns = ("space", "constraint added", "raw", "paper", "up to relabelling", "effective")
    return Table("table-1-spaces", caption, columns, tuple(rows), 2)


def outcomes(chapters: Sequence[Chapter]) -> Table:
    """What was drawn, what is in the EDFs, and what was left out, by reason."""
    rows = []
    for c in chapters:
        shown = c.run.sample
        left = shown.left_out.counts()
        rows.append((c.run.space.name, str(c.run.info.strategy.get("name")), str(shown.drawn), str(len(shown)),
                     str(int(shown.inherited.sum())), *(str(n) for n in left.values())))
    reasons = tuple(chapters[0].run.sample.left_out.counts())
    return Table("table-outcomes", "Trials: drawn, in the EDFs (of these inherited), and left out, by reason",
                 ("space", "search", "drawn", "in EDF", "inherited", *reasons), tuple(rows), 2)


def cost(chapters: Sequence[Chapter]) -> Table:
    """What each search spent; a training shared by several graphs is paid once."""
    rows = []
    for c in chapters:
        path = trajectory(c.run.trials, c.run.trainings, c.run.space.protocol)
        spent = (f"{path.epochs[-1]:,.0f}", _duration(float(path.seconds[-1]))) if len(path.graphs) else ("0", "0 s")
        rows.append((c.run.space.name, str(len(path.graphs)), str(len(c.run.trainings)), *spent))
    return Table("table-cost", "Search cost", ("space", "trials", "trainings", "graph-epochs", "training time"), tuple(rows))


def _duration(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def best(chapter: Chapter) -> list[Ranked]:
    """The best graphs of a run."""
    return chapter.run.ranking.graphs(BEST)


def references(chapter: Chapter, of: Ranked) -> list[Reference]:
    """Named graphs of the best graph's models among the run's trainings, the best of each name, DML first.

    A search trains some of them as references only, without a trial.
    """
    found: dict[str, Ranked] = {}
    for text, repeats in _by_graph(chapter.run.trainings.values()).items():
        graph = Graph.parse(text)
        called = name(graph)
        if called and graph.models[0] == of.graph.models[0] and not Counter(graph.models) - Counter(of.graph.models):
            known = _over(graph, repeats)
            if called not in found or (known.error, known.key) < (found[called].error, found[called].key):
                found[called] = known
    return [Reference(n, r) for n, r in sorted(found.items(), key=lambda item: (not item[0].startswith("DML"), item[0]))]


def _by_graph(trainings: Iterable[Training]) -> dict[str, list[Training]]:
    """Trainings with a result by their graph, repeats in order."""
    found: dict[str, list[Training]] = {}
    for training in sorted(trainings, key=lambda t: (t.graph, t.repeat)):
        if training.state.has_result:
            found.setdefault(training.graph, []).append(training)
    return found


def _over(graph: Graph, repeats: Sequence[Training]) -> Ranked:
    """A training's graph over its repeats."""
    errors = tuple(100.0 - (t.accuracy[0] or 0.0) for t in repeats)
    columns = ([a for a in column if a is not None] for column in zip(*(t.accuracy for t in repeats), strict=True))
    return Ranked(graph.key, graph, fmean(errors), errors, tuple(fmean(c) if c else None for c in columns))


def results(chapter: Chapter) -> Table:
    """Table 2: the best graphs beside the named ones; validation accuracy, mean and deviation over repeats."""
    top, chosen = best(chapter), chapter.run.best
    assert chosen is not None, "a sample has a graph above chance"
    rows = [(f"best {r.place}", *_measured(r)) for r in top]
    rows += [(ref.name, *_measured(ref.ranked)) for ref in references(chapter, top[0])]
    caption = (f"Space {chapter.run.space.name}: validation accuracy of the target, mean ± standard deviation over repeats. The "
               f"best graphs were chosen by these numbers, which flatters them: {chosen.optimism.words()}")
    return Table("table-2-results", caption, ("graph", "edges", "accuracy (%)", "repeats"), tuple(rows), 2)


def retrained(chapter: Chapter) -> Table | None:
    """What the graphs are worth beyond the luck they were chosen for, if any was trained again with fresh seeds."""
    found = repeated(chapter.run.evaluations)
    if not found:
        return None
    chosen = {r.key: f"best {r.place}" for r in best(chapter)}
    of = {r.key: r.evaluations for r in found}
    kinds: list[Which] = ["validation", "test"] if any(r.target.test for r in found) else ["validation"]
    rows = []
    for graph in found:
        plain = of.get(dml(graph.graph.models).key, ())
        called = chosen.get(graph.key) or name(graph.graph) or f"graph {graph.key}"
        rows.append((called, edges_text(graph.graph), *(cell for k in kinds for cell in _again(graph, plain, k)),
                     str(len(graph.evaluations) - graph.diverged)))
    heads = (head for k in kinds for head in (f"{k} (%)", f"over DML ({k}) [95 %]"))
    caption = (f"Space {chapter.run.space.name}: graphs trained again with fresh seeds, accuracy of the target, mean ± standard "
               "deviation; gains over DML of the same nodes are paired by retraining, with the 95 % t interval of the mean")
    return Table("table-2-retrained", caption, ("graph", "edges", *heads, "retrainings"), tuple(rows), 2)


def _again(graph: Repeated, plain: Sequence[Evaluation], which: Which) -> tuple[str, str]:
    """Accuracy, and gain over the retrainings of DML where there are any."""
    found = graph.target.validation if which == "validation" else graph.target.test
    is_dml = graph.key == dml(graph.graph.models).key
    gap = None if is_dml else difference(graph.evaluations, plain, which)
    if gap is None:
        return str(found or "-"), "-"
    spread = "" if gap.low is None else f" [{gap.low:+.2f}, {gap.high:+.2f}]"
    return str(found or "-"), f"{gap.mean:+.2f}{spread}"


def _measured(ranked: Ranked) -> tuple[str, str, str]:
    accuracies = [100 - e for e in ranked.errors]
    spread = f" ± {stdev(accuracies):.2f}" if len(accuracies) > 1 else ""
    return edges_text(ranked.graph), f"{fmean(accuracies):.2f}{spread}", str(len(accuracies))


def edges_text(graph: Graph) -> str:
    return str(graph).partition(" | ")[2].replace(">", "->")


def provenance(chapters: Sequence[Chapter]) -> Table:
    """Where the numbers come from."""
    rows = []
    for c in chapters:
        info = c.run.info
        versions = ", ".join(f"{k} {v}" for k, v in sorted(info.versions.items()))
        rows.append((c.run.space.name, c.run.folder.name, str(info.seed), info.commit or "-", info.created or "-",
                     info.command or "-", versions or "-"))
    columns = ("space", "run", "seed", "commit", "started", "command", "versions")
    return Table("table-provenance", "Provenance", columns, tuple(rows), 7)


def remarks(chapter: Chapter) -> list[str]:
    """What must be said of a run besides its numbers: partial, not uniform, certified, tied, flattered, how finely measured."""
    said = list(chapter.run.notes())
    run = chapter.run
    if chapter.is_exhaustive:
        said.append(certify(run.space.enumerate(), run.trials, run.trainings, run.info.repeats, run.best).words())
    if run.best is not None:
        repeats = run.best.repeats
        said += [run.best.words(), *filter(None, [run.best.chosen_by()])]
        said.append(f"{resolution_words(run.space.protocol.validation, repeats)}, nothing finer is told apart")
    return said


def methods(chapters: Sequence[Chapter]) -> str:
    """A paragraph for a paper, from what the run folders record."""
    first, last = chapters[0].run.space, chapters[-1].run.space
    searches = ", ".join(
        f"{c.run.space.name} ({c.run.info.strategy.get('name')}, {c.run.sample.drawn} trials)" for c in chapters
    )
    steps = "; ".join(
        f"{c.run.space.name} to {c.next_name} by adding {' and '.join(map(str, c.next_phrases))}" for c in chapters if c.next_name
    )
    return " ".join(filter(None, [
        f"Knowledge transfer graphs of {first.nodes} nodes were searched on {first.protocol.data} in the design spaces",
        f"{searches}.",
        f"The space was refined step by step, {steps}." if steps else "",
        _trained(last.protocol),
        "Every graph saw the same batches in the same repeat.",
        "Spaces are judged by the empirical distribution of the target's validation error, F(e) = (1/n) sum of 1[e_i < e],",
        "with simultaneous bands of equal precision (95 %, more where errors tie); graphs tied at the end of a best share count",
        "by share; graphs at or below the chance rule, untaught and invalid ones are left out and counted. Graphs are counted up",
        "to relabelling of auxiliary nodes.",
        *({f"{c.run.space.name}: {c.run.unsealed}." for c in chapters if c.run.unsealed} or ["The test set was not read."]),
    ]))


def _trained(p: Protocol) -> str:
    optimiser = f"{'Nesterov ' if p.nesterov and p.optimizer == 'sgd' else ''}{p.optimizer.upper()}"
    return (f"Networks were trained for {p.epochs} epochs on {p.train:,} images (batch {p.batch}, {optimiser}, learning "
            f"rate {p.lr:g}, {p.schedule} schedule, weight decay {p.weight_decay:g}) and selected on {p.validation:,} "
            "validation images.")
