"""What is sent looks on a terminal as Textual's own writing does, cell by cell, and is shorter."""

from __future__ import annotations

import re
from itertools import product

from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from rich.segment import Segment
from rich.style import Style
from textual._compositor import ChopsUpdate, Compositor, LayoutUpdate
from textual.app import App, ComposeResult
from textual.containers import Horizontal, VerticalScroll
from textual.geometry import Region
from textual.strip import Strip
from textual.widgets import Static

from ktgtui.terminal.compositor import Changes, Frames, Whole

WIDTH, HEIGHT, CUT = 14, 3, 6
"""Two widgets side by side, the second one from column CUT on."""
CONSOLE = Console(force_terminal=True, color_system="truecolor")
STYLES = tuple(map(Style.parse, (
    "#d6dbe2 on #14171c", "#8a95a3 on #14171c", "bold #ffffff on #2b5c8a", "red on blue", "underline red on blue", "reverse", "",
)))

Cell = tuple[str, str]
"""A character and the state it was written in."""
pieces = st.lists(st.tuples(st.text("ab ", min_size=1, max_size=4), st.sampled_from(STYLES)), max_size=6)


class Screen:
    """As much of a terminal as both ways of writing need: places, colours, characters."""

    def __init__(self) -> None:
        self.cells: dict[tuple[int, int], Cell] = {}
        self.state: dict[str, str] = {}

    def feed(self, text: str) -> Screen:
        x = y = 0
        for place, codes, character in re.findall(r"\x1b\[([\d;]*)H|\x1b\[([\d;]*)m|(.)", text.replace("\n", ""), re.DOTALL):
            if place:
                y, x = (int(n) - 1 for n in place.split(";"))
            elif character:
                self.cells[x, y] = (character, seen(character, self.state))
                x += 1
            else:
                self._take(codes.split(";"))
        return self

    def _take(self, codes: list[str]) -> None:
        codes = list(codes)
        while codes:
            code = codes.pop(0)
            if code in ("0", ""):
                self.state = {}
            elif code in ("38", "48"):
                self.state[code] = ";".join(codes.pop(0) for _ in range(4))
            elif code in ("39", "49"):
                self.state.pop("38" if code == "39" else "48", None)
            elif len(code) == 2 and code[0] in "34":
                self.state["38" if code[0] == "3" else "48"] = code[1]
            else:
                self.state[f"attribute {code}"] = code


def seen(character: str, state: dict[str, str]) -> str:
    """What of a state shows in a character: a blank has no ink, unless its colours are swapped or a line is drawn in it."""
    shown = character != " " or state.keys() & {"attribute 4", "attribute 7"}
    return str(sorted((k, v) for k, v in state.items() if shown or k not in ("38", "attribute 1")))


def strip(parts: list[tuple[str, Style]], width: int) -> Strip:
    return Strip([Segment(text, style) for text, style in parts]).adjust_cell_length(width, STYLES[0])


def lines(made: list[list[tuple[str, Style]]]) -> list[dict[int, Strip | None]]:
    return [{0: strip(made[2 * y], CUT), CUT: strip(made[2 * y + 1], WIDTH - CUT)} for y in range(HEIGHT)]


many = st.lists(pieces, min_size=2 * HEIGHT, max_size=2 * HEIGHT)
spans = st.lists(st.tuples(st.integers(0, WIDTH - 1), st.integers(1, WIDTH)), min_size=HEIGHT, max_size=HEIGHT)


@given(many)
def test_a_whole_frame_fills_the_screen_as_textual_does(made: list[list[tuple[str, Style]]]) -> None:
    strips = [[s for s in line.values() if s is not None] for line in lines(made)]
    region = Region(0, 0, WIDTH, HEIGHT)
    own, theirs = Whole([*strips], region).render_segments(CONSOLE), LayoutUpdate([*strips], region).render_segments(CONSOLE)
    assert Screen().feed(own).cells == Screen().feed(theirs).cells


@given(many, spans)
def test_a_change_writes_its_spans_and_nothing_else(made: list[list[tuple[str, Style]]], wanted: list[tuple[int, int]]) -> None:
    chops, ends = lines(made), [[CUT, WIDTH]] * HEIGHT
    where = [(y, min(a, b), max(a, b)) for y, (a, b) in enumerate(wanted) if a != b]
    screen = Screen().feed(Changes(chops, where, ends).render_segments(CONSOLE))
    if not where:
        assert screen.cells == {}
        return
    theirs = Screen().feed(ChopsUpdate(chops, where, ends).render_segments(CONSOLE)).cells
    inside = {(x, y) for y, left, right in where for x in range(left, right)}
    assert screen.cells == {place: theirs[place] for place in inside}
    assert screen.state == {}


