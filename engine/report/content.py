"""Everything a report holds, before any file format: sections of words, tables and figures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from engine.analysis.advice.advise import advise, reason
from engine.analysis.bands import Band, band, passes
from engine.analysis.conditions import FIVE, split
from engine.analysis.diagnostics.trajectory import trajectory
from engine.analysis.edf import by_pass, of_sample
from engine.analysis.ranking import Ranked
from engine.analysis.verdict import against_rest
from engine.errors import AnalysisError
from engine.report import summary
from engine.report.figures import curves, graph_drawing
from engine.report.figures.terminal_plot import Mark
from engine.report.lineage import Chapter
from engine.report.tables import Table
from engine.space.text.describe_space import describe

if TYPE_CHECKING:
    from matplotlib.figure import Figure


MARKED = ("DML", "KD", "alone", "born-again")
"""Named graphs drawn as lines in Figure 4; all named ones are in Table 2."""


@dataclass(frozen=True, slots=True)
class Picture:
    """A figure, drawn when asked for."""

    name: str
    """File name without ending."""
    caption: str
    told: str
    """Alternative text: what the picture shows, for those who do not see it."""
    draw: Callable[[], Figure]


@dataclass(frozen=True, slots=True)
class Section:
    """A heading and what stands below it, in this order."""

    title: str
    words: tuple[str, ...] = ()
    items: tuple[str, ...] = ()
    """A list."""
    tables: tuple[Table, ...] = ()
    pictures: tuple[Picture, ...] = ()


@dataclass(frozen=True, slots=True)
class Content:
    title: str
    warnings: tuple[str, ...] = ()
    sections: tuple[Section, ...] = field(default=())

    @property
    def tables(self) -> list[Table]:
        return [t for s in self.sections for t in s.tables]

    @property
    def pictures(self) -> list[Picture]:
        return [p for s in self.sections for p in s.pictures]


def content(chapters: Sequence[Chapter], warnings: Sequence[str] = ()) -> Content:
    """The report of one lineage, or of a single run. The end of a lineage is told by its result, not by its conditions."""
    last = chapters[-1]
    sections = [
        Section("Spaces", tables=(summary.spaces(chapters),), items=tuple(_words(c) for c in chapters)),
        *(_step(c) for c in chapters if not c.is_exhaustive or len(chapters) == 1),
        _final(last),
        Section("Search", tables=(summary.outcomes(chapters), summary.cost(chapters)), pictures=(_spent(chapters),)),
        Section("Methods", words=(summary.methods(chapters),)),
        Section("Provenance", tables=(summary.provenance(chapters),)),
    ]
    names = " to ".join(dict.fromkeys(c.run.space.name for c in (chapters[0], last)))
    partial = [f"{c.run.space.name}: {note}" for c in chapters for note in c.run.notes()]
    return Content(f"Knowledge transfer graphs: {names}", (*warnings, *partial), tuple(sections))


def _words(chapter: Chapter) -> str:
    note = f" Reason given: {chapter.run.space.note}" if chapter.run.space.note else ""
    return f"{chapter.run.space.name}: {describe(chapter.run.space)}{note}"


def _step(chapter: Chapter) -> Section:
    """One refinement: the condition chosen (Figure 3), then all five, verdicts and the advice of these trials."""
    name = chapter.run.space.name
    said: list[str] = []
    pictures = []
    if chapter.chosen is not None:
        parted, edfs = chapter.chosen, chapter.chosen.edfs()
        said += [v.sentence for v in against_rest(parted) if v]
        chosen = " and ".join(map(str, chapter.next_phrases))
        pictures.append(Picture(
            f"figure-3-{chapter.slug}", f"EDFs of {name} by {parted.title}; {chapter.next_name} adds {chosen}",
            "Empirical distributions of validation error: " + "; ".join(e.legend() for e in edfs),
            lambda: curves.edf_figure(edfs),
        ))
    splits = [split(chapter.run.sample, c) for c in FIVE]
    titles = [f"({c.letter}) {c.title}" for c in FIVE]
    told = "; ".join(f"{t}: " + ", ".join(e.legend() for e in s.edfs()) for t, s in zip(titles, splits, strict=True))
    pictures.append(Picture(f"figure-conditions-{chapter.slug}", f"EDFs of {name} by the five conditions", told,
                            lambda: curves.panels_figure(splits, titles)))
    return Section(f"Space {name}", items=(*said, *_advice(chapter)), pictures=tuple(pictures))


def _advice(chapter: Chapter) -> list[str]:
    try:
        found = advise(chapter.run.sample)
    except AnalysisError as error:
        return [str(error)]
    if not found.sure:
        return ["no constraint is surely better than none on these trials"]
    return [f"advice {i}: {a.phrase}, {reason(a, found)}" for i, a in enumerate(found.sure[:3], 1)]


def _final(chapter: Chapter) -> Section:
    """The last space: its EDF against DML (Figure 4), the best graphs (Figure 5) and Table 2."""
    run = chapter.run
    curve, bands = of_sample(run.sample), _bands(chapter)
    top = summary.best(chapter)
    named = summary.references(chapter, top[0])
    marks = [Mark(r.name, r.ranked.error) for r in named if r.name.startswith(MARKED)]
    shown: list[tuple[str, Ranked]] = [(f"best {r.place}", r) for r in top[:2]]
    shown += [(r.name, r.ranked) for r in named[:1]]
    graphs = [(f"{n}: {100 - r.error:.2f} %", r.graph, r.accuracy) for n, r in shown]
    lines = "; ".join(f"{m.label} {m.error:.2f} %" for m in marks) or "no named graph of these nodes in the run"
    return Section(
        f"Result in {run.space.name}",
        items=tuple(summary.remarks(chapter)),
        tables=tuple(t for t in (summary.results(chapter), summary.retrained(chapter)) if t),
        pictures=(
            Picture("figure-4-result", f"EDF of {run.space.name} beside named graphs of the same nodes; {bands[0].words()}",
                    f"Empirical distribution of validation error: {curve.legend()}; marked: {lines}",
                    lambda: curves.edf_figure([curve], marks=marks, bands=bands)),
            Picture("figure-5-graphs", "The best graphs: target red, frozen nodes dashed, validation accuracy of each node, "
                    "gates on the edges, cutoff edges not drawn", "; ".join(f"{title}, {graph}" for title, graph, _ in graphs),
                    lambda: graph_drawing.graphs_figure(graphs)),
        ),
    )


def _bands(chapter: Chapter) -> list[Band]:
    """The sampling band, or the range of passes where the whole space was trained more than once."""
    table = chapter.run.sample
    if table.fraction >= 1 and table.passes > 1:
        return [passes(by_pass(table))]
    return [band(of_sample(table))]


def _spent(chapters: Sequence[Chapter]) -> Picture:
    paths = [(c.run.space.name, trajectory(c.run.trials, c.run.trainings, c.run.space.protocol)) for c in chapters]
    ends = "; ".join(f"{n}: {p.best[-1]:.2f} % after {p.epochs[-1]:,.0f} graph-epochs" for n, p in paths)
    return Picture("figure-search", "Best validation error so far against graph-epochs trained", ends,
                   lambda: curves.trajectory_figure(paths))
