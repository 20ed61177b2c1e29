"""A context in place of a running application."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from engine.errors import EngineError
from ktgtui.context import Session
from ktgtui.data.samples import Samples
from ktgtui.data.snapshot import Snapshot


class FakeContext:
    """Keeps what it was asked; questions are answered at once."""

    def __init__(self, folder: Path, snapshot: Snapshot, **session: Any) -> None:
        self.session = Session(folder, **session)
        self.snapshot = snapshot
        self.samples = Samples()
        self.screen: Any = None
        self.launcher = self.background = self.control_worker = self  # type: ignore[assignment]
        self.asked: list[tuple[Any, ...]] = []

    def __getattr__(self, name: str) -> Callable[..., None]:
        return lambda *arguments, **options: self.asked.append((name, *arguments, *options.values()))

    def ask(self, topic: str, question: Callable[[], Any], answer: Callable[[Any], None]) -> None:
        try:
            found = question()
        except EngineError as error:
            found = error
        answer(found)

    def launch(self, name: str, words: Sequence[str], run: Path) -> Path:
        self.asked.append(("launch", name, *words))
        return run / "output.log"

    def refuses(self) -> bool:
        return self.session.readonly
