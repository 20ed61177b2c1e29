"""`python -m engine.training models`: what networks cost on a data set's images."""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Sequence

from engine import cli
from engine.errors import TrainingError, nearest
from engine.space.catalogue import DATASETS, entry_points, is_model, model_examples, torchvision_models

EXAMPLES = """examples:
  python -m engine.training models                                 the built-in networks on CIFAR-100's images
  python -m engine.training models resnet32 wrn28-2 --on cifar10 --json
  python -m engine.training models torchvision:resnet18 --on 3x64x64 --classes 7
"""

Shape = tuple[int, int, int]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; 0 done, 2 bad input, 130 interrupted."""
    return cli.run(lambda: run_models(parser().parse_args(arguments)))


def parser() -> argparse.ArgumentParser:
    """The command's arguments."""
    made = cli.Parser("engine.training", f"Look at the networks a space may use.\n\n{EXAMPLES}")
    parts = made.add_subparsers(required=True, metavar="models", parser_class=cli.Part)
    part = parts.add_parser("models", help="exact parameters and multiply-adds of networks", description=EXAMPLES)
    part.add_argument("model", nargs="*", metavar="MODEL", help="names (default: the built-in and installed ones)")
    part.add_argument("--torchvision", action="store_true", help="torchvision's as well")
    part.add_argument("--on", default="cifar100", metavar="DATA", help="a data set's name, or a size such as 3x64x64 (cifar100)")
    part.add_argument("--classes", type=int, metavar="N", help="classes (default: the data set's)")
    part.add_argument("--json", action="store_true", help="one JSON object on stdout")
    return made


def run_models(options: argparse.Namespace) -> int:
    shape, classes = _images(options.on, options.classes)
    names = options.model or [n for n in model_examples() if not n.startswith("torchvision:")]
    if options.torchvision:
        names = [*names, *(f"torchvision:{name}" for name in sorted(torchvision_models()))]
    for name in names:
        if not is_model(name):
            raise TrainingError(f"unknown model {name!r}", nearest(name, model_examples()))
    rows = [_row(name, shape, classes) for name in names]
    if options.json:
        print(json.dumps({"on": options.on, "shape": shape, "classes": classes, "models": rows}))
        return 0
    width = max(len("model"), *(len(name) for name in names))
    print(f"{'model':<{width}}  {'parameters':>12}  {'multiply-adds':>15}   {'x'.join(map(str, shape))}, {classes} classes")
    for row in rows:
        counts = f"{row['parameters']:>12,}  {row['multiply_adds']:>15,}" if row["error"] is None else f"  {row['error']}"
        print(f"{row['model']:<{width}}  {counts}")
    return 0


def _images(on: str, classes: int | None) -> tuple[Shape, int]:
    """Shape and classes of a data set's name or of a size. Raises TrainingError."""
    facts = DATASETS.get(on)
    if classes is not None and classes < 2:
        raise TrainingError(f"--classes: must be at least 2, got {classes}")
    if facts is not None:
        return facts.shape, classes or facts.classes
    if (size := re.fullmatch(r"([1-9]\d{0,3})x([1-9]\d{0,3})x([1-9]\d{0,3})", on)) is None:
        near = nearest(on, (*DATASETS, *entry_points("datasets")))
        raise TrainingError(f"--on: must be a data set's name or CHANNELSxHEIGHTxWIDTH, got {on!r}", near)
    if classes is None:
        raise TrainingError(f"--on {on}: a size says nothing of classes", "add --classes N")
    channels, height, width = map(int, size.groups())
    return (channels, height, width), classes


def _row(name: str, shape: Shape, classes: int) -> dict[str, str | int | None]:
    from engine.training.models.cost import cost  # torch: only now, so that a wrong name is answered at once

    try:
        found = cost(name, shape, classes)
    except TrainingError as error:
        return {"model": name, "parameters": None, "multiply_adds": None, "error": error.message}
    return {"model": name, "parameters": found.parameters, "multiply_adds": found.multiply_adds, "error": None}


if __name__ == "__main__":
    sys.exit(main())
