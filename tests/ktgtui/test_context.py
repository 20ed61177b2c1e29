"""Pages and actions need no more of the application than a `Context`: here a fake one."""

from __future__ import annotations

import inspect
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest
from textual.app import App

import ktgtui
from engine.control.requests import Answer
from engine.errors import SpaceError, StoreError
from ktgtui import theme
from ktgtui.actions import control_run, selection
from ktgtui.actions.export_page import write
from ktgtui.actions.launcher import Ended, Order, start_search, tell_ended
from ktgtui.actions.undo import undo
from ktgtui.app_context import AppContext
from ktgtui.context import Context, Session, Undoable
from ktgtui.data.snapshot import Snapshot, Wish
from ktgtui.data.workspace import Shelf
from ktgtui.dialogs.picker import Listing
from ktgtui.screens.base import Page
from ktgtui.screens.refine.screen import RefinePage
from ktgtui.screens.registry import PAGES
from ktgtui.terminal import textual_patches
from tests.ktgtui.fake_context import FakeContext
from tests.ktgtui.made import run_folder


@pytest.fixture
def snapshot(tmp_path: Path) -> Snapshot:
    """Of a finished run of digits/X and one that stopped."""
    run_folder(tmp_path / "runs" / "x", "digits/X", n=40, total=40)
    run_folder(tmp_path / "runs" / "y", "digits/X", n=20, total=513, strategy="exhaustive")
    with_runs = Shelf(tmp_path)
    try:
        return with_runs.look(Wish(run=tmp_path / "runs" / "y"))
    finally:
        with_runs.close()


def test_the_application_is_a_context() -> None:
    """Every member with the same parameters: mypy holds it to the types where the application makes its pages."""
    for name, member in vars(Context).items():
        if not name.startswith("_") and inspect.isfunction(member):
            assert inspect.signature(getattr(AppContext, name)).parameters.keys() == inspect.signature(member).parameters.keys()


def test_what_was_written_last_is_taken_back_first(tmp_path: Path) -> None:
    context = FakeContext(tmp_path, Snapshot())
    back: list[str] = []
    context.session.undoable += [Undoable("a", lambda: back.append("a")), Undoable("b", lambda: back.append("b"))]
    undo(context)
    assert back == ["b"]
    assert context.asked == [("notify", "undone: b"), ("refresh_now",)]
    undo(context)
    undo(context)
    assert back == ["b", "a"]
    assert context.asked[-1] == ("notify", "nothing to undo")


def test_an_undo_that_cannot_be_is_said(tmp_path: Path) -> None:
    def refuse() -> None:
        raise SpaceError("x.json: was changed since: it stays as it is")

    context = FakeContext(tmp_path, Snapshot())
    context.session.undoable.append(Undoable("x", refuse))
    undo(context)
    assert context.asked == [("notify", "x.json: was changed since: it stays as it is", "error")]


def test_a_search_is_started_by_the_command_that_is_shown(tmp_path: Path) -> None:
    context = FakeContext(tmp_path, Snapshot())
    order = Order("digits/X", None, run="runs/new")
    start_search(context, order)
    assert context.asked == [("launch", "runs/new", *order.words()), ("record_command", order.command()), ("refresh_now",)]


def test_a_search_that_cannot_be_started_is_not_recorded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> Path:
        raise StoreError("runs/new: held by another search")

    context = FakeContext(tmp_path, Snapshot())
    monkeypatch.setattr(context, "launch", refuse)
    start_search(context, Order("digits/X", None, run="runs/new"))
    assert context.asked == [("notify", "runs/new: held by another search", "error")]


def test_a_failed_search_stays_in_the_title(tmp_path: Path) -> None:
    context = FakeContext(tmp_path, Snapshot())
    tell_ended(context, [Ended("runs/a", 0, ""), Ended("runs/b", 130, "interrupted"), Ended("runs/c", 2, "error: no such space")])
    assert context.session.failure_notice == "runs/c failed: error: no such space"
    assert [asked[1:] for asked in context.asked if asked[0] == "notify"] == [
        ("runs/a", "search finished"), ("runs/b", "search stopped"),
        ("error: no such space", "runs/c failed: error: no such space", "error")]
    assert context.asked[-1] == ("repaint",)


