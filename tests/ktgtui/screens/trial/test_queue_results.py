"""Queued graphs beside the run they came from: waiting, then trained by a search of their own; losses an edge; twins."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import msgspec

from engine.space.files.load import load
from engine.space.graph import Edge, Graph
from engine.store.records import State, Training, Trial
from engine.store.run import Run
from ktgtui.app import Workbench
from ktgtui.data.snapshot import RunDetail
from ktgtui.data.workspace import Shelf
from ktgtui.screens.trial import edge_table, queue_file, queue_results
from ktgtui.screens.trial.screen import TrialPage
from ktgtui.widgets.table import Table
from tests.ktgtui.conftest import Opened, until
from tests.ktgtui.made import info, run_folder
from tests.ktgtui.screen_text import text


def listed_run(folder: Path, graph: Graph, error: float, seed: int = 0) -> Path:
    """A search of one listed graph."""
    effective = graph.effective()
    assert effective.graph is not None
    accuracy = (100 - error,) * effective.graph.nodes
    trial = Trial(number=0, key=graph.key, graph=str(graph), state=State.DONE, training=f"{effective.key}.0",
                  nodes=effective.nodes, accuracy=accuracy)
    training = Training(id=f"{effective.key}.0", graph=str(effective.graph), seed=seed, state=State.DONE, epochs=4,
                        accuracy=accuracy)
    with Run.create(folder, info(load("digits/X"), folder.name, 1, "graphs", seed)) as run:
        run.add([trial], [training], [])
    return folder


def chosen(folder: Path) -> RunDetail:
    found = Shelf(folder).look().chosen
    assert found is not None
    return found


async def test_what_a_search_of_the_queue_found_stands_beside_the_run(tmp_path: Path, opened: Opened) -> None:
    run_folder(tmp_path / "runs" / "x", "digits/X", n=40, total=40)
    async with opened(tmp_path) as pilot:
        app = pilot.app
        assert isinstance(app, Workbench)
        await pilot.press("5")
        await until(pilot, lambda: isinstance(app.screen, TrialPage) and "neighbours known" in text(pilot))
        page = app.screen
        assert isinstance(page, TrialPage)
        table = page.query_one("#edges", Table)
        row, gate = next((r, g) for r in table.rows for g, n in r.others.items() if n.state == "unknown" and not n.same)
        table.seek(row.edge)
        await pilot.press("right")
        while page._tried is None or page._tried.gate(*row.edge) != gate:
            await pilot.press("right")
        await pilot.press("a")
        await until(pilot, lambda: "queued; s searches the queue" in text(pilot))
        assert page._tried is not None, "the turned gate stays under the hand"
        line = next(line for line in text(pilot).splitlines() if f"{row.edge} " in line and ">" in line[6:])
        assert "queued" in line

        listed_run(tmp_path / "runs" / "digits-X-queue", page._tried.canonical(), 1.25)
        app.context.refresh_now()
        await until(pilot, lambda: "error 1.25 %" in text(pilot) and "by a search of queued graphs" in text(pilot))
        known = next(r for r in table.rows if r.edge == row.edge).others[gate]
        assert known.error == 1.25


async def test_a_turned_gate_survives_news_of_a_live_run(tmp_path: Path, opened: Opened) -> None:
    run_folder(tmp_path / "runs" / "x", "digits/X", n=40, total=40)
    async with opened(tmp_path) as pilot:
        app = pilot.app
        assert isinstance(app, Workbench)
        await pilot.press("5")
        await until(pilot, lambda: isinstance(app.screen, TrialPage) and "neighbours known" in text(pilot))
        page, run = app.screen, app.context.snapshot.chosen
        assert isinstance(page, TrialPage)
        assert run is not None
        await pilot.press("right")
        tried = page._tried
        assert tried is not None
        app.context.snapshot = replace(app.context.snapshot, chosen=replace(run, trials=(*run.trials,)))
        assert page._tried == tried
        await pilot.press("escape")
        assert page._tried is None


def test_only_searches_with_the_runs_seed_and_protocol_count(tmp_path: Path) -> None:
    folder = run_folder(tmp_path / "runs" / "x", "digits/X", n=40, total=40)
    run, graph = chosen(folder), load("digits/X").sample(60, 0)[-1]
    listed_run(tmp_path / "runs" / "same", graph, 1.25)
    listed_run(tmp_path / "runs" / "other-seed", graph, 9.0, seed=3)
    views = Shelf(tmp_path).look().runs
    assert {v.name for v in queue_results.searches(run, views)} == {"same", "other-seed"}
    assert [t.error for t in queue_results.read(run, queue_results.searches(run, views), tmp_path).trials] == [1.25]
    longer = replace(run, space=run.space.with_protocol({"epochs": 99}))
    assert queue_results.read(longer, queue_results.searches(run, views), tmp_path).trials == ()


def test_what_cannot_be_read_counts_as_nothing(tmp_path: Path) -> None:
    run = chosen(run_folder(tmp_path / "runs" / "x", "digits/X", n=5, total=5))
    graph = load("digits/X").sample(1, 0)[0]
    view = msgspec.structs.replace(run.view, folder=tmp_path / "gone")
    queue_file.add(queue_file.path(tmp_path, run.space.slug), graph, "for a test")
    assert queue_results.read(run, [view], tmp_path).waiting == {graph.effective().key}
    queue_file.path(tmp_path, run.space.slug).write_text("no graph\n")
    assert queue_results.read(run, [view], tmp_path) .waiting == frozenset()


def test_losses_stand_at_the_edges_of_the_graph_as_drawn() -> None:
    """Node 2 cannot reach the target: what was trained as node 2 is node 3 of the drawn graph."""
    graph = Graph.parse("1:mlp16 2:mlp16 3:mlp96 | y>1 through, 3>1 linear, y>3 through, 1>2 through")
    effective = graph.effective()
    trial = Trial(number=0, key=graph.key, graph=str(graph), state=State.DONE, training=f"{effective.key}.0",
                  nodes=effective.nodes, accuracy=(90.0, 91.0))
    training = Training(id=f"{effective.key}.0", graph=str(effective.graph), seed=0, state=State.DONE, epochs=1,
                        accuracy=(90.0, 91.0), losses={"y>1": 0.5, "2>1": 0.25, "y>2": 0.125})
    assert edge_table.edge_losses(trial, training) == {Edge(0, 1): 0.5, Edge(3, 1): 0.25, Edge(0, 3): 0.125}
    shown = {str(cell[0]): cell[2] for cell in (edge_table.cells(r, r.gate, ()) for r in edge_table.rows(trial, training, ()))}
    assert shown["3>1"] == ("0.2500", "dim")
    assert shown["2>1"] == ("", "dim")


def test_a_twin_is_named_with_the_reason(tmp_path: Path) -> None:
    run = chosen(run_folder(tmp_path / "runs" / "a", "digits/A", n=300, total=300))
    twins = [t for t in run.trials if t.training and sum(o.training == t.training for o in run.trials) > 1]
    assert twins, "the sample holds graphs that train alike"
    for trial in twins:
        said = edge_table.alikes(run, trial)
        assert "the same; #" in said
        assert "cannot reach the target" in said or "node" in said
    alone = next(t for t in run.trials if t.training and t not in twins)
    assert edge_table.alikes(run, alone) == ""
