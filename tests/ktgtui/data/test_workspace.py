"""What a look at a folder finds, as data."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from engine.space.files.load import load
from engine.store.files.status import PackStatus, Status, write_status
from engine.store.lock.lock import RunLock
from engine.store.run import Run
from ktgtui.data.snapshot import Snapshot, SpaceView, Wish
from ktgtui.data.workspace import Shelf
from tests.ktgtui.made import add, info, run_folder


def space(snapshot: Snapshot, name: str) -> SpaceView:
    return next(s for s in snapshot.spaces if s.name == name)


def test_shipped_spaces_stand_in_an_empty_folder_with_the_papers_counts(tmp_path: Path) -> None:
    found = Shelf(tmp_path).look()
    assert found.ready
    assert (found.runs, found.chosen) == ((), None)
    counts = space(found, "X").counts
    assert counts
    assert (counts.raw, counts.paper, counts.keys, counts.effective) == (972, 486, 513, 513)
    assert space(found, "C").phrases == ("L[y,aux] = through",)


def test_the_tree_puts_children_under_their_parents(tmp_path: Path) -> None:
    own = tmp_path / "spaces"
    own.mkdir()
    (own / "narrow.json").write_text(json.dumps({"extends": "digits/B", "constraints": ["L[y,1] = cutoff"]}))
    found = Shelf(tmp_path).look()
    branch = [(s.branch, s.name) for s in found.spaces if s.name.startswith("digits") or s.name == "narrow"]
    assert branch == [("", "digits/A"), ("└ ", "digits/B"), ("  ├ ", "digits/C"), ("  │ └ ", "digits/X"),
                      ("  └ ", "narrow")]
    assert not space(found, "narrow").shipped
    assert space(found, "narrow").reference == str(own / "narrow.json")


def test_a_broken_space_file_is_one_line_and_the_rest_goes_on(tmp_path: Path) -> None:
    (tmp_path / "spaces").mkdir()
    (tmp_path / "spaces" / "bad.json").write_text('{"nodes": 3,')
    bad = space(Shelf(tmp_path).look(), "bad")
    assert bad.error
    assert "broken JSON at line 1" in bad.error
    assert "\n" not in bad.error


def test_a_space_file_that_changes_is_read_again(tmp_path: Path) -> None:
    (tmp_path / "spaces").mkdir()
    file = tmp_path / "spaces" / "mine.json"
    file.write_text('{"extends": "digits/B"}')
    shelf = Shelf(tmp_path)
    assert space(shelf.look(), "mine").phrases == ()
    file.write_text('{"extends": "digits/B", "constraints": ["L[y,1] = cutoff"]}')
    assert space(shelf.look(), "mine").phrases == ("L[y,1] = cutoff",)


def test_runs_are_summed_up(study: Path) -> None:
    found = Shelf(study).look()
    done, half = found.runs
    assert (done.name, done.phase, done.done, done.total, done.live) == ("digits-A-random60", "finished", 60, 60, False)
    assert (half.phase, half.done, half.total) == ("interrupted", 40, 513)
    assert half.share == pytest.approx(40 / 513)
    assert found.chosen
    assert found.chosen.edf.best == found.chosen.view.best
    with pytest.raises(AttributeError):
        done.done = 3  # type: ignore[misc]


def test_nothing_new_is_the_same_object(study: Path) -> None:
    shelf = Shelf(study)
    assert shelf.look() is shelf.look()


def test_a_running_search_is_followed(tmp_path: Path) -> None:
    folder = tmp_path / "runs" / "live"
    digits = load("digits/A")
    with Run.create(folder, info(digits, "live", 60)) as run:
        shelf = Shelf(tmp_path)
        assert shelf.look().runs[0].phase == "starting"
        add(run, digits, 10)
        run.write_status(Status(phase="training", done=10, total=60, rate=5.0, eta=10.0,
                                packs=(PackStatus(number=1, graphs=50, epoch=3, epochs=30),)))
        seen = shelf.look()
        live = seen.runs[0]
        assert (live.phase, live.done, live.rate, live.live) == ("training", 10, 5.0, True)
        assert seen.chosen
        assert seen.chosen.packs[0].epoch == 3
        add(run, digits, 30, first=10)
        again = shelf.look()
        assert again.chosen
        assert len(again.chosen.trials) == 30
        assert len(seen.chosen.trials) == 10, "a snapshot does not change"
    assert shelf.look().runs[0].phase == "interrupted", "the last word of a search that is gone is not believed"
    with Run.open(folder) as run:
        run.write_status(Status(phase="paused", done=30, total=60))
    assert shelf.look().runs[0].phase == "interrupted", "nor that it waits"


def test_a_vanished_or_damaged_run_is_one_line_and_the_rest_goes_on(study: Path) -> None:
    shelf = Shelf(study)
    shelf.look()
    (study / "runs" / "digits-A-random60" / "run.json").write_text("{")
    shutil.rmtree(study / "runs" / "digits-X-exhaustive")
    again = Shelf(study).look()
    assert [r.phase for r in again.runs] == ["unreadable"]
    assert "damaged" in (again.runs[0].error or "")
    assert [r.name for r in shelf.look().runs] == ["digits-A-random60"]


def test_a_run_folder_itself_and_a_copy_elsewhere_can_be_opened(study: Path) -> None:
    folder = study / "runs" / "digits-A-random60"
    assert [r.name for r in Shelf(folder).look().runs] == ["digits-A-random60"]
    assert len(Shelf(study / "runs").look().runs) == 2


def test_the_chosen_run_is_carried(study: Path) -> None:
    shelf = Shelf(study)
    for name, trials in (("digits-A-random60", 60), ("digits-X-exhaustive", 40)):
        chosen = shelf.look(Wish(study / "runs" / name)).chosen
        assert chosen
        assert (chosen.view.name, len(chosen.trials)) == (name, trials)


def test_a_large_run_opens_quickly(tmp_path: Path) -> None:
    run_folder(tmp_path / "runs" / "big", n=2000)
    chosen = Shelf(tmp_path).look().chosen
    assert chosen
    assert len(chosen.trials) == 2000


def test_a_search_that_still_loads_is_listed_by_what_it_does(tmp_path: Path) -> None:
    folder = tmp_path / "runs" / "young"
    folder.mkdir(parents=True)
    lock = RunLock(folder)
    write_status(folder, Status(phase="loading"))
    run_folder(tmp_path / "runs" / "old", n=5)
    shot = Shelf(tmp_path).look(Wish(folder))
    view = shot.runs[-1]
    assert (view.name, view.phase, view.live, view.error) == ("young", "loading", True, None)
    assert shot.chosen is None, "nothing of another run stands where this one is wished for"
    lock.release()
    assert [view.name for view in Shelf(tmp_path).look().runs] == ["old"]
