"""Where the tour stands, as data; and its line and key on the pages."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from msgspec.structs import replace
from textual.pilot import Pilot

from engine.analysis.conditions import by_phrase
from engine.space.files.choices import Choice
from engine.space.files.load import load
from ktgtui.actions.launcher import Launcher
from ktgtui.data.samples import Samples
from ktgtui.data.snapshot import RunView, Snapshot, SpaceView
from ktgtui.data.workspace import Shelf
from ktgtui.tour.steps import LEVELS, START, STEPS, Kind, chain, evidence, stop
from tests.ktgtui.conftest import Opened, until, write
from tests.ktgtui.made import run_folder
from tests.ktgtui.screen_text import text


def choice(parent: str, space: str, *, withdrawn: bool = False) -> Choice:
    return Choice(space=space, parent=parent, constraints=("x",), reason="r", withdrawn=withdrawn)


def view(name: str) -> SpaceView:
    return SpaceView(name, name, False)


def finished(space: str) -> RunView:
    return RunView(Path(space), space, space, "random", "finished", done=300, total=300)


SPACES = tuple(map(view, (START, "b", "c", "x")))
WALK = (choice(START, "b"), choice("b", "c"), choice("c", "x"))


def test_the_chain_follows_the_last_choice_that_stands() -> None:
    assert [s.name for s in chain(SPACES, WALK)] == [START, "b", "c", "x"]
    assert [s.name for s in chain(SPACES, [*WALK, choice(START, "c", withdrawn=True)])] == [START, "b", "c", "x"]
    assert [s.name for s in chain(SPACES, [choice(START, "b"), choice(START, "c")])] == [START, "c"]
    assert [s.name for s in chain(SPACES, [choice(START, "gone")])] == [START]
    assert [s.name for s in chain(SPACES, [choice(START, "b"), choice("b", START)])] == [START, "b"], "no circle"
    assert chain(SPACES[1:], WALK) == ()


def test_each_stop_follows_from_what_is_in_the_folder() -> None:
    runs: list[RunView] = []
    numbers = []
    for depth in range(4):
        shot = Snapshot(SPACES, tuple(runs), ready=True)
        found = stop(shot, WALK[:depth], "spaces")
        assert found
        assert (found.kind, found.depth) == (Kind.BEGIN, depth)
        going = replace(finished(SPACES[depth].name), phase="training", live=True, done=3)
        assert stop(replace_runs(shot, *runs, going), WALK[:depth], "live").kind is Kind.WAIT  # type: ignore[union-attr]
        gone = replace(going, phase="interrupted", live=False)
        assert stop(replace_runs(shot, *runs, gone), WALK[:depth], "live").kind is Kind.RESUME  # type: ignore[union-attr]
        runs.append(finished(SPACES[depth].name))
        shot = replace_runs(shot, *runs)
        kinds = [stop(shot, WALK[:depth], page).kind for page in ("live", "analyse", "refine", "best")]  # type: ignore[union-attr]
        last = [Kind.JUDGE] * 3 + [Kind.EVALUATE]
        assert kinds == (last if depth == 3 else [Kind.LOOK, Kind.CHOOSE, Kind.DECIDE, Kind.LOOK])
        numbers += [found.number, stop(shot, WALK[:depth], "best").number]  # type: ignore[union-attr]
    assert numbers == list(range(1, STEPS + 1))


def replace_runs(shot: Snapshot, *runs: RunView) -> Snapshot:
    return Snapshot(shot.spaces, tuple(runs), ready=True)


def test_evidence_says_what_the_run_shows(tmp_path: Path) -> None:
    """In the made runs large auxiliary nodes are surely better."""
    run = Shelf(run_folder(tmp_path / "r", "digits/A", n=600)).look().chosen
    assert run
    known = Samples()
    found = evidence(known, run, LEVELS[0].phrase)
    kept, others = by_phrase(known.of(run), LEVELS[0].phrase, run.space).edfs()
    assert found.stand == "better"
    assert found.kept.startswith(f"{kept.median:.2f} % (")
    assert found.kept.endswith(f"n = {kept.n})")
    assert found.others.endswith(f"n = {others.n})")
    assert "sure" in found.advised


async def test_the_tour_begins_in_an_empty_folder_and_can_be_left(tmp_path: Path, opened: Opened) -> None:
    async with opened(tmp_path, size=(80, 24)) as pilot:
        await until(pilot, lambda: f"tour 1/{STEPS}" in text(pilot))
        await pilot.press("G")
        await until(pilot, lambda: "tour 1/" not in text(pilot))
        await pilot.press("G", "ctrl+n")
        await until(pilot, lambda: "search digits/A" in text(pilot) and "random 300" in text(pilot))


async def test_the_tour_does_not_force_itself_on_a_folder_with_runs(tmp_path: Path, opened: Opened) -> None:
    run_folder(tmp_path / "runs" / "r", "digits/A", n=20)
    async with opened(tmp_path) as pilot:
        await pilot.pause(0.2)
        assert f"/{STEPS}  " not in text(pilot)
    async with opened(tmp_path / "runs", readonly=True) as pilot:
        await pilot.press("G")
        await pilot.pause()
        assert "tour 1/" not in text(pilot)


@pytest.mark.parametrize("size", [(120, 40), (80, 24)])
async def test_ctrl_n_leads_from_the_curves_to_the_child(tmp_path: Path, opened: Opened, size: tuple[int, int]) -> None:
    run_folder(tmp_path / "runs" / "r", "digits/A", n=300)
    async with opened(tmp_path, size=size) as pilot:
        await pilot.press("G")
        await until(pilot, lambda: f"tour 2/{STEPS}" in text(pilot))
        await pilot.press("ctrl+n")
        await until(pilot, lambda: _said(pilot, "(a) models of the auxiliary nodes", "The paper, on CIFAR-100,", "median"))
        await pilot.press("ctrl+n")
        await until(pilot, lambda: _said(pilot, "m[aux] = mlp96: narrows"))
        await pilot.press("ctrl+n")
        await until(pilot, lambda: _said(pilot, "a child of digits/A", "digits-B"))
        await write(pilot, "larger helpers")
        await pilot.press("enter")
        await until(pilot, lambda: _said(pilot, "search digits-B", "random 300"))
        assert (tmp_path / "spaces" / "digits-B.json").exists()
        await pilot.press("escape")
        await until(pilot, lambda: _said(pilot, f"tour 3/{STEPS}"))


def _said(pilot: Pilot[None], *words: str) -> bool:
    return all(word in text(pilot) for word in words)


async def test_the_whole_way_by_the_one_key(tmp_path: Path, opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    """From nothing to the form of the last evaluation; what a search would leave is made up at once."""

    def launch(launcher: Launcher, name: str, words: Sequence[str], run: Path) -> Path:
        space = str(tmp_path / words[0]) if words[0].endswith(".json") else words[0]
        drawn = int(words[words.index("--random") + 1]) if "--random" in words else None
        strategy, n = ("exhaustive", 513) if drawn is None else ("random", drawn)
        return run_folder(run, space, n=n, strategy=strategy)

    monkeypatch.setattr(Launcher, "launch", launch)
    async with opened(tmp_path) as pilot:
        await until(pilot, lambda: _said(pilot, f"tour 1/{STEPS}"))
        await pilot.press("ctrl+n")
        for step, level in enumerate(LEVELS):
            await until(pilot, lambda: _said(pilot, "random 300", "ctrl+s do it"))
            await pilot.press("ctrl+s")
            number = 2 * step + 2
            await until(pilot, lambda number=number: _said(pilot, f"tour {number}/{STEPS}"))  # type: ignore[misc]
            await pilot.press("ctrl+n")
            await until(pilot, lambda level=level: _said(pilot, level.phrase, level.chosen[:20], "Your trials"))  # type: ignore[misc]
            await pilot.press("ctrl+n")
            await until(pilot, lambda: _said(pilot, "narrows", "decide on a constraint"))
            await pilot.press("ctrl+n")
            await until(pilot, lambda: _said(pilot, "a child of"))
            await write(pilot, "as the paper")
            await pilot.press("enter")
        await until(pilot, lambda: _said(pilot, "exhaustive", "ctrl+s do it"))
        await pilot.press("ctrl+s")
        await until(pilot, lambda: _said(pilot, f"tour {STEPS}/{STEPS}"))
        await pilot.press("ctrl+n")
        await until(pilot, lambda: _said(pilot, "the best graph against DML", "513 of 513 graphs, 1 repeat, none missing"))
        await pilot.press("ctrl+n")
        await until(pilot, lambda: _said(pilot, "runs/digits-X-exhaustive --graph best"))
    assert load(tmp_path / "spaces" / "digits-X.json").keys == 513
