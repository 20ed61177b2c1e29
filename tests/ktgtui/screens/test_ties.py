"""A run whose graphs are equal: every page says how many tie, and none advises."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec
from textual.pilot import Pilot

from engine.analysis.ranking import rank
from engine.analysis.run_sample import read
from engine.evaluate.graph_choice import chosen
from engine.report import summary
from engine.report.lineage import chapters
from engine.report.search_result import result
from engine.space.graph import Graph
from engine.store.records import Trial
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
        await flat(pilot, "best 5 %: 26 of the best 26 are among 513 equal results of 13.00 %: each counts 26/513")
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

    def first(trials: Sequence[Trial], seed: int) -> str:
        return ranked(trials, rank(trials, run.space, msgspec.structs.replace(run.info, seed=seed)))[0].trial.key

    found = [first(run.trials, seed) for seed in range(8)]
    assert len(set(found)) > 4
    assert found == [first(run.trials[::-1], seed) for seed in range(8)]
    assert {str(row.place) for row in ranked(run.trials, rank(run.trials, run.space, run.info))} == {"1-513"}


async def test_every_page_names_the_best_of_the_last_whole_pass(tmp_path: Path, opened: Opened) -> None:
    """A run stopped just after its second pass began: pages, the ending, the report and `--graph best` agree."""
    folder = written(tmp_path / "runs" / "r", "digits/X", repeats=2, keep=517)
    run = read(folder)
    assert run.best
    ending = result(folder, run.info, run.trials, dict(run.trainings))
    (graph,), _ = chosen(["best"], run.ranking, run.trials, run.space, folder)
    (chapter,) = chapters([run])
    page = Shelf(tmp_path).look().chosen
    assert page
    first = ranked(page.trials, rank(page.trials, page.space, page.info))[0]
    names = {run.best.key, ending.best[0].key, graph.key, summary.best(chapter)[0].key, first.trial.key}
    assert len(names) == 1
    assert run.best.repeats == len(first.errors) == 1
    said = f"best {run.best.error:.2f} %"
    async with opened(tmp_path) as pilot:
        await pilot.press("2")
        await flat(pilot, said)
        await pilot.press("5")
        await flat(pilot, f"key {run.best.key}")
        await pilot.press("6")
        await flat(pilot, said)
