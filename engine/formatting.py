"""Durations, sizes and numbers of things as short text."""

from __future__ import annotations


def duration(seconds: float | None) -> str:
    """`3 s`, `4 min`, `2 h 05 min`, `3 d 04 h`; `?` for None."""
    if seconds is None:
        return "?"
    minutes = round(seconds / 60)
    if seconds < 90:
        return f"{seconds:.0f} s"
    if minutes < 90:
        return f"{minutes} min"
    if minutes < 48 * 60:
        return f"{minutes // 60} h {minutes % 60:02} min"
    return f"{minutes // 1440} d {minutes % 1440 // 60:02} h"


def count(number: int, noun: str) -> str:
    """`1 graph`, `1,134 graphs`."""
    return f"{number:,} {noun}" + ("" if number == 1 else "s")


def data_size(size: float) -> str:
    """Bytes as `3.5 MB` (powers of 1,000)."""
    for unit in ("B", "KB", "MB", "GB"):
        if size < 1000:
            return f"{size:.3g} {unit}"
        size /= 1000
    return f"{size:,.0f} TB"
