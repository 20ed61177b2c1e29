"""From run folders to the bytes of every file of a report."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from engine.analysis.edf import comparable
from engine.analysis.run_sample import distinct, read
from engine.errors import AnalysisError, nearest
from engine.report import html_page
from engine.report.content import Content, content
from engine.report.figures import style
from engine.report.lineage import chapters
from engine.report.tables import Table, as_csv, as_latex

FORMATS = ("html", "md", "svg", "pdf", "png", "csv", "tex")
PICTURES = ("svg", "png", "pdf")
"""Formats of figures, the one Markdown links to first."""
_TABLES: dict[str, Callable[[Table], str]] = {"csv": as_csv, "tex": as_latex}


def chosen(text: str) -> tuple[str, ...]:
    """Formats from `html,svg`. Raises AnalysisError naming the unknown one."""
    names = [n.strip() for n in text.split(",") if n.strip()]
    for name in names:
        if name not in FORMATS:
            raise AnalysisError(f"--formats: unknown format {name!r}", nearest(name, FORMATS))
    if not names:
        raise AnalysisError("--formats: names no format", "known: " + ", ".join(FORMATS))
    return tuple(f for f in FORMATS if f in names)


def gather(folders: Sequence[Path], force_mixed: bool = False) -> Content:
    """Read runs and put the report together.

    A lineage may change its protocol (the paper's X trains twice as long): each space is then drawn by itself. Two runs
    of one space under different protocols are refused unless `force_mixed`, which is said in the report.
    """
    distinct(folders)
    told = chapters([read(folder) for folder in folders])
    warnings = []
    for chapter in told:
        same = [c.run.sample for c in told if c.run.space.name == chapter.run.space.name]
        try:
            comparable(same)
        except AnalysisError as error:
            if not force_mixed:
                raise
            warnings.append(error.message)
    return content(told, tuple(dict.fromkeys(warnings)))


def files(report: Content, formats: Sequence[str]) -> dict[str, bytes]:
    """Every file of the report by name, in these formats."""
    made: dict[str, bytes] = {}
    drawn: dict[str, str] = {}
    wanted = [f for f in PICTURES if f in formats]
    if wanted or "html" in formats:
        for picture in report.pictures:
            with style.styled():
                figure = picture.draw()
                renders = {f: style.rendered(figure, f) for f in {*wanted, "svg"}}
            made.update({f"{picture.name}.{f}": renders[f] for f in wanted})
            drawn[picture.name] = style.inline(renders["svg"], picture.name)
    made.update(_written(report.tables, formats))
    if "md" in formats:
        made["report.md"] = html_page.markdown(report, wanted[0] if wanted else None).encode("utf-8")
    if "html" in formats:
        made["report.html"] = html_page.html(report, drawn).encode("utf-8")
    return made


def _written(tables: Iterable[Table], formats: Sequence[str]) -> dict[str, bytes]:
    return {f"{t.name}.{f}": write(t).encode("utf-8") for t in tables for f, write in _TABLES.items() if f in formats}
