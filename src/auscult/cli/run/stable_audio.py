"""`auscult run stable-audio`: a prompt to stereo sound."""

from __future__ import annotations

from typing import Any

import click

from auscult.cli.common import SharedOptions, add_device_option, add_shared_options, run_verb
from auscult.cli.sound_output import (
    add_seed_option,
    add_tiny_option,
    add_weights_option,
    take_sound_output,
)

SAMPLERS = ("pingpong", "euler", "rk4", "dpmpp", "dpmpp-3m-sde", "dpmpp-2m", "ddim")

EPILOG = """\b
Examples:
  auscult run stable-audio --prompt "rain on a tin roof" --seconds 8 --weights DIR -o rain.wav
  auscult run stable-audio --prompt "a slow waltz" --weights DIR --init-audio draft.wav --init-noise 0.7 -o waltz.wav
  auscult run stable-audio --prompt "anything" --tiny -o noise.wav

DIR holds the model's own files; run it on an empty folder and it says which, and where they go."""


def _parse_spans(
    _context: click.Context, option: click.Parameter, texts: tuple[str, ...]
) -> tuple[tuple[float, float], ...]:
    spans = []
    for text in texts:
        start, _, stop = text.partition("-")
        try:
            spans.append((float(start), float(stop)))
        except ValueError as error:
            raise click.BadParameter(
                f"is no span of seconds such as 0-2.5: {text}", param=option
            ) from error
    return tuple(spans)


@click.command(epilog=EPILOG)
@click.option("--prompt", required=True, help="What the sound should be.")
@add_weights_option
@add_tiny_option
@click.option(
    "--seconds", type=float, help="Length of the sound. Default: all that the model makes."
)
@click.option(
    "--seconds-start",
    type=float,
    default=0.0,
    help="Second of a longer sound at which it begins (Stable Audio Open 1.0).",
)
@click.option(
    "--sampler", type=click.Choice(SAMPLERS), help="Default: the one that fits the model."
)
@click.option("--steps", type=click.IntRange(1, 1000), help="Default: the sampler's usual number.")
@click.option(
    "--guidance",
    type=float,
    help="Scale of classifier-free guidance; 1 is none. Default: the sampler's.",
)
@click.option("--negative", metavar="PROMPT", help="What the sound should not be; needs guidance.")
@add_seed_option
@click.option(
    "--runtime",
    type=click.Choice(("torch", "mlx", "litert")),
    help="Default: torch; litert for an export.",
)
@click.option("--init-audio", type=click.Path(), metavar="FILE", help="A sound to vary.")
@click.option(
    "--init-noise",
    type=float,
    default=0.9,
    show_default=True,
    help="How much noise is added to it; 1 leaves nothing of it.",
)
@click.option(
    "--inpaint",
    type=click.Path(),
    metavar="FILE",
    help="A sound to fill in, for a model that inpaints.",
)
@click.option(
    "--keep",
    multiple=True,
    callback=_parse_spans,
    metavar="FROM-TO",
    help="Seconds of it that are kept; repeatable.",
)
@click.option(
    "--normalize",
    is_flag=True,
    help="Scale the peak to full scale. Default: keep the model's loudness.",
)
@add_device_option
@add_shared_options
def command(*, shared: SharedOptions, **options: Any) -> None:
    """Make stereo sound from a prompt with Stable Audio Open.

    -o FILE.wav (32-bit float, not clipped) or FILE.flac (16 bit) takes the sound; any other -o takes the report.
    """
    from auscult.verbs.run.stable_audio import run_stable_audio

    sound, shared = take_sound_output(shared)
    prompt = options.pop("prompt")
    subject = "tiny" if options["tiny"] else str(options["weights"] or "")
    run_verb(
        shared,
        "run stable-audio",
        (subject,),
        lambda progress: run_stable_audio(prompt, sound, progress=progress, **options),
    )
