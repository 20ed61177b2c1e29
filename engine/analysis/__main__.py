"""See which graphs of a run are good, and what constraint they suggest.

examples:
  python -m engine.analysis runs/digits-A-random600                       the five conditions in short
  python -m engine.analysis runs/digits-A-random600 --by label-aux        EDFs by one of them
  python -m engine.analysis runs/digits-A-random600 --by a --by c         crossed
  python -m engine.analysis runs/digits-A-random600 --where "m[aux] = mlp96" --by aux-target
  python -m engine.analysis runs/digits-A-random600 --split "L[2,1] = L[3,1]"
  python -m engine.analysis runs/digits-A-random600 --advice --json
  python -m engine.analysis runs/digits-B-random600 runs/digits-C-random600  two runs in one plot
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from engine import cli
from engine.analysis import to_json
from engine.analysis.advice.advise import advise
from engine.analysis.advice.next_step import next_step
from engine.analysis.advice.stability import Stability, stability
from engine.analysis.bands import KINDS, band
from engine.analysis.conditions import FIVE, Split, by_phrase, crossed, find, split
from engine.analysis.edf import Edf, comparable, of_sample
from engine.analysis.importance import importance, winners
from engine.analysis.run_sample import Searched, distinct, read
from engine.analysis.verdict import against_rest, verdict
from engine.errors import AnalysisError

HEIGHT = 24


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; 0 done, 2 bad input."""
    return cli.run(lambda: _run(_parser().parse_args(arguments)))


def _parser() -> argparse.ArgumentParser:
    made = cli.Parser("engine.analysis", __doc__ or "")
    add = made.add_argument
    add("runs", nargs="+", type=Path, metavar="RUN", help="a run folder; several are drawn in one plot")
    add("--by", action="append", default=[], metavar="CONDITION",
        help="aux-models (a), label-aux (b), label-target (c), aux-target (d), pretrained (e), or a variable such as "
             "L[aux,aux]; twice to cross two")
    add("--where", action="append", default=[], metavar="PHRASE", help="only graphs that satisfy this constraint")
    add("--split", metavar="PHRASE", help="graphs that satisfy a constraint against the others")
    add("--advice", action="store_true", help="rank the constraints to add next")
    add("--mean", action="store_true", help="one value a graph, the mean of its repeats (default: separate passes)")
    add("--band", choices=KINDS, default="equal-precision", help="which confidence band (default: %(default)s)")
    add("--coverage", type=float, default=0.95, metavar="C", help="of bands and intervals (default: 0.95)")
    add("--force-mixed", action="store_true", help="draw runs of different protocols together, with a warning")
    add("--json", action="store_true", help="one JSON object on stdout")
    return made


def _run(options: argparse.Namespace) -> int:
    if not 0 < options.coverage < 1:
        raise AnalysisError(f"--coverage must lie between 0 and 1, got {options.coverage:g}")
    if len(options.by) > 2:
        raise AnalysisError("--by crosses two conditions at most", f"drop one of {', '.join(options.by)}")
    if options.by and options.split is not None:
        raise AnalysisError("--split and --by part the graphs in two ways", "give one; --where PHRASE --by CONDITION does both")
    distinct(options.runs)
    runs = [_read(folder, options) for folder in options.runs]
    answer = _several(runs, options) if len(runs) > 1 else _single(runs[0], options)
    if options.json:
        print(json.dumps(answer["data"], indent=1))
    else:
        print("\n\n".join(answer["text"]))
    return 0


def _read(folder: Path, options: argparse.Namespace) -> Searched:
    run = read(folder, where=options.where)
    for note in run.notes():
        print(f"note: {folder}: {note}", file=sys.stderr)
    return replace(run, sample=run.sample.over_repeats()) if options.mean else run


def _single(run: Searched, options: argparse.Namespace) -> dict[str, Any]:
    """One run: its curve and whichever page was asked for, as text and as data."""
    from engine.report import terminal_tables

    curve = of_sample(run.sample)
    data: dict[str, Any] = {"run": str(run.folder), "space": run.space.name, "notes": list(run.notes()),
                            "drawn": run.sample.drawn, "edf": to_json.edf(curve), "best": to_json.best(run.best)}
    text = [terminal_tables.headline(run)]
    if options.split is not None:
        _page(by_phrase(run.sample, options.split, run.space), options, data, text)
    elif len(options.by) == 2:
        _crossed(run, options, data, text)
    elif options.by:
        _page(split(run.sample, find(options.by[0], run.space.nodes)), options, data, text)
    elif not options.advice:
        _overview(run, curve, options, data, text)
    if options.advice:
        _advice(run, options, data, text)
    return {"data": data, "text": text}


