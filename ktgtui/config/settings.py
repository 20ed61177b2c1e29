"""What a person may set: one commented TOML file in the user's configuration folder, written by `ktgtui --settings`."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from engine.errors import EngineError

Look = Literal["auto", "dark", "light", "ansi"]


class SettingsError(EngineError):
    """A settings file that cannot be used."""


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The settings and their defaults."""

    theme: Annotated[Look, Meta(description="auto, dark, light, or ansi: the terminal's own sixteen colours")] = "auto"
    ascii: Annotated[bool, Meta(description="draw with ASCII only, also where the terminal says it speaks UTF-8")] = False
    start: Annotated[
        Literal["spaces", "live", "analyse", "refine", "trial", "best"], Meta(description="the page to begin on")
    ] = "spaces"
    look_every: Annotated[
        float, Meta(ge=0.2, le=60, description="seconds between looks at the disk; more spares a slow link")
    ] = 1.0
    keys: Annotated[
        dict[str, str], Meta(description="keys by action; several are separated by commas")
    ] = {}


def path() -> Path:
    """Where the file lies, whether or not it is there."""
    from platformdirs import user_config_path

    return user_config_path("ktgtui") / "settings.toml"


def read(file: Path) -> Settings:
    """The settings of a file, defaults if there is none. Raises SettingsError naming file, field and rule."""
    try:
        return msgspec.toml.decode(file.read_bytes(), type=Settings)
    except FileNotFoundError:
        return Settings()
    except OSError as error:
        raise SettingsError(f"{file}: cannot be read: {error.strerror or error}") from None
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        said = str(error).replace(" - at `$.", " (at ").replace("`", "") + (")" if " - at `$." in str(error) else "")
        raise SettingsError(f"{file}: {said}", "mend or remove it; ktgtui --settings writes a new one") from None


def commented(actions: Iterable[tuple[str, str, str]]) -> str:
    """A file that changes nothing: every field with its default and what it means, and every key commented out.

    `actions` are (action id, keys, what it does).
    """
    lines = ["# Settings of ktgtui. What is commented out stands at its default.", ""]
    for field in msgspec.inspect.type_info(Settings).fields:  # type: ignore[attr-defined]
        if field.name != "keys":
            lines += [f"# {_described(field.name)}", f"#{field.name} = {_toml(field.default)}", ""]
    lines += [f"# {_described('keys')}", "[keys]"]
    width = max((len(name) for name, _, _ in actions), default=0) + 3
    lines += [f'#{_quoted(name):{width}}= {_quoted(keys)}  # {what}' for name, keys, what in actions]
    return "\n".join(lines) + "\n"


def _described(name: str) -> str:
    schema = msgspec.json.schema(Settings)["$defs"]["Settings"]["properties"]
    return str(schema[name]["description"])


def _toml(value: object) -> str:
    return str(value).lower() if isinstance(value, bool | float) else _quoted(str(value))


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def write(file: Path, text: str) -> bool:
    """Write a new file; False if there is one already, which stays. Raises SettingsError."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("x", encoding="utf-8") as stream:
            stream.write(text)
    except FileExistsError:
        return False
    except OSError as error:
        raise SettingsError(f"{file}: cannot be written: {error.strerror or error}") from None
    return True
