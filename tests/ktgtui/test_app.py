"""What holds on every page: sizes, characters, colours, keys that are always there."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from textual.color import Color

from ktgtui import theme
from ktgtui.app import Workbench
from ktgtui.config.settings import Settings
from ktgtui.dialogs.picker import Listing
from ktgtui.screens.registry import PAGES
from ktgtui.widgets.bars import fitting
from tests.ktgtui.conftest import Opened, until, write
from tests.ktgtui.screen_text import text


@pytest.mark.parametrize("page", range(1, len(PAGES) + 1))
async def test_a_small_terminal_is_told_what_a_page_needs(study: Path, opened: Opened, page: int) -> None:
    async with opened(study, size=(59, 20)) as pilot:
        await pilot.press(str(page))
        await pilot.pause()
        assert text(pilot).startswith(" ktgtui needs 60x20 characters")
        await pilot.resize_terminal(60, 20)
        await pilot.pause()
        assert "needs 60x20" not in text(pilot)
        assert list(PAGES)[page - 1] in text(pilot).split("\n")[0]


@pytest.mark.parametrize("page", range(1, len(PAGES) + 1))
async def test_any_size_is_survived(study: Path, opened: Opened, page: int) -> None:
    async with opened(study, size=(80, 24)) as pilot:
        await pilot.press(str(page))
        for size in ((200, 60), (60, 20), (20, 5), (1, 1), (61, 21), (120, 40)):
            await pilot.resize_terminal(*size)
            await pilot.pause()
        assert pilot.app.is_running


@pytest.mark.parametrize("page", range(1, len(PAGES) + 1))
async def test_without_utf8_every_page_is_ascii(study: Path, opened: Opened, page: int) -> None:
    async with opened(study, settings=Settings(ascii=True)) as pilot:
        app = pilot.app
        assert isinstance(app, Workbench)
        await until(pilot, lambda: app.context.snapshot.chosen is not None)
        await pilot.press(str(page))
        await pilot.pause(0.3)
        odd = {c for c in text(pilot) if not c.isascii()}
        assert not odd


async def test_colours_turn_from_dark_to_light_to_sixteen(study: Path, opened: Opened) -> None:
    async with opened(study, look="dark") as pilot:
        seen = []
        for _ in range(4):
            seen.append((pilot.app.theme, Color.parse(pilot.app.screen.styles.background.hex).brightness > 0.5))
            await pilot.press("T")
            await pilot.pause()
        assert [name for name, _ in seen] == ["ktg-dark", "ktg-light", "ansi-dark", "ktg-dark"]
        assert [light for _, light in seen][:2] == [False, True]


@pytest.mark.parametrize(("environ", "name"), [
    ({"TERM": "xterm-256color"}, "ktg-dark"),
    ({"TERM": "screen", "COLORTERM": "truecolor"}, "ktg-dark"),
    ({"TERM": "linux"}, "ansi-dark"),
    ({}, "ansi-dark"),
])
def test_auto_looks_at_what_the_terminal_promises(environ: dict[str, str], name: str) -> None:
    assert theme.resolve("auto", environ) == name


@pytest.mark.parametrize(("environ", "encoding", "utf8_mode", "unicode"), [
    ({"LANG": "en_GB.UTF-8"}, "utf-8", 0, True),
    ({"LANG": "C", "LC_CTYPE": "C.UTF-8"}, "utf-8", 0, True),
    ({"LANG": "C", "LC_CTYPE": "C.UTF-8"}, "utf-8", 1, False),
    ({"LC_ALL": "C", "LANG": "en_GB.UTF-8"}, "utf-8", 1, False),
    ({"LC_ALL": "POSIX"}, "utf-8", 1, False),
    ({"LANG": "en_GB.UTF-8"}, "utf-8", 1, True),
    ({"LC_CTYPE": "C.UTF-8"}, "utf-8", 1, True),
    ({"LANG": "de_DE"}, "iso8859-1", 0, False),
])
def test_the_locale_tells_whether_there_is_more_than_ascii(environ: dict[str, str], encoding: str, utf8_mode: int,
                                                           unicode: bool) -> None:
    assert theme.speaks_unicode(environ, encoding, utf8_mode) is unicode


def test_a_c_locale_is_noticed_by_a_process_that_python_put_into_utf8() -> None:
    """As from the outside: Python itself says UTF-8 in both."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("LC_", "LANG"))}
    for own, answer in (({"LC_ALL": "C"}, "False"), ({"LANG": "C"}, "False"), ({}, "True")):
        said = subprocess.run([sys.executable, "-c", "from ktgtui.theme import speaks_unicode; print(speaks_unicode())"],
                              env={**environ, **own}, capture_output=True, text=True, check=True)
        assert said.stdout.strip() == answer, own


