"""What the analysis says at a terminal: tables and sentences from info objects. Nothing is computed here."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence

from rich import box
from rich.console import Console
from rich.table import Table

from engine.analysis.advice.advise import Advised, reason
from engine.analysis.advice.next_step import Step
from engine.analysis.advice.stability import Stability
from engine.analysis.conditions import Split
from engine.analysis.edf import Edf, resolution_words
from engine.analysis.importance import Enrichment, Share
from engine.analysis.run_sample import Searched
from engine.analysis.verdict import Verdict
from engine.cli import Screen

Row = Sequence[str]
RANKED = 8
"""Constraints listed; all are in --json."""


def table(columns: Sequence[str], rows: Iterable[Row], screen: Screen, left: int = 1) -> str:
    """A table as text: the first `left` columns are words, the others numbers."""
    shape = Table(box=box.ASCII2 if screen.plain else box.SIMPLE_HEAD, pad_edge=False, header_style="bold")
    for i, name in enumerate(columns):
        shape.add_column(name, justify="left" if i < left else "right", overflow="fold", no_wrap=i >= left)
    for row in rows:
        shape.add_row(*(_safe(cell) for cell in row))
    out = io.StringIO()
    Console(file=out, width=screen.width, no_color=not screen.colour, force_terminal=screen.colour, highlight=False,
            legacy_windows=False).print(shape)
    return "\n".join(line.rstrip() for line in out.getvalue().split("\n")).strip("\n")


def _safe(cell: str) -> str:
    """Phrases hold brackets, which rich would read as markup."""
    return cell.replace("[", r"\[")


def headline(run: Searched) -> str:
    """The run in a few lines: what, how many, what is left out and what to beware of."""
    shown = run.sample
    outside = shown.drawn - shown.left_out.total - len(shown) * shown.averaged  # of a child that --where asks for
    apart = f"; {outside} with a result lie outside" if outside else ""
    lines = [f"{shown.name}: {len(shown)} graphs of {shown.drawn} drawn (left out: {shown.left_out}{apart})"]
    if shown.passes > 1:
        lines.append(f"{shown.passes} passes over the same graphs")
    if found := run.best:
        lines += [found.words(), *filter(None, [found.chosen_by()])]
    repeats = run.best.repeats if run.best else shown.averaged
    lines.append(f"{resolution_words(shown.protocol.validation, repeats)}, nothing finer is told apart")
    return "\n".join([*lines, *(f"note: {note}" for note in run.notes())])


def curves(edfs: Sequence[Edf], screen: Screen) -> str:
    """Quantiles of each curve."""
    inherited = any(e.inherited for e in edfs)
    rows = [
        [e.label, str(e.n), *([str(e.inherited)] if inherited else []),
         *(f"{e.quantile(q):.2f}" for q in (0, 0.1, 0.5, 0.9))]
        for e in edfs if e.n
    ]
    columns = ["", "n", *(["inherited"] if inherited else []), "best %", "q10 %", "median %", "q90 %"]
    return table(columns, rows, screen)


def condition(parted: Split, verdicts: Sequence[Verdict | None], screen: Screen) -> str:
    """One condition: its curves' quantiles, then a sentence a value."""
    said = [v.sentence if v else f"{value.label}: too few graphs to compare"
            for value, v in zip(parted.values, verdicts, strict=True)]
    return "\n".join([curves(parted.edfs(), screen), *(f"- {sentence}" for sentence in said)])


ADVICE_FROM = 104
"""Characters from which the table of advice has all its columns."""


def advice(found: Advised, steps: Sequence[Step], steady: Stability | None, screen: Screen) -> str:
    """The ranked constraints, why, how they were counted, and whether half the trials would have said the same."""
    shown = found.ranked[:RANKED]
    columns = ["constraint", "graphs", "n", "lift", "interval", "median", "q10", "best %", "top 5 % lost"]
    rows = [
        [a.phrase, f"{step.keys:,}", str(a.child.n), f"{a.lift.value:+.2f}{'*' if a.is_sure else ' '}",
         f"{a.lift.low:+.2f} to {a.lift.high:+.2f}", f"{a.median.value:.2f}", f"{a.tenth.value:.2f}", f"{a.best:.2f}",
         f"{100 * a.regret.top5.value:.0f} %"]
        for a, step in zip(shown, steps, strict=False)
    ]
    if screen.width < ADVICE_FROM:  # the constraint is what is read: it gets the room of two columns
        columns, *rows = ([r[0], *r[2:7], r[8]] for r in (columns, *rows))
    parts = [
        table(columns, rows, screen),
        *(f"{i}. {a.phrase}: {reason(a, found)}; {_next(step)}"
          for i, a, step in zip((1, 2, 3), shown, steps, strict=False)),
        f"* surely better than the space; lift: 1 if all graphs kept were in the best tenth of the {found.parent.n}, 0 if no "
        "better than all; intervals hold "
        f"for all {len(found.ranked)} constraints ({len(shown)} shown) and {found.looked} looks at once "
        f"({found.critical:.2f} standard errors)",
    ]
    if found.parent.fraction >= 1:
        parts.append("the whole space was trained, so intervals have no width: the noise of a training is not in them")
    if found.too_few:
        parts.append("too few graphs, or too few trainings behind them: " + "; ".join(c.phrase for c in found.too_few))
    if not found.sure:
        parts.append("no constraint is surely better than none: let the search go on")
    if steady:
        often = ", ".join(f"{phrase} {100 * share:.0f} %" for phrase, share in steady.choices[:3])
        parts.append(f"halves of the trials choose: {often}; lift {steady.seen:+.2f} where chosen, {steady.unseen:+.2f} in the "
                     "other half")
    return "\n".join(parts)


def _next(step: Step) -> str:
    """`next: 450 more graphs for all 513, about 3 min`."""
    if not step.graphs:
        every = "all " if step.is_exhaustive else ""
        return f"next: nothing to train, {every}{step.inherited:,} of {step.keys:,} graphs are here"
    goal = f"for all {step.keys:,}" if step.is_exhaustive else f"of {step.keys:,} for a sample as large"
    time = "" if step.seconds is None else f", about {max(1, round(step.seconds / 60))} min at most"
    return f"next: {step.graphs:,} more graphs {goal}{time}"


def choices(shares: Sequence[Share], screen: Screen) -> str:
    """How much of the spread each choice explains."""
    rows = [[s.variable, f"{100 * s.value:.1f}", f"{100 * s.low:.1f} to {100 * s.high:.1f}"] for s in shares[:RANKED]]
    return table(["choice", "explains %", "interval"], rows, screen)


def winners(found: Sequence[Enrichment], screen: Screen) -> str:
    """Share of each value among the best 10 % against all."""
    tops = [e for e in found if e.top == max(x.top for x in found)]
    rows = [[e.value, f"{100 * e.share:.0f}", f"{100 * e.low:.0f} to {100 * e.high:.0f}", f"{100 * e.overall:.0f}"] for e in tops]
    said = table([f"among the best {tops[0].n}", "%", "interval", "of all %"], rows, screen)
    return f"{said}\n{tops[0].cut.words()}" if tops[0].cut.is_shared else said
