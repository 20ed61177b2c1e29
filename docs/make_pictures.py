"""Pictures of every page of the workbench, from a folder with a searched lineage: `python docs/make_pictures.py STUDY`.

STUDY holds runs of digits/A, B, C and X (or of spaces refined like them), X evaluated. What is on screen is drawn cell by
cell to docs/pictures/*.png, so that a picture needs no font but matplotlib's: curves are braille, which few fonts have.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import matplotlib
from PIL import Image, ImageColor, ImageDraw, ImageFont
from rich.style import Style
from textual.pilot import Pilot
from textual.strip import Strip

from engine.space.files.load import load
from engine.store.folder import space_of
from engine.store.reader import RunReader, find_runs
from ktgtui.app import Workbench
from ktgtui.context import Session

SIZE = (112, 36)
PICTURES = Path(__file__).parent / "pictures"


@dataclass(frozen=True, slots=True)
class Shot:
    """One picture."""

    name: str
    run: str
    """The paper's letter of the space whose run is shown."""
    keys: Sequence[str]
    shows: str
    """What is on screen when it is there."""
    then: Sequence[str] = ()
    """Pressed after that, for what the cursor is on."""


SHOTS = (
    Shot("workbench-spaces", "A", ["1"], "39,609", ["down", "down", "down", "down"]),
    Shot("workbench-live", "A", ["2"], "best first", ["down", "down"]),
    Shot("workbench-analyse", "A", ["3", "c"], "gate from the label to the target", ["full_stop", *["less_than_sign"] * 3]),
    Shot("workbench-crossed", "A", ["3", "b", "x", "x"], "a panel for each value of L[y,1]"),
    Shot("workbench-matters", "A", ["3", "escape", "m"], "what matters:"),
    Shot("workbench-runs", "A", ["3", "r"], "runs side by side"),
    Shot("workbench-refine", "A", ["4", "tab", *"L[y,aux] = through"], "L[y,aux] = through: narrows"),
    Shot("workbench-map", "X", ["4"], "not trained (0)", ["tab", "n"]),
    Shot("workbench-trial", "X", ["5"], "neighbours known", ["down", "right"]),
    Shot("workbench-best", "X", ["6"], "in the search", ["down", "down", "down"]),
    Shot("workbench-keys", "A", ["1", "question_mark"], "type to narrow"),
)


def newest(study: Path) -> dict[str, Path]:
    """Run folders by the paper's letter: the number of graphs tells which space it is."""
    letters = {load(f"digits/{letter}").keys: letter for letter in "ABCX"}
    found = {}
    for folder in find_runs(study / "runs"):
        with RunReader(folder) as reader:
            space = space_of(folder, reader.info)
        if space.keys in letters:
            found[letters[space.keys]] = folder
    return found


async def settled(pilot: Pilot[None], shows: str) -> None:
    """Until it is on screen and nothing moves."""
    for _ in range(600):
        await pilot.pause(0.1)
        if shows in pilot.app.screen.text():  # type: ignore[attr-defined]
            break
    else:
        raise SystemExit(f"{shows!r} never came:\n{pilot.app.screen.text()}")  # type: ignore[attr-defined]
    await pilot.pause(0.5)


async def take(study: Path, shot: Shot, run: Path) -> None:
    bench = Workbench(study, readonly=True, look="dark")
    async with bench.run_test(size=SIZE) as pilot:
        while not bench.context.snapshot.ready:
            await pilot.pause(0.05)
        bench.context.select_run(run)
        while bench.context.snapshot.chosen is None or bench.context.snapshot.chosen.view.folder != run:
            await pilot.pause(0.05)
        await pilot.press(*shot.keys)
        await settled(pilot, shot.shows) if shot.name != "workbench-keys" else await pilot.pause(1)
        await pilot.press(*shot.then)
        await pilot.pause(1)
        strips = bench.screen._compositor.render_strips()[: SIZE[1]]
        out = PICTURES / f"{shot.name}.png"
        drawn(strips).quantize(96).save(out, optimize=True)
    print(out)


CELL = (9, 19)
"""Pixels of a character."""
FONTS = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
SHADES = {"█": 1.0, "▓": 0.7, "▒": 0.45, "░": 0.22}
DOTS = ((0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2), (0, 3), (1, 3))
"""Column and row of each bit of a braille character."""


def drawn(strips: Sequence[Strip]) -> Image.Image:
    """A screen as a picture."""
    picture = Image.new("RGB", (SIZE[0] * CELL[0], SIZE[1] * CELL[1]))
    pen = ImageDraw.Draw(picture)
    fonts = [ImageFont.truetype(str(FONTS / f"DejaVuSansMono{kind}.ttf"), 15) for kind in ("", "-Bold")]
    for y, strip in enumerate(strips):
        x = 0
        for text, style, _ in strip:
            for character in text:
                _cell(pen, (x * CELL[0], y * CELL[1]), character, style or Style(), fonts)
                x += 1
    return picture


def _cell(pen: ImageDraw.ImageDraw, at: tuple[int, int], character: str, style: Style,
          fonts: Sequence[ImageFont.FreeTypeFont]) -> None:
    ink, ground = _colour(style.color, "#d6dbe2"), _colour(style.bgcolor, "#14171c")
    if style.reverse:
        ink, ground = ground, ink
    (x, y), (wide, high) = at, CELL
    pen.rectangle((x, y, x + wide - 1, y + high - 1), fill=ground)
    if character in SHADES:
        share = SHADES[character]
        mixed = tuple(round(g + (i - g) * share) for i, g in zip(ink, ground, strict=True))
        pen.rectangle((x, y + 2, x + wide - 2, y + high - 3), fill=mixed)
    elif "\u2800" <= character <= "\u28ff":
        for bit, (column, row) in enumerate(DOTS):
            if ord(character) - 0x2800 >> bit & 1:
                left, top = x + 1 + 4 * column, y + 2 + row * 4
                pen.ellipse((left, top, left + 2, top + 2), fill=ink)
    elif character != " ":
        pen.text((x, y + 1), character, fill=ink, font=fonts[bool(style.bold)])


def _colour(colour: object, otherwise: str) -> tuple[int, int, int]:
    triplet = colour.get_truecolor() if colour is not None and not colour.is_default else None  # type: ignore[attr-defined]
    return tuple(triplet) if triplet else ImageColor.getrgb(otherwise)[:3]


def main() -> None:
    Session.place = property(lambda _: "~/study")  # the same wherever the pictures are made
    study = Path(sys.argv[1])
    runs = newest(study)
    wanted = sys.argv[2:]
    for shot in SHOTS:
        if not wanted or shot.name in wanted:
            asyncio.run(take(study, shot, runs[shot.run]))


if __name__ == "__main__":
    main()
