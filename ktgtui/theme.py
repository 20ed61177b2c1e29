"""Colours: Textual themes for surfaces, a palette of roles for what widgets draw themselves.

Curve colours are Okabe & Ito's, which the common colour blindnesses tell apart, darkened for the light theme until
they reach 3:1 against it. Nothing is said by colour alone.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from types import MappingProxyType

from rich.style import Style
from textual.theme import Theme

Palette = Mapping[str, Style]
"""Style by role: `dim`, `head`, `accent`, `good`, `bad`, `warn`, `cursor`, `rest` (cursor of an unfocused table),
`cross` (crosshair), `bold` and `curve0` to `curve5`."""

DARK = Theme(
    name="ktg-dark", primary="#56b4e9", secondary="#8fa1b3", accent="#e69f00", foreground="#d6dbe2",
    background="#14171c", surface="#14171c", panel="#20252c", success="#4fc49a", warning="#e6b450", error="#f0776a",
    dark=True,
)
LIGHT = Theme(
    name="ktg-light", primary="#0067a8", secondary="#52606d", accent="#9a5b00", foreground="#1d2329",
    background="#fbfaf7", surface="#fbfaf7", panel="#ebe8e0", success="#00704f", warning="#8a5a00", error="#b3261e",
    dark=False,
)


def _palette(dim: str, head: str, accent: str, good: str, bad: str, warn: str, cursor: str, rest: str,
             curves: tuple[str, ...]) -> Palette:
    roles = {"dim": dim, "head": head, "accent": accent, "good": good, "bad": bad, "warn": warn, "cursor": cursor,
             "rest": rest, "cross": "bold " + head.split()[-1], "bold": "bold", **{f"curve{i}": c for i, c in enumerate(curves)}}
    return MappingProxyType({role: Style.parse(style) for role, style in roles.items()})


PALETTES: Mapping[str, Palette] = MappingProxyType({
    "ktg-dark": _palette("#8a95a3", "bold #8fa1b3", "bold #56b4e9", "#4fc49a", "bold #f0776a", "#e6b450",
                         "bold #ffffff on #2b5c8a", "on #262c35",
                         ("#56b4e9", "#e69f00", "#2fb98b", "#e07bb5", "#f0e442", "#e8653a")),
    "ktg-light": _palette("#66707a", "bold #52606d", "bold #0067a8", "#00704f", "bold #b3261e", "#8a5a00",
                          "bold #ffffff on #0067a8", "on #e2e6ea",
                          ("#0072b2", "#a86400", "#007a5a", "#a8447e", "#6f6700", "#c04a00")),
    "ansi-dark": _palette("bright_black", "bold", "bold bright_blue", "green", "bold red", "yellow", "reverse",
                             "underline", ("bright_blue", "yellow", "green", "magenta", "cyan", "red")),
})

LOOKS = MappingProxyType({"dark": "ktg-dark", "light": "ktg-light", "ansi": "ansi-dark"})


def resolve(look: str, environ: Mapping[str, str] | None = None) -> str:
    """The theme's name for `--theme`; `auto` looks at what TERM and COLORTERM promise."""
    if look in LOOKS:
        return LOOKS[look]
    env = os.environ if environ is None else environ
    many = "256color" in env.get("TERM", "") or env.get("COLORTERM", "") in ("truecolor", "24bit")
    return LOOKS["dark" if many else "ansi"]


def speaks_unicode(environ: Mapping[str, str] = os.environ, encoding: str | None = None, utf8_mode: int | None = None) -> bool:
    """Whether the terminal takes more than ASCII, as far as its locale tells.

    In the C locale Python writes UTF-8 all the same, and sets LC_CTYPE so (PEP 538 and 540): there only what a person said
    counts. Who said nothing sits in a container more often than at a terminal without UTF-8.
    """
    if encoding is None:
        encoding = sys.__stderr__.encoding if sys.__stderr__ else "utf-8"
    if "utf" not in encoding.lower():
        return False
    said = environ.get("LC_ALL") or environ.get("LANG") or ""
    return not (sys.flags.utf8_mode if utf8_mode is None else utf8_mode) or not said or "utf" in said.lower()
