"""The report as one HTML page that needs nothing else, and as Markdown."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape

from engine.report.content import Content, Picture, Section
from engine.report.tables import as_html, as_markdown

_STYLE = """
:root { color-scheme: light dark; --ink: #1b1b1b; --paper: #ffffff; --line: #c9c9c9; --warn: #7a3d00; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e6e6; --paper: #16181b; --line: #44484d; --warn: #ffb066; } }
body { color: var(--ink); background: var(--paper); font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 0 auto;
       padding: 1rem; overflow-wrap: break-word; }
h1 { font-size: 1.6rem; line-height: 1.2 } h2 { font-size: 1.2rem; margin-top: 2.5rem; border-bottom: 1px solid var(--line) }
.warn { color: var(--warn); font-weight: 600 }
.scroll { overflow-x: auto } table { border-collapse: collapse; font-size: .85rem; margin: 1rem 0 }
caption { text-align: left; font-style: italic; padding-bottom: .4rem }
th, td { padding: .25rem .6rem; border-bottom: 1px solid var(--line); text-align: left; vertical-align: top }
.n { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap }
figure { margin: 1.5rem 0 } figure svg { max-width: 100%; height: auto } figcaption { font-size: .9rem; font-style: italic }
"""


def html(content: Content, drawn: Mapping[str, str]) -> str:
    """The page; `drawn` holds each picture's SVG, ready to stand inline, by name. No script, no network."""
    warnings = "\n".join(f'<p class="warn">{escape(w)}</p>' for w in content.warnings)
    body = "\n".join(_section(s, drawn) for s in content.sections)
    return (
        f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<meta name="viewport" '
        f'content="width=device-width, initial-scale=1">\n<title>{escape(content.title)}</title>\n<style>{_STYLE}</style>\n'
        f"</head>\n<body>\n<h1>{escape(content.title)}</h1>\n{warnings}\n{body}\n</body>\n</html>\n"
    )


def _section(section: Section, drawn: Mapping[str, str]) -> str:
    parts = [f"<h2>{escape(section.title)}</h2>", *(f"<p>{escape(w)}</p>" for w in section.words)]
    if section.items:
        parts.append("<ul>" + "".join(f"<li>{escape(i)}</li>" for i in section.items) + "</ul>")
    parts += [as_html(t) for t in section.tables]
    parts += [_figure(p, drawn[p.name]) for p in section.pictures]
    return "\n".join(parts)


def _figure(picture: Picture, svg: str) -> str:
    labelled = svg.replace("<svg ", f'<svg role="img" aria-label="{escape(picture.told, quote=True)}" ', 1)
    return f'<figure id="{picture.name}">\n{labelled}\n<figcaption>{escape(picture.caption)}</figcaption>\n</figure>'


def markdown(content: Content, ending: str | None) -> str:
    """In Markdown; pictures link to the files with this ending, or are told in words."""
    parts = [f"# {content.title}", *(f"**{w}**" for w in content.warnings)]
    for section in content.sections:
        parts += [f"## {section.title}", *section.words]
        if section.items:
            parts.append("\n".join(f"- {i}" for i in section.items))
        parts += [as_markdown(t) for t in section.tables]
        for picture in section.pictures:
            shown = f"![{picture.told}]({picture.name}.{ending})" if ending else picture.told
            parts.append(f"{shown}\n\n*{picture.caption}*")
    return "\n\n".join(parts) + "\n"
