"""A small random file of Paddle's parameters, without the program."""

from __future__ import annotations

from pathlib import Path

from tests.checkpoint.folder_samples.paddle import draw, write_parameters

SUFFIX = ".pdiparams"


def make(path: Path, seed: int) -> None:
    """Write the parameters of a convolution and a Linear."""
    write_parameters(path, draw(seed))
