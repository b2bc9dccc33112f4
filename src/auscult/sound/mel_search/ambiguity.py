"""What a mel cannot tell: the other values of each setting that would have made the same numbers.

Each setting is changed by itself, everything else equal, and the whole mel is made again. A floor that no value reaches, a
window's last sample in a rounded mel, the padding of silence: these stay open, and the answer says so.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from auscult.sound.mel import MelDefinition, Samples
from auscult.sound.mel_search import grid
from auscult.sound.mel_search.bands import Values, predicted, with_settings
from auscult.sound.mel_search.readings import LOG_SLOPES, MIN_RESIDUAL

SAME = 1.5
"""Factor on the residual up to which another value explains the mel as well."""
MAX_FRAMES = 2000


def alternatives(
    samples: Samples, mel: Values, definition: MelDefinition, gain: float
) -> Mapping[str, tuple[Any, ...]]:
    """Per setting, the values other than the definition's that give the mel [n_mels, frames] as well."""
    wanted = mel[:, :MAX_FRAMES]
    needed = wanted.shape[1] * definition.hop + definition.n_fft
    whole = len(samples) <= needed * 2 and mel.shape[1] <= MAX_FRAMES
    part = samples if whole else samples[: needed + definition.n_fft]
    tolerance = SAME * _residual(part, wanted, definition, gain) + MIN_RESIDUAL * float(
        np.ptp(wanted)
    )
    found: dict[str, list[Any]] = {}
    for name, value, changed in _changes(definition):
        if _residual(part, wanted, changed, gain) <= tolerance:
            found.setdefault(name, []).append(value)
    return {name: tuple(values) for name, values in found.items()}


def _residual(samples: Samples, wanted: Values, definition: MelDefinition, gain: float) -> float:
    made = predicted(samples, definition, gain)
    frames = min(made.shape[1], wanted.shape[1])
    return float(np.sqrt(np.square(made[:, :frames] - wanted[:, :frames]).mean()))


def _changes(definition: MelDefinition) -> Iterator[tuple[str, Any, MelDefinition]]:
    """(setting, other value, definition with it): those that can be silent."""
    d = definition

    def change(name: str, values: tuple[Any, ...]) -> Iterator[tuple[str, Any, MelDefinition]]:
        yield from (
            (name, value, with_settings(d, **{name: value}))
            for value in values
            if value != getattr(d, name)
        )

    yield from change("pad_mode", ("reflect", "zero"))
    yield from change("window", ("hann", "hann-symmetric"))
    if d.power == 1:
        yield from change("inside_root", grid.INSIDE_ROOTS[:3])
    if d.log == "none":
        return
    yield from change("clip", grid.CLIPS)
    yield from change("floor", ("clip", "add"))
    yield from change("range_db", (0.0, 80.0))
    if d.multiply == 1.0:
        return
    slopes = {**LOG_SLOPES, "db": 20.0 / d.power / np.log(10.0)}
    for log, slope in slopes.items():
        if log != d.log and any(
            abs(d.multiply * slopes[d.log] / slope / nice - 1) < 1e-9 for nice in grid.MULTIPLIERS
        ):
            yield "log", log, with_settings(d, log=log, multiply=d.multiply * slopes[d.log] / slope)
