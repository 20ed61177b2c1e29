"""One graph and its neighbourhood; the best graphs beside DML; the lists that open anywhere."""

from __future__ import annotations

import base64
from dataclasses import replace
from pathlib import Path

import pytest

from engine.analysis.ranking import rank
from engine.space.files.load import load
from engine.space.graph import Graph, edges
from engine.strategies.fixed import listed
from ktgtui.app import Workbench
from ktgtui.data.workspace import Shelf
from ktgtui.dialogs.picker import Listing
from ktgtui.screens.best.ranking import ranked
from ktgtui.screens.best.screen import BestPage
from ktgtui.screens.live.screen import LivePage
from ktgtui.screens.refine.screen import RefinePage
from ktgtui.screens.trial import queue_file, what_if
from ktgtui.screens.trial.screen import TrialPage
from ktgtui.terminal import clipboard
from ktgtui.widgets.table import Table
from tests.ktgtui.conftest import Opened, until, write
from tests.ktgtui.made import error_of, run_folder
from tests.ktgtui.screen_text import chosen_run, text


async def test_the_best_trial_is_shown_with_its_known_neighbours(tmp_path: Path, opened: Opened) -> None:
    run_folder(tmp_path / "runs" / "x", "digits/X", n=513, strategy="exhaustive")
    async with opened(tmp_path) as pilot:
        await pilot.press("5")
        await until(pilot, lambda: isinstance(pilot.app.screen, TrialPage) and "neighbours known" in text(pilot))
        rows = pilot.app.screen.query_one("#edges", Table).rows
        assert len(rows) == 9
        known = [n for row in rows for n in row.others.values() if n.error is not None]
        assert known
        different = [n for n in known if not n.same]
        assert [n.error for n in different] == pytest.approx([error_of(n.graph.canonical()) for n in different])


async def test_enter_on_a_trial_opens_it_and_b_goes_back_to_the_best(tmp_path: Path, opened: Opened) -> None:
    run_folder(tmp_path / "runs" / "r", n=60)
    async with opened(tmp_path) as pilot:
        await pilot.press("2")
        await until(pilot, lambda: isinstance(pilot.app.screen, LivePage))
        await pilot.press("down", "down")
        number = pilot.app.screen.query_one("#trials", Table).current.number  # type: ignore[union-attr]
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, TrialPage) and f"#{number} " in text(pilot))
        await pilot.press("b")
        assert f"#{number} " not in text(pilot)


async def test_turning_a_gate_shows_the_known_neighbour_or_queues_it(tmp_path: Path, opened: Opened) -> None:
    folder = run_folder(tmp_path / "runs" / "x", "digits/X", n=513, strategy="exhaustive")
    run = Shelf(folder).look().chosen
    assert run
    async with opened(tmp_path) as pilot:
        await pilot.press("5")
        await until(pilot, lambda: isinstance(pilot.app.screen, TrialPage) and "neighbours known" in text(pilot))
        page = pilot.app.screen
        assert isinstance(page, TrialPage)
        assert page._trial is not None
        graph = Graph.parse(page._trial.graph)
        pilot.app.screen.query_one("#edges", Table).seek(edges(3)[0])
        await pilot.press("right")
        other = Graph(graph.models, (page._tried.gates[0], *graph.gates[1:]))  # type: ignore[union-attr]
        assert other != graph
        assert f"with y>1 {other.gates[0]}: error {error_of(other.canonical()):.2f} %" in text(pilot)
        await pilot.press("left")
        assert page._tried is None
        assert "#" in text(pilot)
        await pilot.press("a")
        assert not (tmp_path / "queues").exists(), "the graph itself is trained: nothing to queue"
        await pilot.press("right", "a", "a")
        waiting = queue_file.read(tmp_path / "queues" / "digits-X.txt")
        assert waiting == (other.canonical(),)
        assert graphlist_is_searchable(tmp_path / "queues" / "digits-X.txt") == [other.canonical()]
        await pilot.press("escape")
        assert page._tried is None


def graphlist_is_searchable(file: Path) -> list[Graph]:
    """As `engine.search --graphs` reads it."""
    return [draw.graph for draw in listed(file, load("digits/X")).preview()]


