"""The analyse page: one condition, two crossed, what matters, runs side by side."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from textual.pilot import Pilot

from engine.analysis.conditions import CONDITIONS
from engine.space.files.load import load
from engine.store.records import State
from engine.store.run import Run
from ktgtui.data.samples import Samples
from ktgtui.data.snapshot import Wish
from ktgtui.data.workspace import Shelf
from ktgtui.screens.analyse.crossing import Crossing
from ktgtui.screens.analyse.curves import Curves
from ktgtui.screens.analyse.importance import Choices
from ktgtui.screens.analyse.runs import Beside, beside
from ktgtui.screens.analyse.screen import AnalysePage
from ktgtui.screens.analyse.view import Look, Row, View
from ktgtui.widgets.table import Table
from tests.ktgtui.conftest import Opened, until
from tests.ktgtui.made import info, records, run_folder
from tests.ktgtui.screen_text import text


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
                title = condition.title
                await until(pilot, lambda title=title: bool(values(pilot)) and title in text(pilot))  # type: ignore[misc]


def shown(pilot: Pilot[None]) -> View:
    page = pilot.app.screen
    assert isinstance(page, AnalysePage)
    assert page._view is not None
    return page._view


def cell(row: Row, column: int) -> str:
    found = row.cells[column]
    return found if isinstance(found, str) else found[0]


async def test_the_known_order_of_values_is_seen(tmp_path: Path, opened: Opened) -> None:
    """In these runs two large auxiliary nodes are 4 % better than two small ones, whatever the noise."""
    run_folder(tmp_path / "runs" / "r", n=600)
    async with opened(tmp_path) as pilot:
        await analysing(pilot, "a")
        await until(pilot, lambda: [r.key for r in values(pilot)][:1] == ["mlp16 + mlp16"])
        rows = {r.key: r for r in values(pilot)}
        assert set(rows) == {"mlp16 + mlp16", "mlp16 + mlp96", "mlp96 + mlp96"}
        assert float(cell(rows["mlp96 + mlp96"], 5)) < float(cell(rows["mlp16 + mlp16"], 5))
        assert cell(rows["mlp96 + mlp96"], -1) == "better"
        assert cell(rows["mlp16 + mlp16"], -1) == "worse"
        of_best = int(cell(rows["mlp96 + mlp96"], 8).split()[0])
        assert of_best > int(cell(rows["mlp96 + mlp96"], 7).split()[0])


async def test_the_crosshair_reads_each_curve(tmp_path: Path, opened: Opened) -> None:
    run_folder(tmp_path / "runs" / "r", n=300)
    async with opened(tmp_path) as pilot:
        await analysing(pilot)
        assert cell(values(pilot)[0], 9) == ""
        await pilot.press("full_stop")
        view = shown(pilot)
        assert isinstance(view, Curves)
        low, high = view.limits(Look())
        assert cell(values(pilot)[0], 9) == f"{100 * float(view.edfs[0].at((low + high) / 2)):.0f} %"
        await pilot.press(*["full_stop"] * 60)
        assert cell(values(pilot)[0], 9) == f"{100 * float(view.edfs[0].at(high)):.0f} %"
        await pilot.press("d")
        await until(pilot, lambda: shown(pilot) is not view)
        assert cell(values(pilot)[0], 9) != "", "the crosshair stays where it was on the next page"


async def test_space_hides_a_curve_and_shows_it_again(tmp_path: Path, opened: Opened) -> None:
    run_folder(tmp_path / "runs" / "r", n=300)
    async with opened(tmp_path) as pilot:
        await analysing(pilot)
        drawn = shown(pilot).figure(Look()).curves  # type: ignore[union-attr]
        await pilot.press("space")
        page = pilot.app.screen
        assert isinstance(page, AnalysePage)
        assert len(shown(pilot).figure(page._look).curves) == len(drawn) - 1  # type: ignore[union-attr]
        assert [cell(r, 0).strip() for r in values(pilot)][:2] == ["", "b"]
        await pilot.press("space")
        assert [cell(r, 0).strip() for r in values(pilot)][:2] == ["a", "b"]


async def test_plus_looks_at_the_good_end_and_minus_goes_back(tmp_path: Path, opened: Opened) -> None:
    run_folder(tmp_path / "runs" / "r", n=300)
    async with opened(tmp_path) as pilot:
        await analysing(pilot)
        page = pilot.app.screen
        assert isinstance(page, AnalysePage)
        figure = shown(pilot).figure(page._look)
        await pilot.press("plus")
        closer = shown(pilot).figure(page._look)
        assert closer.low == figure.low  # type: ignore[union-attr]
        assert closer.high - closer.low == pytest.approx(0.7 * (figure.high - figure.low))  # type: ignore[union-attr]
        await pilot.press("minus", "i")
        again = shown(pilot).figure(page._look)
        assert again.high == figure.high  # type: ignore[union-attr]
        assert (len(figure.bands) > 0, len(again.bands)) == (True, 0)  # type: ignore[union-attr]


@pytest.mark.parametrize("size", [(120, 40), (80, 24)])
async def test_x_crosses_two_conditions(tmp_path: Path, opened: Opened, size: tuple[int, int]) -> None:
    run_folder(tmp_path / "runs" / "r", n=600)
    async with opened(tmp_path, size=size) as pilot:
        await analysing(pilot, "c", "x")
        await until(pilot, lambda: isinstance(pilot.app.screen._view, Crossing))  # type: ignore[attr-defined]
        view = shown(pilot)
        assert isinstance(view, Crossing)
        assert (view.outer.letter, view.inner.letter) == ("a", "c")
        sample = pilot.app.context.samples.of(pilot.app.context.snapshot.chosen)  # type: ignore[attr-defined]
        assert sum(e.n for row in view.edfs for e in row) == len(sample)
        screen = text(pilot)
        for value, row in zip(view.panels, view.edfs, strict=True):
            assert f"{value.label}  n = {sum(e.n for e in row)}" in screen
            assert f"{row[0].median:.2f} n{row[0].n}" in screen
        await pilot.press("x")
        await until(pilot, lambda: shown(pilot).outer.letter == "b")  # type: ignore[attr-defined]
        await pilot.press("x")
        await until(pilot, lambda: shown(pilot).outer.letter == "d")  # type: ignore[attr-defined]
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(shown(pilot), Curves))


async def test_a_condition_is_not_crossed_with_itself(tmp_path: Path, opened: Opened) -> None:
    run_folder(tmp_path / "runs" / "r", n=300)
    async with opened(tmp_path) as pilot:
        await analysing(pilot, "c", "x", "a")
        await until(pilot, lambda: isinstance(shown(pilot), Curves))


async def test_m_tells_what_matters_and_enter_turns_to_it(tmp_path: Path, opened: Opened) -> None:
    """The models of the auxiliary nodes make most of the difference in these runs."""
    run_folder(tmp_path / "runs" / "r", n=600)
    async with opened(tmp_path) as pilot:
        await analysing(pilot, "m")
        await until(pilot, lambda: isinstance(shown(pilot), Choices))
        first = values(pilot)[0]
        assert (first.key, first.condition) == ("m[aux]", "aux-models")
        assert int(cell(first, 3).split()[0]) > 30
        pilot.app.screen.query_one("#values").focus()
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(shown(pilot), Curves))
        assert shown(pilot).command == "--by aux-models"


async def test_r_lays_runs_side_by_side_and_names_what_cannot_be_compared(tmp_path: Path, opened: Opened) -> None:
    run_folder(tmp_path / "runs" / "one", "digits/B", n=200)
    run_folder(tmp_path / "runs" / "other", "A", n=30)
    run_folder(tmp_path / "runs" / "two", "digits/A", n=300)
    async with opened(tmp_path) as pilot:
        pilot.app.context.select_run(tmp_path / "runs" / "two")  # type: ignore[attr-defined]
        await until(pilot, lambda: pilot.app.context.snapshot.chosen.view.name == "two")  # type: ignore[attr-defined]
        await analysing(pilot, "r")
        await until(pilot, lambda: isinstance(shown(pilot), Beside))
        stands = {r.key: cell(r, -1) for r in values(pilot)}
        assert stands == {"one": "better", "other": "not comparable", "two": "this one"}
        pilot.app.screen.query_one("#values", Table).seek("other")
        await pilot.pause()
        assert "different protocols" in text(pilot)


def test_inherited_graphs_are_told_apart_and_do_not_judge(tmp_path: Path) -> None:
    """A child whose inherited graphs are flawless is judged by its fresh ones, which equal the parent's."""
    space = load("digits/A")
    run_folder(tmp_path / "parent", n=200)
    made = [(t, g, c) for t, g, c in records(space, 400, first=200)]
    best = next(g for _, g, _ in made if g is not None)
    with Run.create(tmp_path / "zchild", info(space, "zchild", 300)) as run:
        trials = [t for t, _, _ in made]
        flawless = [msgspec.structs.replace(t, number=1000 + i, accuracy=(99.9, None, None), inherited="parent")
                    for i, t in enumerate(t for t in trials if t.state is State.DONE) if i < 100]
        run.add([*trials, *flawless], [g for _, g, _ in made if g], [c for _, _, c in made if c])
    assert best
    shelf = Shelf(tmp_path)
    found = shelf.look(Wish(run=tmp_path / "parent"))
    assert found.chosen
    view = beside(Samples(), found.chosen, found.runs)
    row = next(r for r in view.rows(Look()) if r.key == "zchild")
    assert "+100" in cell(row, 3)
    assert cell(row, 4) == "0.10"
    assert cell(row, -1) in ("not settled", "alike")
    assert "100 of its" in str(row.said)


@pytest.mark.parametrize("n", [0, 1])
async def test_a_run_that_cannot_be_analysed_is_one_line(tmp_path: Path, opened: Opened, n: int) -> None:
    run_folder(tmp_path / "runs" / "r", "digits/X", n=n, total=5)
    async with opened(tmp_path, size=(80, 24)) as pilot:
        await pilot.press("3")
        await pilot.pause(0.3)
        await until(pilot, lambda: ("too few graphs" if n else "holds no trial yet") in text(pilot))
