"""`auscult compare`: where is the first layer that is wrong?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from auscult.cli.common import (
    SharedOptions,
    add_device_option,
    add_shared_options,
    parse_json_argument,
    run_verb,
)

if TYPE_CHECKING:
    from auscult.runtime.device import DeviceName

GROUP = "Layers"


@click.command()
@click.argument("ref")
@click.argument("cand")
@click.option(
    "--inputs",
    metavar="FILE",
    multiple=True,
    help="What to run the models on: .npz, .npy, .safetensors, sound, or a trace.",
)
@click.option(
    "--inputs-cand",
    metavar="FILE",
    multiple=True,
    help="Inputs for CAND, if it takes them in another form.",
)
@click.option(
    "--ref-model", metavar="TARGET", help="The model that made the trace REF, to run its layers."
)
@click.option(
    "--cand-model", metavar="TARGET", help="The model that made the trace CAND, to run its layers."
)
@click.option(
    "--kwargs",
    metavar="JSON",
    callback=parse_json_argument,
    help="Arguments for code given as a target.",
)
@click.option(
    "--substitute/--no-substitute",
    default=True,
    help="Run one side on the other's tensors, to tell born from grown. Default: yes.",
)
@click.option(
    "--map",
    "map_",
    metavar="A=B|FILE",
    multiple=True,
    help="Layers that belong together; repeatable, or a file.",
)
@click.option(
    "--stages",
    metavar="A,B,...",
    help="Modules to judge first (encoder,decoder,vocoder); then only layers of the wrong ones.",
)
@click.option(
    "--floor",
    metavar="X|FILE",
    help="Relative error to allow, or a trace of REF in another precision.",
)
@add_device_option
@add_shared_options
def command(
    ref: str,
    cand: str,
    *,
    inputs: tuple[str, ...],
    inputs_cand: tuple[str, ...],
    ref_model: str | None,
    cand_model: str | None,
    kwargs: dict[str, Any] | None,
    substitute: bool,
    stages: str | None,
    map_: tuple[str, ...],
    floor: str | None,
    device: DeviceName | None,
    shared: SharedOptions,
) -> None:
    """Say in which layer CAND first computes something else than REF, and why.

    REF is the reference, CAND the candidate. Each is a trace (see auscult trace), or a model that is run on --inputs:
    package.module:callable, file.py:callable, .onnx, .tflite.

    Layers are paired by their weights, whatever their names. The floor of a layer is the error that rounding alone makes there.
    An error above it is born in a layer, or grown: it was born earlier and only passes through. To tell the two apart, each layer
    is run on the other side's tensors.

    Exit code 0: the same, perhaps in another order of axes. 1: an error is born somewhere. 3: there was too little to decide.
    """
    from auscult.verbs.compare.compare import compare

    run_verb(
        shared,
        "compare",
        (ref, cand),
        lambda progress: compare(
            ref,
            cand,
            ref_model=ref_model,
            cand_model=cand_model,
            inputs=inputs or None,
            inputs_cand=inputs_cand or None,
            substitute=substitute,
            stages=[name.strip() for name in (stages or "").split(",") if name.strip()],
            map=parse_maps(map_),
            floor=floor,
            kwargs=kwargs,
            device=device,
            progress=progress,
        ),
    )


def parse_maps(map_texts: tuple[str, ...]) -> dict[str, str]:
    """The `--map` options as reference path to candidate path.

    Raises:
        UsageError: If one is no pair and no file of pairs.
    """
    from auscult.comparison.align.layers import parse_path_map

    pairs: dict[str, str] = {}
    for text in map_texts:
        file = Path(text)
        pairs |= parse_path_map(
            file.read_text(encoding="utf-8") if "=" not in text and file.is_file() else text
        )
    return pairs
