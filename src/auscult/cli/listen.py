"""`auscult listen`: what is wrong with this sound?"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import click

from auscult.cli.common import SharedOptions, add_shared_options, run_verb

GROUP = "Sound"
FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
FILE_OR_FOLDER = click.Path(exists=True, path_type=Path)

EPILOG = """\b
Examples:
  auscult listen out.wav
  auscult listen out.wav --ref original.wav
  auscult listen outs/ --ref refs/
  auscult listen out.wav --config config.json --chunk 5.12
  auscult listen samples/ '*.flac' --format json -o report.json"""


def parse_whole_numbers(
    _context: click.Context, option: click.Parameter, text: str | None
) -> tuple[int, ...]:
    """Callback of an option that takes whole numbers, separated by commas."""
    if text is None:
        return ()
    try:
        values = tuple(int(part) for part in text.replace("x", ",").split(","))
    except ValueError as error:
        raise click.BadParameter(
            "is not a list of whole numbers such as 8,8,2,2", param=option
        ) from error
    if min(values) < 1:
        raise click.BadParameter("has a number below 1", param=option)
    return values


@click.command(epilog=EPILOG)
@click.argument("sources", nargs=-1, required=True, metavar="WAV...")
@click.option(
    "--ref",
    "reference",
    type=FILE_OR_FOLDER,
    metavar="FILE",
    help="How it should sound; of a folder, the file of the same name.",
)
@click.option(
    "--config",
    type=FILE,
    metavar="JSON",
    help="The model's config, for its sample rate, hop and strides.",
)
@click.option(
    "--checkpoint",
    type=click.Path(exists=True, path_type=Path),
    metavar="FILE",
    help="The model's weights, for the same facts.",
)
@click.option(
    "--sample-rate", type=click.IntRange(1), metavar="HZ", help="Sample rate of the model."
)
@click.option("--hop", type=click.IntRange(1), metavar="N", help="Samples per frame of the model.")
@click.option(
    "--strides",
    callback=parse_whole_numbers,
    metavar="LIST",
    help="Upsampling factors of the model, such as 8,8,2,2.",
)
@click.option(
    "--chunk",
    type=click.FloatRange(0, min_open=True),
    metavar="SECONDS",
    help="Length of the pieces in which the model was run.",
)
@click.option("--text", metavar="TEXT", help="The text that should be spoken.")
@click.option(
    "--workers",
    type=click.IntRange(0),
    metavar="N",
    help="Number of processes. Default: by the number of files.",
)
@click.option(
    "--engine",
    type=click.Choice(["local", "ray"]),
    default="local",
    help="ray spreads the files over a Ray cluster.",
)
@add_shared_options
def command(
    sources: tuple[str, ...],
    *,
    reference: Path | None,
    config: Path | None,
    checkpoint: Path | None,
    sample_rate: int | None,
    hop: int | None,
    strides: tuple[int, ...],
    chunk: float | None,
    text: str | None,
    workers: int | None,
    engine: Literal["local", "ray"],
    shared: SharedOptions,
) -> None:
    """Say what is wrong with recordings: which defect, where in time, and what makes such a sound.

    WAV is a file, a folder, or a pattern in quotes. Facts about the model, such as its hop, make the search more exact. A
    reference recording shows faults that cannot be heard without it.

    Exit code 0: no error was found. 1: a recording has a defect.
    """
    from auscult.rules.sound.subject import SoundFacts
    from auscult.verbs.listen.listen import listen

    facts = SoundFacts(
        sample_rate=sample_rate, hop=hop, strides=strides, chunk_seconds=chunk, text=text
    )
    run_verb(
        shared,
        "listen",
        sources,
        lambda progress: listen(
            sources,
            reference=reference,
            facts=facts,
            config=config,
            checkpoint=checkpoint,
            engine=engine,
            workers=workers,
            progress=progress,
        ),
    )
