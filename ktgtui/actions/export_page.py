"""A page as it stands, written to files."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from ktgtui.screens.base import Page

if TYPE_CHECKING:
    from ktgtui.app import Workbench


def write(app: Workbench) -> None:
    """To figures/PAGE-RUN.svg and .txt in the workbench's folder; a person is told where, or why not."""
    name = f"{app.current_mode}-{app.snapshot.chosen.view.name if app.snapshot.chosen else 'none'}"
    folder = app.folder / "figures"
    try:
        folder.mkdir(exist_ok=True)
        (folder / f"{name}.svg").write_text(app.export_screenshot(title=name), "utf-8")
        (folder / f"{name}.txt").write_text(cast(Page, app.screen).text(), "utf-8")
    except OSError as error:
        app.notify(f"{folder}: {error.strerror}", severity="error", markup=False)
        return
    app.notify(f"figures/{name}.svg and .txt", title="written", markup=False)