def _advice(run: Searched, options: argparse.Namespace, data: dict[str, Any], text: list[str]) -> None:
    """The ranked constraints, or why the trials advise none."""
    from engine.report import terminal_tables

    data["seconds_a_graph"] = run.seconds
    try:
        found = advise(run.sample, options.coverage)
    except AnalysisError as error:  # an answer, not a mistake of the person who asks
        data["advice"] = {"none": str(error), "ranked": [], "too_few": [], "stability": None}
        text.append(f"note: {error}")
        return
    passes = run.sample.passes
    drawn = -(-run.sample.drawn // (passes * run.sample.averaged))
    steps = [next_step(run.space, a.phrase, drawn, -(-a.child.n // passes), run.seconds) for a in found.ranked]
    steady = _stability(run)
    data["advice"] = {**to_json.advised(found, steps), "stability": None if steady is None else to_json.stability(steady)}
    text.append(terminal_tables.advice(found, steps, steady, cli.screen()))


def _stability(run: Searched) -> Stability | None:
    """None where halves would be too small to say anything."""
    try:
        return stability(run.sample) if len(run.sample) >= 100 else None
    except AnalysisError:
        return None


def _overview(run: Searched, curve: Edf, options: argparse.Namespace, data: dict[str, Any], text: list[str]) -> None:
    """The whole run's curve, the five conditions in short and what matters."""
    from engine.report import terminal_tables

    screen = cli.screen()
    text.append(_plot([curve], options))
    data["conditions"] = {}
    for condition in FIVE:
        parted = split(run.sample, condition)
        verdicts = against_rest(parted, options.coverage)
        data["conditions"][condition.name] = to_json.split(parted, verdicts)
        title = f"({condition.letter}) {condition.title} (--by {condition.name})"
        text.append(f"{title}\n{terminal_tables.curves(parted.edfs(), screen)}")
    try:
        shares = importance(run.sample)
    except AnalysisError as error:
        data["importance"] = []
        text.append(f"note: {error}")
        return
    data["importance"] = to_json.importance(shares)
    text.append(terminal_tables.choices(shares, screen))


def _page(parted: Split, options: argparse.Namespace, data: dict[str, Any], text: list[str]) -> None:
    """EDFs by the values of one condition, verdicts, and what the best chose."""
    from engine.report import terminal_tables

    screen = cli.screen()
    verdicts = against_rest(parted, options.coverage)
    chosen = winners(parted.sample, [parted], [parted.title])
    data["by"] = {**to_json.split(parted, verdicts), "winners": to_json.winners(chosen)}
    text += [f"by {parted.title}\n" + _plot(parted.edfs(), options),
             terminal_tables.condition(parted, verdicts, screen), terminal_tables.winners(chosen, screen)]


def _crossed(run: Searched, options: argparse.Namespace, data: dict[str, Any], text: list[str]) -> None:
    """Small multiples: the second condition within each value of the first."""
    outer, inner = (split(run.sample, find(name, run.space.nodes)) for name in options.by)
    data["crossed"] = {"outer": outer.title, "panels": []}
    for value, part in crossed(outer, inner):
        data["crossed"]["panels"].append({"value": value.label, "curves": [to_json.edf(e) for e in part.edfs()]})
        text.append(f"{outer.title}: {value.label}; by {inner.title}\n" + _plot(part.edfs(), options, HEIGHT - 6))


def _several(runs: Sequence[Searched], options: argparse.Namespace) -> dict[str, Any]:
    """Runs in one plot, each compared with the first."""
    from engine.report import terminal_tables

    if options.by or options.split is not None or options.advice:
        raise AnalysisError("several runs are drawn as one curve each", "give one RUN with --by, --split or --advice")
    samples = [r.sample for r in runs]
    warning = []
    try:
        comparable(samples)
    except AnalysisError as error:
        if not options.force_mixed:
            raise
        warning = [f"warning: {error.message}"]
    names = [r.sample.name for r in runs]
    labels = [f"{n} ({r.folder.name})" if names.count(n) > 1 else n for n, r in zip(names, runs, strict=True)]
    edfs = [of_sample(s, label=label) for s, label in zip(samples, labels, strict=True)]
    alike = [e for e in edfs[1:] if not warning and min(e.graphs, edfs[0].graphs) > 1]
    verdicts = [verdict(other, edfs[0], options.coverage) for other in alike]
    data = {"runs": [str(r.folder) for r in runs], "warnings": warning, "curves": [to_json.edf(e) for e in edfs],
            "verdicts": [to_json.verdict(v) for v in verdicts]}
    text = [*warning, _plot(edfs, options), terminal_tables.curves(edfs, cli.screen()), *(f"- {v.sentence}" for v in verdicts)]
    return {"data": data, "text": text}


def _plot(edfs: Sequence[Edf], options: argparse.Namespace, height: int = HEIGHT) -> str:
    from engine.report.figures.terminal_plot import edf_plot

    screen = cli.screen()
    alone = [band(e, options.coverage, options.band) for e in edfs if e.n] if len(edfs) == 1 else []
    return edf_plot(edfs, min(screen.width, 120), height, colour=screen.colour, plain=screen.plain, bands=alone)


if __name__ == "__main__":
    sys.exit(main())
