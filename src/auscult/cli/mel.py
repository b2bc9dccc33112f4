"""`auscult mel`: which definition made this mel spectrogram?"""

from __future__ import annotations

import click

from auscult.cli.common import SharedOptions, add_shared_options, run_verb

GROUP = "Sound"

EPILOG = """\b
Examples:
  auscult mel speech.wav mel.npy
  auscult mel speech.wav batch.safetensors --key mel
  auscult mel speech.wav mel.npy --against hifigan
  auscult mel speech.wav mel.npy --against config.json"""


@click.command(epilog=EPILOG)
@click.argument("sound")
@click.argument("mel")
@click.option(
    "--against",
    metavar="FAMILY|FILE",
    help="Say what to change for this vocoder: hifigan, vocos, chatterbox, whisper, ... or its config file.",
)
@click.option("--key", metavar="NAME", help="The tensor to take, if the file has several.")
@add_shared_options
def command(
    sound: str, mel: str, *, against: str | None, key: str | None, shared: SharedOptions
) -> None:
    """Say which definition made a mel spectrogram, from the numbers alone.

    SOUND is a recording. MEL is a .npy, .npz, .safetensors or torch file with its mel spectrogram, in either order of axes.
    """
    from auscult.verbs.mel import mel as find

    run_verb(
        shared,
        "mel",
        (sound, mel),
        lambda progress: find(sound, mel, against=against, key=key, progress=progress),
    )
