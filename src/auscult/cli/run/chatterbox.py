"""`auscult run chatterbox`: a text to speech."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from auscult.cli.common import SharedOptions, add_shared_options, run_verb
from auscult.facts.audio_files import WRITABLE_SUFFIXES

EPILOG = """\b
Examples:
  auscult run chatterbox --text "Good morning." --weights DIR -o morning.wav
  auscult run chatterbox --text "Good morning." --voice me.wav --weights DIR -o mine.wav
  auscult run chatterbox --text "Good morning." --weights DIR --stream -o morning.wav
  auscult run chatterbox --text "Anything." --tiny -o noise.wav

DIR holds the model's own files; run it on an empty folder and it says which, and where they go."""


@click.command(epilog=EPILOG)
@click.option("--text", required=True, help="What to say, in English.")
@click.option(
    "--voice",
    type=click.Path(),
    metavar="FILE",
    help="A recording of the voice. Default: the voice in DIR.",
)
@click.option(
    "--weights",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Folder with the model's files.",
)
@click.option(
    "--tiny",
    is_flag=True,
    help="Run random models of toy sizes instead: shows that all parts work.",
)
@click.option(
    "--seed",
    type=click.IntRange(0),
    default=0,
    show_default=True,
    help="A seed gives the same random numbers in every runtime.",
)
@click.option(
    "--exaggeration",
    type=float,
    default=0.5,
    show_default=True,
    help="How expressive; 0.5 is neutral.",
)
@click.option(
    "--guidance",
    type=click.FloatRange(0),
    default=0.5,
    show_default=True,
    help="How strictly the text is followed.",
)
@click.option(
    "--temperature",
    type=click.FloatRange(0),
    default=0.8,
    show_default=True,
    help="0 takes the likeliest token.",
)
@click.option(
    "--max-tokens",
    type=click.IntRange(1),
    help="Most speech tokens, 25 a second. Default: 1000.",
)
@click.option(
    "--stream",
    is_flag=True,
    help="Write the sound chunk by chunk while it is made.",
)
@click.option(
    "--chunk",
    type=click.FloatRange(0.04),
    default=1.0,
    show_default=True,
    help="Seconds in a chunk of --stream.",
)
@click.option("--runtime", type=click.Choice(("torch", "mlx")), default="torch", show_default=True)
@add_shared_options
def command(*, shared: SharedOptions, **options: Any) -> None:
    """Say a text with Chatterbox, in the voice of a recording.

    -o FILE.wav (32-bit float) or FILE.flac (16 bit) takes the sound; any other -o takes the report.
    """
    from auscult.verbs.run.chatterbox import run_chatterbox

    sound_outputs = [name for name in shared.outputs if name.lower().endswith(WRITABLE_SUFFIXES)]
    if len(sound_outputs) != 1:
        raise click.UsageError("give the sound to write: -o OUT.wav")
    shared = replace(
        shared, outputs=tuple(name for name in shared.outputs if name not in sound_outputs)
    )
    text = options.pop("text")
    chunk = options.pop("chunk")
    options["chunk_seconds"] = chunk if options.pop("stream") else None
    subject = "tiny" if options["tiny"] else str(options["weights"] or "")
    run_verb(
        shared,
        "run chatterbox",
        (subject,),
        lambda progress: run_chatterbox(text, sound_outputs[0], progress=progress, **options),
    )