def test_a_stopped_run_goes_on_by_its_own_command(tmp_path: Path, snapshot: Snapshot) -> None:
    context = FakeContext(tmp_path, snapshot)
    run = snapshot.chosen
    assert run is not None
    control_run.again(context)
    assert context.asked == [("notify", "y: run.json does not say by which command it was made", "warning")]
    context.asked.clear()
    made = msgspec.structs.replace(run.info, command="python -m engine.search digits/X --exhaustive --run elsewhere/y --json")
    context.snapshot = replace(snapshot, chosen=replace(run, info=made))
    control_run.again(context)
    words = ("digits/X", "--exhaustive", "--run", "runs/y")
    assert context.asked == [("launch", "y", *words), ("record_command", f"python -m engine.search {' '.join(words)}"),
                             ("refresh_now",)]


def test_nothing_is_asked_of_a_run_where_nothing_runs(tmp_path: Path, snapshot: Snapshot) -> None:
    context = FakeContext(tmp_path, snapshot)
    control_run.pause_or_resume(context)
    (name, message, severity), = context.asked
    assert (name, severity) == ("notify", "warning")
    assert message.startswith("no search runs in y")


def test_the_answer_of_a_search_is_told(tmp_path: Path, snapshot: Snapshot) -> None:
    run = snapshot.chosen
    assert run is not None
    context = FakeContext(tmp_path, snapshot)
    control_run._ask(context, run, "pause", lambda folder: Answer(done=True, message=f"{folder.name} is paused"))
    assert context.asked == [("record_command", "python -m engine.control runs/y pause"),
                             ("notify", "y is paused", "y", "information"), ("refresh_now",)]


def test_a_space_is_picked_with_its_longest_run(tmp_path: Path, snapshot: Snapshot) -> None:
    context = FakeContext(tmp_path, snapshot)
    selection.work_on(context, "digits/X")
    assert context.asked == [("select_run", tmp_path / "runs" / "x")]
    assert context.session.selected_space == "digits/X"
    space = selection.subject(context)
    assert space is not None
    assert space.name == "digits/X"


def test_a_constraint_is_handed_to_the_refine_page(tmp_path: Path, snapshot: Snapshot) -> None:
    context = FakeContext(tmp_path, snapshot, selected_space="digits/A")
    selection.refine(context, "L[y,aux] = through")
    assert context.session.selected_space is None, "the chosen run's space is meant"
    assert context.asked == [("show_page", "refine", "L[y,aux] = through")]


def test_a_folder_that_is_read_only_is_not_written_to(tmp_path: Path) -> None:
    write(FakeContext(tmp_path, Snapshot(), readonly=True), "best", "text")
    assert not (tmp_path / "figures").exists()


def test_the_folder_is_called_as_a_person_calls_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert Session(tmp_path / "study").place == "~/study"
    assert Session(tmp_path).place == str(tmp_path.resolve())


class OnePage(App[None]):
    """An application that is nothing but one page."""

    CSS_PATH = Path(ktgtui.__path__[0]) / "ktgtui.tcss"

    def __init__(self, page: Page) -> None:
        super().__init__()
        self._shown_page = page
        self.register_theme(theme.DARK)
        self.theme = theme.DARK.name

    def on_mount(self) -> None:
        self.push_screen(self._shown_page)


async def test_a_page_lives_in_any_application(tmp_path: Path, snapshot: Snapshot) -> None:
    """The refine page, given a constraint, says what it would leave; nothing of the workbench is there."""
    context = FakeContext(tmp_path, snapshot)
    page = RefinePage(context)
    page.receive("L[y,1] = linear")
    async with OnePage(page).run_test(size=(100, 40)) as pilot:
        await pilot.pause()
        page.paint([])
        await pilot.pause()
        shown = textual_patches.text(page)
        assert "L[y,1] = linear" in shown
        assert "digits/X" in shown
        assert page.is_drafting


@pytest.mark.parametrize("name", PAGES)
async def test_every_page_paints_an_empty_folder(tmp_path: Path, name: str) -> None:
    page = PAGES[name]()(FakeContext(tmp_path, Snapshot(ready=True)))  # type: ignore[index]
    async with OnePage(page).run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        page.paint([[("a line of the tour", "")]])
        await pilot.pause()
        shown = textual_patches.text(page)
        assert name in shown.split("\n")[0]
        assert "a line of the tour" in shown


def test_a_list_is_shown_over_the_page(tmp_path: Path, snapshot: Snapshot) -> None:
    from ktgtui.actions.palette import LISTS

    context = FakeContext(tmp_path, snapshot)
    LISTS["places"](context)
    (name, listing, _), = context.asked
    assert name == "push_screen"
    assert isinstance(listing, Listing)
