"""What a mel cannot tell: the other values of each setting that would have made the same numbers.

Each setting is changed by itself, everything else equal, and the whole mel is made again. A floor
that no value reaches, a window's last sample in a rounded mel, the padding of silence: these stay
open, and the answer says so.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from auscult.sound.mel_definition import MelDefinition, Samples
from auscult.sound.mel_search import grid
from auscult.sound.mel_search.bands import MelValues, predict_mel, with_settings
from auscult.sound.mel_search.readings import LOG_SLOPES, MIN_RESIDUAL

MAX_RESIDUAL_FACTOR = 1.5
"""Factor on the residual up to which another value explains the mel as well.

Chosen, not measured.
"""
MAX_FRAMES = 2000
"""Frames of the mel that other values are tried on. Chosen, not measured."""
EQUAL_TOLERANCE = 1e-9
"""Relative difference up to which two multipliers are one and the same. Chosen, not measured."""


def find_alternatives(
    samples: Samples, mel: MelValues, definition: MelDefinition, gain: float
) -> Mapping[str, tuple[Any, ...]]:
    """Per setting, the values other than the definition's that give the mel [n_mels, frames] as
    well.
    """
    target_mel = mel[:, :MAX_FRAMES]
    needed_samples = target_mel.shape[1] * definition.hop + definition.n_fft
    is_whole = len(samples) <= needed_samples * 2 and mel.shape[1] <= MAX_FRAMES
    part = samples if is_whole else samples[: needed_samples + definition.n_fft]
    tolerance = MAX_RESIDUAL_FACTOR * _measure_residual(
        part, target_mel, definition, gain
    ) + MIN_RESIDUAL * float(np.ptp(target_mel))
    equal_values: dict[str, list[Any]] = {}
    for name, value, changed in _iter_changes(definition):
        if _measure_residual(part, target_mel, changed, gain) <= tolerance:
            equal_values.setdefault(name, []).append(value)
    return {name: tuple(values) for name, values in equal_values.items()}


def _measure_residual(
    samples: Samples, target_mel: MelValues, definition: MelDefinition, gain: float
) -> float:
    predicted_mel = predict_mel(samples, definition, gain)
    frames = min(predicted_mel.shape[1], target_mel.shape[1])
    return float(np.sqrt(np.square(predicted_mel[:, :frames] - target_mel[:, :frames]).mean()))


def _iter_changes(definition: MelDefinition) -> Iterator[tuple[str, Any, MelDefinition]]:
    """(setting, other value, definition with it): those that can be silent."""
    d = definition

    def iter_setting_values(
        name: str, values: tuple[Any, ...]
    ) -> Iterator[tuple[str, Any, MelDefinition]]:
        yield from (
            (name, value, with_settings(d, **{name: value}))
            for value in values
            if value != getattr(d, name)
        )

    yield from iter_setting_values("pad_mode", ("reflect", "zero"))
    yield from iter_setting_values("window", ("hann", "hann-symmetric"))
    if d.power == 1:
        yield from iter_setting_values("inside_root", grid.INSIDE_ROOTS[:3])
    if d.log == "none":
        return
    yield from iter_setting_values("clip", grid.CLIPS)
    yield from iter_setting_values("floor", ("clip", "add"))
    yield from iter_setting_values("range_db", (0.0, 80.0))
    if d.multiply == 1.0:
        return
    slopes = {**LOG_SLOPES, "db": 20.0 / d.power / np.log(10.0)}
    for log, slope in slopes.items():
        if log != d.log and any(
            abs(d.multiply * slopes[d.log] / slope / nice - 1) < EQUAL_TOLERANCE
            for nice in grid.MULTIPLIERS
        ):
            yield "log", log, with_settings(d, log=log, multiply=d.multiply * slopes[d.log] / slope)
