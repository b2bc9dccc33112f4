"""`auscult run chatterbox`: a text to speech."""

from __future__ import annotations

from typing import Any

import click

from auscult.cli.common import SharedOptions, add_device_option, add_shared_options, run_verb
from auscult.cli.sound_output import (
    add_runtime_option,
    add_seed_option,
    add_tiny_option,
    add_weights_option,
    take_sound_output,
)

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
@add_weights_option
@add_tiny_option
@add_seed_option
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
@add_runtime_option
@add_device_option
@add_shared_options
def command(*, shared: SharedOptions, **options: Any) -> None:
    """Say a text with Chatterbox, in the voice of a recording.

    -o FILE.wav (32-bit float) or FILE.flac (16 bit) takes the sound; any other -o takes the report.
    """
    from auscult.verbs.run.chatterbox import run_chatterbox

    sound, shared = take_sound_output(shared)
    text = options.pop("text")
    chunk = options.pop("chunk")
    options["chunk_seconds"] = chunk if options.pop("stream") else None
    subject = "tiny" if options["tiny"] else str(options["weights"] or "")
    run_verb(
        shared,
        "run chatterbox",
        (subject,),
        lambda progress: run_chatterbox(text, sound, progress=progress, **options),
    )
