"""The space that is refined, and where the spaces of runs lie on disk."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.errors import SpaceError
from engine.space.files.load import load

if TYPE_CHECKING:
    from engine.space.space import Space
    from ktgtui.app import Workbench


def work_on(app: Workbench, reference: str) -> None:
    """Make this the space to refine, and its newest run the chosen one."""
    name = next((s.name for s in app.snapshot.spaces if s.reference == reference), "")
    runs = [run for run in app.snapshot.runs if run.space == name and not run.error]
    if runs:
        app.choose(max(runs, key=lambda run: run.done).folder)
    app.working_on = reference


def subject(app: Workbench) -> Space | None:
    """The space to refine: the one that was picked, else the chosen run's. None if there is neither."""
    if app.working_on is not None:
        return load(app.working_on)
    return app.snapshot.chosen.space if app.snapshot.chosen else None


def reference_of(app: Workbench, space: Space) -> str:
    """How the space is named on disk. Raises SpaceError if it is not there (the run came from elsewhere)."""
    for view in app.snapshot.spaces:
        if view.name == space.name and not view.error and load(view.reference).lineage == space.lineage:
            return view.reference
    raise SpaceError(f"{space.name}: its space file is not here", "copy it into the folder's spaces/")


def on_disk(app: Workbench, space: Space) -> Space:
    """The space as its file has it. Raises SpaceError."""
    return load(reference_of(app, space))
