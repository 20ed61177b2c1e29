"""The best page: named graphs beside the drawn ones, retrainings, the closed test set, the report."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.pilot import Pilot

from engine.analysis.ranking import rank
from engine.space.graph import Graph
from engine.store.files.evaluations import FRESH, Evaluation, EvaluationFile
from engine.store.records import State, Training
from engine.store.run import Run
from ktgtui.app import Workbench
from ktgtui.data.workspace import Shelf
from ktgtui.dialogs.form import Form
from ktgtui.screens.best.ranking import named, ranked
from ktgtui.screens.best.screen import BestPage
from ktgtui.widgets.table import Table
from tests.ktgtui.conftest import Opened, until, write
from tests.ktgtui.made import run_folder
from tests.ktgtui.screen_text import text

DML = Graph(("mlp16", "mlp96", "mlp96"), ("through",) * 9)


def reference(repeat: int, accuracy: float) -> Training:
    return Training(id=f"{DML.key}.{repeat}", graph=str(DML), repeat=repeat, seed=0, state=State.DONE, epochs=4,
                    accuracy=(accuracy, 90.0, 90.0))


def retrained(graph: Graph, accuracies: list[float], test: float | None = None) -> list[Evaluation]:
    return [Evaluation(key=graph.key, graph=str(graph), repeat=FRESH + i, seed=0, state=State.DONE, epochs=4,
                       accuracy=(a, a, a), test=None if test is None else (test, test, test), created="2026-01-02T00:00:00")
            for i, a in enumerate(accuracies)]


async def ranking(pilot: Pilot[None]) -> None:
    await pilot.press("6")
    await until(pilot, lambda: isinstance(pilot.app.screen, BestPage))
    await until(pilot, lambda: bool(pilot.app.screen.query_one("#ranking", Table).rows))


def test_references_trained_besides_the_draws_are_found(tmp_path: Path) -> None:
    """Only the lowest error of each name, and only of the best graph's models."""
    folder = run_folder(tmp_path / "r", "digits/A", n=30)
    small = Graph(("mlp16", "mlp16", "mlp16"), ("through",) * 9)
    with Run.open(folder) as run:
        run.add([], [reference(0, 95.0), Training(id=f"{small.key}.0", graph=str(small), seed=0, state=State.DONE, epochs=4,
                                                  accuracy=(99.0, 90.0, 90.0))], [])
    found = Shelf(folder).look().chosen
    assert found
    besides = [r for r in named(found.trainings, DML.models) if r.is_dml]
    assert [(r.graph, r.error, r.is_drawn) for r in besides] == [(DML, pytest.approx(5.0), False)]


async def test_a_graph_stands_beside_dml_in_the_search_and_trained_again(tmp_path: Path, opened: Opened) -> None:
    folder = run_folder(tmp_path / "runs" / "x", "digits/X", n=100)
    found = Shelf(tmp_path).look().chosen
    assert found
    best = ranked(found.trials, rank(found.trials, found.space, found.info))[0]
    with Run.open(folder) as run:
        run.add([], [reference(0, 100 - best.error - 1.25)], [])
    with EvaluationFile(folder) as file:
        file.add([*retrained(best.graph, [94.0, 95.0, 96.0]), *retrained(DML, [93.0, 94.0, 94.5])])
    async with opened(tmp_path) as pilot:
        await ranking(pilot)
        pilot.app.screen.query_one("#ranking", Table).seek((True, best.trial.key))
        await until(pilot, lambda: "trained again" in text(pilot))
        screen = text(pilot)
        assert "in the search: 1.25 points better than DML of these nodes, one repeat each" in screen
        assert "this graph beats DML: +1.17" in screen.replace("\n", "") or "this graph is not surely better" in screen
        assert "95.00 ± 1.00" in screen
        assert "the test set is closed" in screen
        assert "test %" not in screen
    with EvaluationFile(folder) as file:
        file.add(retrained(best.graph, [94.0, 95.0, 96.0], test=91.5))
    async with opened(tmp_path) as pilot:
        await ranking(pilot)
        await until(pilot, lambda: "91.50" in text(pilot))
        assert "the test set was opened first on 2026-01-02" in text(pilot)


