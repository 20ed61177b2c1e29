"""Tables as data, and the same table as CSV, Markdown, LaTeX (booktabs) and HTML."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from textwrap import wrap


@dataclass(frozen=True, slots=True)
class Table:
    """A named table; every cell is already text."""

    name: str
    """File name without ending."""
    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    words: int = 1
    """Leading columns that are words (set left); the others are numbers (set right)."""


def as_csv(table: Table) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerows([table.columns, *table.rows])
    return out.getvalue()


def as_markdown(table: Table) -> str:
    rule = [":--" if i < table.words else "--:" for i in range(len(table.columns))]
    lines = [_row(table.columns), _row(rule), *(_row(r) for r in table.rows)]
    return f"*{table.caption}*\n\n" + "\n".join(lines)


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def as_latex(table: Table) -> str:
    """Needs `\\usepackage{booktabs}`."""
    shape = "l" * table.words + "r" * (len(table.columns) - table.words)
    body = [" & ".join(map(_latex, row)) + r" \\" for row in table.rows]
    return "\n".join([
        r"\begin{table}", r"\centering", rf"\caption{{{_latex(table.caption)}}}", rf"\label{{tab:{table.name}}}",
        rf"\begin{{tabular}}{{{shape}}}", r"\toprule", " & ".join(map(_latex, table.columns)) + r" \\", r"\midrule", *body,
        r"\bottomrule", r"\end{tabular}", r"\end{table}", "",
    ])


_LATEX = {"\\": r"\textbackslash{}", "±": r"$\pm$", "->": r"$\rightarrow$", **{c: f"\\{c}" for c in "&%$#_{}"},
          "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\textless{}", ">": r"\textgreater{}"}


def _latex(text: str) -> str:
    out, place = "", 0
    while place < len(text):
        found = next((k for k in ("->", text[place]) if k in _LATEX and text.startswith(k, place)), text[place])
        out += _LATEX.get(found, found)
        place += len(found)
    return out


def as_html(table: Table) -> str:
    head = "".join(f"<th{_side(table, i)}>{escape(c)}</th>" for i, c in enumerate(table.columns))
    body = "\n".join(
        "<tr>" + "".join(f"<td{_side(table, i)}>{escape(c)}</td>" for i, c in enumerate(row)) + "</tr>" for row in table.rows
    )
    return (f'<div class="scroll"><table id="{table.name}"><caption>{escape(table.caption)}</caption>\n'
            f"<thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody></table></div>")


def _side(table: Table, column: int) -> str:
    return "" if column < table.words else ' class="n"'


def as_text(table: Table) -> str:
    """The caption and aligned columns."""
    cells = [table.columns, *table.rows]
    widths = [max(len(row[i]) for row in cells) for i in range(len(table.columns))]
    lines = []
    for row in cells:
        parts = [c.ljust(w) if i < table.words else c.rjust(w) for i, (c, w) in enumerate(zip(row, widths, strict=True))]
        lines.append("  " + "  ".join(parts).rstrip())
    return "\n".join([*wrap(table.caption, 100), *lines])
