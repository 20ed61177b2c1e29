"""What pages and actions may know and ask of the application: the state of this visit, and a small interface."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol, get_args

if TYPE_CHECKING:
    from textual.screen import Screen

    from ktgtui.data.background import Thinker
    from ktgtui.data.last_visit import News, Visit
    from ktgtui.data.samples import Samples
    from ktgtui.data.snapshot import Snapshot

PageName = Literal["spaces", "live", "analyse", "refine", "trial", "best"]
PAGE_NAMES: tuple[PageName, ...] = get_args(PageName)
"""In the order of their numbers."""


@dataclass(frozen=True, slots=True)
class Undoable:
    """Something that was written here and can be taken back."""

    what: str
    """What comes back."""
    undo: Callable[[], None]
    """Brings it back; raises EngineError if it cannot."""


@dataclass(slots=True)
class Session:
    """The state of one visit; changed by the event loop's thread alone."""

    folder: Path
    """Holds spaces/ and runs/, or is a run folder itself."""
    readonly: bool = False
    """Nothing is written or started."""
    plain: bool = False
    """The terminal shows ASCII alone."""
    selected_run: Path | None = None
    """The run that was chosen, also while there is nothing to read in it yet; None: the newest."""
    selected_trial: int | None = None
    """Number of the trial to show; None: the run's best."""
    selected_space: str | None = None
    """Reference of the space to refine, where one was picked; None: the chosen run's."""
    touring: bool = False
    """The guided tour is on."""
    failure_notice: str = ""
    """What went wrong with a search started here, until it is dismissed."""
    news: tuple[News, ...] = ()
    """What happened since the last visit, until it is dismissed."""
    last_visit: Visit | None = None
    commands: list[str] = field(default_factory=list)
    """The headless command of everything done here, oldest first."""
    undoable: list[Undoable] = field(default_factory=list)
    """Oldest first."""

    @property
    def place(self) -> str:
        """The folder as a person calls it."""
        home, here = Path.home(), self.folder.resolve()
        return f"~/{here.relative_to(home)}" if here.is_relative_to(home) and here != home else str(here)


class SearchLauncher(Protocol):
    """Starts searches that outlive the workbench."""

    def launch(self, name: str, words: Sequence[str], run: Path) -> Path:
        """Start `python -m engine.search WORDS`, whose run folder is `run`; returns where it prints. Raises StoreError."""


class Context(Protocol):
    """The application as pages and actions see it. For the event loop's thread, but for `call_in_event_loop`."""

    session: Session

    @property
    def snapshot(self) -> Snapshot:
        """The folder as it was last seen."""

    @property
    def screen(self) -> Screen[Any]:
        """What is on screen now: a page, or a dialog over it."""

    @property
    def samples(self) -> Samples: ...

    @property
    def launcher(self) -> SearchLauncher: ...

    @property
    def background(self) -> Thinker:
        """Answers questions that take longer than a key may wait."""

    @property
    def control_worker(self) -> Thinker:
        """Asks running searches to do something: each answer may take seconds."""

    def notify(self, message: str, *, title: str = "",
               severity: Literal["information", "warning", "error"] = "information") -> None:
        """Show a message for a few seconds, as it is (no markup)."""

    def push_screen(self, screen: Screen[Any], callback: Any = None) -> None:
        """Show a dialog; `callback` takes what it is dismissed with."""

    def copy(self, text: str) -> None:
        """Ask the terminal to copy."""

    def show_page(self, name: PageName, given: str = "") -> None:
        """Turn to a page, and hand it `given` (`Page.receive`) if that is not '': a constraint, a condition."""

    def select_run(self, folder: Path) -> None:
        """Make this the run whose trials are shown."""

    def read_curves(self, trainings: tuple[str, ...]) -> None:
        """Let the next snapshots carry the learning curves of these trainings."""

    def refresh_now(self) -> None:
        """Look at the disk as soon as possible."""

    def repaint(self) -> None:
        """Let the page on screen draw the snapshot and the session again."""

    def refuses(self) -> bool:
        """Whether nothing may be written or started; then a person is told."""

    def record_command(self, command: str) -> None:
        """Remember the headless command that an action stood for, and show it."""

    def call_in_event_loop(self, callback: Callable[[], None]) -> None:
        """For any thread."""
