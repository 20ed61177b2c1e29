"""The best graph of the chosen run, for pages that show it: worked out in the background, once for the same trials."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from engine.errors import EngineError
from engine.store.files.evaluations import EVALUATIONS, read_evaluations
from ktgtui.data.file_stamp import stamp
from ktgtui.data.snapshot import RunDetail

if TYPE_CHECKING:
    from engine.analysis.ranking import Best
    from ktgtui.data.background import Thinker


class BestGraph:
    """Ten thousand trials take 0.1 to 0.2 s, so a page shows what it knows and is painted again when there is news."""

    def __init__(self, repaint: Callable[[], None]) -> None:
        self.found: Best | None = None
        """Of the run asked about last, as it last was known; None before, and where no graph is above chance."""
        self._of: tuple[object, ...] = ()
        self._folder: Path | None = None
        self._repaint = repaint

    def ask(self, background: Thinker, topic: str, run: RunDetail) -> None:
        """Have it worked out, unless it is known of these trials and evaluations."""
        now = (run.trials, stamp(run.view.folder / EVALUATIONS))
        if self._of and self._of[0] is now[0] and self._of[1] == now[1]:
            return
        if run.view.folder != self._folder:
            self.found = None
        self._of, self._folder = now, run.view.folder
        background.ask(topic, lambda: best_of(run), lambda found: self._heard(now, found))

    def _heard(self, of: tuple[object, ...], found: Best | EngineError | None) -> None:
        if of is self._of and not isinstance(found, EngineError):
            self.found = found
            self._repaint()


def best_of(run: RunDetail) -> Best | None:
    """Raises StoreError if the run's evaluations are damaged."""
    from engine.analysis.ranking import rank  # numpy: the watcher has loaded it by now

    return rank(run.trials, run.space, run.info, read_evaluations(run.view.folder)).best
