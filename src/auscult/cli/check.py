"""`auscult check`: a model against itself."""

from __future__ import annotations

from typing import Any

import click

from auscult.cli.common import (
    SharedOptions,
    add_device_option,
    add_shared_options,
    parse_json_argument,
    run_verb,
)

GROUP = "Layers"

EPILOG = """\b
Examples:
  auscult check model.py:load --inputs mel.npz
  auscult check model.py:load --inputs mel.npz --chunk 32 --overlap 8 --lookahead 8
  auscult check model.py:load --inputs mel.npz --precision float16 --save-recipe half.json
  auscult check model.py:load --inputs mel.npz --export onnx"""


@click.command(epilog=EPILOG)
@click.argument("target")
@click.option(
    "--inputs",
    multiple=True,
    metavar="FILE",
    help=".npz, .safetensors, trace, .npy or sound; or NAME=FILE; repeatable.",
)
@click.option(
    "--kwargs",
    metavar="JSON",
    callback=parse_json_argument,
    help="Arguments for a TARGET that is code.",
)
@click.option(
    "--only", multiple=True, metavar="PROPERTY", help="Look at this property only; repeatable."
)
@click.option(
    "--expect",
    multiple=True,
    metavar="PROPERTY",
    help="This property has to hold (gain, shift, channels, padding ...); repeatable.",
)
@click.option(
    "--allow",
    multiple=True,
    metavar="PROPERTY",
    help="This property need not hold (determinism ...); repeatable.",
)
@click.option(
    "--chunk", type=click.IntRange(min=1), metavar="N", help="Stream in chunks of N frames."
)
@click.option("--stream", metavar="METHOD", help="Method that takes a chunk. Default: stream.")
@click.option(
    "--overlap",
    type=click.IntRange(min=0),
    default=0,
    metavar="N",
    help="Frames that each chunk sees of the one before.",
)
@click.option(
    "--lookahead",
    type=click.IntRange(min=0),
    default=0,
    metavar="N",
    help="Frames that each chunk sees of the one behind.",
)
@click.option("--time-axis", type=int, metavar="N", help="Axis of time of the main input.")
@click.option(
    "--precision",
    "expect_formats",
    multiple=True,
    type=click.Choice(("float16", "bfloat16", "int8")),
    help="The model has to work in this format; repeatable.",
)
@click.option(
    "--max-error",
    type=click.FloatRange(min=0),
    default=0.01,
    metavar="X",
    help="Relative error of the output that rounding may make. Default: 0.01.",
)
@click.option(
    "--save-recipe", metavar="FILE", help="Write the recipe for auscult convert --recipe."
)
@click.option(
    "--export",
    "exports",
    multiple=True,
    metavar="FORM",
    help="Compare with the model's own export (onnx, torchscript, compiled, litert); repeatable.",
)
@add_device_option
@add_shared_options
def command(
    target: str,
    *,
    inputs: tuple[str, ...],
    kwargs: dict[str, Any] | None,
    save_recipe: str | None,
    shared: SharedOptions,
    **options: Any,
) -> None:
    """Hold a model against itself: in batches, in chunks, padded, a second time, in fewer bits, exported.

    TARGET is code that gives a torch or MLX module (package.module:callable, file.py:callable). It is run many times on
    --inputs. A property that is broken is named with the module where it breaks.

    Exit code 0: what the model has to have holds. 1: a property is broken. 3: there was too little to decide.
    """
    from auscult.verbs.check.check import check

    run_verb(
        shared,
        "check",
        (target,),
        lambda progress: check(
            target,
            list(inputs) or None,
            kwargs=kwargs,
            save_recipe=save_recipe,
            progress=progress,
            **options,
        ),
    )
