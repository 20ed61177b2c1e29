"""The first page: what stands on it and what keys move."""

from __future__ import annotations

from pathlib import Path

from engine.space.files.load import load
from engine.store.files.status import Status
from engine.store.run import Run
from ktgtui.app import Workbench
from ktgtui.dialogs.form import Form
from ktgtui.widgets.table import Table
from tests.ktgtui.conftest import Opened, until
from tests.ktgtui.made import add, info
from tests.ktgtui.screen_text import chosen_run, text


async def test_an_empty_folder_shows_the_shipped_spaces_and_how_to_begin(tmp_path: Path, opened: Opened) -> None:
    async with opened(tmp_path, size=(80, 24)) as pilot:
        await pilot.pause()
        screen = text(pilot)
        assert "78,732     39,366     39,609     29,432" in screen
        assert "no runs here yet" in screen
        assert "python -m engine.search" in screen


async def test_arrows_and_tab_move_something_one_can_see(tmp_path: Path, opened: Opened) -> None:
    async with opened(tmp_path, size=(80, 24)) as pilot:
        await pilot.pause()
        before = text(pilot)
        await pilot.press("down")
        assert text(pilot) != before
        assert "Both auxiliary networks are WRN28-2" in text(pilot)
        await pilot.press("tab")
        assert pilot.app.focused
        assert pilot.app.focused.id == "runs"


async def test_runs_show_progress_and_the_chosen_one_its_edf(study: Path, opened: Opened) -> None:
    async with opened(study) as pilot:
        await pilot.pause()
        runs = pilot.app.screen.query_one("#runs", Table)
        runs.focus()
        runs.seek(study / "runs" / "digits-X-exhaustive")
        app = pilot.app
        assert isinstance(app, Workbench)
        await until(pilot, lambda: chosen_run(app) == "digits-X-exhaustive")
        screen = text(pilot)
        assert "40/513" in screen
        assert "interrupted" in screen
        assert "n = 40 " in screen
        assert "0.50┤" in screen


async def test_a_search_in_another_process_is_followed(tmp_path: Path, opened: Opened) -> None:
    digits = load("digits/A")
    with Run.create(tmp_path / "runs" / "live", info(digits, "live", 60)) as run:
        add(run, digits, 10)
        run.write_status(Status(phase="training", done=10, total=60, rate=5.0, eta=10.0))
        async with opened(tmp_path) as pilot:
            app = pilot.app
            assert isinstance(app, Workbench)
            await pilot.pause()
            assert "10/60" in text(pilot)
            add(run, digits, 45, first=10)
            app.context.refresh_now()
            await until(pilot, lambda: app.context.snapshot.runs[0].done == 45)
            assert "45/60" in text(pilot)
            assert "training" in text(pilot)


async def test_q_and_ctrl_q_leave(tmp_path: Path) -> None:
    for key in ("q", "ctrl+q"):
        app = Workbench(tmp_path)
        async with app.run_test(size=(80, 24)) as pilot:
            await pilot.press(key)
        assert app.return_code == 0


async def test_any_size_is_survived(study: Path, opened: Opened) -> None:
    async with opened(study, size=(80, 24)) as pilot:
        for size in ((200, 60), (60, 20), (20, 5), (1, 1), (80, 24)):
            await pilot.resize_terminal(*size)
            await pilot.pause()
        assert "39,609" in text(pilot)


async def test_arrows_go_from_line_to_line_of_a_form(study: Path, opened: Opened) -> None:
    async with opened(study) as pilot:
        await pilot.press("s")
        await until(pilot, lambda: isinstance(pilot.app.screen, Form))
        await pilot.press("down", "down", "up", "ctrl+u", *"17")
        form = pilot.app.screen
        assert isinstance(form, Form)
        assert form.values["repeats"] == "17"
