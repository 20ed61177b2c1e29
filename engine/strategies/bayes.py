"""Bayesian optimisation over transfer graphs (the paper's future work): Optuna proposes, the space disposes.

Optuna's samplers see categorical variables without the space's constraints, so a proposal may lie outside, be drawn
already, or train like a graph that was: the nearest graph of the space that is new in all of these takes its place. A
batch is proposed one after the other, each told to the sampler with a lie (the median of the results so far) until the
batch's results are in (constant liar, Ginsbourger et al. 2010), so that a batch spreads.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from statistics import median
from typing import TYPE_CHECKING, Any

from engine.errors import SpaceError
from engine.space.graph import Graph
from engine.space.space import Space
from engine.space.what_if import whatif
from engine.store.records import State, Trial
from engine.strategies.candidate_pool import Pool, is_trained
from engine.strategies.encoding import Variables, cover
from engine.strategies.inheritance import Parent
from engine.strategies.interface import Defaults, Draw

if TYPE_CHECKING:
    import optuna

BATCH = 16
"""Graphs proposed together."""

class Bayes(Defaults):
    """`n` different graphs: a uniform batch first, then those that a model of the results proposes."""

    def __init__(
        self, space: Space, n: int, seed: int, kind: str = "tpe", batch: int = BATCH, parent: Parent | None = None
    ) -> None:
        """`kind`: `tpe` or `gp`. `parent`: a run under the same protocol whose results are known from the start.

        Raises SpaceError for n or batch < 1, and if Optuna is not installed.
        """
        for flag, value in ((kind, n), ("cohort", batch)):
            if value < 1:
                raise SpaceError(f"--{flag}: must be at least 1 graph, got {value}")
        _require_optuna(kind)
        self.space, self.seed, self.kind, self.at_once = space, seed, kind, batch
        self._variables = Variables.of(space)
        self._told: dict[str, tuple[Graph, float]] = {}
        """Validation error (%) by effective key: graphs that train identically are one observation."""
        self._keys: set[str] = set()
        """Graphs drawn here or known from the parent."""
        self._forms: set[str] = set()
        """Effective keys of the same."""
        self._asked = 0
        self._n = n
        known = parent.members(space) if parent else ()
        for trial in known:
            self._take(Graph.parse(trial.graph))
            self.tell(trial)
        self.total = min(n, space.keys - len(self._keys))
        if parent and not self.total:
            raise SpaceError(f"--from {parent.folder}: every graph of {space.name} is known from there", "nothing is left to do")
        self._parent = {"from": parent.info.name, "known": _digest(known)} if parent else {}
        self._pool = Pool(space, self._variables, _seed(seed, -1))

    def settings(self) -> dict[str, Any]:
        return {"name": self.kind, "n": self._n, "batch": self.at_once, "repeats": 1, **self._parent}

    def preview(self) -> Iterator[Draw]:
        pretrained = whatif(self.space, "pretrained = some").keys > 0
        graphs = [*self.space.sample(self.total, self.seed), *cover(self.space, pretrained)]
        return (Draw(number, graph) for number, graph in enumerate(graphs))

    def ask(self, most: int) -> list[Draw]:
        number = min(most, self.at_once or most, self.total - self._asked)
        if number < 1:
            return []
        if self._told:
            graphs = self._propose(number)
        else:
            graphs = self.space.sample(number, self.seed, self._keys)
            for graph in graphs:
                self._take(graph)
        draws = [Draw(self._asked + place, graph) for place, graph in enumerate(graphs)]
        self._asked += number
        return draws

    def tell(self, trial: Trial) -> None:
        graph = Graph.parse(trial.graph)
        error = trial.error
        if error is None and trial.state in (State.DIVERGED, State.UNTAUGHT):
            error = 100.0 - 100.0 / (self.space.protocol.classes or math.inf)
        if error is not None:
            self._told.setdefault(graph.effective().key or trial.key, (graph, error))

    def state(self) -> dict[str, Any]:
        return {"asked": self._asked, "told": len(self._told)}

    def _take(self, graph: Graph) -> None:
        self._keys.add(graph.key)
        if (form := graph.effective().key) is not None:
            self._forms.add(form)

    def _propose(self, number: int) -> list[Graph]:
        study, distributions = self._study()
        lie = median(error for _, error in self._told.values())
        graphs: list[Graph] = []
        with _one_thread():
            while len(graphs) < number:
                graph = self._choose(study, distributions)
                graphs.append(graph)
                self._take(graph)
                _tell(study, distributions, self._variables.params(graph), lie)
        return graphs

    def _study(self) -> tuple[optuna.Study, dict[str, Any]]:
        """A study of everything told, seeded by the place of the batch: the same whenever and wherever it is made."""
        import optuna

        optuna.logging.set_verbosity(optuna.logging.WARNING)  # it greets each study on stderr otherwise
        seed = _seed(self.seed, self._asked)
        sampler: optuna.samplers.BaseSampler
        if self.kind == "gp":
            sampler = optuna.samplers.GPSampler(seed=seed, n_startup_trials=0)
        else:
            sampler = optuna.samplers.TPESampler(seed=seed, n_startup_trials=0, multivariate=True, constant_liar=False)
        found = self._variables
        distributions = {
            found.names[place]: optuna.distributions.CategoricalDistribution(found.choices[place]) for place in found.free
        }
        study = optuna.create_study(direction="minimize", sampler=sampler)
        for graph, error in self._told.values():
            _tell(study, distributions, found.params(graph), error)
        return study, distributions

    def _choose(self, study: optuna.Study, distributions: dict[str, Any]) -> Graph:
        import optuna

        asked = study.ask(distributions)
        study.tell(asked, state=optuna.trial.TrialState.FAIL)  # told as the graph that takes its place
        proposed = self._variables.graph(asked.params)
        if self._is_new(proposed) and self.space.contains(proposed):
            return proposed
        # Where every training is known, what is left is drawn in random order: nothing is to be learned from it.
        return self._pool.nearest(proposed, self._keys, self._forms) or self.space.sample(1, self.seed, self._keys)[0]

    def _is_new(self, graph: Graph) -> bool:
        return is_trained(graph) and graph.key not in self._keys and graph.effective().key not in self._forms


def _tell(study: optuna.Study, distributions: dict[str, Any], params: dict[str, str] | None, error: float) -> None:
    import optuna

    if params is not None:
        study.add_trial(optuna.create_trial(params=params, distributions=distributions, value=error))


def _require_optuna(kind: str) -> None:
    try:
        import optuna  # noqa: F401
    except ModuleNotFoundError:
        raise SpaceError(f"--{kind} needs Optuna, which is not installed", "pip install 'ktgtui[optuna]'") from None


@contextmanager
def _one_thread() -> Iterator[None]:
    """Threads only hurt the many small products of a Gaussian process: 0.3 s a proposal on one, 5 s on two busy cores."""
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1):
        yield


def _seed(seed: int, place: int) -> int:
    """32 bits, as the samplers want them."""
    return int.from_bytes(hashlib.blake2b(f"{seed} {place}".encode(), digest_size=4).digest())


def _digest(trials: Sequence[Trial]) -> str:
    told = "\n".join(f"{t.key} {t.repeat} {t.state} {t.error}" for t in trials)
    return hashlib.blake2b(told.encode(), digest_size=8).hexdigest()