def test_a_queue_is_searched_as_its_run_was(tmp_path: Path) -> None:
    folder = run_folder(tmp_path / "runs" / "x", "digits/X", n=20, seed=7)
    run = Shelf(folder).look().chosen
    assert run
    changed = replace(run, space=run.space.with_protocol({"epochs": 3}))
    made = what_if.order(changed, run.space, "digits/X", tmp_path)
    assert made.command() == ("python -m engine.search digits/X --graphs queues/digits-X.txt --repeats 1 --seed 7 "
                              "--set protocol.epochs=3 --run runs/digits-X-queue")
    (tmp_path / "runs" / "digits-X-queue").mkdir()
    assert what_if.order(run, run.space, "digits/X", tmp_path).run == "runs/digits-X-queue1"


async def test_the_best_graphs_stand_beside_dml(tmp_path: Path, opened: Opened) -> None:
    run_folder(tmp_path / "runs" / "x", "digits/X", n=513, strategy="exhaustive")
    async with opened(tmp_path) as pilot:
        await pilot.press("6")
        await until(pilot, lambda: isinstance(pilot.app.screen, BestPage) and "513 of 513 graphs" in text(pilot))
        await until(pilot, lambda: len(pilot.app.screen.query_one("#ranking", Table).rows) >= 513)
        rows = [r for r in pilot.app.screen.query_one("#ranking", Table).rows if r.is_drawn]
        errors = [round(r.error, 9) for r in rows]
        assert [(r.place.first, r.place.tied) for r in rows] == [(errors.index(e) + 1, errors.count(e)) for e in errors]
        assert any(r.place.tied > 1 for r in rows)
        assert [r.error for r in rows] == sorted(r.error for r in rows)
        assert "this is DML of these nodes" in text(pilot)


def test_a_ranking_knows_dml(tmp_path: Path) -> None:
    run_folder(tmp_path / "runs" / "x", "digits/X", n=513)
    run = Shelf(tmp_path).look().chosen
    assert run
    (dml,) = [r for r in ranked(run.trials, rank(run.trials, run.space, run.info)) if r.is_dml]
    assert dml.graph.gates == ("through",) * 9
    assert dml.spread is None


async def test_keys_are_listed_and_can_be_done_from_there(tmp_path: Path, opened: Opened) -> None:
    async with opened(tmp_path) as pilot:
        await pilot.press("question_mark")
        await until(pilot, lambda: isinstance(pilot.app.screen, Listing))
        assert "start a search" in text(pilot)
        await write(pilot, "live")
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, LivePage))


async def test_colon_goes_to_a_run_by_a_part_of_its_name(study: Path, opened: Opened) -> None:
    async with opened(study) as pilot:
        await pilot.press("colon")
        await write(pilot, "X-exh")
        await pilot.press("enter")
        app = pilot.app
        assert isinstance(app, Workbench)
        await until(pilot, lambda: chosen_run(app) == "digits-X-exhaustive")
        assert isinstance(app.screen, LivePage)


async def test_advice_can_be_taken_to_the_refine_page(tmp_path: Path, opened: Opened) -> None:
    run_folder(tmp_path / "runs" / "r", n=400)
    async with opened(tmp_path) as pilot:
        await pilot.press("v")
        await until(pilot, lambda: isinstance(pilot.app.screen, Listing))
        first = pilot.app.screen.query_one("#list", Table).current.key  # type: ignore[union-attr]
        assert first == "m[aux] = mlp96", "in these runs large auxiliary nodes are worth 4 %"
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, RefinePage) and f"{first}: narrows" in text(pilot))


async def test_w_writes_the_page_and_readonly_does_not(study: Path, opened: Opened) -> None:
    async with opened(study, readonly=True) as pilot:
        await pilot.press("w")
    assert not (study / "figures").exists()
    async with opened(study) as pilot:
        await pilot.press("w")
    written = sorted(p.suffix for p in (study / "figures").iterdir())
    assert written == [".svg", ".txt"]
    assert "39,609" in next((study / "figures").glob("*.txt")).read_text()


async def test_y_copies_the_row_under_the_cursor(tmp_path: Path, opened: Opened) -> None:
    async with opened(tmp_path) as pilot:
        await pilot.press("down")
        assert pilot.app.screen.excerpt().split("\t")[:2] == ["└ B", "m[aux] = wrn28-2"]  # type: ignore[attr-defined]


def test_copying_is_wrapped_for_tmux_and_screen() -> None:
    payload = base64.b64encode(b"a b").decode()
    assert clipboard.sequence("a b", {}) == f"\x1b]52;c;{payload}\x07"
    assert clipboard.sequence("a b", {"TMUX": "1"}) == f"\x1bPtmux;\x1b\x1b]52;c;{payload}\x07\x1b\\"
    assert clipboard.sequence("a b", {"STY": "1"}) == f"\x1bP\x1b]52;c;{payload}\x07\x1b\\"
