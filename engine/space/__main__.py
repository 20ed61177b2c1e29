"""`python -m engine.space`: look at a design space, try a constraint, write a child."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from engine import cli
from engine.errors import SpaceError
from engine.space import what_if
from engine.space.counting.counts import Counts, rounded
from engine.space.files import choices, family, resolved, space_file, write
from engine.space.files.choices import Choice
from engine.space.files.load import load
from engine.space.graph import Graph
from engine.space.space import Space
from engine.space.text import describe_graph
from engine.space.text.describe_space import describe

EXAMPLE = """examples:
  python -m engine.space X                                    what space X is, and how many graphs it holds
  python -m engine.space A --whatif "m[aux] = wrn28-2"        what a constraint would leave
  python -m engine.space A --refine "m[aux] = wrn28-2" --out mine.json --reason "larger helpers lead"
  python -m engine.space digits/X --sample 5 --seed 1
  python -m engine.space X --explain "1:resnet32 2:wrn28-2 3:wrn28-2 | y>1 through, 2>1 linear"
"""

_LABEL = 44
"""Columns of a count's meaning, the longest and one more."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; 0 done, 2 bad input, 130 interrupted."""
    return cli.run(lambda: run(parser().parse_args(arguments)))


def parser() -> argparse.ArgumentParser:
    """The command's arguments."""
    made = cli.Parser("engine.space", f"Look at a design space, try a constraint, write a child.\n\n{EXAMPLE}")
    add = made.add_argument
    add("file", nargs="?", metavar="FILE", help="a space file, or a shipped space's name (X, digits/X)")
    add("--json", action="store_true", help="one JSON object on stdout")
    add("--schema", action="store_true", help="print the JSON Schema of space files")
    add("--tree", action="store_true", help="draw the space's lineage and the other spaces beside it")
    add("--sample", type=int, metavar="N", help="N graphs drawn uniformly, without replacement")
    add("--seed", type=int, default=0, metavar="S", help="the sample's seed (default 0)")
    add("--list", action="store_true", help="every graph, in canonical order")
    add("--shard", metavar="I/N", help="with --list: only the I-th of N parts")
    add("--whatif", action="append", default=[], metavar="PHRASE", help="what one more constraint would leave")
    add("--refine", action="append", default=[], metavar="PHRASE", help="constraints of a child (repeat for several)")
    add("--out", type=Path, metavar="CHILD.json", help="with --refine: write the child")
    add("--name", help="with --out: the child's name (default: the file's)")
    add("--reason", metavar="TEXT", help="with --out: why, kept in choices.jsonl beside the child")
    add("--force", action="store_true", help="with --out: replace an existing file")
    add("--explain", action="append", default=[], metavar="GRAPH", help="describe a graph; two are also compared")
    return made


def run(options: argparse.Namespace) -> int:
    """Do what was asked of one space."""
    if options.schema:
        print(json.dumps(space_file.schema(), indent=2))
        return 0
    if options.file is None:
        raise SpaceError("no space file given", "name one, e.g. python -m engine.space X (see --help)")
    if options.out is not None and not options.refine:
        raise SpaceError("--out needs --refine", "say which constraints the child adds")
    if options.reason is not None and options.out is None:
        raise SpaceError("--reason needs --out", "a reason is kept beside the child's file")
    if options.shard is not None and not options.list:
        raise SpaceError("--shard needs --list")
    asked = [name for name in _ACTIONS if (given := getattr(options, name)) is not None and given is not False and given != []]
    if len(asked) > 1:
        raise SpaceError(f"--{asked[0]} and --{asked[1]}: one question at a time", "leave one away")
    if options.sample is not None and options.sample < 1:
        raise SpaceError(f"--sample: must be at least 1 graph, got {options.sample}")
    space = load(options.file)
    return _ACTIONS[asked[0]](space, options) if asked else show(space, options)


def progress(built: int) -> None:
    """Says that a count takes long."""
    print(f"counting: {built:,} decisions so far", file=sys.stderr)


