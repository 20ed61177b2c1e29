"""The settings file: what it may say, what is refused, and that keys follow it."""

from __future__ import annotations

import tomllib
from pathlib import Path

import msgspec
import pytest

from ktgtui.app import Workbench, bound
from ktgtui.config import keymap
from ktgtui.config.settings import Settings, SettingsError, commented, path, read, write
from tests.ktgtui.conftest import until
from tests.ktgtui.test_main import ktgtui


def test_no_file_means_the_defaults(tmp_path: Path) -> None:
    assert read(tmp_path / "settings.toml") == Settings()


def test_the_written_file_changes_nothing_and_its_lines_can_be_used(tmp_path: Path) -> None:
    text = commented(list(keymap.every(bound())))
    file = tmp_path / "deep" / "settings.toml"
    assert write(file, text)
    assert read(file) == Settings()
    used = "\n".join(line[1:] if line.startswith("#") and "=" in line else line for line in text.split("\n"))
    told = tomllib.loads(used)
    assert {name: value for name, value in told.items() if name != "keys"} == {
        name: value for name, value in msgspec.to_builtins(Settings()).items() if name != "keys"}
    assert told["keys"]["quit"] == "q"
    assert told["keys"]["table.down"] == "down,j"


def test_a_file_that_is_there_stays(tmp_path: Path) -> None:
    file = tmp_path / "settings.toml"
    file.write_text('theme = "light"\n')
    assert not write(file, "")
    assert read(file).theme == "light"


@pytest.mark.parametrize(("text", "said"), [
    ('theme = "blue"', "theme"),
    ("look_every = 0.01", "0.2"),
    ("colour = 3", "colour"),
    ("theme = ", "settings.toml"),
])
def test_what_cannot_be_is_said_with_the_file(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "settings.toml"
    file.write_text(text)
    with pytest.raises(SettingsError, match=said) as refused:
        read(file)
    assert str(file) in str(refused.value)


def test_an_action_that_is_none_is_refused_with_the_nearest() -> None:
    with pytest.raises(SettingsError, match=r"did you mean 'live\.sort'"):
        Workbench(Path(), settings=Settings(keys={"live.srot": "o"}))


def test_the_command_writes_it_once_and_says_where(own_folders: Path) -> None:
    said = ktgtui("--settings")
    assert said.returncode == 0
    file = Path(said.stdout.strip())
    assert file == path()
    assert "#theme = " in file.read_text()
    assert "it was there" in ktgtui("--settings").stdout


async def test_keys_follow_the_settings_and_the_page_begins_where_they_say(study: Path) -> None:
    app = Workbench(study, settings=Settings(keys={"live.sort": "o"}, start="live"))
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: app.context.snapshot.ready and app.current_mode == "live")
        before = app.screen.query_one("#trials").rows  # type: ignore[attr-defined]
        await pilot.press("s")
        assert app.screen.query_one("#trials").rows is before  # type: ignore[attr-defined]
        await pilot.press("o")
        assert app.screen.query_one("#trials").rows is not before  # type: ignore[attr-defined]


async def test_every_binding_has_an_id_and_says_what_it_does() -> None:
    for kind in bound():
        for binding in kind.BINDINGS:
            assert binding.id, (kind, binding)
            assert binding.description, (kind, binding)
