"""Spaces made, changed, compared and annotated by keys; and taken back."""

from __future__ import annotations

import json
from pathlib import Path

from textual.pilot import Pilot
from textual.widgets import TextArea

from engine.space.files import notes
from engine.space.files.load import load
from ktgtui.app import Workbench
from ktgtui.dialogs.editor import Editor
from ktgtui.widgets.table import Table
from tests.ktgtui.conftest import Opened, until
from tests.ktgtui.screen_text import text


async def on(pilot: Pilot[None], name: str) -> Workbench:
    """The cursor on a space."""
    app = pilot.app
    assert isinstance(app, Workbench)
    await until(pilot, lambda: any(s.name == name for s in app.context.snapshot.spaces))
    table = app.screen.query_one("#spaces", Table)
    await until(pilot, lambda: bool(table.rows))
    table.seek(next(s.reference for s in app.context.snapshot.spaces if s.name == name))
    table.focus()
    return app


async def write(pilot: Pilot[None], key: str, content: str) -> None:
    """Open the editor, put a text in the place of its own."""
    await pilot.press(key)
    await until(pilot, lambda: isinstance(pilot.app.screen, Editor) and bool(pilot.app.screen.query("#text")))
    pilot.app.screen.query_one("#text", TextArea).text = content
    await pilot.pause()


async def test_a_branch_is_written_and_u_takes_it_back(tmp_path: Path, opened: Opened) -> None:
    async with opened(tmp_path) as pilot:
        app = await on(pilot, "digits/B")
        child = {"name": "mine", "extends": "digits/B", "constraints": ["L[y,aux] = through"]}
        await write(pilot, "b", json.dumps(child))
        await until(pilot, lambda: "graphs 1,134" in text(pilot))
        await pilot.press("ctrl+s")
        file = tmp_path / "spaces" / "mine.json"
        await until(pilot, file.exists)
        assert load(file).keys == load("digits/C").keys
        await until(pilot, lambda: any(s.name == "mine" for s in app.context.snapshot.spaces))
        await pilot.press("u")
        await until(pilot, lambda: not file.exists())


async def test_what_cannot_be_is_told_as_one_types_and_is_not_kept(tmp_path: Path, opened: Opened) -> None:
    async with opened(tmp_path) as pilot:
        await on(pilot, "digits/A")
        await write(pilot, "n", '{"name": "x", "extends": "digits/A", "constraints": ["L[y,aux] = thruogh"]}')
        await until(pilot, lambda: "'through'" in text(pilot))
        await pilot.press("ctrl+s")
        assert isinstance(pilot.app.screen, Editor)
        await pilot.press("escape")
        assert not (tmp_path / "spaces").exists()


async def test_a_space_of_ones_own_is_renamed_by_its_text(tmp_path: Path, opened: Opened) -> None:
    file = tmp_path / "spaces" / "own.json"
    file.parent.mkdir()
    before = '{"name": "own", "extends": "digits/X"}'
    file.write_text(before)
    async with opened(tmp_path) as pilot:
        app = await on(pilot, "own")
        await write(pilot, "e", before.replace("own", "better"))
        await pilot.press("ctrl+s")
        await until(pilot, lambda: any(s.name == "better" for s in app.context.snapshot.spaces))
        file.write_text(before)
        await pilot.press("u")
        await pilot.pause()
        assert file.read_text() == before, "what somebody changed since stays"


async def test_a_shipped_space_is_not_edited_and_readonly_writes_nothing(tmp_path: Path, opened: Opened) -> None:
    async with opened(tmp_path) as pilot:
        await on(pilot, "A")
        await pilot.press("e")
        await pilot.pause()
        assert not isinstance(pilot.app.screen, Editor)
    async with opened(tmp_path, readonly=True) as pilot:
        await on(pilot, "A")
        for key in ("n", "b", "t"):
            await pilot.press(key)
            await pilot.pause()
            assert not isinstance(pilot.app.screen, Editor)
    assert list(tmp_path.iterdir()) == []


async def test_two_spaces_are_compared(tmp_path: Path, opened: Opened) -> None:
    async with opened(tmp_path) as pilot:
        await on(pilot, "digits/A")
        await pilot.press("c")
        await on(pilot, "digits/C")
        await pilot.press("c")
        await until(pilot, lambda: "relation" in text(pilot))
        screen = text(pilot)
        assert "every graph of digits/C is in digits/A" in screen
        assert "39,609   1,134" in screen
        assert "only in digits/C" in screen


async def test_a_note_on_a_space_is_shown_and_taken_back(tmp_path: Path, opened: Opened) -> None:
    async with opened(tmp_path) as pilot:
        app = await on(pilot, "digits/X")
        await write(pilot, "t", "try this with more epochs")
        await pilot.press("ctrl+s")
        await until(pilot, lambda: "note: try this with more epochs" in text(pilot))
        assert notes.read(tmp_path / "spaces") == {"space digits/X": "try this with more epochs"}
        await pilot.press("u")
        await until(pilot, lambda: notes.read(tmp_path / "spaces") == {})
        app.context.refresh_now()


def test_notes_the_newest_counts_and_a_torn_line_is_passed_over(tmp_path: Path) -> None:
    about = notes.about_trial("digits-A-random600", "66d7c7d145aa6845")
    for said in ("first", "second"):
        notes.write(tmp_path, notes.Note(about=about, text=said))
    with (tmp_path / notes.NOTES).open("a") as file:
        file.write('{"about": "sp')
    assert notes.read(tmp_path) == {about: "second"}


async def test_a_note_on_a_trial_is_shown_with_it(study: Path, opened: Opened) -> None:
    async with opened(study) as pilot:
        app = pilot.app
        assert isinstance(app, Workbench)
        await pilot.press("5")
        await until(pilot, lambda: "neighbours known" in text(pilot))
        await write(pilot, "t", "why so good?")
        await pilot.press("ctrl+s")
        await until(pilot, lambda: "note: why so good?" in text(pilot))
        about, = notes.read(study / "spaces")
        assert app.context.snapshot.chosen is not None
        assert about.startswith(f"trial {app.context.snapshot.chosen.view.name} ")
