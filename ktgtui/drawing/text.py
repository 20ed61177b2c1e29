"""Text with roles of the palette, and table columns: what is drawn before a widget shows it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

Paragraph = Sequence[tuple[str, str]]
"""Pieces of text with a role of the palette each."""


Cell = str | tuple[str, str]
"""Text, or text with a role of the palette."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table."""

    title: str
    width: int
    """Characters; for the column that `grows`, the least."""
    right: bool = False
    """Numbers stand at the right."""
    grows: bool = False
    """Takes what the others leave."""
    least: int = 0
    """Table width below which the column is left out."""