async def test_the_test_set_opens_only_in_words(tmp_path: Path, opened: Opened) -> None:
    run_folder(tmp_path / "runs" / "x", "digits/X", n=30)
    async with opened(tmp_path) as pilot:
        app = pilot.app
        assert isinstance(app, Workbench)
        await ranking(pilot)
        await pilot.press("E")
        await until(pilot, lambda: "--graph best --graph dml --repeats 5" in text(pilot))
        assert "--test" not in text(pilot)
        await pilot.press("tab", "tab")
        await write(pilot, "yes")
        await until(pilot, lambda: "write 'open the test set', or nothing" in text(pilot))
        await pilot.press("ctrl+s")
        assert isinstance(app.screen, Form), "half a confirmation is none"
        await pilot.press("ctrl+u")
        await write(pilot, "open the test set")
        await until(pilot, lambda: "--test" in text(pilot) and "for good" in text(pilot))
        await pilot.press("escape")
        assert app.context.session.commands == []


async def test_what_cannot_be_evaluated_says_so_afterwards(tmp_path: Path, opened: Opened) -> None:
    """The command runs for real, and its one line of complaint comes back."""
    run_folder(tmp_path / "runs" / "x", "digits/X", n=30)
    async with opened(tmp_path) as pilot:
        await ranking(pilot)
        await pilot.press("E")
        await until(pilot, lambda: isinstance(pilot.app.screen, Form))
        await pilot.press("ctrl+u")
        await write(pilot, "nonsense")
        await pilot.press("ctrl+s")
        app = pilot.app
        assert isinstance(app, Workbench)
        await until(pilot, lambda: any("error: " in n.message for n in app._notifications))
        assert app.context.session.commands[-1].startswith("python -m engine.evaluate runs/x --graph nonsense")


async def test_readonly_trains_and_exports_nothing(tmp_path: Path, opened: Opened) -> None:
    run_folder(tmp_path / "runs" / "x", "digits/X", n=30)
    before = sorted(tmp_path.rglob("*"))
    async with opened(tmp_path, readonly=True) as pilot:
        await ranking(pilot)
        await pilot.press("E", "e")
        await pilot.pause()
        assert isinstance(pilot.app.screen, BestPage)
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.slow
@pytest.mark.timeout(120)
async def test_e_exports_the_report_and_says_where(tmp_path: Path, opened: Opened) -> None:
    run_folder(tmp_path / "runs" / "x", "digits/X", n=60)
    async with opened(tmp_path) as pilot:
        app = pilot.app
        assert isinstance(app, Workbench)
        await ranking(pilot)
        await pilot.press("e")
        await until(pilot, lambda: any("reports/x/report.html" in n.message for n in app._notifications))
    assert (tmp_path / "reports" / "x" / "report.html").stat().st_size > 10_000


async def test_graphs_are_filtered_and_what_they_are_held_against_stays(tmp_path: Path, opened: Opened) -> None:
    folder = run_folder(tmp_path / "runs" / "a", "digits/A", n=60)
    with Run.open(folder) as run:
        run.add([], [reference(0, 95.0)], [])
    async with opened(tmp_path) as pilot:
        await ranking(pilot)
        table = pilot.app.screen.query_one("#ranking", Table)
        every = len(table.rows)
        await pilot.press("slash")
        await write(pilot, "L[y,1] = throughh")
        await pilot.press("enter")
        assert "expected" in text(pilot) or "throughh" in text(pilot)
        assert len(table.rows) == every, "a mistake is told and filters nothing"
        await pilot.press("backspace", "enter")
        drawn = [row for row in table.rows if row.is_drawn]
        assert drawn
        assert len(table.rows) < every
        assert all(row.graph.gate(0, 1) == "through" for row in drawn)
        assert any(row.is_dml and not row.is_drawn for row in table.rows)
        assert f"{len(table.rows)} shown: L[y,1] = through" in text(pilot)
        await pilot.press("escape")
        assert len(table.rows) == every
