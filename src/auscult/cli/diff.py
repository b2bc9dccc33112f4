"""`auscult diff`: are these the same weights, and if not, why?"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from auscult.cli.common import SharedOptions, add_shared_options, parse_json_argument, run_verb

GROUP = "Weights"


@click.command()
@click.argument("reference")
@click.argument("candidate", nargs=-1, required=True)
@click.option(
    "--also-a", multiple=True, metavar="FILE", help="Another file of the reference; repeatable."
)
@click.option(
    "--also-b", multiple=True, metavar="FILE", help="Another file of the candidate; repeatable."
)
@click.option(
    "--container",
    "container_a",
    metavar="PATH",
    help="Which part of the reference to take, such as model_state_dict.",
)
@click.option("--container-b", metavar="PATH", help="Which part of the candidate to take.")
@click.option(
    "--kwargs",
    metavar="JSON",
    callback=parse_json_argument,
    help="Arguments for code given as a target, such as '{\"channels\": 512}'.",
)
@click.option(
    "--fix",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="OUT",
    help="Write the candidate in the reference's form to a new file.",
)
@add_shared_options
def command(
    reference: str,
    candidate: tuple[str, ...],
    *,
    also_a: tuple[str, ...],
    also_b: tuple[str, ...],
    container_a: str | None,
    container_b: str | None,
    kwargs: dict[str, Any] | None,
    fix: Path | None,
    shared: SharedOptions,
) -> None:
    """Say whether CANDIDATE holds the same weights as REFERENCE, and explain every difference.

    The findings say what the candidate lacks, what it has beside the reference, and what it has otherwise. The candidate may
    be several files that together are one model, such as the parts of an export.

    Each side is a file, a folder of shards, or code (package.module:callable, file.py:callable). Code is run to build the
    model, so only give code that you trust. Tensors are matched by content, whatever they are called; against code with
    fresh weights, names and shapes are compared.

    --fix writes the candidate in the reference's form. If the candidate is code, OUT gets the reference's weights in the form
    that the code loads.

    Exit code 0: equal, perhaps after the operations that are shown. 1: something differs. 3: there was too little to decide.
    """
    from auscult.verbs.diff.diff import diff

    files = [*candidate, *also_b]
    references = [reference, *also_a]
    run_verb(
        shared,
        "diff",
        (reference, " + ".join(files)),
        lambda progress: diff(
            unpack_single(references),
            unpack_single(files),
            container_a=container_a,
            container_b=container_b,
            kwargs=kwargs,
            fix=fix,
            progress=progress,
        ),
    )


def unpack_single(files: list[str]) -> str | list[str]:
    """The one file, or all where they are several."""
    if len(files) == 1:
        return files[0]
    return files
