"""Numbers as a person reads them, with or without characters beyond ASCII."""

from __future__ import annotations


def count(number: int | None) -> str:
    """`39,609`; nothing for None."""
    return "" if number is None else f"{number:,}"


def percent(value: float | None) -> str:
    """`1.56`, an error rate in %; nothing for None."""
    return "" if value is None else f"{value:.2f}"


def best(error: float, tied: int) -> str:
    """`1.56 %`, or `1.56 % (31 tie)`."""
    return f"{error:.2f} %" + (f" ({tied:,} tie)" if tied > 1 else "")


def duration(seconds: float | None) -> str:
    """`45 s`, `3 m`, `2 h 05`, `3 d 04`: two figures are enough to decide whether to wait."""
    if seconds is None:
        return ""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes} m"
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return f"{hours} h {minutes:02d}"
    return f"{hours // 24} d {hours % 24:02d}"


def bar(share: float, width: int, plain: bool = False) -> str:
    """A bar of `width` characters filled to `share` (0 to 1), never full before all is done."""
    filled = width if share >= 1 else min(width - 1, round(share * width))
    full, empty = ("#", ".") if plain else ("━", "╌")
    return full * max(0, filled) + empty * (width - max(0, filled))


def progress(done: int, total: int | None) -> str:
    """`412/600`, or `412` if the end is not known."""
    return count(done) if total is None else f"{done:,}/{total:,}"


def size(count: float) -> str:
    """Bytes as `1.6 GB`."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if count >= 10 or unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"
