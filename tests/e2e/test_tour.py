"""The whole way from an empty folder to the best graph against DML, by keyboard alone, in tmux, with real searches."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import time
from pathlib import Path

import pytest

from engine.space.files import choices
from engine.space.files.load import load
from engine.store.files.evaluations import read_evaluations
from engine.store.reader import RunReader
from ktgtui.tour.steps import GRAPHS, STEPS
from tests.e2e.tmux_program import TmuxProgram

needs_tmux = pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed")
SEARCH = 400.0
"""Seconds that one search may take on a busy machine."""


def started(folder: Path, place: Path) -> TmuxProgram:
    return TmuxProgram(["-m", "ktgtui", "."], place, folder)


QUICK = 150
"""Random graphs of a quick tour, trained for three epochs; enough for advice."""


def searched(tmux: TmuxProgram, number: int, quick: bool) -> float:
    """The form is open: start its search and wait for the next stop; seconds."""
    tmux.settle()
    if quick and number < STEPS:
        filled(tmux, f"random {QUICK}", f"{QUICK} graphs, ")
    if quick:
        for _ in range(3):
            tmux.move("Tab")
        filled(tmux, "epochs=3", " 3 epochs each")
    tmux.press("C-s")
    return tmux.wait_for(f"tour {number}/{STEPS}", patience=SEARCH)


def filled(tmux: TmuxProgram, text: str, shows: str) -> None:
    """Write into the field under the cursor, again if the form had not its focus yet, as a person would."""
    for _ in range(10):
        tmux.press("C-u")
        tmux.type(text)
        with contextlib.suppress(AssertionError):
            tmux.wait_for(shows, patience=5)
            return
    tmux.wait_for(shows)


@needs_tmux
@pytest.mark.slow
@pytest.mark.timeout(2400)
@pytest.mark.parametrize("quick", [True, False], ids=["quick", "default-sizes"])
def test_a_newcomer_gets_from_nothing_to_the_best_graph(tmp_path: Path, quick: bool) -> None:
    graphs = QUICK if quick else GRAPHS
    study = tmp_path / "study"
    study.mkdir()
    begun = time.monotonic()
    with started(study, tmp_path) as tmux:
        tmux.wait_for(f"tour 1/{STEPS}")
        tmux.press("C-n")
        tmux.wait_for("search digits/A", f"random {GRAPHS}")
        for step, name in enumerate(("digits-B", "digits-C", "digits-X")):
            searched(tmux, 2 * step + 2, quick)
            tmux.press("C-n")
            tmux.wait_for("The paper, on CIFAR-100, chose", "median", "trials advise")
            tmux.press("C-n")
            tmux.wait_for("narrows", "decide on a constraint")
            tmux.press("C-n")
            tmux.wait_for("a child of", name)
            tmux.type(f"as the paper did, step {step + 1}")
            tmux.press("C-s")
            tmux.wait_for(f"search {name}", "exhaustive" if name == "digits-X" else f"random {GRAPHS}")
        searched(tmux, STEPS, quick)
        tmux.press("C-n")
        tmux.wait_for("the best graph against DML", "513 of 513 graphs, 1 repeat, none missing")
        tmux.press("C-n")
        tmux.wait_for("--graph best")
        tmux.press("C-s")
        tmux.wait_for("again acc %", patience=SEARCH)
        took = time.monotonic() - begun
        tmux.press("q")
        while not tmux.is_over:
            time.sleep(0.1)
    made = choices.read(study / "spaces")
    assert [c.constraints for c in made] == [
        ("m[aux] = mlp96",), ("L[y,aux] = through",), ("L[aux,1] in {through, linear}",)]
    assert [c.reason for c in made] == [f"as the paper did, step {i}" for i in (1, 2, 3)]
    assert load(study / "spaces" / "digits-X.json").keys == 513
    counts = {}
    for run in sorted((study / "runs").iterdir()):
        if (run / "run.json").exists():
            with RunReader(run) as reader:
                counts[run.name] = (reader.refresh().finished, len(reader.trials))
    assert counts == {f"digits-A-random{graphs}": (True, graphs), f"digits-B-random{graphs}": (True, graphs),
                      f"digits-C-random{graphs}": (True, graphs), "digits-X-exhaustive": (True, 513)}
    assert len({e.key for e in read_evaluations(study / "runs" / "digits-X-exhaustive")}) == 2
    print(f"from an empty folder to the best graph against DML in {took:.0f} s")


@needs_tmux
@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_search_outlives_its_workbench_and_its_death_is_told(tmp_path: Path) -> None:
    """Start by the tour, kill the terminal, come back; then kill the search behind the workbench's back."""
    study = tmp_path / "study"
    study.mkdir()
    run = study / "runs" / "digits-A-random300"
    with started(study, tmp_path) as tmux:
        tmux.wait_for(f"tour 1/{STEPS}")
        tmux.press("C-n")
        tmux.wait_for("search digits/A")
        tmux.press("C-s")
        tmux.wait_for("is being searched", patience=120)
    with RunReader(run) as reader:
        holder = reader.holder()
        assert holder is not None, "the search goes on without its workbench and its terminal"
    with started(study, tmp_path) as tmux:
        tmux.wait_for("digits-A-random300", "training", patience=120)
        tmux.press("2")
        tmux.wait_for("graphs/s", patience=120)
        tmux.resize(60, 20)
        tmux.wait_for("digits-A-random3")
        tmux.resize(120, 40)
        os.kill(holder.pid, signal.SIGKILL)
        tmux.wait_for("interrupted", patience=60)
        tmux.press("1", "G")
        tmux.wait_for(f"tour 1/{STEPS}", "its process is gone".capitalize())
        tmux.press("C-n")
        tmux.wait_for("goes on with runs/digits-A-random300")
        tmux.press("C-s")
        tmux.wait_for(f"tour 2/{STEPS}", patience=SEARCH)
        tmux.press("q")
    with RunReader(run) as reader:
        assert (reader.refresh().finished, len(reader.trials)) == (True, GRAPHS)