def test_a_change_at_the_end_of_a_line_is_short() -> None:
    parts = [("number ", STYLES[0]), ("7", STYLES[1])]
    line: list[dict[int, Strip | None]] = [{0: strip(parts, 8)}]
    sent = Changes(line, [(0, 7, 8)], [[8]]).render_segments(CONSOLE)
    assert sent == "\x1b[1;8H\x1b[38;2;138;149;163;48;2;20;23;28m7\x1b[39;49m"


def test_colours_are_said_when_they_change_only() -> None:
    parts = [("ab", STYLES[0]), ("cd", STYLES[1]), ("  ", STYLES[0]), ("ef", STYLES[1])]
    sent = Whole([[strip(parts, 8)]], Region(0, 0, 8, 1)).render_segments(CONSOLE)
    assert sent.count("\x1b[38;2;138;149;163m") == 1
    assert sent.count("48;2;20;23;28") == 1
    assert sent.endswith("cd  ef\x1b[39;49m")


def test_a_terminal_of_sixteen_colours_is_told_of_those() -> None:
    console = Console(force_terminal=True, color_system="standard")
    sent = Whole([[Strip([Segment("a", Style.parse("#ff0000"))])]], Region(0, 0, 1, 1)).render_segments(console)
    assert sent == "\x1b[1;1H\x1b[31ma\x1b[39m"


def test_links_are_kept() -> None:
    linked = Strip([Segment("a", Style.parse("red link https://example.org")), Segment("b", Style.parse("red"))])
    sent = Whole([[linked]], Region(0, 0, 2, 1)).render_segments(CONSOLE)
    assert "\x1b]8;" in sent
    assert "https://example.org" in sent
    assert sent.endswith("\x1b[31mb\x1b[39m")


class Stacked(App[None]):
    """Widgets beside, inside and over each other, one of them out of the screen by half."""

    CSS = """
    Screen { layers: below above; }
    #left { width: 12; border: round red; }
    #tall { height: 40; }
    #over { layer: above; width: 9; height: 3; offset: 8 2; background: blue; }
    #outside { layer: above; width: 9; height: 3; offset: 25 6; }
    """

    def compose(self) -> ComposeResult:
        with Horizontal():
            yield Static("one two three four five six seven", id="left")
            with VerticalScroll():
                yield Static("\n".join(f"line {n} " * 4 for n in range(40)), id="tall")
        yield Static("over the others", id="over")
        yield Static("half outside", id="outside")


async def test_what_is_composed_is_what_textual_composes() -> None:
    """For every rectangle of the screen, each line of it wanted or not."""
    app = Stacked()
    async with app.run_test(size=(30, 9)) as pilot:
        app.screen.query_one(VerticalScroll).scroll_to(y=3, animate=False)
        await pilot.pause()
        textual = app.screen._compositor
        for left, top, right in product(range(0, 30, 3), range(9), (15, 30)):
            crop = Region(left, top, max(1, right - left), 9 - top)
            own, theirs = (kind._render_chops(textual, crop, lambda y: y % 3 < 2) for kind in (Frames, Compositor))
            for y in (y for y in crop.line_range if y % 3 < 2):
                assert [*own[y]] == [*theirs[y]]
                for (x, strip), end in zip(own[y].items(), textual.cuts[y][1:], strict=True):
                    assert strip == (theirs[y][x] if x < crop.right and end > left else None)


async def test_a_container_that_its_children_hide_is_not_rendered() -> None:
    app = Stacked()
    async with app.run_test(size=(30, 9)) as pilot:
        await pilot.pause()
        rendered = []
        for widget in app.screen.query("*"):
            widget.render_lines = lambda crop, widget=widget, plain=widget.render_lines: rendered.append(widget) or plain(crop)  # type: ignore
        Frames._render_chops(app.screen._compositor, Region(14, 0, 16, 2), lambda y: True)  # type: ignore[arg-type]
        assert [widget.id for widget in rendered] == ["tall"]