def show(space: Space, options: argparse.Namespace) -> int:
    """The space in words, its lineage, its counts."""
    counts = space.counts(progress)
    if options.json:
        lineage = [{"name": a.name, "constraints": [*map(str, a.phrases)]} for a in space.lineage]
        return put({"space": resolved.dump(space), "words": describe(space), "lineage": lineage, "counts": asdict(counts)})
    print(f"{space.name}: {describe(space)}")
    if space.note:
        print(f"note: {space.note}")
    print("\nlineage")
    for ancestor in space.lineage:
        print(f"  {ancestor.name:<12} {'; '.join(map(str, ancestor.phrases)) or 'no constraint'}")
    print("\ncounts")
    for label, value in counted(counts):
        print(f"  {label:<{_LABEL}} {value}")
    return 0


def counted(counts: Counts) -> list[tuple[str, str]]:
    """Each count with its meaning."""
    paper = "-  (the constraints tell auxiliary nodes apart)" if counts.paper is None else f"{counts.paper:,}"
    untaught = "" if counts.effective_within else f", {counts.untaught:,} untaught"
    return [
        ("raw: labelled graphs", f"{counts.raw:,}"),
        ("the paper's: raw / relabellings, rounded up", paper),
        ("up to relabelling: distinct keys", f"{counts.keys:,}"),
        ("effective: different for the target", _within(counts.effective, counts.effective_within)),
        ("  of these taught: they train", _within(counts.taught, counts.taught_within) + untaught),
    ]


def _within(value: int, interval: tuple[int, int] | None) -> str:
    if interval is None:
        return f"{value:,}"
    low, high = map(rounded, interval)
    return f"about {rounded(value)} (estimate, 99 %: {low} to {high})"


def tree(space: Space, options: argparse.Namespace) -> int:
    """The family of the space."""
    root, unreadable = family.family(space)
    for said in unreadable:
        print(f"left out: {said}", file=sys.stderr)
    if options.json:
        return put(root.plain())
    print("\n".join(root.lines()))
    return 0


def sample(space: Space, options: argparse.Namespace) -> int:
    """Graphs drawn from the space."""
    graphs = space.sample(options.sample, options.seed)
    if len(graphs) < options.sample:
        print(f"{space.name} holds {len(graphs):,} graphs: these are all of them", file=sys.stderr)
    if options.json:
        return put({"space": space.name, "seed": options.seed, "graphs": [_graph(g) for g in graphs]})
    for graph in graphs:
        print(f"{graph.key}  {graph}")
    return 0


def listing(space: Space, options: argparse.Namespace) -> int:
    """All graphs of the space, or of one part of it; written as they are found."""
    graphs = space.enumerate(_shard(options.shard))
    if not options.json:
        for graph in graphs:
            print(f"{graph.key}  {graph}")
        return 0
    print(f'{{"space": {json.dumps(space.name)}, "graphs": [', end="")
    for place, graph in enumerate(graphs):
        print("," * (place > 0), json.dumps(_graph(graph)), sep="\n", end="")
    print("\n]}")
    return 0


def _graph(graph: Graph) -> dict[str, str]:
    return {"key": graph.key, "graph": str(graph)}


def _shard(text: str | None) -> tuple[int, int] | None:
    if text is None:
        return None
    part, slash, parts = text.partition("/")
    if not (slash and part.isdecimal() and parts.isdecimal() and len(text) < 20):
        raise SpaceError(f"--shard: expected I/N such as 3/8, got {text!r}")
    return int(part), int(parts)


def whatif(space: Space, options: argparse.Namespace) -> int:
    """Each phrase by itself, tried on the space."""
    found = [what_if.whatif(space, space.parse(text, "--whatif"), progress) for text in options.whatif]
    if options.json:
        return put({"space": space.name, "keys": space.keys, "whatif": [_tried(w) for w in found]})
    for w in found:
        print(f"{w.phrase}: {w.verdict}")
        if w.conflict:
            print(f"  in conflict: {'; '.join(map(str, w.conflict))}")
        if w.verdict.is_usable:
            for label, value in counted(w.counts(progress)):
                print(f"  {label:<{_LABEL}} {value}")
    return 0


