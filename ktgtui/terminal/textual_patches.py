"""What of Textual is overridden, each with the version it was written against and with a plain fallback.

Private members of Textual are named here, in `compositor` and in `driver`, nowhere else. Where an installed version lacks one,
the override is left out: slower, more bytes or fewer words, never wrong. `missing` names them, and a test fails on it.
"""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from collections import defaultdict
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any

from rich.cells import cell_len
from textual.app import App
from textual.screen import Screen

from ktgtui.terminal import error_log

if TYPE_CHECKING:
    from textual.driver import Driver

WRITTEN_AGAINST = "8.2.8"
"""The version of Textual that every override was held against last."""

COMPOSITOR = {
    "textual._compositor:Compositor": ("render_partial_update", "render_full_update", "_render_chops", "cuts", "visible_widgets"),
    "textual._compositor:ChopsUpdate": ("chops", "spans", "chop_ends"),
    "textual._compositor:LayoutUpdate": ("strips", "region"),
}
"""What `compositor.Frames` overrides and reads, by class: methods, or parameters of what makes it."""

OTHERS = {
    "textual._compositor:Compositor": ("render_strips",),
    "textual.app:App": ("refresh_css", "_handle_exception", "_fatal_error", "_close_messages_no_wait"),
    "textual.driver:Driver": ("_app",),
    "textual.drivers.linux_driver:LinuxDriver": ("_file",),
    "textual.app:App.__init__": ("_driver",),
    "textual.screen:Screen.__init__": ("_compositor",),
    "rich.console:Console.__init__": ("_color_system",),
}
"""What the rest overrides and reads, one private member of Rich among them."""


def missing(wanted: Mapping[str, tuple[str, ...]] = COMPOSITOR) -> list[str]:
    """Members that the installed Textual lacks, as `module:Class.member`."""
    return [f"{place}.{name}" for place, names in wanted.items() for name in names if not _has(place, name)]


def _has(place: str, name: str) -> bool:
    """Whether a class has a member, or takes a parameter of that name when it is made."""
    module, _, path = place.partition(":")
    try:
        found: Any = import_module(module)
        for part in path.split("."):
            found = getattr(found, part)
    except (ImportError, AttributeError):
        return False
    made: Any = getattr(found, "__init__", None)
    code = getattr(found, "__code__", None) or getattr(made, "__code__", None)
    return hasattr(found, name) or (code is not None and name in (*code.co_varnames, *code.co_names))


def send_changes_only(screen: Screen[Any]) -> None:
    """Let a screen send the cells that changed; Textual's own compositor stays where `Frames` does not fit it."""
    if hasattr(screen, "_compositor") and not missing():
        from ktgtui.terminal.compositor import Frames

        screen._compositor = Frames()


def text(screen: Screen[Any]) -> str:
    """The screen's lines, without colours."""
    width, height = screen.app.size
    compositor = getattr(screen, "_compositor", None)
    if not hasattr(compositor, "render_strips"):
        return text_of_svg(screen.app.export_screenshot())
    lines = screen._compositor.render_strips()[:height]
    return "\n".join(strip.text[:width].rstrip() for strip in lines) + "\n"


def text_of_svg(svg: str) -> str:
    """The lines of a screenshot by `App.export_screenshot`: pieces of text at places, each with the width it takes."""
    lines: dict[float, dict[float, str]] = defaultdict(dict)
    cell = 0.0
    for piece in ElementTree.fromstring(svg).iter("{http://www.w3.org/2000/svg}text"):
        if "clip-path" in piece.attrib and piece.text is not None:
            lines[float(piece.attrib["y"])][float(piece.attrib["x"])] = piece.text
            cell = cell or float(piece.attrib["textLength"]) / cell_len(piece.text)
    shown = []
    for _, pieces in sorted(lines.items()):
        line = ""
        for x, words in sorted(pieces.items()):
            line += " " * (round(x / cell) - cell_len(line)) + words.replace("\N{NO-BREAK SPACE}", " ")
        shown.append(line.rstrip())
    return "\n".join(shown) + "\n"


def write(app: App[Any], sequence: str) -> bool:
    """Write an escape sequence to the terminal; False where none can be written to."""
    driver: Driver | None = getattr(app, "_driver", None)
    if driver is not None:
        driver.write(sequence)
    return driver is not None


class PatchedApp(App[None]):
    """An application that starts quicker, ends when its terminal does, and leaves one line of a fault of ours."""

    crash_message = ""
    """After a fault: the line for a person."""

    def __init__(self) -> None:
        super().__init__()
        self._parsed_with: Mapping[str, str] = {}

    def theme_chosen(self) -> None:
        """Give the theme's colours to the rules before they are parsed, once `theme` is set."""
        self._parsed_with = self.get_css_variables()
        self.stylesheet.set_variables(dict(self._parsed_with))

    def refresh_css(self, animate: bool = True) -> None:
        """Textual 8.2.8 parses every rule anew at each call, twice at the start (18 ms), whether or not a colour changed."""
        if (variables := self.get_css_variables()) == self._parsed_with:
            self.stylesheet.update(self, animate=animate)
            return
        self._parsed_with = variables
        super().refresh_css(animate)

    def repaint_after_suspension(self) -> None:
        """After Ctrl-Z and fg, Textual 8.2.8 paints nothing unless the size changed meanwhile."""
        self.app_resume_signal.subscribe(self, lambda _: self.refresh(layout=True))

    def get_driver_class(self) -> type[Driver]:
        """Textual's choice, but for its driver of a terminal."""
        chosen = super().get_driver_class()
        if chosen.__name__ != "LinuxDriver":  # one of Windows, or of TEXTUAL_DRIVER
            return chosen
        from ktgtui.terminal.driver import TerminalDriver

        return TerminalDriver

    def _handle_exception(self, error: Exception) -> None:
        if not self.crash_message:
            self.crash_message = error_log.told(error)
        super()._handle_exception(error)

    def _fatal_error(self) -> None:
        """Textual 8.2.8 would print pages of traceback over the person's terminal; it is in the log."""
        close: Callable[[], None] | None = getattr(self, "_close_messages_no_wait", None)
        if close is None:
            super()._fatal_error()
        else:
            close()
