"""`auscult diff`: are these the same weights, and if not, why?"""

from __future__ import annotations

import json
from pathlib import Path

import click

from auscult.cli.common import SharedOptions, add_shared_options, run_verb
from auscult.errors import UsageError
from auscult.finding import Json

GROUP = "Weights"


@click.command()
@click.argument("a")
@click.argument("b", nargs=-1, required=True)
@click.option("--also-a", multiple=True, metavar="FILE", help="Another file of side A; repeatable.")
@click.option("--also-b", multiple=True, metavar="FILE", help="Another file of side B; repeatable.")
@click.option(
    "--container",
    "container_a",
    metavar="PATH",
    help="Which part of A to take, such as model_state_dict.",
)
@click.option("--container-b", metavar="PATH", help="Which part of B to take.")
@click.option(
    "--kwargs",
    metavar="JSON",
    help="Arguments for code given as a target, such as '{\"channels\": 512}'.",
)
@click.option(
    "--fix",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="OUT",
    help="Write A in B's form to a new file.",
)
@add_shared_options
def command(
    a: str,
    b: tuple[str, ...],
    *,
    also_a: tuple[str, ...],
    also_b: tuple[str, ...],
    container_a: str | None,
    container_b: str | None,
    kwargs: str | None,
    fix: Path | None,
    shared: SharedOptions,
) -> None:
    """Say whether A holds the same weights as B, and explain every difference.

    B may be several files that together are one model, such as the parts of an export.

    A is what you have, B what it should be: each a file, a folder of shards, or code (package.module:callable,
    file.py:callable). Code is run to build the model, so only give code that you trust. Tensors are matched by content,
    whatever they are called; against code with fresh weights, names and shapes are compared.

    Exit code 0: equal, perhaps after the recipe that is shown. 1: something differs. 3: not settled by what was there.
    """
    from auscult.verbs.diff.diff import diff

    files = [*b, *also_b]
    sides = ([a, *also_a] if also_a else a, files if len(files) > 1 else files[0])
    run_verb(
        shared,
        "diff",
        (a, " + ".join(files)),
        lambda progress: diff(
            *sides,
            container_a=container_a,
            container_b=container_b,
            kwargs=parse_kwargs(kwargs),
            fix=fix,
            progress=progress,
        ),
    )


def parse_kwargs(kwargs: str | None) -> Json | None:
    """The `--kwargs` option as a mapping.

    Raises:
        UsageError: If it is no JSON object.
    """
    if kwargs is None:
        return None
    try:
        value = json.loads(kwargs)
    except json.JSONDecodeError as error:
        raise UsageError(
            f"is not JSON: {error.msg}", where="--kwargs", hint="quote it: --kwargs '{\"a\": 1}'"
        ) from error
    if not isinstance(value, dict):
        raise UsageError(
            "is not a JSON object",
            where="--kwargs",
            found=kwargs,
            hint="quote it: --kwargs '{\"a\": 1}'",
        )
    return value
