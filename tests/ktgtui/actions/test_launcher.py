"""What a form means as a command, and what becomes of a search that was started."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from engine.errors import SpaceError
from engine.strategies.command_line import KINDS
from ktgtui.actions.launcher import COUNTED, Ended, Launcher, Order, estimate, read_order, relative
from ktgtui.data.workspace import Shelf
from tests.ktgtui.made import run_folder

FORM = {"strategy": "random 600", "repeats": "1", "seed": "3", "changes": "epochs=5", "run": ""}


def test_a_form_is_a_command() -> None:
    order = read_order("digits/A", "digits-A", FORM)
    assert order.command() == ("python -m engine.search digits/A --random 600 --repeats 1 --seed 3 "
                               "--set protocol.epochs=5 --run runs/digits-A-random600")
    every = read_order("digits/X", "digits-X", {**FORM, "strategy": "exhaustive", "changes": "", "seed": "0"})
    assert every.command() == "python -m engine.search digits/X --exhaustive --repeats 1 --run runs/digits-X-exhaustive"


def test_a_child_may_inherit_from_a_wider_spaces_run() -> None:
    order = read_order("digits/B", "digits-B", {**FORM, "inherit": "runs/digits-A-random600"})
    assert order.command().endswith("--from runs/digits-A-random600 --run runs/digits-B-random600")


@pytest.mark.parametrize(("field", "value", "said"), [
    ("strategy", "asha", "'exhaustive' or 'random N'"),
    ("strategy", "random 0", "from 1 on"),
    ("strategy", "random many", "got 'many'"),
    ("repeats", "-1", "repeats: must be a number from 1 on"),
    ("seed", "x", "seed"),
    ("changes", "epochs", "field=value"),
    ("workers", "0", "workers: must be a number from 1 on"),
])
def test_what_cannot_be_is_said(field: str, value: str, said: str) -> None:
    with pytest.raises(SpaceError, match=said):
        read_order("digits/A", "digits-A", {**FORM, field: value})


def test_time_is_told_from_a_run_made_here(tmp_path: Path) -> None:
    """In the made runs a training of 4 epochs takes 0.5 s."""
    run_folder(tmp_path / "runs" / "r", n=20)
    known = Shelf(tmp_path).look().chosen
    assert estimate(Order("digits/A", 100, repeats=2), 39_609, 8, known) == pytest.approx(200.0)
    assert estimate(Order("digits/X", None), 513, 4, known) == pytest.approx(256.5)
    assert estimate(Order("digits/X", None), 513, 4, None) is None


def test_workers_share_the_time(tmp_path: Path) -> None:
    run_folder(tmp_path / "runs" / "r", n=20)
    alone = Shelf(tmp_path).look().chosen
    assert alone is not None
    shared = {t.id: msgspec.structs.replace(t, worker=f"worker {i % 2}") for i, t in enumerate(alone.trainings.values())}
    order = Order("digits/A", 100, repeats=2)
    assert estimate(order, 39_609, 8, replace(alone, trainings=shared)) == pytest.approx(100.0)


def test_references_are_told_from_the_folder(tmp_path: Path) -> None:
    assert relative("digits/A", tmp_path) == "digits/A"
    assert relative(str(tmp_path / "spaces" / "B2.json"), tmp_path) == "spaces/B2.json"


def test_a_search_that_ends_is_told_with_its_last_line(tmp_path: Path) -> None:
    launcher = Launcher(tmp_path)
    order = Order("no-such-space", 1, run="runs/gone")
    log = launcher.launch(order.run, order.words(), tmp_path / order.run)
    launcher._running[0][1].process.wait()
    ended = launcher.ended()
    assert ended[0].code == 2
    assert ended[0].last.startswith("error: ")
    assert log == tmp_path / "runs" / "gone" / "output.log"
    assert not (tmp_path / "runs").exists(), "nothing came of it"
    assert launcher.ended() == []


def test_a_killed_search_says_by_which_signal_and_how_to_go_on() -> None:
    progress = "23/400 graphs  best -  - graphs/s  10 s left"
    assert Ended("runs/r", -9, progress).why == "killed by signal 9; `g` on the live page goes on"
    assert Ended("runs/r", 2, "error: no such space").why == "error: no such space"


@pytest.mark.parametrize("kind", [name for name in COUNTED if name != "random"])
def test_every_counted_strategy_is_a_command_that_the_search_takes(kind: str) -> None:
    order = read_order("digits/A", "digits-A", {**FORM, "strategy": f"{kind} 40", "workers": "2"})
    assert order.command() == (f"python -m engine.search digits/A --{kind} 40 --seed 3 --set protocol.epochs=5 --workers 2 "
                               f"--run runs/digits-A-{kind}40")
    assert kind in KINDS
    with pytest.raises(SpaceError, match=f"{kind} makes one pass, got 2"):
        read_order("digits/A", "digits-A", {**FORM, "strategy": f"{kind} 40", "repeats": "2"})


def test_asha_takes_over_no_trials() -> None:
    with pytest.raises(SpaceError, match="asha takes over no trials"):
        read_order("digits/B", "digits-B", {**FORM, "strategy": "asha 40", "inherit": "runs/x"})
