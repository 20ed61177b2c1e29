"""From a curve to a child space, by keys alone."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from textual.pilot import Pilot

from engine.space.files import choices
from engine.space.files.load import load
from ktgtui.app import Workbench
from ktgtui.data.workspace import Shelf
from ktgtui.dialogs.form import Form
from ktgtui.screens.analyse.screen import AnalysePage
from ktgtui.screens.refine.graph_map import graph_map
from ktgtui.screens.refine.map_grid import Grid
from ktgtui.screens.refine.screen import RefinePage
from ktgtui.widgets.table import Table
from tests.ktgtui.conftest import Opened, until, write
from tests.ktgtui.made import run_folder
from tests.ktgtui.screen_text import text


async def refining(pilot: Pilot[None], phrase: str) -> None:
    """The refine page with a phrase typed and answered."""
    await pilot.press("escape", "4")
    await until(pilot, lambda: isinstance(pilot.app.screen, RefinePage))
    pilot.app.screen.query_one("#phrase").focus()
    await write(pilot, phrase)
    await until(pilot, lambda: f"{phrase}: " in text(pilot) or "cannot" in text(pilot))


async def accept(pilot: Pilot[None], name: str, reason: str) -> None:
    await pilot.press("ctrl+s")
    await until(pilot, lambda: isinstance(pilot.app.screen, Form))
    await until(pilot, lambda: pilot.app.focused is not None and pilot.app.focused.id == "field-reason")
    await pilot.press("shift+tab", "end", "ctrl+u")
    await write(pilot, name)
    await pilot.press("enter")
    await write(pilot, reason)
    await pilot.press("enter")
    await until(pilot, lambda: f"search {name}" in text(pilot))


async def test_counts_before_and_after_follow_the_keys(tmp_path: Path, opened: Opened) -> None:
    run_folder(tmp_path / "runs" / "r", "digits/A", n=200)
    async with opened(tmp_path) as pilot:
        await refining(pilot, "m[aux] = mlp96")
        screen = text(pilot)
        assert "graphs 39,609 -> 9,963" in screen
        assert "effective 29,432 -> 7,427" in screen
        assert "raw 78,732 -> 19,683   paper's 39,366 -> 9,842" in screen


async def test_the_child_is_shown_from_the_parents_trials(tmp_path: Path, opened: Opened) -> None:
    run_folder(tmp_path / "runs" / "r", "digits/A", n=300)
    async with opened(tmp_path) as pilot:
        await refining(pilot, "m[aux] = mlp96")
        app = pilot.app
        assert isinstance(app, Workbench)
        trials = app.context.snapshot.chosen.trials  # type: ignore[union-attr]
        kept = sum(t.error is not None and "2:mlp96 3:mlp96" in t.graph for t in trials)
        assert f"the child  n = {kept}" in text(pilot)
        assert "the best graph" in text(pilot)


async def test_a_wrong_phrase_points_to_the_place(tmp_path: Path, opened: Opened) -> None:
    run_folder(tmp_path / "runs" / "r", "digits/A", n=40)
    async with opened(tmp_path, size=(80, 24)) as pilot:
        await pilot.press("4")
        pilot.app.screen.query_one("#phrase").focus()
        await write(pilot, "m[aux] = mlp99x")
        await until(pilot, lambda: "^" in text(pilot).split("raw")[0])


async def test_a_contradiction_is_named_and_cannot_be_written(tmp_path: Path, opened: Opened) -> None:
    run_folder(tmp_path / "runs" / "r", "digits/B", n=40)
    async with opened(tmp_path) as pilot:
        await pilot.press("4")
        pilot.app.screen.query_one("#phrase").focus()
        await write(pilot, "m[aux] = mlp16")
        await until(pilot, lambda: "empties the space" in text(pilot))
        assert "'m[aux] = mlp96', 'm[aux] = mlp16' cannot hold together" in text(pilot)
        await pilot.press("ctrl+s")
        assert not isinstance(pilot.app.screen, Form)


async def test_plot_keyboard_and_command_write_the_same_file(tmp_path: Path, opened: Opened) -> None:
    written = []
    for way in ("plot", "typed"):
        folder = tmp_path / way
        run_folder(folder / "runs" / "r", "digits/A", n=300)
        async with opened(folder) as pilot:
            if way == "plot":
                await pilot.press("3")
                await until(pilot, lambda: isinstance(pilot.app.screen, AnalysePage))
                await pilot.press("a")
                await until(pilot, lambda: "mlp96 + mlp96" in text(pilot))
                pilot.app.screen.query_one("#values", Table).seek("mlp96 + mlp96")
                await pilot.press("enter")
                await until(pilot, lambda: "narrows" in text(pilot))
            else:
                await refining(pilot, "m[aux] = mlp96")
            await accept(pilot, "B2", "large helpers lead")
        written.append((folder / "spaces" / "B2.json").read_bytes())
    out = tmp_path / "command" / "B2.json"
    out.parent.mkdir()
    subprocess.run([sys.executable, "-m", "engine.space", "digits/A", "--refine", "m[aux] = mlp96", "--out", str(out),
                    "--reason", "large helpers lead"], check=True, capture_output=True)
    assert written == [out.read_bytes()] * 2
    assert load(out).keys == 9_963
    decided = [choices.read(f)[0] for f in (out.parent, tmp_path / "plot" / "spaces", tmp_path / "typed" / "spaces")]
    told = [(c.space, c.parent, c.constraints, c.reason) for c in decided]
    assert told == [("B2", "digits/A", ("m[aux] = mlp96",), "large helpers lead")] * 3


async def test_the_reason_is_kept_and_shown(tmp_path: Path, opened: Opened) -> None:
    run_folder(tmp_path / "runs" / "r", "digits/A", n=100)
    async with opened(tmp_path) as pilot:
        await refining(pilot, "m[aux] = mlp96")
        await accept(pilot, "B2", "large helpers lead")
        (choice,) = choices.read(tmp_path / "spaces")
        assert (choice.space, choice.parent, choice.constraints, choice.reason, choice.run) == (
            "B2", "digits/A", ("m[aux] = mlp96",), "large helpers lead", "r")
        assert 0 < choice.kept < choice.n
        await pilot.press("escape", "escape", "1")
        app = pilot.app
        assert isinstance(app, Workbench)
        await until(pilot, lambda: any(s.name == "B2" for s in app.context.snapshot.spaces))
        assert next(s.reason for s in app.context.snapshot.spaces if s.name == "B2") == "large helpers lead"
        assert "--refine 'm[aux] = mlp96'" in app.context.session.commands[-1]


async def test_two_constraints_make_one_child_and_undo_takes_the_last_back(tmp_path: Path, opened: Opened) -> None:
    run_folder(tmp_path / "runs" / "r", "digits/A", n=100)
    async with opened(tmp_path) as pilot:
        await refining(pilot, "m[aux] = mlp96")
        await pilot.press("enter")
        assert "1. m[aux] = mlp96" in text(pilot)
        await write(pilot, "L[y,aux] = through")
        await until(pilot, lambda: "39,609 -> 1,134" in text(pilot))
        await pilot.press("enter", "ctrl+z")
        await until(pilot, lambda: "39,609 -> 1,134" in text(pilot))
        assert "2. " not in text(pilot)


async def test_no_child_is_written_without_a_reason(tmp_path: Path, opened: Opened) -> None:
    run_folder(tmp_path / "runs" / "r", "digits/A", n=100)
    async with opened(tmp_path) as pilot:
        await refining(pilot, "m[aux] = mlp96")
        await pilot.press("ctrl+s")
        await until(pilot, lambda: "reason: say in a few words why" in text(pilot))
        assert "digits-B" in text(pilot), "a free name in the paper's manner is offered"
        await pilot.press("ctrl+s")
        await pilot.pause()
        assert isinstance(pilot.app.screen, Form)
        assert not (tmp_path / "spaces").exists()


async def test_the_regret_guard_warns_and_is_recorded(tmp_path: Path, opened: Opened) -> None:
    """Two small auxiliary nodes are the worst choice in these runs: the best graph goes, and most of the best 5 %."""
    run_folder(tmp_path / "runs" / "r", "digits/A", n=300)
    async with opened(tmp_path) as pilot:
        await refining(pilot, "m[aux] = mlp16")
        await pilot.press("ctrl+s")
        await until(pilot, lambda: "throws away the best graph" in text(pilot))
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(pilot.app.screen, RefinePage))
        await accept(pilot, "small", "to see")
        (choice,) = choices.read(tmp_path / "spaces")
        assert choice.lost.startswith("the best graph (")
        assert choice.lost.endswith("100 % of the best 5 %")


async def test_a_child_is_taken_back_until_it_is_searched(tmp_path: Path, opened: Opened) -> None:
    run_folder(tmp_path / "runs" / "r", "digits/A", n=100)
    async with opened(tmp_path) as pilot:
        app = pilot.app
        assert isinstance(app, Workbench)
        for name in ("B2", "B3"):
            await refining(pilot, "m[aux] = mlp96")
            await accept(pilot, name, "large helpers lead")
            await pilot.press("escape")
            await until(pilot, lambda: isinstance(app.screen, RefinePage))
        await pilot.press("ctrl+z")
        assert not (tmp_path / "spaces" / "B3.json").exists()
        assert choices.reasons(tmp_path / "spaces") == {"B2": "large helpers lead", "B3": ""}
        assert app.screen.query_one("#phrase").value == "m[aux] = mlp96"  # type: ignore[attr-defined]
        await pilot.press("end", "ctrl+u")
        run_folder(tmp_path / "runs" / "s", str(tmp_path / "spaces" / "B2.json"), n=3)
        app.context.refresh_now()
        await until(pilot, lambda: len(app.context.snapshot.runs) == 2)
        await pilot.press("ctrl+z")
        assert (tmp_path / "spaces" / "B2.json").exists()


async def test_the_map_shows_each_graph_holes_and_what_a_constraint_drops(tmp_path: Path, opened: Opened) -> None:
    run_folder(tmp_path / "runs" / "x", "digits/X", n=200, total=513, strategy="exhaustive")
    async with opened(tmp_path) as pilot:
        await pilot.press("4")
        await until(pilot, lambda: "not trained (313)" in text(pilot))
        assert "not exhaustive: of 513 graphs x 1 repeats, 313 missing" in text(pilot)
        pilot.app.screen.query_one("#phrase").focus()
        await write(pilot, "L[y,1] = through")
        await until(pilot, lambda: "/ dropped (342)" in text(pilot))
        await pilot.press("tab", "n")
        grid = pilot.app.screen.query_one("#map", Grid)
        best = min(t.error for t in pilot.app.context.snapshot.chosen.trials if t.error)  # type: ignore[attr-defined]
        assert grid.current is not None
        assert grid.current.error == pytest.approx(best)
        await pilot.press("enter")
        await until(pilot, lambda: f"#{grid.current.trial} " in text(pilot))  # type: ignore[union-attr]


def test_a_complete_map_carries_its_certificate(tmp_path: Path) -> None:
    space = load("digits/X")
    run = Shelf(run_folder(tmp_path / "x", "digits/X", n=513, strategy="exhaustive")).look().chosen
    found = graph_map(run, space)
    assert found.complete
    assert found.proof.startswith("513 of 513 graphs, 1 repeat, none missing")
    assert (found.holes, found.dropped) == (0, 0)
    errors = [s.error for s in found.spots if s.error is not None]
    levels = [s.level for s in sorted(found.spots, key=lambda s: s.error or 0.0)]
    assert levels == sorted(levels)  # type: ignore[type-var]
    assert levels.count(0) >= round(0.01 * len(errors))
    assert {s.mark(plain=True)[0] for s in found.spots} == {"#", "%", "=", "-"}


async def test_advice_is_said_before_anything_is_typed(tmp_path: Path, opened: Opened) -> None:
    run_folder(tmp_path / "runs" / "r", "digits/A", n=600)
    async with opened(tmp_path) as pilot:
        await pilot.press("4")
        await until(pilot, lambda: "advised: " in text(pilot))
        assert "(sure)" in text(pilot)


async def test_readonly_refuses(tmp_path: Path, opened: Opened) -> None:
    run_folder(tmp_path / "runs" / "r", "digits/A", n=40)
    async with opened(tmp_path, readonly=True) as pilot:
        await refining(pilot, "m[aux] = mlp96")
        await pilot.press("ctrl+s")
        assert isinstance(pilot.app.screen, RefinePage)
        await pilot.press("escape", "1", "s")
        assert not isinstance(pilot.app.screen, Form)
    assert not (tmp_path / "spaces").exists()


async def test_the_line_says_how_to_leave_it_and_a_slash_goes_back(tmp_path: Path, opened: Opened) -> None:
    run_folder(tmp_path / "runs" / "a", "digits/A", n=30)
    async with opened(tmp_path, size=(80, 24)) as pilot:
        await pilot.press("4")
        await until(pilot, lambda: isinstance(pilot.app.screen, RefinePage))
        line = pilot.app.screen.query_one("#phrase")
        await pilot.press("5")
        assert line.value == "5"  # type: ignore[attr-defined]
        await until(pilot, lambda: "esc leave the line" in text(pilot))
        await pilot.press("backspace", "escape")
        await until(pilot, lambda: "/ constraint" in text(pilot) and "leave the line" not in text(pilot))
        await pilot.press("slash", "m")
        assert line.value == "m"  # type: ignore[attr-defined]
