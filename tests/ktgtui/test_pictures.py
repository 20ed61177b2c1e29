"""One picture a screen at both sizes, compared with the one that was looked at and kept.

After a change that is meant: `pytest tests/ktgtui/test_pictures.py --snapshot-update`, and look at what changed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from textual.pilot import Pilot

from engine.space.graph import Graph
from engine.store.files.evaluations import FRESH, Evaluation, EvaluationFile
from engine.store.records import State
from ktgtui.app import Workbench
from ktgtui.context import Session
from tests.ktgtui.conftest import until
from tests.ktgtui.made import run_folder
from tests.ktgtui.screen_text import text

Compare = Callable[..., bool]


@dataclass(frozen=True)
class Shot:
    """A screen."""

    name: str
    space: str
    """Space of the run in the folder; '' for an empty folder."""
    keys: Sequence[str]
    shows: str
    """On screen once it has settled."""

    def __str__(self) -> str:
        return self.name


SHOTS = (
    Shot("spaces", "digits/A", ["tab"], "n = 3"),
    Shot("live", "digits/A", ["2", "down", "down"], "accuracy by epoch"),
    Shot("keys", "digits/A", ["2", "question_mark"], "type to narrow"),
    Shot("analyse", "digits/A", ["3", "a", "full_stop"], "(a) models of the auxiliary nodes"),
    Shot("crossed", "digits/A", ["3", "b", "x"], "a panel for each value of m[aux]"),
    Shot("matters", "digits/A", ["3", "m"], "what matters"),
    Shot("refine", "digits/A", ["4", *"m[aux] = mlp96"], "m[aux] = mlp96: narrows"),
    Shot("map", "digits/X", ["4"], "513 of 513 graphs"),
    Shot("trial", "digits/X", ["5", "down", "right"], "with 2>1"),
    Shot("best", "digits/X", ["6", "down", "down", "down"], "trained again with fresh seeds"),
    Shot("tour", "", [], "tour 1/8"),
)


def study(folder: Path, space: str) -> None:
    if not space:
        return
    whole = space == "digits/X"
    run = run_folder(folder / "runs" / "made", space, n=513 if whole else 400, strategy="exhaustive" if whole else "random")
    if whole:
        dml = Graph(("mlp16", "mlp96", "mlp96"), ("through",) * 9)
        with EvaluationFile(run) as file:
            file.add([Evaluation(key=dml.key, graph=str(dml), repeat=FRESH + i, seed=0, state=State.DONE, epochs=4,
                                 accuracy=(94.0 + i / 4,) * 3, created="2026-01-02T00:00:00") for i in range(3)])


LARGE, SMALL = (120, 40), (80, 24)
SELDOM = ("keys", "crossed", "matters", "map", "trial")
"""Screens of which only the small picture is compared each time; the large one is a slow test."""


@pytest.mark.parametrize("size", [SMALL, LARGE], ids=["80x24", "120x40"])
@pytest.mark.parametrize("shot", [shot for shot in SHOTS if shot.name not in SELDOM], ids=str)
def test_screen(shot: Shot, size: tuple[int, int], tmp_path: Path, snap_compare: Compare,
                monkeypatch: pytest.MonkeyPatch) -> None:
    assert looks_as_kept(shot, size, tmp_path, snap_compare, monkeypatch)


@pytest.mark.parametrize("shot", [shot for shot in SHOTS if shot.name in SELDOM], ids=str)
def test_small_screen(shot: Shot, tmp_path: Path, snap_compare: Compare, monkeypatch: pytest.MonkeyPatch) -> None:
    assert looks_as_kept(shot, SMALL, tmp_path, snap_compare, monkeypatch)


@pytest.mark.slow
@pytest.mark.parametrize("shot", [shot for shot in SHOTS if shot.name in SELDOM], ids=str)
def test_large_screen(shot: Shot, tmp_path: Path, snap_compare: Compare, monkeypatch: pytest.MonkeyPatch) -> None:
    """A test of its own: pictures of a test that is only partly selected would count as unused."""
    assert looks_as_kept(shot, LARGE, tmp_path, snap_compare, monkeypatch)


def looks_as_kept(shot: Shot, size: tuple[int, int], tmp_path: Path, snap_compare: Compare,
                  monkeypatch: pytest.MonkeyPatch) -> bool:
    monkeypatch.setattr(Session, "place", property(lambda _: "~/study"))
    study(tmp_path, shot.space)
    app = Workbench(tmp_path, look="dark")

    async def settle(pilot: Pilot[None]) -> None:
        await until(pilot, lambda: app.context.snapshot.ready)
        for key in shot.keys:
            await pilot.press(key)
            if len(key) == 1 and key.isdigit():
                await until(pilot, lambda: not pilot.app.screen.query("#edfs") or "value" in text(pilot))
                if key == "4":
                    app.screen.query_one("#phrase").focus()
        if shot.name == "best":
            await until(pilot, lambda: "again acc %" in text(pilot))
            await pilot.press("home")
        await until(pilot, lambda: shot.shows in text(pilot))
        await pilot.pause(0.3)

    return snap_compare(app, terminal_size=size, run_before=settle)
