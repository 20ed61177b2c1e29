"""Cuts, flips and refusing disks: what was acknowledged is there or the file is refused; never wrong data."""

from __future__ import annotations

import errno
import os
import random
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from engine.errors import StoreError
from engine.store.files.curves import CurveFile, CurveFollower
from engine.store.log import durable, writer
from engine.store.log.record_format import DamagedError
from engine.store.reader import RunReader
from engine.store.run import Run
from engine.store.storage import AppendStorage
from tests.store.records import curve, run_info, training, trial

COMMITS = 6


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A run of six commits."""
    with Run.create(tmp_path / "x", run_info()) as run:
        for number in range(COMMITS):
            add(run, number)
    return tmp_path / "x"


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """No fsync: thousands of openings that each mend a file would wait for the disk, and no power is cut here."""
    monkeypatch.setattr(writer, "sync", lambda fd: None)
    monkeypatch.setattr(durable, "sync", lambda fd: None)


def put(file: Path, text: bytes) -> None:
    """Write without truncating to nothing first, which some file systems answer with a flush."""
    with file.open("r+b") as stream:
        stream.write(text)
        stream.truncate()


def add(run: Run, number: int) -> None:
    run.add([trial(number)], [training(number)], [curve(number)])


def ends(text: bytes) -> list[int]:
    """Offsets after each record."""
    return [place + 1 for place, byte in enumerate(text) if byte == ord("\n")]


def check_first(folder: Path, count: int) -> None:
    """The first `count` commits are all there is, for the writer and for a reader; adding goes on."""
    with RunReader(folder) as reader:
        assert reader.refresh().trials == tuple(trial(n) for n in range(count))
        assert reader.trainings == {training(n).id: training(n) for n in range(count)}
    with Run.open(folder) as run:
        assert run.trials() == [trial(n) for n in range(count)]
        assert run.trainings() == {training(n).id: training(n) for n in range(count)}
        add(run, COMMITS)
    with Run.open(folder) as run:
        assert [t.number for t in run.trials()] == [*range(count), COMMITS]
        assert run.messages == []


def test_a_file_cut_anywhere_in_its_last_three_records_opens_with_what_is_whole(folder: Path, quick: None) -> None:
    file = folder / "trials.log"
    text = file.read_bytes()
    places = ends(text)
    for size in range(places[-4], len(text) + 1):
        put(file, text[:size])
        storage = AppendStorage(file)
        assert len(storage.rows("trials")) == sum(end <= size for end in places) - 1
        assert bool(storage.dropped) == (size not in places)
        storage.close()
    for size in (places[-2], places[-2] + 1, places[-1] - 1):
        put(file, text[:size])
        check_first(folder, COMMITS - 1)


def test_a_cut_filled_with_nuls_is_dropped_too(folder: Path, quick: None) -> None:
    file = folder / "trials.log"
    text = file.read_bytes()
    start = ends(text)[-2]
    for size in range(start, len(text) - 1):
        put(file, text[:size] + b"\0" * (len(text) - size))
        storage = AppendStorage(file)
        assert len(storage.rows("trials")) == COMMITS - 1
        assert storage.dropped == (f"trials.log: dropped its last {len(text) - start} bytes, "
                                   f"record {COMMITS} cut off in its writing")
        storage.close()


def test_curves_cut_anywhere_in_their_last_three_records(folder: Path, quick: None) -> None:
    file = folder / "curves.log"
    text = file.read_bytes()
    places = ends(text)
    ids = [curve(n).id for n in range(COMMITS)]
    for size in range(places[-4], len(text) + 1):
        put(file, text[:size])
        whole = sum(end <= size for end in places) - 1
        with RunReader(folder) as reader:
            assert [reader.curve(id) for id in ids] == [curve(n) if n < whole else None for n in range(COMMITS)]
        written = CurveFile(file)
        assert written.get(ids) == {curve(n).id: curve(n) for n in range(whole)}
        written.close()


def follow_curves(path: Path) -> CurveFollower:
    follower = CurveFollower(path)
    follower.get("")
    return follower


@pytest.mark.parametrize(("name", "readers"), [
    ("trials.log", (AppendStorage, lambda path: AppendStorage(path, access_mode="r"))),
    ("curves.log", (CurveFile, follow_curves)),
])
def test_a_changed_byte_anywhere_is_refused_with_its_place(folder: Path, name: str, readers: tuple[type, type]) -> None:
    """Every byte of the file, with a random value, with one bit changed, and with a byte that means something."""
    file = folder / name
    text = file.read_bytes()
    places = [0, *ends(text)]
    chance = random.Random(5)
    for place in range(len(text)):
        bit = text[place] ^ 1 << chance.randrange(8)
        for value in {chance.randrange(256), bit, chance.choice(b"\0\n")} - {text[place]}:
            changed = text[:place] + bytes([value]) + text[place + 1 :]
            put(file, changed)
            record = sum(end <= place for end in places) - 1
            for read in readers:
                with pytest.raises(DamagedError) as caught:
                    read(file)
                assert (caught.value.number, caught.value.offset) == (record, places[record])
                assert f"{name}: record {record} at byte {places[record]} is damaged" in str(caught.value)
            assert file.stat().st_size == len(text), "a refused file is left as it is"
    assert file.read_bytes() == changed


def test_anybody_elses_file_is_refused_and_left_alone(folder: Path) -> None:
    for text in (b'{"_default": {}}', b"\x89PNG\r\n\x1a\n", b"00000002 ", b"x" * 5000):
        (folder / "trials.log").write_bytes(text)
        with pytest.raises(DamagedError, match="record 0 at byte 0 is damaged"):
            Run.open(folder)
        assert (folder / "trials.log").read_bytes() == text


def test_a_newer_format_and_another_kind_are_refused(folder: Path) -> None:
    shutil.copy(folder / "curves.log", folder / "trials.log")
    with pytest.raises(StoreError, match=r"trials.log: holds 'curves', not 'tables'"):
        Run.open(folder)
    (folder / "trials.log").write_bytes(writer.pack(0, b'{"kind":"tables","format":2,"new":1}'))
    for use in (Run.open, lambda folder: RunReader(folder).refresh()):
        with pytest.raises(StoreError, match="format 2 is newer than 1"):
            use(folder)


class FullDisk:
    """Stands in for `os.write`: takes `room` bytes more, then refuses like a full disk, part of a call included."""

    def __init__(self, room: int) -> None:
        self.room = room

    def __call__(self, fd: int, data: bytes, write: Callable[[int, bytes], int] = os.write) -> int:
        if self.room <= 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        written = write(fd, bytes(data[: self.room]))
        self.room -= written
        return written


def contents(folder: Path) -> tuple[bytes, bytes]:
    return (folder / "trials.log").read_bytes(), (folder / "curves.log").read_bytes()


def add_with_room(run: Run, room: int) -> str | None:
    """Add a commit on a disk that takes `room` bytes more; the refusal, if it was refused."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(durable.os, "write", FullDisk(room))
        try:
            add(run, COMMITS)
        except StoreError as error:
            return str(error)
    return None


