"""A learning curve in one line: 60 bytes where a plot costs 10 KB each time the cursor moves. Textual-free."""

from __future__ import annotations

from collections.abc import Sequence

from engine.store.records import Curve

LEVELS = "▁▂▃▄▅▆▇█"
PLAIN = "_.-=*#%@"


def sparkline(values: Sequence[float | None], low: float, high: float, width: int, plain: bool = False) -> str:
    """Values between `low` and `high` as at most `width` characters, each the mean of its share; a gap is a blank."""
    levels = PLAIN if plain else LEVELS
    drawn = []
    for column in range(min(width, len(values))):
        start = column * len(values) // min(width, len(values))
        end = (column + 1) * len(values) // min(width, len(values))
        known = [v for v in values[start:end] if v is not None]
        share = (sum(known) / len(known) - low) / (high - low) if known and high > low else 1.0
        drawn.append(levels[min(7, max(0, int(share * 8)))] if known else " ")
    return "".join(drawn)


def told(curve: Curve, width: int, plain: bool = False) -> list[list[tuple[str, str]]]:
    """A line a node: its number, the curve of its accuracy, and the first and last value (%)."""
    columns = list(zip(*curve.accuracy, strict=True))
    every = [v for column in columns for v in column if v is not None]
    if not every:
        return []
    low, high = min(every), max(every)
    lines = []
    for node, column in enumerate(columns, 1):
        ends = [v for v in column if v is not None]
        said = f"{ends[0]:6.2f} to {ends[-1]:6.2f} %" if ends else "not trained"
        role = f"curve{(node - 1) % 6}"
        lines.append([(f" {node} ", role), (sparkline(column, low, high, max(8, width - 23), plain), role),
                      (f" {said}", "")])
    return lines
