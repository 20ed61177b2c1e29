"""The pack trainer: K graphs trained together as one module, one loss, one backward, one optimiser step.

A single graph is a pack of one; there is no other training path (DESIGN.md, wall 3). Metrics accumulate on the device
and are read once an epoch, in `PackTrainer._read`: the only place that waits for the device while training.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from accelerate import Accelerator
from torch import Tensor, nn

from engine.errors import TrainingError
from engine.packing.packs import PackShape
from engine.space.graph import Graph
from engine.space.protocol import Protocol
from engine.training.calibration.mode import Mode
from engine.training.data.batches import Batch, Batches
from engine.training.data.splits import Images, Split
from engine.training.data_parallel import Share
from engine.training.device import import_compiler_quietly
from engine.training.fleet import Fleet
from engine.training.gates import GateTable
from engine.training.losses import PackLoss, pack_loss
from engine.training.models.registry import build
from engine.training.optimisers import optimiser, schedule
from engine.training.pack_plan import Plan, plan
from engine.training.seeds import derive, seeded
from engine.training.teachers.bank import TeacherBank

DTYPES = {"float32": torch.float32, "bfloat16": torch.float32, "float64": torch.float64}
"""Type of parameters and data; bfloat16 is autocast over float32 parameters."""

EVALUATION_BATCH = {"cpu": 128}
"""Validation images a forward pass by kind of device: on a CPU a pack's activations then stay in its cache."""


@dataclass(frozen=True, slots=True)
class Setting:
    """What all packs of one repeat share."""

    protocol: Protocol
    split: Split
    seed: int
    repeat: int
    mode: Mode
    accelerator: Accelerator
    teachers: TeacherBank


class Gather(torch.autograd.Function):
    """Rows of logits to their places `[graph, node]`, and gradients back by a second gather.

    A trained row's gradient is read at one place, so that no scatter is needed (index_select's backward was a sixth of a
    step). A network that several graphs share is shown once in each, with the same gradient everywhere: all that moves it is
    upstream of it, and equal. Rows nobody shows are spare networks: whatever gradient they get moves nobody else.
    """

    @staticmethod
    def forward(ctx: Any, rows: Tensor, places: Tensor, back: Tensor) -> Tensor:
        ctx.save_for_backward(back)
        return rows.index_select(0, places)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        (back,) = ctx.saved_tensors
        return gradients[0].index_select(0, back), None, None


