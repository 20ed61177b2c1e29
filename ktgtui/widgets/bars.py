"""The line above a page (where one is) and the line below (which keys do what)."""

from __future__ import annotations

from collections.abc import Sequence

from ktgtui.widgets.line_widget import Lines, Pieces


class TitleBar(Lines):
    """`ktgtui  1 spaces  2 live  3 analyse   ~/study          read-only`."""

    def __init__(self, page: str, pages: Sequence[str]) -> None:
        super().__init__()
        self._page = page
        self._pages = pages
        self._place = ""
        self._notice = ""

    def show(self, place: str, notice: str) -> None:
        """`place`: the folder; `notice`: what a person should know at all times, at the right."""
        self._place, self._notice = place, notice
        self.redraw()

    def line(self, y: int, width: int) -> Pieces:
        runs = self._tabs(short=False)
        if sum(len(text) for text, _ in runs) + len(self._notice) + 2 > width:
            runs = self._tabs(short=True)
        room = max(1, width - sum(len(text) for text, _ in runs) - 2)
        notice = self._notice[:room]
        place = tail(self._place, room - len(notice) - 2)
        return self.inked([*runs, (f" {place}", "dim"), (notice.rjust(room - len(place)), "warn")])

    def _tabs(self, short: bool) -> list[tuple[str, str]]:
        """All pages by number; `short`: only this one by name."""
        runs = [(" ktgtui ", "accent")]
        for number, page in enumerate(self._pages, 1):
            here = page == self._page
            runs.append((f" {number} " if short and not here else f" {number} {page} ", "cursor" if here else "dim"))
        return runs


def tail(path: str, width: int) -> str:
    """The last `width` characters of a path, the part that tells folders apart."""
    if len(path) <= width:
        return path
    return "..." + path[3 - width :] if width > 6 else ""


ALL_KEYS = "list('keys')"
"""The action that lists every key."""


class KeyBar(Lines):
    """The keys of the focused widget and of the page, as far as they fit whole; last the one that lists them all."""

    def on_mount(self) -> None:
        self.screen.bindings_updated_signal.subscribe(self, lambda _: self.redraw())

    def line(self, y: int, width: int) -> Pieces:
        keys: dict[str, tuple[str, str]] = {}
        for active in self.screen.active_bindings.values():
            binding = active.binding
            if binding.show or binding.action == ALL_KEYS:  # in a text field by the chord alone: `?` is a letter there
                key = binding.key_display or self.app.get_key_display(binding)
                keys.setdefault(binding.action, (f" {key}", f" {binding.description} "))
        listed = keys.pop(ALL_KEYS, None)
        kept = fitting([*keys.values()], width - sum(map(len, listed or ())))
        return self.inked([run for key, does in [*kept, *([listed] if listed else [])]
                           for run in ((key, "accent"), (does, "dim"))])


def fitting(keys: Sequence[tuple[str, str]], width: int) -> list[tuple[str, str]]:
    """As many of the keys, in their order, as stand whole in `width` characters."""
    kept: list[tuple[str, str]] = []
    for key, does in keys:
        width -= len(key) + len(does)
        if width < 0:
            break
        kept.append((key, does))
    return kept
