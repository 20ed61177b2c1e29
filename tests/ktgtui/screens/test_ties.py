"""A run whose graphs are equal: every page says how many tie, and none advises."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.pilot import Pilot

from engine.space.graph import Graph
from ktgtui.data.workspace import Shelf
from ktgtui.screens.best.ranking import ranked
from tests.analysis.folders import written
from tests.ktgtui.conftest import Opened, until
from tests.ktgtui.screen_text import text


def equal(graph: Graph) -> float:
    return 3.0


def some_equal(graph: Graph) -> float:
    """A third of the graphs is best."""
    return 3.0 if graph.gate(0, 1) == "through" else 4.0 + len({*graph.gates})


async def flat(pilot: Pilot[None], wanted: str) -> None:
    """Wait for words on the screen, wherever its lines break."""
    await until(pilot, lambda: wanted in " ".join(text(pilot).split()))


async def test_equal_graphs_are_counted_on_every_page_and_advise_nothing(tmp_path: Path, opened: Opened) -> None:
    written(tmp_path / "runs" / "r", "digits/X", error_of=equal, noise=0.0)
    async with opened(tmp_path) as pilot:
        await pilot.press("2")
        await flat(pilot, "best 13.00 % (513 tie)")
        await flat(pilot, "expected optimism not known: one pass")
        await pilot.press("3")
        await flat(pilot, "best 5 %: 513 graphs tie at 13.00 %, of which 26 count, shared among them")
        await pilot.press("m")
        await flat(pilot, "all 513 graphs end at 13.00 % error, so there is no spread that a choice could explain")
        await pilot.press("v")
        await until(pilot, lambda: any("so there is no advice" in n.message for n in pilot.app._notifications))
        await pilot.press("4")
        await flat(pilot, "r: all 513 graphs end at 13.00 % error, so there is no advice")
        await flat(pilot, "none missing, 513 tie as the best at 13.00 %")
        await pilot.press("escape", "5")
        await flat(pilot, "place 1-513 of 513")
        await pilot.press("6")
        await flat(pilot, "best 13.00 %, 513 graphs tie; expected optimism not known: one pass")
        await flat(pilot, "resolution 0.1 points (one of 988 images)")
        await flat(pilot, "1-513 13.00")


async def test_a_constraint_says_how_many_of_the_best_it_keeps(tmp_path: Path, opened: Opened) -> None:
    written(tmp_path / "runs" / "r", "digits/X", error_of=some_equal, noise=0.0)
    async with opened(tmp_path) as pilot:
        await pilot.press("4")
        await until(pilot, lambda: bool(pilot.app.screen.query("#phrase")))
        line = pilot.app.screen.query_one("#phrase")
        line.value = "L[2,1] = linear and L[3,1] = linear"  # type: ignore[attr-defined]
        await flat(pilot, "keeps 45 of the 171 graphs that tie as the best (13.00 %)")
        line.value = "L[y,1] = cutoff"  # type: ignore[attr-defined]
        await flat(pilot, "loses all 171 graphs that tie as the best (13.00 %)")


def test_the_first_of_equal_graphs_is_not_the_first_of_the_run(tmp_path: Path) -> None:
    run = Shelf(written(tmp_path / "r", "digits/X", error_of=equal, noise=0.0)).look().chosen
    assert run
    first = [ranked(run.trials, seed)[0].trial.number for seed in range(8)]
    assert len(set(first)) > 4
    assert first == [ranked(run.trials[::-1], seed)[0].trial.number for seed in range(8)]
    assert {str(row.place) for row in ranked(run.trials, 0)} == {"1-513"}
    assert pytest.approx(13.0) == ranked(run.trials, 0)[0].error
