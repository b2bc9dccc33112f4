"""`auscult trace`: record what every layer computes."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from auscult.cli.common import (
    SharedOptions,
    add_device_option,
    add_shared_options,
    parse_json_argument,
    run_verb,
)
from auscult.cli.convert import parse_size_argument

if TYPE_CHECKING:
    from auscult.runtime.device import DeviceName

GROUP = "Layers"

EPILOG = """\b
Examples:
  auscult trace model.py:load --inputs mel.npz -o ref.safetensors
  auscult trace model.onnx --inputs ref.safetensors -o onnx.safetensors
  auscult trace port.py:load --inputs mel.npz -o port.safetensors --replay-noise ref.safetensors
  auscult trace --from-npy dump/ -o cpp.safetensors"""


@click.command(epilog=EPILOG)
@click.argument("target", required=False)
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
    "--detail",
    type=click.Choice(("full", "sketch", "sample", "statistics")),
    default="full",
    help="How much to keep of each tensor. Default: full.",
)
@click.option(
    "--max-bytes",
    metavar="SIZE",
    callback=parse_size_argument,
    help="Keep full tensors up to SIZE (2GB) in all, and sketches beyond it.",
)
@click.option(
    "--include",
    multiple=True,
    metavar="PATTERN",
    help="Only modules whose path matches (decoder.*); repeatable.",
)
@click.option(
    "--exclude",
    multiple=True,
    metavar="PATTERN",
    help="Leave out modules whose path matches; repeatable.",
)
@click.option("--outputs-only", is_flag=True, help="Record outputs of modules, and no inputs.")
@click.option(
    "--operations", is_flag=True, help="Record functional operations between modules too (torch)."
)
@click.option(
    "--replay-noise",
    metavar="TRACE",
    help="Use the random numbers of this trace instead of new ones.",
)
@click.option(
    "--from-npy", metavar="DIR", help="Make the trace of a folder of .npy files, and run nothing."
)
@click.option("--force", is_flag=True, help="Replace the trace if it is there.")
@add_device_option
@add_shared_options
def command(
    target: str | None,
    *,
    inputs: tuple[str, ...],
    kwargs: dict[str, Any] | None,
    detail: str,
    max_bytes: int | None,
    include: tuple[str, ...],
    exclude: tuple[str, ...],
    outputs_only: bool,
    operations: bool,
    replay_noise: str | None,
    from_npy: str | None,
    force: bool,
    device: DeviceName | None,
    shared: SharedOptions,
) -> None:
    """Run a model once and record what every layer takes and gives, with the noise that it drew.

    TARGET is code (package.module:callable, file.py:callable), which is run, or an .onnx or .tflite file. -o FILE.safetensors
    takes the trace; any other -o takes the report.
    """
    from auscult.verbs.trace import record_trace

    traces = [name for name in shared.outputs if name.lower().endswith(".safetensors")]
    if len(traces) != 1:
        raise click.UsageError("give the trace to write: -o OUT.safetensors")
    shared = replace(shared, outputs=tuple(name for name in shared.outputs if name not in traces))
    run_verb(
        shared,
        "trace",
        (target or from_npy or "",),
        lambda _: record_trace(
            target,
            list(inputs) or None,
            output=traces[0],
            from_npy=from_npy,
            kwargs=kwargs,
            device=device,
            replay_noise=replay_noise,
            force=force,
            detail=detail,
            max_bytes=max_bytes,
            include=include,
            exclude=exclude,
            with_inputs=not outputs_only,
            operations=operations,
        ),
    )
