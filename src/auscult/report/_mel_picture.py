"""Mel spectrograms one above the other, as a PNG that can be read in light and dark surroundings."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from auscult.facts.atomic import replace_file
from auscult.sound.mel import mel_units_per_decibel
from auscult.sound.mel_definition import Frames, MelDefinition

DYNAMIC_RANGE_DB = 70.0
ROW_INCHES = 2.1


def draw_mels(rows: Sequence[tuple[str, Frames]], definition: MelDefinition, path: Path) -> Path:
    """Write the picture of the titled mels [n_mels, frames], all on one time axis, each against its own loudest point.

    Raises:
        ImportError: If matplotlib is not there.
    """
    from matplotlib.figure import Figure

    seconds = max(mel.shape[1] for _, mel in rows) * definition.hop / definition.sample_rate
    figure = Figure(
        figsize=(10, ROW_INCHES * len(rows) + 0.4), dpi=110, layout="constrained", facecolor="white"
    )
    axes = figure.subplots(len(rows), 1, sharex=True, squeeze=False)[:, 0]
    for axis, (title, mel) in zip(axes, rows, strict=True):
        decibels = _to_relative_decibels(mel, definition)
        extent = (0.0, mel.shape[1] * definition.hop / definition.sample_rate, 0.0, float(len(mel)))
        image = axis.imshow(
            decibels,
            origin="lower",
            aspect="auto",
            cmap="magma",
            vmin=-DYNAMIC_RANGE_DB,
            vmax=0.0,
            extent=extent,
        )
        axis.set_title(title, loc="left", fontsize=11)
        axis.set_ylabel("mel band")
        axis.set_xlim(0.0, seconds)
    axes[-1].set_xlabel("seconds")
    figure.colorbar(image, ax=list(axes), label="dB below the loudest", fraction=0.03, pad=0.01)
    with replace_file(path) as partial:
        figure.savefig(partial, format="png")
    return path


def _to_relative_decibels(mel: Frames, definition: MelDefinition) -> Frames:
    """dB below the loudest point, whatever the definition's logarithm."""
    is_logarithmic = definition.log != "none"
    if is_logarithmic:
        levels = mel / mel_units_per_decibel(definition)
    else:
        levels = 20.0 / definition.power * np.log10(np.maximum(mel, 1e-10))
    return np.asarray(levels - levels.max(), np.float32)
