"""The comparison as tables: Table 2, what the searches cost, and the best error against the cost."""

from __future__ import annotations

from collections.abc import Sequence

from engine.analysis.repeats.retrained import Figure, Repeated, Which
from engine.compare.entries import Against, Entry, spent
from engine.formatting import duration
from engine.report.summary import edges_text
from engine.report.tables import Table


def results(entries: Sequence[Entry], which: Which) -> Table:
    """The paper's Table 2: DML beside the best graph of each search, on one set of images."""
    rows = [(e.name, _accuracy(e.dml, which), _accuracy(e.best, which), gain(e, which), str(_count(e))) for e in entries]
    caption = (f"Target accuracy (%) on the {which} images, mean ± standard deviation over retrainings with fresh seeds; the "
               "gain is paired by retraining, with the 95 % t interval of its mean")
    return Table(f"table-2-{which}", caption, ("search", "DML", "best graph", "gain [95 %]", "retrainings"), tuple(rows))


def gain(entry: Entry, which: Which) -> str:
    """`+0.42 [+0.11, +0.73]`; `-` where nothing was measured."""
    return "the best is DML" if entry.is_dml else interval(entry.gain(which))


def interval(found: Figure | None) -> str:
    if found is None:
        return "-"
    return f"{found.mean:+.2f}" + ("" if found.low is None else f" [{found.low:+.2f}, {found.high:+.2f}]")


def _accuracy(graph: Repeated, which: Which) -> str:
    found = graph.target.validation if which == "validation" else graph.target.test
    return "-" if found is None else str(found)


def _count(entry: Entry) -> int:
    found = entry.best.target.validation
    return 0 if found is None else len(found.values)


def against(rows: Sequence[Against], which: Which) -> Table:
    """Search against search."""
    caption = f"Best graph of one search minus another's ({which}, points of accuracy), paired by retraining, 95 % t interval"
    return Table(f"table-between-{which}", caption, ("search", "against", "difference [95 %]"),
                 tuple((a.ours, a.theirs, interval(a.gap)) for a in rows), 2)


def cost(entries: Sequence[Entry]) -> Table:
    """What each search spent, and how far its selection flattered it."""
    rows = []
    for e in entries:
        told = "-" if e.optimism is None else f"{e.optimism:+.2f}"
        rows.append((e.name, f"{e.trials:,}", f"{e.graph_epochs:,.0f}", duration(e.seconds), f"{e.selected:.2f}", told))
    caption = ("What the searches cost (a training shared by several graphs is paid once; time is summed over workers), the "
               "validation accuracy (%) the best graph was chosen by, and how far that lies above its retrainings")
    columns = ("search", "trials", "graph-epochs", "training time", "chosen by", "optimism")
    return Table("table-cost", caption, columns, tuple(rows))


def so_far(entries: Sequence[Entry]) -> Table:
    """Best so far at the same cost."""
    marks = spent(entries)
    columns_of = ([values[i] for _, values in marks] for i in range(len(entries)))
    told = (["-" if v is None else f"{v:.2f}" for v in values] for values in columns_of)
    rows = tuple((e.name, *cells) for e, cells in zip(entries, told, strict=True))
    columns = ("search", *(f"{mark:,}" for mark, _ in marks))
    return Table("table-so-far", "Lowest validation error (%) seen so far, by graph-epochs spent", columns, rows)


def graphs(entries: Sequence[Entry]) -> Table:
    """Which graphs they are."""
    rows = tuple((e.name, " ".join(e.best.graph.models), edges_text(e.best.graph)) for e in entries)
    caption = "The best graphs: models of nodes 1, 2, ..., and open edges"
    return Table("table-best-graphs", caption, ("search", "models", "edges"), rows, 3)
