"""What a command may go on with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from engine.errors import StoreError
from engine.search.resume import check
from engine.space.files import resolved
from engine.space.files.load import load
from engine.store.records import RunInfo

TEACHERS = {"mlp96": "0" * 32}


def refused(**asked: Any) -> str:
    """What is said to a command that asks for another protocol than the run's."""
    space = load("digits/X")
    info = RunInfo(name="x", space=resolved.dump(space.with_protocol({"teachers": TEACHERS})), strategy={}, seed=3, mode={})
    with pytest.raises(StoreError) as caught:
        check(Path("x"), info, space.with_protocol(asked), {}, 3, {})
    return str(caught.value)


def test_a_run_of_weights_brought_asks_for_their_folder() -> None:
    assert refused() == (
        f"x: holds another search (asked / has): protocol.teachers: {{}} / {TEACHERS}; give their folder with --teachers"
    )


def test_other_differences_need_another_folder() -> None:
    said = refused(epochs=7)
    assert said.startswith("x: holds another search (asked / has): protocol.epochs: 7 / 30; protocol.teachers: {} / ")
    assert said.endswith("; name another folder with --run")
    assert refused(teachers={"mlp96": "1" * 32}).endswith("; name another folder with --run")
