"""Steering from the live page, against the desk that a real search keeps."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from textual.pilot import Pilot

from engine.control.requests import Answer
from engine.control.server import Desk, End
from engine.space.files.load import load
from engine.store.files.host_readings import Gpu, Reading, ReadingFile
from engine.store.files.status import PackStatus, Status
from engine.store.run import Run
from ktgtui.actions.control_run import recorded
from ktgtui.app import Workbench
from ktgtui.screens.live.screen import LivePage
from tests.ktgtui.conftest import Opened, until, write
from tests.ktgtui.made import add, info
from tests.ktgtui.screen_text import text

PACKS = (PackStatus(number=3, graphs=2, epoch=2, epochs=4, worker="cpu:1", trainings=("aaaa1111.0", "bbbb2222.0"),
                    best=(70.5, 81.25)),)


@pytest.fixture
def searched(tmp_path: Path) -> Iterator[tuple[Run, Desk]]:
    """A run folder that a search holds: it trains one pack and answers control."""
    digits = load("digits/A")
    with Run.create(tmp_path / "runs" / "live", info(digits, "live", 60)) as run:
        add(run, digits, 10)
        desk = Desk(run.folder)
        desk.phase, desk.training = "training", True
        with desk.serving():
            run.write_status(desk.show(Status(phase="training", done=10, total=60, packs=PACKS)))
            yield run, desk


async def live(pilot: Pilot[None]) -> Workbench:
    app = pilot.app
    assert isinstance(app, Workbench)
    await pilot.press("2")
    await until(pilot, lambda: isinstance(app.screen, LivePage) and app.context.snapshot.chosen is not None)
    return app


async def test_p_pauses_and_then_goes_on(tmp_path: Path, opened: Opened, searched: tuple[Run, Desk]) -> None:
    run, desk = searched
    async with opened(tmp_path) as pilot:
        app = await live(pilot)
        await pilot.press("p")
        await until(pilot, lambda: desk.paused)
        run.write_status(desk.show(desk.status))
        app.context.refresh_now()
        await until(pilot, lambda: bool(app.context.snapshot.chosen and app.context.snapshot.chosen.view.phase == "pausing"))
        await pilot.press("p")
        await until(pilot, lambda: not desk.paused)
        assert [c.split()[-1] for c in app.context.session.commands] == ["pause", "resume"]
        assert app.context.session.commands[0] == "python -m engine.control runs/live pause"


@pytest.mark.parametrize(("keys", "end", "command"), [
    (["enter"], End.FINISH, "stop --finish"),
    (["escape"], End.NOT, None),
])
async def test_x_asks_how_to_stop(tmp_path: Path, opened: Opened, searched: tuple[Run, Desk], keys: list[str], end: End,
                                  command: str | None) -> None:
    _, desk = searched
    async with opened(tmp_path) as pilot:
        app = await live(pilot)
        await pilot.press("x")
        await until(pilot, lambda: "at once" in text(pilot))
        await pilot.press(*keys)
        await until(pilot, lambda: desk.end is end)
        said = [c.removeprefix("python -m engine.control runs/live ") for c in app.context.session.commands]
        assert said == ([command] if command else [])


async def test_one_trial_is_stopped_by_its_id(tmp_path: Path, opened: Opened, searched: tuple[Run, Desk]) -> None:
    _, desk = searched
    async with opened(tmp_path) as pilot:
        app = await live(pilot)
        await pilot.press("K")
        await until(pilot, lambda: "aaaa1111.0" in text(pilot))
        assert "stopped for good" in text(pilot)
        await pilot.press("down", "enter")
        await until(pilot, lambda: bool(desk.kills))
        kill = desk.kills.popleft()
        assert kill.key == "bbbb2222.0"
        kill.settle(Answer(done=True, message="trial 7 is recorded as stopped"))
        await until(pilot, lambda: any("trial 7 is recorded as stopped" in n.message for n in app._notifications))
        assert app.context.session.commands == ["python -m engine.control runs/live kill-trial bbbb2222.0"]


async def test_workers_are_set_and_a_word_is_no_number(tmp_path: Path, opened: Opened, searched: tuple[Run, Desk]) -> None:
    _, desk = searched
    async with opened(tmp_path) as pilot:
        await live(pilot)
        await pilot.press("W", "backspace")
        await write(pilot, "two")
        await pilot.press("enter")
        await pilot.pause()
        assert "must be a number from 1 on" in text(pilot)
        await pilot.press("backspace", "backspace", "backspace", "3", "enter")
        await until(pilot, lambda: desk.workers == 3)


async def test_beside_the_curves_stand_packs_machine_and_log(tmp_path: Path, opened: Opened,
                                                             searched: tuple[Run, Desk]) -> None:
    run, _ = searched
    gpu = Gpu(name="x", use=71.0, used=2_000_000_000, memory=16_000_000_000, temperature=64.0)
    file = ReadingFile(run.folder)
    for cpu in (10.0, 93.0):
        file.add(Reading(time="2026-01-01T00:00:00+00:00", cpu=cpu, load=1.5, used=1_500_000_000, memory=4_000_000_000,
                         search=700_000_000, free=50_000_000_000, gpus=(gpu,)))
    run.log("start", resumed=False)
    async with opened(tmp_path) as pilot:
        await live(pilot)
        assert "2 graphs   2/4 cpu:1" in text(pilot)
        assert "81.25 %" in text(pilot)
        await pilot.press("o")
        await pilot.pause()
        assert "93 %" in text(pilot)
        assert "1.5 GB of 4.0 GB, the search 700 MB" in text(pilot)
        assert "2.0 GB of 16 GB  64 C" in text(pilot)
        await pilot.press("o")
        await pilot.pause()
        assert "start  resumed=False" in text(pilot)


async def test_nothing_is_steered_where_nothing_runs_or_nothing_may_be(study: Path, opened: Opened) -> None:
    for readonly in (False, True):
        async with opened(study, readonly=readonly) as pilot:
            app = await live(pilot)
            await pilot.press("p", "x", "K", "W", "escape")
            await pilot.pause()
            assert app.context.session.commands == []
            assert "control_worker" not in app.context.__dict__


async def test_g_goes_on_with_a_search_that_died(tmp_path: Path, opened: Opened) -> None:
    """By its recorded command, on the folder where it lies; here one that ends at once, so that no torch loads."""
    digits = load("digits/X")
    command = "python -m engine.search no-such-space --exhaustive --run elsewhere"
    with Run.create(tmp_path / "runs" / "r", msgspec.structs.replace(info(digits, "r", 513), command=command)) as run:
        add(run, digits, 5)
    async with opened(tmp_path) as pilot:
        app = await live(pilot)
        await pilot.press("g")
        assert app.context.session.commands == ["python -m engine.search no-such-space --exhaustive --run runs/r"]
        await until(pilot, lambda: bool(app.context.session.failure_notice))
        assert "no-such-space" in app.context.session.failure_notice


@pytest.mark.parametrize(("command", "words"), [
    ("python -m engine.search digits/X --exhaustive", ["digits/X", "--exhaustive", "--run", "runs/r"]),
    ("python -m engine.search a.json --random 5 --run /else/r --detach", ["a.json", "--random", "5", "--run", "runs/r"]),
    ("python -m engine.search a.json --random 5 --run=x", ["a.json", "--random", "5", "--run", "runs/r"]),
    ("python notebook.py", None),
    ("", None),
])
def test_a_recorded_command_is_used_on_the_folder_where_the_run_lies_now(command: str, words: list[str] | None) -> None:
    assert recorded(command, "runs/r") == words
