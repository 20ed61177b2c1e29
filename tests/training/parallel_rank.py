"""One process of a group: trains a pack and, as process 0, saves what came of it. `python parallel_rank.py FILE FIELDS`."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import torch
from accelerate import PartialState

from engine.executors.data_parallel.process_group import launched
from engine.packing.packs import shape_for
from engine.space.graph import Graph
from engine.space.protocol import resolve
from engine.training.calibration.mode import Mode
from engine.training.data.splits import Images, Split
from engine.training.data_parallel import end, join, leave
from engine.training.device import accelerator
from engine.training.teachers.bank import TeacherBank
from engine.training.trainer import DTYPES, PackTrainer, Setting


def images(count: int, seed: int, dtype: torch.dtype) -> Images:
    draw = torch.Generator().manual_seed(seed)
    pictures = torch.rand(count, 1, 6, 6, generator=draw, dtype=torch.float64)
    return Images(pictures.to(dtype), torch.randint(0, 10, (count,), generator=draw), 10)


def trained(fields: dict, graphs: list[str]) -> dict[str, torch.Tensor]:
    """Gradients of the first step, then weights and reports of a whole training."""
    torch.set_num_threads(1)
    protocol = resolve({"data": "digits", "validation": 30, **fields})
    dtype = DTYPES[protocol.precision]
    seen = Split(images(protocol.train, 1, dtype), images(30, 2, dtype))
    teachers = TeacherBank.of((), seen.train, seen.validation)
    read = [Graph.parse(text) for text in graphs]
    setting = Setting(protocol, seen, 0, 0, Mode(pack=len(read)), accelerator(protocol), teachers)
    found = {}
    trainer = PackTrainer(read, [g.key for g in read], shape_for(read, len(read), 3), setting)
    trainer.module.train()
    batch = next(trainer.batches.epoch(0))
    setting.accelerator.backward(trainer.loss(batch, 1).total)
    for name, tensor in trainer.setting.accelerator.unwrap_model(trainer.module).named_parameters():
        found[f"gradient {name}"] = tensor.grad.clone()
    trainer = PackTrainer(read, [g.key for g in read], shape_for(read, len(read), 3), setting)
    for report in trainer.run():
        found |= {f"{what} {report.epoch}": getattr(report, what) for what in ("accuracy", "losses", "edges")}
    return found | {f"weight {n}": t for n, t in setting.accelerator.unwrap_model(trainer.module).state_dict().items()}


if __name__ == "__main__":
    if launched():
        join()
    result = trained(json.loads(sys.argv[2]), json.loads(sys.argv[3]))
    if PartialState().is_main_process:
        torch.save(result, Path(sys.argv[1]))
    if launched():
        leave()
        end(0)
