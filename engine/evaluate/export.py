"""The target network alone, in the forms that other programs load."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from importlib import util
from pathlib import Path

import torch
from torch import nn

from engine.errors import TrainingError
from engine.store.log.durable import disk
from engine.training.networks import Networks


def export(networks: Networks, kind: str, stem: Path) -> Path:
    """Write the target as `stem` with the kind's ending. Raises TrainingError if the library cannot.

    TorchScript and ONNX take images in 0..1 and normalise them; a state dictionary is the bare network's. Raises StoreError if
    the disk refuses.
    """
    ending, write = KINDS[kind]
    path = stem.with_name(stem.name + ending)
    try:
        with disk("write", path):
            path.parent.mkdir(parents=True, exist_ok=True)
            write(networks, path)
    except ImportError as error:  # onnxscript has a module for each torch it knows: an older one lacks the newest
        hint = "bring them up to torch's version: pip install -U onnx onnxscript"
        raise TrainingError(f"--export {kind}: a package of another version is needed ({error})", hint) from error
    except (RuntimeError, TypeError, ValueError) as error:
        told = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise TrainingError(f"--export {kind}: {networks.models[0]} cannot be exported: {told}") from error
    return path


def require(kinds: Sequence[str]) -> None:
    """Raise TrainingError for a kind that a package is missing for: before anything is trained."""
    if "onnx" in kinds and (missing := [n for n in ("onnx", "onnxscript") if util.find_spec(n) is None]):
        raise TrainingError(f"--export onnx: {' and '.join(missing)} not installed", "pip install 'ktgtui[onnx]'")


def _example(networks: Networks, network: nn.Module) -> torch.Tensor:
    return torch.zeros(2, *networks.shape, dtype=next(network.parameters()).dtype)


def _state_dict(networks: Networks, path: Path) -> None:
    torch.save(networks.states[0], path)


def _torchscript(networks: Networks, path: Path) -> None:
    network = networks.node(1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch 2.14 calls TorchScript old (FutureWarning); people still load it
        torch.jit.trace(network, _example(networks, network)).save(str(path))


def _onnx(networks: Networks, path: Path) -> None:
    network = networks.node(1)
    example = _example(networks, network)
    many = torch.export.Dim("batch")
    torch.onnx.export(network, (example,), str(path), input_names=["images"], output_names=["logits"],
                      dynamic_shapes=({0: many},), dynamo=True, verbose=False)


KINDS: dict[str, tuple[str, Callable[[Networks, Path], None]]] = {
    "state_dict": (".pt", _state_dict), "torchscript": (".torchscript", _torchscript), "onnx": (".onnx", _onnx),
}
"""`--export` to file ending and writer."""