async def test_a_fault_is_one_line_and_its_traceback_is_in_the_log(study: Path, own_folders: Path) -> None:
    app = Workbench(study)

    async def stumble() -> None:
        async with app.run_test() as pilot:
            app.call_later(lambda: 1 / 0)
            await until(pilot, lambda: bool(app.crash_message))

    with pytest.raises(ZeroDivisionError):
        await stumble()
    log = next(own_folders.rglob("errors.log"))
    assert app.crash_message == f"ZeroDivisionError: division by zero (log: {log})"
    assert "Traceback" in log.read_text()


async def test_readonly_changes_nothing_whatever_is_pressed(study: Path, opened: Opened, own_folders: Path) -> None:
    def tree() -> dict[Path, tuple[int, int]]:
        return {p: (p.stat().st_mtime_ns, p.stat().st_size) for root in (study, own_folders) for p in root.rglob("*")}

    before = tree()
    async with opened(study, readonly=True) as pilot:
        app = pilot.app
        assert isinstance(app, Workbench)
        await until(pilot, lambda: app.context.snapshot.chosen is not None)
        for page, keys in (("1", "snbetcwu"), ("2", "pxgKWwu"), ("3", "w"), ("5", "tasw"), ("6", "Eew")):
            await pilot.press(page)
            await until(pilot, lambda page=page: app.current_mode == list(PAGES)[int(page) - 1])  # type: ignore[misc]
            for key in keys:
                await pilot.press(key)
                while len(app.screen_stack) > 1:
                    await pilot.press("escape")
                    await pilot.pause()
        assert app.context.session.commands == []
    assert tree() == before


def test_the_line_of_keys_holds_whole_keys_and_the_one_that_lists_all() -> None:
    keys = [(" a", " first "), (" b", " second ")]
    assert fitting(keys, 19) == keys
    assert fitting(keys, 18) == keys[:1]
    assert fitting(keys, 5) == []


@pytest.mark.parametrize("width", [60, 80, 120])
async def test_every_page_says_how_to_list_its_keys(study: Path, opened: Opened, width: int) -> None:
    async with opened(study, size=(width, 24)) as pilot:
        for number in range(1, 7):
            await pilot.press("escape", str(number))
            await until(pilot, lambda number=number: pilot.app.current_mode == list(PAGES)[number - 1])  # type: ignore[misc]
            await pilot.press("escape")
            await until(pilot, lambda: text(pilot).splitlines()[-1].endswith(" ? keys"))


async def test_keys_are_told_once_each_in_words(study: Path, opened: Opened) -> None:
    async with opened(study) as pilot:
        await pilot.press("question_mark")
        await until(pilot, lambda: isinstance(pilot.app.screen, Listing))
        entries = pilot.app.screen._entries  # type: ignore[attr-defined]
        assert len({e.key for e in entries}) == len(entries)
        told = {e.left: e.right for e in entries}
        assert told["↑  k"] == "up"
        assert told["tab"] == "next part of the page"
        assert all(e.right and e.right[0].islower() for e in entries), [e.right for e in entries]


async def test_a_slash_finds_where_nothing_is_filtered(study: Path, opened: Opened) -> None:
    async with opened(study) as pilot:
        await pilot.press("slash")
        await write(pilot, "random60")
        await pilot.press("enter")
        app = pilot.app
        assert isinstance(app, Workbench)
        await until(pilot, lambda: app.current_mode == "live" and app.context.session.selected_run is not None)
        assert app.context.session.selected_run.name == "digits-A-random60"  # type: ignore[union-attr]


async def test_a_long_command_can_be_read_to_its_end(study: Path, opened: Opened) -> None:
    async with opened(study, size=(80, 24)) as pilot:
        app = pilot.app
        assert isinstance(app, Workbench)
        long = f"python -m engine.search digits/A {'--set protocol.epochs=5 ' * 5}--run runs/the-end"
        app.context.session.commands.append(long)
        await pilot.press("L")
        await until(pilot, lambda: isinstance(app.screen, Listing))
        assert "--run runs/the-end" in " ".join(text(pilot).split())