class PackModule(nn.Module):
    """All fleets of a pack: one mini-batch in, the pack's losses out."""

    def __init__(self, fleets: dict[str, Fleet], laid: Plan, protocol: Protocol, gates: GateTable) -> None:
        super().__init__()
        self.fleets = nn.ModuleList(fleets.values())
        self.models = tuple(fleets)
        self.slots, self.shared = laid.shape.slots, laid.shape.shared
        self.register_buffer("rows", laid.rows.flatten(), persistent=False)
        self.register_buffer("back", laid.back, persistent=False)
        self.size = laid.rows.shape
        self.masks = gates.masks
        self.temperature, self.smoothing = protocol.temperature, protocol.label_smoothing

    def logits(self, images: Tensor, taught: Tensor) -> Tensor:
        """`[graph, node, batch, class]`; `taught` are the teachers' logits `[teacher, batch, class]`."""
        shown = dict(zip(self.models, (fleet(images) for fleet in self.fleets), strict=True))
        nobody = taught.new_zeros(1, *taught.shape[1:])
        parts = [shown[m] if m in shown else nobody.expand(size, -1, -1) for m, size in self.slots.items()]
        rows = torch.cat([*parts, taught])
        placed: Tensor = Gather.apply(rows, self.get_buffer("rows"), self.get_buffer("back"))
        return placed.unflatten(0, self.size)

    def forward(self, images: Tensor, labels: Tensor, taught: Tensor, weights: Tensor) -> PackLoss:
        logits = self.logits(images, taught).to(weights.dtype)
        return pack_loss(
            logits, labels, weights, self.masks,
            temperature=self.temperature, smoothing=self.smoothing, contained=self.shared,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class EpochReport:
    """What one epoch left to read, on the host; K graphs, N nodes."""

    epoch: int
    """1-based."""
    accuracy: Tensor
    """`[graph, node]`, validation accuracy in %."""
    losses: Tensor
    """`[graph, node]`, mean gated training loss of each node over the epoch's images, each when it was shown."""
    edges: Tensor
    """`[graph, target, source]`, the same of each edge, before its gate and mask."""


@dataclass
class Progress:
    """Sums over one epoch, on the device. A full batch counts 1, a smaller last one by its images."""

    edges: Tensor
    nodes: Tensor
    batches: float = 0.0

    def add(self, loss: PackLoss, weight: float) -> None:
        self.edges.add_(loss.edges, alpha=weight)
        self.nodes.add_(loss.nodes, alpha=weight)
        self.batches += weight


@dataclass
class PackTrainer:
    """Trains one pack of effective graphs; `names[i]` is what graph i's initial weights depend on (its effective key)."""

    graphs: Sequence[Graph]
    names: Sequence[str]
    shape: PackShape
    setting: Setting
    first: int = 0
    """Epochs these graphs have behind them; `checkpoint.restore` fills in what they learnt."""
    reports: list[EpochReport] = field(default_factory=list)

    def __post_init__(self) -> None:
        s, p = self.setting, self.setting.protocol
        if reasons := [*filter(None, map(s.teachers.failure, self.graphs))]:
            raise TrainingError(reasons[0])
        assert p.shares or not self.shape.shared
        self.dtype = DTYPES[p.precision]
        self.plan = plan(self.graphs, self.shape)
        self.batches = Batches(s.split.train, p, s.seed, s.repeat)
        steps = p.epochs * p.steps_an_epoch()
        like = torch.empty(0, dtype=self.dtype, device=s.accelerator.device)
        self.gates = GateTable(
            self.shape.gates, self.plan.gates, steps, like, self.plan.join if p.join == "mean" else None
        )
        module = PackModule(self._fleets(), self.plan, p, self.gates).to(s.accelerator.device)
        chosen = optimiser(module.parameters(), p)
        self.share = Share.of(s.accelerator, p)
        self.module, self.optimiser, self.schedule = self.share.prepare(module, chosen, schedule(chosen, p, self.first))
        self.noisy = [fleet for fleet in module.fleets if isinstance(fleet, Fleet) and fleet.noisy]
        # Compiled code is one function for all packs: their shapes are equal, so only the first pack compiles.
        self.step_loss = self.module
        if s.mode.compile and not self.noisy:
            import_compiler_quietly()
            self.step_loss = torch.compile(self.module, dynamic=False)

    def _fleets(self) -> dict[str, Fleet]:
        # A fleet of spare networks only is not built: a model that raises must not reach packs that do not use it.
        used = {place.model for place in self.plan.places if place.graph is not None}
        fleets: dict[str, list[nn.Module]] = {model: [] for model in self.shape.slots if model in used}
        for place in (p for p in self.plan.places if p.model in used):
            with seeded(*self._origin(place.model, place.node, place.graph)):
                network = build(place.model, self.setting.split.train.shape, self.setting.split.train.classes)
            fleets[place.model].append(network.to(self.dtype))
        layouts = self.setting.mode.layouts
        return {m: Fleet(networks, layouts.get(m, "stacked")) for m, networks in fleets.items()}

    def _origin(self, model: str, node: int, graph: int | None) -> tuple[str | int, ...]:
        s = self.setting
        if graph is None:
            return ("spare", model)
        if s.protocol.shares:
            return ("weights", s.seed, s.repeat, node, model)
        return ("weights", s.seed, s.repeat, self.names[graph], node)

    def run(self, until: int | None = None) -> Iterator[EpochReport]:
        """Train to epoch `until` (None: the protocol's last), one report an epoch; closing it stops the training."""
        yield from (report for report in self.steps(until) if report is not None)

    def steps(self, until: int | None = None) -> Iterator[EpochReport | None]:
        """The same with a None after each optimiser step, so that whoever drives it has a say within an epoch."""
        for epoch in range(len(self.reports), until or self.setting.protocol.epochs):
            yield from self._epoch(epoch)

    def _epoch(self, epoch: int) -> Iterator[EpochReport | None]:
        self.module.train()
        size = (self.shape.graphs, self.shape.nodes)
        zeros = torch.zeros(*size, self.shape.nodes + 1, dtype=self.dtype, device=self.setting.accelerator.device)
        progress = Progress(zeros, torch.zeros_like(zeros[..., 0]))
        first = epoch * self.setting.protocol.steps_an_epoch()
        for step, batch in enumerate(self.batches.epoch(epoch), first + 1):
            progress.add(self.step(batch, step), len(batch.labels) / self.setting.protocol.batch)
            yield None
        self.schedule.step()
        self.reports.append(self._read(epoch, progress, self.evaluate(self.setting.split.validation)))
        yield self.reports[-1]

    def loss(self, batch: Batch, step: int) -> PackLoss:
        """The pack's losses on a mini-batch at iteration `step` (1-based)."""
        for fleet in self.noisy:
            fleet.noise = derive("noise", self.setting.seed, self.setting.repeat, step)
        taught = self.setting.teachers.on_batch(batch, self.plan.used_teachers, self.batches.augments)
        total = len(batch.labels)
        part = self.share.part(total)
        found: PackLoss = self.step_loss(batch.images[part], batch.labels[part], taught[:, part], self.gates.at(step))
        return found if self.share.count == 1 else self.share.weigh(found, part.stop - part.start, total)

    def step(self, batch: Batch, step: int) -> PackLoss:
        """One optimiser step of all networks."""
        loss = self.loss(batch, step)
        self.setting.accelerator.backward(loss.total)
        self.optimiser.step()
        self.optimiser.zero_grad()
        return loss

    @torch.no_grad()
    def evaluate(self, images: Images) -> Tensor:
        """Right answers `[graph, node]` on validation images, in eval mode, on the device."""
        self.module.eval()
        inner = self.setting.accelerator.unwrap_model(self.module)
        self.share.level(inner)
        right = torch.zeros(self.shape.graphs, self.shape.nodes, dtype=torch.int64, device=images.labels.device)
        size = EVALUATION_BATCH.get(images.labels.device.type, 2048)
        for start in range(self.share.rank * size, len(images.labels), self.share.count * size):
            part = slice(start, start + size)
            logits = inner.logits(images.images[part], self.setting.teachers.on_validation(part))
            right += (logits.argmax(-1) == images.labels[part]).sum(-1)
        return self.share.sum(right)

    def _read(self, epoch: int, progress: Progress, right: Tensor) -> EpochReport:
        total = len(self.setting.split.validation.labels)
        batches = progress.batches
        nodes, edges = self.share.sum(progress.nodes), self.share.sum(progress.edges)
        return EpochReport(epoch + 1, right.cpu() * (100.0 / total), nodes.cpu() / batches, edges.cpu() / batches)
