"""A page as it stands, written to files."""

from __future__ import annotations

from ktgtui.context import Context


def write(context: Context, page: str, text: str) -> None:
    """To figures/PAGE-RUN.svg and .txt in the workbench's folder; a person is told where, or why not."""
    if context.refuses():
        return
    name = f"{page}-{context.snapshot.chosen.view.name if context.snapshot.chosen else 'none'}"
    folder = context.session.folder / "figures"
    try:
        folder.mkdir(exist_ok=True)
        (folder / f"{name}.svg").write_text(context.screen.app.export_screenshot(title=name), "utf-8")
        (folder / f"{name}.txt").write_text(text, "utf-8")
    except OSError as error:
        context.notify(f"{folder}: {error.strerror}", severity="error")
        return
    context.notify(f"figures/{name}.svg and .txt", title="written")
