"""`auscult run codec`: a recording to a small `.auc` file, and back."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Literal

import click

from auscult.cli.common import SharedOptions, add_shared_options, run_verb
from auscult.facts.audio_files import WRITABLE_SUFFIXES

EPILOG = """\b
Examples:
  auscult run codec --encode speech.wav -o speech.auc
  auscult run codec --decode speech.auc -o again.wav
  auscult run codec --decode damaged.auc --salvage -o part.wav
  auscult run codec --encode speech.wav --codec codec/codec.safetensors -o speech.auc"""


@click.command(epilog=EPILOG)
@click.option(
    "--encode",
    "source",
    type=click.Path(),
    metavar="SOUND",
    help="Recording to write as an .auc file.",
)
@click.option(
    "--decode",
    "codes",
    type=click.Path(),
    metavar="FILE",
    help=".auc file to write as a recording.",
)
@click.option(
    "--codec",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="A trained codec. Default: the Telugu codec in the package.",
)
@click.option("--runtime", type=click.Choice(("torch", "mlx")), default="torch", show_default=True)
@click.option(
    "--salvage",
    is_flag=True,
    help="Decode the undamaged parts of a damaged file; the rest is silence.",
)
@add_shared_options
def command(
    source: str | None,
    codes: str | None,
    *,
    codec: Path | None,
    runtime: Literal["torch", "mlx"],
    salvage: bool,
    shared: SharedOptions,
) -> None:
    """Code a recording in a few kilobits per second, and decode it.

    -o FILE.auc (--encode), or FILE.wav or FILE.flac (--decode), takes the result; any other -o takes the report.
    """
    from auscult.verbs.run.codec import decode, encode

    if (source is None) == (codes is None):
        raise click.UsageError("give either --encode SOUND or --decode FILE")
    if salvage and codes is None:
        raise click.UsageError("--salvage is for --decode")
    target_suffixes = (".auc",) if codes is None else WRITABLE_SUFFIXES
    target_outputs = [name for name in shared.outputs if name.lower().endswith(target_suffixes)]
    if len(target_outputs) != 1:
        raise click.UsageError(f"give the file to write: -o OUT{target_suffixes[0]}")
    shared = replace(
        shared, outputs=tuple(name for name in shared.outputs if name not in target_outputs)
    )
    if codes is None:
        run_verb(
            shared,
            "run codec",
            (str(source),),
            lambda _: encode(str(source), target_outputs[0], codec=codec, runtime=runtime),
        )
    else:
        run_verb(
            shared,
            "run codec",
            (codes,),
            lambda _: decode(
                str(codes), target_outputs[0], codec=codec, runtime=runtime, salvage=salvage
            ),
        )