def test_a_full_disk_loses_nothing_and_the_run_goes_on_when_there_is_room(folder: Path) -> None:
    """The disk is full after each possible number of bytes of a commit: curves first, then trials and trainings."""
    with Run.open(folder) as run:
        trials, curves = contents(folder)
        room = 0
        while refusal := add_with_room(run, room):
            assert "cannot write: No space left on device; free some space" in refusal
            assert "\n" not in refusal
            assert len(run.trials()) == COMMITS
            now = contents(folder)
            assert now[0] == trials
            assert now[1].startswith(curves)
            room += 1
        assert room > 600
    with Run.open(folder) as run:
        assert run.trials() == [trial(n) for n in range(COMMITS + 1)]
        assert run.curves([curve(COMMITS).id]) == {curve(COMMITS).id: curve(COMMITS)}
        assert run.messages == []


def fail_with(error: BaseException) -> Callable[[int], None]:
    def sync(fd: int) -> None:
        raise error

    return sync


def test_after_a_failed_fsync_only_opening_anew_goes_on(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Run.open(folder) as run:
        run.curves([])
        before = contents(folder)
        monkeypatch.setattr(writer, "sync", fail_with(OSError(errno.EIO, "Input/output error")))
        with pytest.raises(StoreError, match="cannot write: Input/output error"):
            run.add([trial(COMMITS)])
        monkeypatch.undo()
        assert contents(folder) == before
        assert len(run.trials()) == COMMITS
        with pytest.raises(StoreError, match="an earlier write did not come to its end; open the run again"):
            run.add([trial(COMMITS)])
    check_first(folder, COMMITS)


def test_an_interrupt_in_mid_write_leaves_the_run_usable(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Run.open(folder) as run:
        run.curves([])
        before = contents(folder)
        for name in ("sync", "write_all"):
            monkeypatch.setattr(writer, name, lambda *_: fail_with(KeyboardInterrupt())(0))
            with pytest.raises(KeyboardInterrupt):
                run.add([trial(COMMITS)], [training(COMMITS)])
            monkeypatch.undo()
            assert contents(folder) == before
        add(run, COMMITS)
    with Run.open(folder) as run:
        assert len(run.trials()) == COMMITS + 1


@pytest.mark.parametrize("step", ["write_all", "sync", "os.replace"])
def test_a_compaction_that_is_cut_off_leaves_the_old_file(
    folder: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    before = contents(folder)
    with Run.open(folder) as run:
        target = writer.os if step == "os.replace" else writer
        monkeypatch.setattr(target, step.removeprefix("os."), lambda *_: fail_with(OSError(errno.ENOSPC, "full"))(0))
        with pytest.raises(StoreError, match="full"):
            run.compact()
        monkeypatch.undo()
        assert contents(folder) == before
        assert not list(folder.glob("*.tmp"))
        add(run, COMMITS)
    (folder / "trials.log.tmp").write_bytes(b"a compaction killed in its middle leaves this")
    with Run.open(folder) as run:
        assert len(run.trials()) == COMMITS + 1
        run.compact()
        assert len(run.trials()) == COMMITS + 1
    assert not list(folder.glob("*.tmp"))
