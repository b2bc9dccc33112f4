"""`auscult run codec`: a recording to codes, and back."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from auscult.cli.common import (
    SharedOptions,
    add_device_option,
    add_shared_options,
    run_verb,
)
from auscult.cli.sound_output import add_runtime_option, split_outputs
from auscult.facts.audio_files import WRITABLE_SUFFIXES

if TYPE_CHECKING:
    from auscult.runtime.device import DeviceName

EPILOG = """\b
Examples:
  auscult run codec --encode speech.wav -o speech.auc
  auscult run codec --decode speech.auc -o again.wav
  auscult run codec --decode damaged.auc --salvage -o part.wav
  auscult run codec codec/codec.safetensors --encode speech.wav -o speech.auc
  auscult run codec encodec_24khz/ --encode speech.wav --kbits 6 --codes codes.npz -o copy.wav
  auscult run codec encodec_24khz/ --decode codes.npz -o again.wav"""


@click.command(epilog=EPILOG)
@click.argument("checkpoint", required=False, type=click.Path(path_type=Path))
@click.option(
    "--encode",
    "source",
    type=click.Path(),
    metavar="SOUND",
    help="Recording to write as an .auc file, or as the codes of CHECKPOINT.",
)
@click.option(
    "--decode",
    "encoded",
    type=click.Path(),
    metavar="FILE",
    help=".auc file, or codes of CHECKPOINT, to write as a recording.",
)
@click.option(
    "--codes",
    type=click.Path(),
    metavar="FILE",
    help="Write the codes of EnCodec, DAC, Mimi or SNAC (.npz, or .npy [books, frames]).",
)
@click.option(
    "--kbits",
    type=click.FloatRange(min=0, min_open=True),
    help="At most so many kbit/s, for EnCodec, DAC and Mimi. Default: all books.",
)
@click.option(
    "--codec",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="The same as CHECKPOINT. Default: the Telugu codec in the package.",
)
@add_runtime_option
@click.option(
    "--salvage",
    is_flag=True,
    help="Decode the undamaged parts of a damaged file; the rest is silence.",
)
@add_device_option
@add_shared_options
def command(
    checkpoint: Path | None,
    *,
    codec: Path | None,
    codes: str | None,
    kbits: float | None,
    runtime: Literal["torch", "mlx"],
    salvage: bool,
    shared: SharedOptions,
    **options: Any,
) -> None:
    """Code a recording in a few kilobits per second, and decode it.

    CHECKPOINT is a codec that `auscult train codec` made, or a folder with config.json and weights of EnCodec, DAC or Mimi (as
    transformers keeps them) or SNAC. -o FILE.auc (--encode), or FILE.wav or FILE.flac, takes the result; any other -o takes the
    report.
    """
    from auscult.verbs.run.foreign_codec import is_foreign_codec

    if (options["source"] is None) == (options["encoded"] is None):
        raise click.UsageError("give either --encode SOUND or --decode FILE")
    if checkpoint is not None and codec is not None:
        raise click.UsageError("give the codec once: CHECKPOINT or --codec")
    codec = checkpoint or codec
    if codec is not None and is_foreign_codec(codec):
        if salvage or runtime != "torch":
            raise click.UsageError("--salvage and --runtime are for auscult's own codec")
        _run_foreign(codec, shared, codes=codes, kbits=kbits, **options)
    if codes is not None or kbits is not None:
        raise click.UsageError("--codes and --kbits are for EnCodec, DAC, Mimi and SNAC")
    if salvage and options["encoded"] is None:
        raise click.UsageError("--salvage is for --decode")
    _run_own(codec, shared, runtime=runtime, salvage=salvage, **options)


def _run_foreign(
    codec: Path,
    shared: SharedOptions,
    *,
    source: str | None,
    encoded: str | None,
    codes: str | None,
    kbits: float | None,
    device: DeviceName | None,
) -> None:
    from auscult.verbs.run.foreign_codec import decode_foreign, encode_foreign

    sounds, shared = split_outputs(shared, WRITABLE_SUFFIXES)
    if len(sounds) > 1 or (encoded is not None and not sounds):
        raise click.UsageError("give the sound to write: -o OUT.wav")
    if encoded is not None:
        run_verb(
            shared,
            "run codec",
            (str(codec),),
            lambda _: decode_foreign(codec, encoded, sounds[0], device=device or "cpu"),
        )
    run_verb(
        shared,
        "run codec",
        (str(codec),),
        lambda _: encode_foreign(
            codec,
            str(source),
            codes=codes,
            output=next(iter(sounds), None),
            kbits=kbits,
            device=device or "cpu",
        ),
    )


def _run_own(
    codec: Path | None,
    shared: SharedOptions,
    *,
    source: str | None,
    encoded: str | None,
    runtime: Literal["torch", "mlx"],
    device: DeviceName | None,
    salvage: bool,
) -> None:
    from auscult.verbs.run.codec import decode, encode

    suffixes = (".auc",) if encoded is None else WRITABLE_SUFFIXES
    results, shared = split_outputs(shared, suffixes)
    if len(results) != 1:
        raise click.UsageError(f"give the file to write: -o OUT{suffixes[0]}")
    place = device or "cpu"
    if encoded is None:
        run_verb(
            shared,
            "run codec",
            (str(source),),
            lambda _: encode(str(source), results[0], codec=codec, runtime=runtime, device=place),
        )
    run_verb(
        shared,
        "run codec",
        (str(encoded),),
        lambda _: decode(
            str(encoded), results[0], codec=codec, runtime=runtime, salvage=salvage, device=place
        ),
    )
