"""A run folder taken before there is a run in it: what is loaded and measured meanwhile cannot be in vain."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from engine.store.folder import INFO, check_vacant, missing, unmake
from engine.store.lock.lock import RunLock, make_and_lock


@contextmanager
def claim(folder: Path) -> Iterator[RunLock]:
    """Lock a run folder, made if need be, while the block runs. Raises StoreError: locked by another, or not ours to fill.

    A folder that was made for a run that did not come about is removed again, unless something was left in it.
    """
    made = missing(folder)
    if not made and not (folder / INFO).exists():
        check_vacant(folder)
    lock = make_and_lock(folder)
    try:
        yield lock
    finally:
        if made and not (folder / INFO).exists():
            unmake(folder, made)  # still locked: a lock file that another process has taken is not removed under it
        lock.release()
