"""What the families of `auscult run` share: the options of a run, and which `-o` takes the sound."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import click

from auscult.cli.common import SharedOptions
from auscult.facts.audio_files import WRITABLE_SUFFIXES

Command = Callable[..., None]


def add_weights_option(function: Command) -> Command:
    """Add `--weights`: the folder with the model's own files."""
    return click.option(
        "--weights",
        type=click.Path(path_type=Path),
        metavar="DIR",
        help="Folder with the model's files.",
    )(function)


def add_tiny_option(function: Command) -> Command:
    """Add `--tiny`: random weights, to see that all parts work."""
    return click.option(
        "--tiny",
        is_flag=True,
        help="Run random weights of toy sizes instead: shows that all parts work.",
    )(function)


def add_seed_option(function: Command) -> Command:
    """Add `--seed`: of all random numbers of a run."""
    return click.option(
        "--seed",
        type=click.IntRange(0),
        default=0,
        show_default=True,
        help="Of the noise that the model draws; a seed gives the same noise in every runtime.",
    )(function)


def add_runtime_option(function: Command) -> Command:
    """Add `--runtime`: torch or MLX."""
    return click.option(
        "--runtime", type=click.Choice(("torch", "mlx")), default="torch", show_default=True
    )(function)


def split_outputs(
    shared: SharedOptions, suffixes: tuple[str, ...]
) -> tuple[list[str], SharedOptions]:
    """The outputs with one of the suffixes, and the options without them."""
    results = [name for name in shared.outputs if name.lower().endswith(suffixes)]
    rest = tuple(name for name in shared.outputs if name not in results)
    return results, replace(shared, outputs=rest)


def take_sound_output(shared: SharedOptions) -> tuple[str, SharedOptions]:
    """The one output that takes the sound, and the options without it: the other outputs take the report.

    Raises:
        click.UsageError: If there is none, or more than one.
    """
    sounds, rest = split_outputs(shared, WRITABLE_SUFFIXES)
    if len(sounds) != 1:
        raise click.UsageError("give the sound to write: -o OUT.wav")
    return sounds[0], rest
