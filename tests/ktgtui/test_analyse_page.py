"""The analyse page: one condition at a time, its curves as a list."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.pilot import Pilot

from engine.analysis.conditions import CONDITIONS
from ktgtui.screens.analyse import AnalysePage, Row
from ktgtui.widgets.table import Table
from tests.ktgtui.conftest import Opened, until
from tests.ktgtui.made import run_folder
from tests.ktgtui.screens import text


def values(pilot: Pilot[None]) -> list[Row]:
    return list(pilot.app.screen.query_one("#values", Table).rows)


async def analysing(pilot: Pilot[None], *keys: str) -> None:
    await pilot.press("3")
    await until(pilot, lambda: isinstance(pilot.app.screen, AnalysePage))
    await until(pilot, lambda: bool(values(pilot)))
    await pilot.press(*keys)
    await pilot.pause(0.1)


async def test_letters_turn_to_the_papers_conditions(tmp_path: Path, opened: Opened) -> None:
    run_folder(tmp_path / "runs" / "r", n=300)
    async with opened(tmp_path) as pilot:
        await analysing(pilot)
        for condition in CONDITIONS.values():
            if condition.letter:
                await pilot.press(condition.letter)
                await until(pilot, lambda c=condition: bool(values(pilot)) and c.title in text(pilot))


async def test_the_known_order_of_values_is_seen(tmp_path: Path, opened: Opened) -> None:
    """In these runs two large auxiliary nodes are 4 % better than two small ones, whatever the noise."""
    run_folder(tmp_path / "runs" / "r", n=600)
    async with opened(tmp_path) as pilot:
        await analysing(pilot, "a")
        await until(pilot, lambda: [r.label for r in values(pilot)][:1] == ["mlp16 + mlp16"])
        rows = {r.label: r for r in values(pilot)}
        assert rows["mlp96 + mlp96"].edf.median < rows["mlp16 + mlp16"].edf.median
        assert rows["mlp96 + mlp96"].verdict == "better"
        assert rows["mlp16 + mlp16"].verdict == "worse"
        assert set(rows) == {"mlp16 + mlp16", "mlp16 + mlp96", "mlp96 + mlp96"}


async def test_the_crosshair_reads_each_curve(tmp_path: Path, opened: Opened) -> None:
    run_folder(tmp_path / "runs" / "r", n=300)
    async with opened(tmp_path) as pilot:
        await analysing(pilot, "full_stop")
        first = values(pilot)[0]
        assert first.cross is not None
        assert f"{100 * float(first.edf.at(first.cross)):.0f} %" in text(pilot)
        before = first.cross
        await pilot.press("full_stop")
        assert values(pilot)[0].cross > before  # type: ignore[operator]


async def test_space_hides_a_curve_and_shows_it_again(tmp_path: Path, opened: Opened) -> None:
    run_folder(tmp_path / "runs" / "r", n=300)
    async with opened(tmp_path) as pilot:
        await analysing(pilot, "space")
        assert [r.hidden for r in values(pilot)][:2] == [True, False]
        await pilot.press("space")
        assert not any(r.hidden for r in values(pilot))


@pytest.mark.parametrize("n", [0, 1])
async def test_a_run_that_cannot_be_analysed_is_one_line(tmp_path: Path, opened: Opened, n: int) -> None:
    run_folder(tmp_path / "runs" / "r", "digits/X", n=n, total=5)
    async with opened(tmp_path, size=(80, 24)) as pilot:
        await pilot.press("3")
        await pilot.pause(0.3)
        await until(pilot, lambda: ("too few graphs" if n else "holds no trial yet") in text(pilot))
