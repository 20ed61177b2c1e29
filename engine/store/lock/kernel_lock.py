"""An exclusive lock on a file, held by the kernel (`flock`): it ends with its process, however that ends.

Not a library's: lock libraries fall back to a marker file where `flock` is missing (filelock 4.3.1 does so inside its
`FileLock`), and a marker outlives a killed holder and does not keep out a process that uses `flock`.
"""

from __future__ import annotations

import errno
import os
from contextlib import suppress
from pathlib import Path
from typing import Self

from engine.errors import StoreError

try:
    import fcntl
except ImportError:  # neither Linux nor macOS
    fcntl = None  # type: ignore[assignment]

_HELD = frozenset({errno.EWOULDBLOCK, errno.EAGAIN, errno.EACCES})
_MISSING = frozenset({errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOLCK})
"""ENOLCK: NFS without a lock service."""


class NoKernelLocksError(StoreError):
    """The file system, or the operating system, has no `flock`."""

    def __init__(self, folder: Path, error: OSError | None) -> None:
        """`error` is what `flock` failed with; None: there is no `flock` to call."""
        if error is None:
            super().__init__(f"{folder}: this system has no kernel locks (flock)", "use Linux or macOS")
        else:
            super().__init__(
                f"{folder}: this file system has no kernel locks ({error.strerror}), so a second writer could not be kept out",
                "put the folder on a local disk or a file system with flock",
            )


class KernelLock:
    """A lock that is held until `release` or the end of the process. Whether the file was there before says nothing."""

    def __init__(self, fd: int) -> None:
        """Use `take`."""
        self._fd: int | None = fd

    @classmethod
    def take(cls, path: Path) -> Self | None:
        """The lock on the file `path`, which is made if need be. None: held elsewhere, also by this very process.

        Raises NoKernelLocksError, and OSError if the file cannot be opened; a file made for nothing is removed again.
        """
        if fcntl is None:
            raise NoKernelLocksError(path.parent, None)
        while True:
            fd, made = _open(path)
            try:
                locked = _flock(fd)
                if locked and _is_at(fd, path):
                    return cls(fd)
            except OSError as error:
                os.close(fd)
                if made:
                    with suppress(OSError):
                        path.unlink()
                if error.errno in _MISSING:
                    raise NoKernelLocksError(path.parent, error) from None
                raise
            os.close(fd)
            if not locked:
                return None  # else the file was removed or replaced between opening and locking it

    def release(self) -> None:
        """Give the lock back; the file stays. A second call does nothing."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None


def _open(path: Path) -> tuple[int, bool]:
    """A descriptor, and whether the file was made for it. Raises OSError."""
    # NFS locks for writing only what is open for writing; a link could lead out of the folder, a pipe would wait.
    flags = os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
    with suppress(FileExistsError):
        return os.open(path, flags | os.O_CREAT | os.O_EXCL, 0o666), True
    return os.open(path, flags | os.O_CREAT, 0o666), False


def _flock(fd: int) -> bool:
    """False: another open file holds the lock. Raises OSError."""
    while True:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except InterruptedError:
            continue
        except OSError as error:
            if error.errno in _HELD:
                return False
            raise
        return True


def _is_at(fd: int, path: Path) -> bool:
    with suppress(FileNotFoundError):
        return os.path.samestat(os.fstat(fd), path.stat())
    return False
