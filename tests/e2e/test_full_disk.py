"""A disk that refuses in the middle of a search: one line, nothing acknowledged is lost, the same command goes on."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.test_search import FIXED, SHORT, Search, here, records, search, small

__all__ = ["here", "search"]


class Disk:
    """Takes `room` more bytes below `folder`, then a part of a write, then refuses with `code`."""

    def __init__(self, folder: Path, room: int, code: int) -> None:
        self.folder, self.room, self.code = str(folder), room, code
        self._write = os.write

    def write(self, fd: int, data: bytes) -> int:
        if not os.readlink(f"/proc/self/fd/{fd}").startswith(self.folder):
            return self._write(fd, data)
        if not self.room:
            raise OSError(self.code, os.strerror(self.code))
        taken = self._write(fd, bytes(data)[: self.room])
        self.room -= taken
        return taken


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="needs /proc")
@pytest.mark.parametrize(
    ("code", "said"),
    [
        (errno.ENOSPC, "free some space and start the same command again: everything acknowledged is kept"),
        (errno.EDQUOT, "free some of the quota and start the same command again: everything acknowledged is kept"),
        (errno.EROFS, "remount it and start the same command again"),
    ],
)
def test_a_disk_that_refuses_loses_nothing_and_the_search_goes_on(
    here: Path, search: Search, monkeypatch: pytest.MonkeyPatch, code: int, said: str
) -> None:
    command = (small(here), "--exhaustive", *SHORT, *FIXED, "8")
    assert search(*command, "--run", "whole").code == 0
    size = sum((here / "whole" / name).stat().st_size for name in ("trials.log", "curves.log"))
    for share in (3, 2):
        with monkeypatch.context() as patched:
            patched.setattr(os, "write", Disk(here / "run", size // share, code).write)
            ended = search(*command, "--run", "run")
        assert (ended.code, ended.out) == (2, "")
        last = ended.err.splitlines()[-1]
        assert last.startswith("error: ")
        assert os.strerror(code) in last
        assert last.endswith(said)
        assert "Traceback" not in ended.err
    before = records(here / "run")[0]
    assert 0 < len(before) < 72
    assert search(*command, "--run", "run").code == 0
    assert records(here / "run") == records(here / "whole")
    assert [t for t in records(here / "run")[0] if t in before] == before


@pytest.fixture
def mounted(tmp_path: Path) -> Iterator[Path]:
    """A file system of 96 KB."""
    folder = tmp_path / "small"
    folder.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=96k", "none", folder], capture_output=True, check=False)
    if done.returncode:
        pytest.skip("a small file system cannot be mounted here")
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


@pytest.mark.slow
@pytest.mark.timeout(400)
@pytest.mark.skipif(sys.platform != "linux", reason="needs tmpfs")
def test_a_full_file_system_is_said_in_one_line_and_searched_on_when_there_is_room(here: Path, mounted: Path) -> None:
    command = [sys.executable, "-m", "engine.search", small(here), "--exhaustive", *SHORT, *FIXED, "4"]

    def run(folder: Path, *more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([*command, *more, "--run", str(folder)], capture_output=True, text=True, check=False)

    def runs_out() -> subprocess.CompletedProcess[str]:
        (mounted / "ballast").write_bytes(b"." * 40_000)
        return run(mounted / "run", "--teachers", str(here / "teachers"))

    ended = runs_out()
    assert (ended.returncode, ended.stdout) == (2, ""), ended.stderr
    assert "No space left on device" in ended.stderr.splitlines()[-1]
    assert "Traceback" not in ended.stderr
    subprocess.run(["mount", "-o", "remount,ro", mounted], check=True)
    ended = run(mounted / "run", "--teachers", str(here / "teachers"))
    assert (ended.returncode, len(ended.stderr.splitlines())) == (2, 1)
    assert "Read-only file system" in ended.stderr
    subprocess.run(["mount", "-o", "remount,rw,size=4m", mounted], check=True)
    assert run(mounted / "run", "--teachers", str(here / "teachers")).returncode == 0
    assert run(here / "whole").returncode == 0
    assert records(mounted / "run") == records(here / "whole")
