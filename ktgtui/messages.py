"""What happened, for the event loop."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from textual.message import Message

from ktgtui.data.snapshot import Snapshot


@dataclass
class Followed(Message):
    """The follower saw something new."""

    snapshot: Snapshot


@dataclass
class Thought(Message):
    """The thinker has an answer; `take` hands it to whoever asked."""

    take: Callable[[], None]


@dataclass
class Stumbled(Message):
    """The follower met a fault of ours; `traceback` goes to the log."""

    traceback: str
