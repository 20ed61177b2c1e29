"""What a run must hold to be called exhaustive."""

from __future__ import annotations

import msgspec
import pytest

from engine.analysis.diagnostics.certificate import certify
from engine.analysis.ranking import Best
from engine.analysis.repeats.optimism import Optimism
from engine.store.records import State, Training, Trial
from tests.analysis.made import GATES, graph, trial

SPACE = [graph(y1=a, e21=b, e31=b).canonical() for a in GATES for b in ("through", "linear")]


def whole(repeats: int = 2) -> tuple[list[Trial], dict[str, Training]]:
    trials = [trial(r * len(SPACE) + i, 10.0 + i, g, repeat=r) for r in range(repeats) for i, g in enumerate(SPACE)]
    return trials, {str(t.training): Training(id=str(t.training), graph="", seed=0, state=State.DONE, epochs=30,
                                              accuracy=t.accuracy[:1], repeat=t.repeat) for t in trials}


def test_a_whole_run_is_certified_and_its_hash_does_not_depend_on_order() -> None:
    trials, trainings = whole()
    found = certify(SPACE, trials, trainings, 2)
    assert found.is_complete
    assert found.words() == f"6 of 6 graphs, 2 repeats, none missing, sha256 {found.digest}"
    assert certify(SPACE, trials[::-1], trainings, 2).digest == found.digest
    changed = [msgspec.structs.replace(trials[0], accuracy=(91.0, None, None)), *trials[1:]]
    assert certify(SPACE, changed, trainings, 2).digest != found.digest


def test_untaught_invalid_and_diverged_graphs_are_settled() -> None:
    trials, trainings = whole(1)
    settled = [trial(i, None, g, state=state) for (i, g), state in
               zip(enumerate(SPACE), (State.UNTAUGHT, State.INVALID, State.DIVERGED), strict=False)]
    assert certify(SPACE, [*settled, *trials[3:]], trainings, 1).is_complete


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda ts: ts[1:], "1 missing"),
        (lambda ts: [*ts, msgspec.structs.replace(ts[0], number=99)], "1 recorded twice"),
        (lambda ts: [*ts, trial(99, 10.0, graph(y2="linear"))], "1 not of this space"),
        (lambda ts: [trial(0, None, SPACE[0], state=State.FAILED), *ts[1:]], "1 without a result"),
        (lambda ts: [msgspec.structs.replace(ts[0], accuracy=(1.0, None, None)), *ts[1:]],
         "1 without their training record"),
    ],
)
def test_what_is_wrong_is_said(change, message: str) -> None:
    trials, trainings = whole(1)
    trainings[str(trial(0, 10.0, graph(y2="linear")).training)] = msgspec.structs.replace(
        next(iter(trainings.values())), accuracy=(90.0,))
    found = certify(SPACE, change(trials), trainings, 1)
    assert not found.is_complete
    assert found.words() == f"not exhaustive: of 6 graphs x 1 repeats, {message}"


def test_graphs_that_tie_as_the_best_are_counted() -> None:
    trials, trainings = whole(2)

    def said(tied: int) -> str:
        best = Best("a", 12.5, 2, tied, tied, 0, 0, Optimism(None, "one pass"))
        return certify(SPACE, trials, trainings, 2, best).words()

    assert "none missing, 3 tie as the best at 12.50 %, sha256 " in said(3)
    assert "none missing, sha256 " in said(1)


def test_a_missing_graph_is_named_with_its_repeat() -> None:
    trials, trainings = whole(2)
    assert certify(SPACE, trials[:-1], trainings, 2).missing == ((str(SPACE[-1]), 1),)