def _tried(w: what_if.WhatIf) -> dict[str, Any]:
    counts = asdict(w.counts(progress)) if w.verdict.is_usable else {"raw": w.raw, "paper": w.paper, "keys": w.keys}
    return {"phrase": str(w.phrase), "verdict": str(w.verdict), "conflict": [*map(str, w.conflict)], "counts": counts}


def refine(space: Space, options: argparse.Namespace) -> int:
    """A child of the space, counted, and written if --out says where."""
    name = options.name or (options.out.stem if options.out else None)
    phrases = [space.parse(text, "--refine") for text in options.refine]
    made = what_if.refine(space, *phrases, name=name, report=progress)
    if options.out is not None:
        write.write(space, made.child.lineage[-1].phrases, options.out, options.name, options.force)
        if options.reason is not None:
            constraints = tuple(map(str, made.child.lineage[-1].phrases))
            choices.write(options.out.parent, Choice(space=options.name or options.out.stem, parent=space.name,
                                                     constraints=constraints, reason=options.reason.strip()))
        print(f"written: {options.out}", file=sys.stderr)
    if options.json:
        steps = [{"phrase": str(s.phrase), "before": s.before, "after": s.after} for s in made.steps]
        return put({
            "space": resolved.dump(made.child), "words": describe(made.child), "before": asdict(made.before),
            "after": asdict(made.after), "steps": steps, "file": None if options.out is None else str(options.out),
        })
    print(f"{made.child.name}: {describe(made.child)}")
    for step in made.steps:
        print(f"  {step.phrase}: {step.before:,} -> {step.after:,} graphs{' (changes nothing)' * step.changes_nothing}")
    return 0


def explain(space: Space, options: argparse.Namespace) -> int:
    """Graphs described, and the first two compared."""
    graphs = [describe_graph.read(text) for text in options.explain]
    told = [_told(space, graph) for graph in graphs]
    if len(graphs) > 1:
        told.append(_compared(graphs[0], graphs[1]))
    if options.json:
        return put({"space": space.name, "explain": told})
    for entry in told:
        for key, value in entry.items():
            shown = value if isinstance(value, list) else [("no", "yes")[value] if isinstance(value, bool) else value]
            label = f"{_SHOWN.get(key, key).format(space=space.name)}:"
            print(*(f"{label:<12} {line}" for line in shown), sep="\n", end="\n" if shown else "")
        print()
    return 0


_SHOWN = {"inside": "in {space}", "unmet": "not met", "why_equal": "same for the target, because"}
"""Keys of the JSON form that people read as more words."""


def _told(space: Space, graph: Graph) -> dict[str, Any]:
    effective = graph.effective()
    unmet = describe_graph.unmet(space, graph)
    return {
        "graph": str(graph),
        "canonical": str(graph.canonical()),
        "key": graph.key,
        "effective": "none" if effective.graph is None else str(effective.graph),
        "said": describe_graph.describe(graph),
        "inside": not unmet,
        "unmet": unmet,
    }


def _compared(graph: Graph, other: Graph) -> dict[str, Any]:
    if graph.nodes != other.nodes:
        places = [f"{graph.nodes} nodes -> {other.nodes} nodes"]
    else:
        places = [str(d) for d in describe_graph.differences(graph, describe_graph.aligned(graph, other)[0])]
    return {"differs": places, "why_equal": describe_graph.why_equal(graph, other)}


def put(data: dict[str, Any]) -> int:
    """One JSON object on stdout."""
    print(json.dumps(data, ensure_ascii=False))
    return 0


_ACTIONS: dict[str, Callable[[Space, argparse.Namespace], int]] = {
    "tree": tree,
    "sample": sample,
    "list": listing,
    "whatif": whatif,
    "refine": refine,
    "explain": explain,
}

if __name__ == "__main__":
    sys.exit(main())
