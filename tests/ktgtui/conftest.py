"""A folder with spaces and runs, and a workbench driven in memory."""

from __future__ import annotations

import unicodedata
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest
from textual.events import Key
from textual.pilot import Pilot

from ktgtui.app import Workbench
from tests.ktgtui.made import run_folder

Opened = Callable[..., AbstractAsyncContextManager[Pilot[None]]]


@pytest.fixture(autouse=True)
def own_folders(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Settings, memory and logs of this test alone."""
    home = tmp_path_factory.mktemp("home")
    for name in ("XDG_CONFIG_HOME", "XDG_STATE_HOME"):
        monkeypatch.setenv(name, str(home / name))
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    return home


@pytest.fixture
def study(tmp_path: Path) -> Path:
    """A finished random run of digits/A and an unfinished exhaustive one of digits/X that nothing writes to."""
    run_folder(tmp_path / "runs" / "digits-A-random60", n=60)
    run_folder(tmp_path / "runs" / "digits-X-exhaustive", "digits/X", n=40, total=513, strategy="exhaustive")
    return tmp_path


@asynccontextmanager
async def _opened(folder: Path, size: tuple[int, int] = (120, 40), **options: object) -> AsyncIterator[Pilot[None]]:
    app = Workbench(folder, **options)  # type: ignore[arg-type]
    async with app.run_test(size=size) as pilot:
        await until(pilot, lambda: app.context.snapshot.ready)
        yield pilot


@pytest.fixture
def opened() -> Opened:
    """`async with opened(folder, size=(80, 24)) as pilot`: a workbench that has seen the folder once."""
    return _opened


async def write(pilot: Pilot[None], words: str) -> None:
    """Type as a quick typist or a paste does: `Pilot.press` waits 40-80 ms after each key, whatever the workbench does."""
    for character in words:
        name = character if character.isalnum() else unicodedata.name(character).lower().replace(" ", "_").replace("-", "_")
        pilot.app.post_message(Key(name, character))
    await pilot.pause()


async def until(pilot: Pilot[None], seen: Callable[[], bool]) -> None:
    """Let the workbench go on until `seen`; the test's own time-out ends a wait in vain."""
    while not seen():
        await pilot.pause(0.02)
    await pilot.pause()
