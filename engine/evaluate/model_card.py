"""A model card beside the weights: what the networks are, how they were trained, what was measured, how to load them."""

from __future__ import annotations

import json

import msgspec

from engine.analysis.repeats.retrained import Figure, Repeated
from engine.space.space import Space
from engine.store.records import RunInfo


def card(repeated: Repeated, space: Space, info: RunInfo) -> str:
    """Markdown for one graph of one run."""
    records = repeated.evaluations
    files = [e.weights.rpartition("/")[2] for e in records if e.weights]
    seeds = ", ".join(f"({e.seed}, {e.repeat})" for e in records)
    protocol = json.dumps(msgspec.to_builtins(space.protocol), indent=2)
    opened = repeated.target.test is not None
    parts = [
        f"# Transfer graph {repeated.key}",
        f"    {repeated.graph}",
        f"Found in space `{space.name}` by run `{info.name}` ({info.strategy.get('name')}, search seed {info.seed}), then "
        f"trained again {len(records)} times with seeds the search never used"
        + (f"; {repeated.diverged} diverged and count in no figure" if repeated.diverged else "") + ".",
        "## Accuracy (%)",
        _figures(repeated, opened),
        "Mean ± standard deviation over retrainings, with the 95 % t interval of the mean. The graph was chosen by validation "
        "images: its validation accuracy is that of an image set it was selected on, by fresh seeds."
        + (" The test set was read in a final evaluation only." if opened else " The test set was not read."),
        "## Networks",
        "\n".join(f"- `{name}`" for name in files) or "none: every retraining diverged",
        "Each file holds all nodes that the target can feel, node 1 the target. Load one with\n\n"
        "    from pathlib import Path\n    from engine.training.networks import load\n"
        f"    network = load(Path({(files or ['FILE'])[0]!r})).node(1)  # images [batch, {_shape(space)}] in 0..1 to logits",
        "## Seeds",
        f"(search seed, repeat): {seeds}",
        "## Protocol",
        f"```json\n{protocol}\n```",
        "## Made with",
        "\n".join(f"- {name} {version}" for name, version in sorted(records[-1].versions.items())),
    ]
    return "\n\n".join(parts) + "\n"


def _shape(space: Space) -> str:
    from engine.space.catalogue import DATASETS

    facts = DATASETS.get(space.protocol.data)
    return "channels, height, width" if facts is None else ", ".join(map(str, facts.shape))


def _figures(repeated: Repeated, opened: bool) -> str:
    lines = ["| node | model | validation | 95 % |" + (" test | 95 % |" if opened else "")]
    lines.append("| --- | --- | --: | --: |" + (" --: | --: |" if opened else ""))
    for n in repeated.nodes:
        role = "target" if n.node == 1 else "frozen" if n.pretrained else ""
        cells = [f"{n.node} {role}".strip(), n.model, *_cells(n.validation), *(_cells(n.test) if opened else ())]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _cells(found: Figure | None) -> tuple[str, str]:
    if found is None:
        return "not trained", "-"
    return str(found), "-" if found.low is None else f"{found.low:.2f} to {found.high:.2f}"
