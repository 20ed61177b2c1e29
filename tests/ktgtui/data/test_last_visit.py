"""What is told on coming back: computed from two looks at the same runs."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from ktgtui.app import Workbench
from ktgtui.data.last_visit import Memory, since
from ktgtui.data.snapshot import RunView
from tests.ktgtui.conftest import Opened
from tests.ktgtui.made import run_folder
from tests.ktgtui.screen_text import text


@pytest.fixture
def memory(tmp_path: Path) -> Memory:
    return Memory(tmp_path, tmp_path / "state")


def view(folder: Path, **fields: object) -> RunView:
    made = RunView(folder / "runs" / "r", "r", "digits/A", phase="training", live=True, done=180, graphs=170, total=600,
                   best=5.5)
    return replace(made, **fields)  # type: ignore[arg-type]


def told(memory: Memory, before: RunView, after: RunView) -> list[str]:
    memory.keep([before], now=1000.0)
    visit = memory.recall()
    assert visit is not None
    return [one.said for one in memory.news(visit, [after])]


def test_nothing_happened(tmp_path: Path, memory: Memory) -> None:
    assert told(memory, view(tmp_path), view(tmp_path)) == []


def test_trials_a_new_best_and_an_evidence_mark(tmp_path: Path, memory: Memory) -> None:
    after = view(tmp_path, done=800, graphs=750, best=4.25, phase="finished", live=False)
    assert told(memory, view(tmp_path), after) == [
        "620 trials, best error 5.50 to 4.25 %, finished, evidence mark: its EDF is known to within 5 points"]


@pytest.mark.parametrize(("change", "said"), [
    ({"failed": 2}, "2 failed"),
    ({"phase": "interrupted", "live": False}, "interrupted"),
    ({"error": "run.json: damaged"}, "cannot be read any more: run.json: damaged"),
])
def test_what_asks_for_a_person(tmp_path: Path, memory: Memory, change: dict[str, object], said: str) -> None:
    memory.keep([view(tmp_path)])
    visit = memory.recall()
    assert visit is not None
    news = memory.news(visit, [view(tmp_path, **change)])
    assert [(one.said, one.good) for one in news] == [(said, False)]


def test_a_run_that_is_new(tmp_path: Path, memory: Memory) -> None:
    memory.keep([])
    visit = memory.recall()
    assert visit is not None
    assert memory.news(visit, [view(tmp_path)])[0].said == "new, 180 trials, best error 5.50 %"


def test_a_memory_that_is_damaged_or_cannot_be_kept_costs_nothing(tmp_path: Path, memory: Memory) -> None:
    memory.keep([view(tmp_path)])
    memory.path.write_text("{")
    assert memory.recall() is None
    (tmp_path / "file").write_text("")
    Memory(tmp_path, tmp_path / "file").keep([view(tmp_path)])


def test_times_are_told(memory: Memory) -> None:
    memory.keep([], now=1000.0)
    visit = memory.recall()
    assert visit is not None
    assert since(visit, 1000.0 + 7500) == "2 h 05 ago"


async def test_the_first_page_welcomes_back_and_escape_forgets(tmp_path: Path, opened: Opened) -> None:
    run_folder(tmp_path / "runs" / "old", n=20)
    async with opened(tmp_path) as pilot:
        assert "welcome back" not in text(pilot)
    run_folder(tmp_path / "runs" / "young", n=30, seed=1)
    async with opened(tmp_path, size=(80, 24)) as pilot:
        await pilot.pause()
        screen = text(pilot)
        assert "welcome back" in screen
        assert "young  new, 30 trials" in screen
        await pilot.press("N")
        await pilot.pause()
        assert "young" in text(pilot)
        await pilot.press("escape", "escape")
        await pilot.pause()
        assert "welcome back" not in text(pilot)


async def test_a_readonly_visit_is_not_remembered(tmp_path: Path, opened: Opened) -> None:
    async with opened(tmp_path, readonly=True) as pilot:
        app = pilot.app
        assert isinstance(app, Workbench)
    assert app._visits.recall() is None
