"""The live page: every trial, sorted and filtered, and the curves of the one under the cursor."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.pilot import Pilot

from ktgtui.app import Workbench
from ktgtui.screens.live.screen import LivePage
from ktgtui.screens.registry import PAGES
from ktgtui.widgets.table import Table
from tests.ktgtui.conftest import Opened, until, write
from tests.ktgtui.made import run_folder
from tests.ktgtui.screen_text import text


def trials(pilot: Pilot[None]) -> list[int]:
    return [t.number for t in pilot.app.screen.query_one("#trials", Table).rows]


async def test_trials_are_sorted_by_error_and_s_changes_that(tmp_path: Path, opened: Opened) -> None:
    run_folder(tmp_path / "runs" / "r", n=80)
    async with opened(tmp_path) as pilot:
        await pilot.press("2")
        await until(pilot, lambda: isinstance(pilot.app.screen, LivePage))
        rows = pilot.app.screen.query_one("#trials", Table).rows
        errors = [t.error for t in rows if t.error is not None]
        assert errors == sorted(errors)
        assert [t.error for t in rows[len(errors) :]] == [None] * (80 - len(errors))
        await pilot.press("s")
        assert trials(pilot) == list(range(79, -1, -1))
        assert "newest first" in text(pilot)


async def test_a_phrase_filters_and_escape_shows_all_again(tmp_path: Path, opened: Opened) -> None:
    run_folder(tmp_path / "runs" / "r", n=80)
    async with opened(tmp_path) as pilot:
        await pilot.press("2", "slash")
        await write(pilot, "m[aux] = mlp16")
        await pilot.press("enter")
        await pilot.pause()
        shown = pilot.app.screen.query_one("#trials", Table).rows
        assert 0 < len(shown) < 80
        assert all(t.graph.startswith("1:mlp16 2:mlp16 3:mlp16") for t in shown)
        await pilot.press("escape")
        assert len(trials(pilot)) == 80


async def test_a_wrong_phrase_is_told_under_the_prompt(tmp_path: Path, opened: Opened) -> None:
    run_folder(tmp_path / "runs" / "r", n=20)
    async with opened(tmp_path) as pilot:
        await pilot.press("2", "slash")
        await write(pilot, "L[y,aux] = thruogh")
        await pilot.press("enter")
        await pilot.pause()
        assert "'through'" in text(pilot)
        assert len(trials(pilot)) == 20


async def test_an_outcome_filters(tmp_path: Path, opened: Opened) -> None:
    run_folder(tmp_path / "runs" / "r", n=200)
    async with opened(tmp_path) as pilot:
        await pilot.press("2", "slash")
        await write(pilot, "untaught")
        await pilot.press("enter")
        await pilot.pause()
        shown = pilot.app.screen.query_one("#trials", Table).rows
        assert shown
        assert {t.state.value for t in shown} == {"untaught"}


async def test_the_trial_under_the_cursor_shows_its_curves(tmp_path: Path, opened: Opened) -> None:
    run_folder(tmp_path / "runs" / "r", n=40)
    async with opened(tmp_path) as pilot:
        app = pilot.app
        assert isinstance(app, Workbench)
        await pilot.press("2", "down")
        wanted = app.screen.query_one("#trials", Table).current.training  # type: ignore[union-attr]
        await until(pilot, lambda: bool(app.context.snapshot.chosen and wanted in app.context.snapshot.chosen.curves))
        assert "accuracy by epoch" in text(pilot)
        last = app.context.snapshot.chosen.curves[wanted].accuracy[-1][0]  # type: ignore[union-attr]
        assert f"to {last:6.2f} %" in text(pilot)


async def test_without_a_run_it_says_so(tmp_path: Path, opened: Opened) -> None:
    async with opened(tmp_path, size=(80, 24)) as pilot:
        await pilot.press("2")
        await pilot.pause()
        assert "no run chosen" in text(pilot)


async def test_a_run_that_has_nothing_yet_shows_nothing_of_the_one_before(tmp_path: Path, opened: Opened) -> None:
    run_folder(tmp_path / "runs" / "r", n=40)
    empty = tmp_path / "runs" / "s"
    empty.mkdir()
    (empty / "run.json").write_text("{")
    async with opened(tmp_path) as pilot:
        app = pilot.app
        assert isinstance(app, Workbench)
        app.context.select_run(tmp_path / "runs" / "r")
        await pilot.press("2")
        await until(pilot, lambda: "accuracy by epoch" in text(pilot) and "no search runs here" in text(pilot))
        app.context.select_run(empty)
        await until(pilot, lambda: app.context.snapshot.chosen is None)
        assert "accuracy by epoch" not in text(pilot)
        assert "no search runs here" not in text(pilot)
        app.context.select_run(tmp_path / "runs" / "r")
        await until(pilot, lambda: "accuracy by epoch" in text(pilot) and "no search runs here" in text(pilot))


@pytest.mark.parametrize("page", range(1, len(PAGES) + 1))
async def test_escape_forgets_the_trouble_on_every_page(tmp_path: Path, opened: Opened, page: int) -> None:
    run_folder(tmp_path / "runs" / "r", n=40)
    async with opened(tmp_path) as pilot:
        app = pilot.app
        assert isinstance(app, Workbench)
        app.context.session.failure_notice = "a search failed"
        app.context.repaint()
        await pilot.press(str(page))
        await until(pilot, lambda: app.current_mode == list(PAGES)[page - 1] and "a search failed" in text(pilot))
        await pilot.press("escape", "escape")
        await until(pilot, lambda: "a search failed" not in text(pilot))
