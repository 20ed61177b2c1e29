"""What of a line is sent again: never too little, and no more than from the first difference to the last."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from ktgtui.widgets.line_widget import differing, filled

STYLES = (Style.parse("red"), Style.parse("bold blue"))
WIDTH = 8
pieces = st.lists(st.tuples(st.text("ab \u6728", min_size=1, max_size=3), st.sampled_from(STYLES)), max_size=6)


def strip(parts: list[tuple[str, Style]]) -> Strip:
    return Strip([Segment(text, style) for text, style in parts]).adjust_cell_length(WIDTH, STYLES[0]).simplify()


def cells(line: Strip) -> list[tuple[str, Style | None]]:
    """One entry a cell; a wide character fills its second with an empty one."""
    found: list[tuple[str, Style | None]] = []
    for text, style, _ in line:
        for character in text:
            found += [(character, style), ("", style)][: cell_len(character)]
    return found


@given(pieces, pieces)
def test_the_span_holds_every_difference_and_ends_at_differences(one: list[tuple[str, Style]],
                                                                 other: list[tuple[str, Style]]) -> None:
    old, new = strip(one), strip(other)
    changed = [i for i, (a, b) in enumerate(zip(cells(old), cells(new), strict=True)) if a != b]
    span = differing(old, new)
    if not changed:
        assert span is None
        return
    assert span is not None
    assert span[0] <= changed[0]
    assert span[1] > changed[-1]
    if not any(cell_len(c) == 2 for line in (old, new) for c in line.text):
        assert span == (changed[0], changed[-1] + 1)


def test_a_line_never_drawn_is_sent_whole() -> None:
    assert differing(None, strip([("ab", STYLES[0])])) == (0, WIDTH)


@given(pieces, st.integers(1, WIDTH))
def test_a_filled_line_is_cut_or_padded_to_its_width(parts: list[tuple[str, Style]], width: int) -> None:
    line = filled(parts, width, STYLES[0])
    plain = Strip([Segment(text, style) for text, style in parts]).adjust_cell_length(width, STYLES[0]).simplify()
    assert line.cell_length == cell_len(line.text) == width
    assert cells(line) == cells(plain)
    assert all(one.style is not other.style for one, other in zip(list(line), list(line)[1:], strict=False))
