"""What is on screen, as text."""

from __future__ import annotations

from textual.pilot import Pilot


def text(pilot: Pilot[None]) -> str:
    """The screen's lines, without colours."""
    width, height = pilot.app.size
    lines = pilot.app.screen._compositor.render_strips()
    return "\n".join(strip.text[:width].rstrip() for strip in lines[:height])
