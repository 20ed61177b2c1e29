"""A few lines of text, wrapped at words and cut at the widget's end."""

from __future__ import annotations

from collections.abc import Sequence

from textual.geometry import Size

from ktgtui.drawing.text import Paragraph
from ktgtui.widgets.line_widget import Lines, Pieces


class Note(Lines):
    """Shows paragraphs."""

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._paragraphs: Sequence[Paragraph] = ()
        self._wrapped: list[list[tuple[str, str]]] = []

    def show(self, paragraphs: Sequence[Paragraph]) -> None:
        self._paragraphs = paragraphs
        self._wrap()

    def on_resize(self) -> None:
        self._wrap()

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """For `height: auto`: all lines."""
        return sum(len(wrap(paragraph, max(1, width))) for paragraph in self._paragraphs)

    def _wrap(self) -> None:
        width = max(1, self.size.width)
        before = len(self._wrapped)
        self._wrapped = [line for paragraph in self._paragraphs for line in wrap(paragraph, width)]
        if len(self._wrapped) != before and self.is_mounted and self.styles.is_auto_height:
            self.refresh(layout=True)
        if len(self._wrapped) > self.size.height > 0:
            self._wrapped = self._wrapped[: self.size.height]
            self._wrapped[-1] = [*cut(self._wrapped[-1], width - 4), (" ...", "dim")]
        self.redraw()

    def line(self, y: int, width: int) -> Pieces:
        return self.inked(self._wrapped[y]) if y < len(self._wrapped) else ()


def wrap(paragraph: Paragraph, width: int) -> list[list[tuple[str, str]]]:
    """Lines of at most `width` characters, broken at spaces; a longer word is broken where the line ends."""
    lines: list[list[tuple[str, str]]] = [[]]
    used = 0
    for text, role in paragraph:
        for word in _words(text):
            if used and used + len(word.rstrip()) > width:
                lines.append([])
                used = 0
                word = word.lstrip()
            while len(word.rstrip()) > width:
                lines[-1].append((word[:width], role))
                lines.append([])
                word = word[width:]
            lines[-1].append((word, role))
            used += len(word)
    return lines


def _words(text: str) -> list[str]:
    """Words, each with the blanks before it."""
    words: list[str] = []
    for piece in text.split(" "):
        words.append(piece if not words else f" {piece}")
    return words


def cut(runs: Sequence[tuple[str, str]], width: int) -> list[tuple[str, str]]:
    """The first `width` characters of a line."""
    kept = []
    for text, role in runs:
        kept.append((text[:width], role))
        width = max(0, width - len(text))
    return kept
