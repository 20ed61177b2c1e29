"""Searches replayed from a table: the strategies' own code, with a look-up where a training would be."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from engine.simulate.regret import Path
from engine.simulate.table import INVALID, UNTAUGHT, Table
from engine.space.counting.sampling import Sampler
from engine.store.records import State, Trial
from engine.strategies.interface import Draw, RungReport, Strategy


def random_search(table: Table, sampler: Sampler, n: int, seed: int) -> Path:
    """`engine.search --random n --seed seed` without its graph objects: the same draws, 1,000 searches in seconds."""
    path = Path(repeat=seed % table.repeats)
    forms = _drawn(table, sampler, n, seed)
    path.drawn = len(forms)
    new = np.zeros(len(forms), bool)
    new[np.unique(forms, return_index=True)[1]] = True
    new &= forms >= 0
    errors = np.where(forms >= 0, table.errors[np.maximum(forms, 0), path.repeat], np.inf)
    lowest = np.minimum.accumulate(errors)
    costs = np.cumsum(new) * table.epochs
    for place in np.flatnonzero(errors < np.concatenate(([np.inf], lowest[:-1]))):
        path.spent = int(costs[place])
        path.see(int(forms[place]), float(errors[place]))
    path.spent, path.trained = int(costs[-1]), int(new.sum())
    return path


def _drawn(table: Table, sampler: Sampler, n: int, seed: int) -> np.ndarray:
    """Forms of the first n graphs of a seed's random order."""
    found: list[np.ndarray] = []
    for rows in sampler.rows(seed):
        found.append(rows)
        if sum(map(len, found)) >= n:
            break
    rows = np.ascontiguousarray(np.concatenate(found)[:n])
    names = rows.view(f"S{rows.shape[1]}").ravel().tolist()
    return table.form[[table.places[name] for name in names]]


def replay(table: Table, strategy: Strategy, repeat: int) -> Path:
    """Any strategy's search, in one repeat of the table; its draws must be graphs of the table's space."""
    path = Path(repeat)
    paid: dict[int, int] = {}
    if strategy.rungs:
        _by_rungs(table, strategy, path, paid)
    else:
        while draws := strategy.ask(strategy.at_once or strategy.total):
            for draw in draws:
                strategy.tell(whole(table, draw, path, paid))
    path.trained = len(paid)
    return path


def _train(table: Table, form: int, until: int, path: Path, paid: dict[int, int]) -> None:
    """Pay for a form's training up to an epoch; what was trained before is not paid again."""
    path.spent += max(0, until - paid.get(form, 0))
    paid[form] = max(until, paid.get(form, 0))


def whole(table: Table, draw: Draw, path: Path, paid: dict[int, int]) -> Trial:
    """The trial of a graph that trains to the end."""
    form = int(table.form[table.place(draw.graph)])
    path.drawn += 1
    state, accuracy = {INVALID: State.INVALID, UNTAUGHT: State.UNTAUGHT}.get(form, State.DONE), None
    if form >= 0:
        _train(table, form, table.epochs, path, paid)
        accuracy = table.accuracy(form, path.repeat, table.epochs)
        state = State.DIVERGED if accuracy is None else State.DONE
        if accuracy is not None:
            path.see(form, 100.0 - accuracy)
    values = (accuracy, *[None] * (draw.graph.nodes - 1))
    return Trial(number=draw.number, key=draw.graph.key, graph=str(draw.graph), state=state, accuracy=values)


def _by_rungs(table: Table, strategy: Strategy, path: Path, paid: dict[int, int]) -> None:
    """Cohort after cohort through all rungs, as a search judges them: graphs that train identically enter once."""
    entered: dict[int, int] = {}
    cohorts: dict[int, list[int]] = {}
    for draw in strategy.ask(strategy.total):
        path.drawn += 1
        form = int(table.form[table.place(draw.graph)])
        place = form if form >= 0 else -1 - draw.number  # each untaught graph stands for itself
        if form != INVALID and place not in entered:
            entered[place] = draw.number
            cohorts.setdefault(draw.number // strategy.cohort, []).append(draw.number)
    forms = {number: place for place, number in entered.items()}
    for cohort in range(-(-path.drawn // strategy.cohort)):
        _climb(table, strategy, cohort, cohorts.get(cohort, []), forms, path, paid)


def _climb(
    table: Table, strategy: Strategy, cohort: int, numbers: Sequence[int], forms: dict[int, int], path: Path, paid: dict[int, int]
) -> None:
    """One cohort through all rungs; those that are let on by the last one train to the end."""
    for epoch in strategy.rungs:
        entries = tuple((number, _value(table, forms[number], epoch, path, paid)) for number in sorted(numbers))
        numbers = strategy.judge(RungReport(epoch, cohort, entries)).kept
    for form in (forms[number] for number in numbers):
        if form >= 0:
            _train(table, form, table.epochs, path, paid)
            if (accuracy := table.accuracy(form, path.repeat, table.epochs)) is not None:
                path.see(form, 100.0 - accuracy)


def _value(table: Table, form: int, epoch: int, path: Path, paid: dict[int, int]) -> float | None:
    """What a graph shows at a rung: chance if nothing teaches it, nothing if it has diverged."""
    if form < 0:
        return 100.0 / (table.space.protocol.classes or 100)
    _train(table, form, epoch, path, paid)
    return table.accuracy(form, path.repeat, epoch)
