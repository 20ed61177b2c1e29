"""What is selected: the trial to show, the space to refine; and where the spaces of runs lie on disk."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.errors import SpaceError
from engine.space.files.load import load
from ktgtui.context import Context

if TYPE_CHECKING:
    from engine.space.space import Space


def work_on(context: Context, reference: str) -> None:
    """Make this the space to refine, and its newest run the chosen one."""
    name = next((s.name for s in context.snapshot.spaces if s.reference == reference), "")
    runs = [run for run in context.snapshot.runs if run.space == name and not run.error]
    if runs:
        context.select_run(max(runs, key=lambda run: run.done).folder)
    context.session.selected_space = reference


def open_trial(context: Context, number: int) -> None:
    """Show one trial of the chosen run."""
    context.session.selected_trial = number
    context.show_page("trial")


def refine(context: Context, phrase: str) -> None:
    """Take a constraint on the chosen run's space to the refine page."""
    context.session.selected_space = None
    context.show_page("refine", phrase)


def subject(context: Context) -> Space | None:
    """The space to refine: the one that was picked, else the chosen run's. None if there is neither."""
    if context.session.selected_space is not None:
        return load(context.session.selected_space)
    return context.snapshot.chosen.space if context.snapshot.chosen else None


def reference_of(context: Context, space: Space) -> str:
    """How the space is named on disk. Raises SpaceError if it is not there (the run came from elsewhere)."""
    for view in context.snapshot.spaces:
        if view.name == space.name and not view.error and load(view.reference).lineage == space.lineage:
            return view.reference
    raise SpaceError(f"{space.name}: its space file is not here", "copy it into the folder's spaces/")


def on_disk(context: Context, space: Space) -> Space:
    """The space as its file has it. Raises SpaceError."""
    return load(reference_of(context, space))
