"""`auscult convert`: make this file fit, and prove that nothing was lost."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from auscult.cli.common import (
    SharedOptions,
    add_shared_options,
    parse_json_argument,
    run_verb,
)

if TYPE_CHECKING:
    from auscult.facts.progress import Progress
    from auscult.verdict import Report

GROUP = "Weights"

EPILOG = """\b
Examples:
  auscult convert generator.pth mlx/model.safetensors --to mlx
  auscult convert model.safetensors out.pth --to torch --like model.py:Generator
  auscult convert a.pth b.npz --dtype float16
  auscult convert a.pth --to mlx --emit-code mlx > sanitize.py
  auscult convert a.pth b.safetensors --like other.safetensors --save-recipe r.json"""

SIZE_UNITS = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "KI": 2**10, "MI": 2**20, "GI": 2**30}


def parse_size_argument(
    _context: click.Context, option: click.Parameter, text: str | None
) -> int | None:
    """Callback of an option that takes a size such as 500MB, 5GB or 2GiB."""
    if text is None:
        return None
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([KMG]?I?)B?", text.strip().upper())
    if match is not None and match[2] in SIZE_UNITS:
        size = int(float(match[1]) * SIZE_UNITS[match[2]])
    else:
        size = 0
    if size <= 0:
        raise click.BadParameter("is not a size such as 500MB, 5GB or 2GiB", param=option)
    return size


@click.command(epilog=EPILOG)
@click.argument("source")
@click.argument("destination", required=False)
@click.option(
    "--to",
    type=click.Choice(("mlx", "torch")),
    help="Use the layout and conventions of this framework, and keep the names.",
)
@click.option(
    "--like",
    metavar="TARGET",
    help="Use the names, layout, parametrisation and dtypes of this file or code.",
)
@click.option("--recipe", metavar="FILE", help="Apply a saved recipe.")
@click.option(
    "--from",
    "from_layout",
    type=click.Choice(("mlx", "torch")),
    help="Layout of SOURCE, if the file does not show it.",
)
@click.option(
    "--container",
    metavar="KEYS",
    help="Group of tensors to take, such as model_state_dict.generator.",
)
@click.option(
    "--dtype",
    metavar="NAME",
    help="Number format of floating tensors: float16, bfloat16, float32 ...",
)
@click.option(
    "--kwargs",
    metavar="JSON",
    callback=parse_json_argument,
    help="Arguments for a --like that is code.",
)
@click.option(
    "--shard-size",
    metavar="SIZE",
    callback=parse_size_argument,
    help="Split .safetensors into files of at most SIZE (5GB).",
)
@click.option(
    "--allow-missing",
    is_flag=True,
    help="Accept that the --like model has tensors that SOURCE lacks.",
)
@click.option(
    "--drop",
    multiple=True,
    metavar="NAME",
    help="Leave this weight out (`*` matches anything); repeatable. Any other weight that the result would lack is an error.",
)
@click.option("--force", is_flag=True, help="Replace DESTINATION if it exists.")
@click.option("--dry-run", is_flag=True, help="Prove the round trip, and write nothing.")
@click.option("--save-recipe", metavar="FILE", help="Write the recipe as JSON.")
@click.option(
    "--emit-code",
    type=click.Choice(("mlx", "torch")),
    help="Print the mapping as code: sanitize(), or a loader.",
)
@add_shared_options
def command(
    source: str,
    destination: str | None,
    *,
    to: Literal["mlx", "torch"] | None,
    like: str | None,
    recipe: str | None,
    from_layout: Literal["mlx", "torch"] | None,
    container: str | None,
    dtype: str | None,
    kwargs: dict[str, Any] | None,
    shard_size: int | None,
    allow_missing: bool,
    drop: tuple[str, ...],
    force: bool,
    dry_run: bool,
    save_recipe: str | None,
    emit_code: Literal["mlx", "torch"] | None,
    shared: SharedOptions,
) -> None:
    """Convert a checkpoint to another format, framework layout or set of names, and prove the round trip.

    The suffix of DESTINATION says the format: .safetensors, .pth .pt .ckpt .bin (torch zip), .npz, .npy. SOURCE is never
    written to. Without DESTINATION, give --dry-run, --emit-code or --save-recipe.
    """
    from auscult.report.sections import find_section
    from auscult.report.sections.convert import ConvertSection
    from auscult.verbs.convert.convert import WriteOptions, convert

    if destination is None and not (dry_run or emit_code or save_recipe):
        raise click.UsageError(
            "give a DESTINATION, or one of --dry-run, --emit-code, --save-recipe"
        )
    options = WriteOptions(
        force=force,
        dry_run=dry_run,
        allow_missing=allow_missing,
        shard_bytes=shard_size,
        drop=drop,
        save_recipe=Path(save_recipe) if save_recipe else None,
        emit_code=emit_code,
    )

    is_code_printed = emit_code is not None and not shared.formats
    if is_code_printed:  # alone, so that it can be piped into a file; reports go to their own files
        shared = replace(shared, is_stdout_free=False)

    def convert_and_print_code(progress: Progress | None) -> Report:
        report = convert(
            source,
            destination,
            to=to,
            like=like,
            recipe=recipe,
            from_layout=from_layout,
            container=container,
            dtype=dtype,
            like_kwargs=kwargs,
            options=options,
            progress=progress,
        )
        section = find_section(report, ConvertSection)
        if is_code_printed and section is not None:
            click.echo(section.code, nl=False)
        return report

    subjects = tuple(part for part in (source, destination) if part)
    run_verb(shared, "convert", subjects, convert_and_print_code)
