"""What is on screen, as text."""

from __future__ import annotations

from textual.pilot import Pilot

from ktgtui.app import Workbench


def text(pilot: Pilot[None]) -> str:
    """The screen's lines, without colours."""
    width, height = pilot.app.size
    lines = pilot.app.screen._compositor.render_strips()
    return "\n".join(strip.text[:width].rstrip() for strip in lines[:height])


def chosen_run(app: Workbench) -> str:
    """Name of the run that the last snapshot shows whole; '' if it shows none."""
    return app.context.snapshot.chosen.view.name if app.context.snapshot.chosen else ""
