"""Writing a report's files into a folder that is ours: new, empty, or made by an earlier report."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from engine.errors import AnalysisError

MARK = ".ktgtui-report.json"
"""Lists the files a report wrote; only these are ever replaced or removed."""


def claim(folder: Path) -> set[str]:
    """The files of an earlier report here. Raises AnalysisError for a folder that holds anything we did not write."""
    if not folder.exists():
        return set()
    if not folder.is_dir():
        raise AnalysisError(f"--out {folder}: not a folder", "name a new folder")
    there = {p.name for p in folder.iterdir()}
    try:
        ours = set(json.loads((folder / MARK).read_text("utf-8"))["files"]) | {MARK} if MARK in there else set()
    except (OSError, ValueError, KeyError, TypeError):
        ours = set()
    if foreign := sorted(there - ours):
        raise AnalysisError(f"--out {folder}: holds {foreign[0]!r}, which no report wrote", "name a new or empty folder")
    return ours


def write(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write all files and remove those of the earlier report that are not made any more. Raises AnalysisError."""
    old = claim(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name in sorted(old - set(files) - {MARK}):
            (folder / name).unlink(missing_ok=True)
        (folder / MARK).write_text(json.dumps({"files": sorted(files)}, indent=1) + "\n", "utf-8")
        for name, data in files.items():
            (folder / name).write_bytes(data)
    except OSError as error:
        raise AnalysisError(f"--out {folder}: cannot be written ({error.strerror})", "name another folder") from None
