"""Where a run came from: versions, host, command line, commit. Written into `run.json`, never compared but versions."""

from __future__ import annotations

import platform
import shlex
import socket
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

PACKAGES = ("ktgtui", "torch", "torchvision", "accelerate", "numpy", "scikit-learn", "tinydb")


def versions() -> dict[str, str]:
    """Versions of Python and of what decides numbers; a package that is not installed is left out."""
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def host() -> str:
    return socket.gethostname()


def command(module: str, arguments: Sequence[str] | None = None) -> str:
    """The command line as a person would type it."""
    return shlex.join(["python", "-m", module, *(sys.argv[1:] if arguments is None else arguments)])


def commit() -> str | None:
    """Commit of the checkout the engine runs from; None outside a checkout or without git."""
    try:
        found = subprocess.run(
            ["git", "-C", str(Path(__file__).parent), "rev-parse", "HEAD"],
            capture_output=True, text=True, timeout=5, check=True,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return None
    return found.stdout.strip() or None


def now() -> str:
    """UTC, ISO 8601, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")
