"""`auscult run vocoder`: a mel or units to sound, and the verdict of the mel that comes back."""

from __future__ import annotations

from typing import Any

import click

from auscult.cli.common import (
    SharedOptions,
    add_device_option,
    add_shared_options,
    run_verb,
)
from auscult.cli.sound_output import add_runtime_option, add_seed_option, take_sound_output

EPILOG = """\b
Examples:
  auscult run vocoder generator.pth --audio speech.wav -o copy.wav
  auscult run vocoder g_02500000 --audio speech.wav --save-config settled.json -o copy.wav
  auscult run vocoder generator.pth --mel mel.npy --definition hifigan -o speech.wav
  auscult run vocoder unit_vocoder.pt --units units.txt -o speech.wav
  auscult run vocoder model.safetensors --audio speech.wav --vector speaker=speaker.npy -o copy.wav

A config beside the weights wins. Without one, what no tensor shows (strides, dilations, slopes) is tried on the mel, and the
reading under which it comes back is used."""


@click.command(epilog=EPILOG)
@click.argument("checkpoint")
@click.option("--audio", type=click.Path(), metavar="FILE", help="A recording to copy.")
@click.option("--mel", type=click.Path(), metavar="FILE", help="A mel to speak.")
@click.option(
    "--units",
    type=click.Path(),
    metavar="FILE",
    help="Units to speak (.npy, .npz, text), or EnCodec codes [books, frames].",
)
@click.option(
    "--vector",
    "vectors",
    multiple=True,
    metavar="NAME=FILE",
    help="A speaker or emotion vector; repeatable. Default: zeros.",
)
@click.option(
    "--config",
    type=click.Path(),
    metavar="FILE",
    help="The model's config (JSON or YAML). Default: the one beside the weights.",
)
@click.option(
    "--definition",
    metavar="NAME",
    help="The mel's definition, by name (hifigan, vocos) or JSON file. Default: the config's or the family's.",
)
@click.option(
    "--settle/--no-settle",
    default=True,
    help="Without a config, try the settings that no tensor shows. Default: yes.",
)
@click.option(
    "--save-config",
    type=click.Path(),
    metavar="FILE",
    help="Write what was settled as a config that --config takes.",
)
@click.option(
    "--container",
    metavar="PATH",
    help="Which part of the checkpoint to take, such as generator.",
)
@add_runtime_option
@add_seed_option
@add_device_option
@add_shared_options
def command(checkpoint: str, *, shared: SharedOptions, **options: Any) -> None:
    """Speak a recording's mel, a mel, or units with the vocoder in CHECKPOINT, and judge the mel that comes back.

    -o FILE.wav (32-bit float) or FILE.flac (16 bit) takes the sound; any other -o takes the report.
    """
    from auscult.verbs.run.vocoder.vocoder import run_vocoder

    sound, shared = take_sound_output(shared)
    options["device"] = options["device"] or "cpu"
    run_verb(
        shared,
        "run vocoder",
        (checkpoint,),
        lambda progress: run_vocoder(checkpoint, sound, progress=progress, **options),
    )
