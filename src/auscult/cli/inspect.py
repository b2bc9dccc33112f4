"""`auscult inspect`: what is in this file?"""

from __future__ import annotations

import click

from auscult.cli.common import SharedOptions, add_shared_options, parse_json_argument, run_verb

GROUP = "Weights"

EPILOG = """\b
Examples:
  auscult inspect g_02500000
  auscult inspect model.safetensors --tensors
  auscult inspect last.ckpt --container ema --full
  auscult inspect model.py:Generator --kwargs '{"width": 256}'"""


@click.command(epilog=EPILOG)
@click.argument("target")
@click.option(
    "--container",
    metavar="KEYS",
    help="Group of tensors to take, such as model_state_dict.generator.",
)
@click.option(
    "--kwargs",
    metavar="JSON",
    callback=parse_json_argument,
    help="Arguments for a TARGET that is code.",
)
@click.option("--full", is_flag=True, help="Read all values instead of a sample.")
@click.option("--tensors", is_flag=True, help="List every tensor with its measures.")
@click.option(
    "--histogram",
    multiple=True,
    metavar="PATTERN",
    help="Draw the values of matching tensors; repeatable.",
)
@add_shared_options
def command(
    target: str,
    *,
    container: str | None,
    kwargs: dict[str, object] | None,
    full: bool,
    tensors: bool,
    histogram: tuple[str, ...],
    shared: SharedOptions,
) -> None:
    """Say what is in a checkpoint: which model, in which layout, trained or random, healthy or not.

    TARGET is a file, a folder of shards, or code (package.module:callable, file.py:callable), which is run.
    """
    from auscult.verbs.inspect.inspect import inspect

    run_verb(
        shared,
        "inspect",
        (target,),
        lambda progress: inspect(
            target,
            kwargs=kwargs,
            container=container,
            full=full,
            tensors=tensors,
            histogram=histogram,
            progress=progress,
        ),
    )
