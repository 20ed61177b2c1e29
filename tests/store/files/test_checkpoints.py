"""Checkpoint files: whole or refused, and gone when they are of no use any more."""

from __future__ import annotations

import os

import pytest

from engine.errors import StoreError
from engine.store.check import check
from engine.store.files.checkpoints import CHECKPOINTS, Checkpoints, Keeping
from engine.store.repair import mend
from engine.store.run import Run
from tests.store.records import run_info


@pytest.fixture
def kept(tmp_path):
    return Checkpoints(tmp_path / CHECKPOINTS)


def test_what_is_written_is_read_and_older_ones_go(kept):
    kept.write({"a.0": b"one", "b.0": b"two"}, 3)
    kept.write({"a.0": b"later"}, 5)
    assert kept.epochs() == {"a.0": [5], "b.0": [3]}
    assert (kept.read("a.0", 5), kept.read("b.0", 3)) == (b"later", b"two")


def test_an_empty_or_missing_folder_has_none(kept):
    assert kept.epochs() == {}
    assert kept.damaged() == kept.strange() == []
    kept.remove({"a.0"})
    kept.sweep({"a.0"})
    with pytest.raises(StoreError, match="cannot read"):
        kept.read("a.0", 1)


def test_every_flipped_byte_and_every_cut_is_found(kept):
    kept.write({"a.0": bytes(range(40))}, 1)
    path = kept.folder / "a.0.1"
    whole = path.read_bytes()
    for place in range(len(whole)):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 4]) + whole[place + 1 :])
        with pytest.raises(StoreError, match="does not match its checksum"):
            kept.read("a.0", 1)
        path.write_bytes(whole[:place])
        with pytest.raises(StoreError, match="does not match its checksum"):
            kept.read("a.0", 1)
    path.write_bytes(whole)
    assert kept.read("a.0", 1) == bytes(range(40))


def test_a_sweep_drops_what_is_recorded_and_what_was_cut_off(kept):
    kept.write({"a.0": b"one", "b.0": b"two"}, 3)
    (kept.folder / "b.0.4.tmp").write_bytes(b"half a ch")
    kept.sweep({"a.0"})
    assert [p.name for p in kept.folder.iterdir()] == ["b.0.3"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_disk_that_refuses_is_told_in_one_line(kept):
    kept.folder.mkdir(mode=0o500)
    with pytest.raises(StoreError, match="cannot write"):
        kept.write({"a.0": b"one"}, 1)


def test_a_folder_that_cannot_be_made_is_told_in_one_line(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot write"):
        Checkpoints(tmp_path / "file" / CHECKPOINTS).write({"a.0": b"one"}, 1)


def test_check_finds_a_damaged_checkpoint_and_repair_drops_it(tmp_path):
    folder = tmp_path / "run"
    with Run.create(folder, run_info()) as run:
        run.checkpoints.write({"a.0": b"one", "b.0": b"two"}, 3)
    assert check(folder).is_whole
    (folder / CHECKPOINTS / "a.0.3").write_bytes(b"something else")
    seen = check(folder)
    assert [(f.message, f.mendable) for f in seen.findings if f.problem] == [
        ("checkpoints/a.0.3 does not match its checksum", True)
    ]
    assert mend(folder) == ["checkpoints/a.0.3: removed; it is trained again"]
    assert check(folder).is_whole
    assert Checkpoints(folder / CHECKPOINTS).epochs() == {"b.0": [3]}


def test_limits_of_packs_are_remembered_by_kind_of_device(tmp_path):
    with Run.create(tmp_path / "run", run_info()) as run:
        assert run.pack_limits == {}
        run.limit_packs(8, "large")
        run.limit_packs(2, "small")
        run.limit_packs(4, "large")
    with Run.open(tmp_path / "run") as run:
        assert run.pack_limits == {"large": 4, "small": 2}
    assert check(tmp_path / "run").is_whole


def test_a_machine_that_does_not_see_the_run_folder_keeps_nothing(tmp_path):
    assert Keeping(Checkpoints(tmp_path / CHECKPOINTS)).is_here
    assert not Keeping(Checkpoints(tmp_path / "elsewhere" / CHECKPOINTS)).is_here
