"""What the planters of sound share. A planter is a module in `plants/`, found by its folder.

It has `NAME` (the cause), `LEVEL` of evidence ("nothing", "metadata" or "reference"), `STRENGTHS` from weak to strong with
their `UNIT`, `AUDIBLE` (from which strength on it has to be found), `plant(recording, strength, rng)`, and may have
`facts(recording, rng)` (what the metadata would say; its generator starts as that of `plant` does),
`prepare(recording, strength, rng)` (the clean recording that it is planted in), `is_heard(recording, strength)` (whether it can
be heard there at all) and `FLOATS = True` (the result must not be rounded to 16 bits).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Protocol, cast

import numpy as np
from numpy.typing import NDArray

from auscult import plugins
from auscult.sound.recording import Recording


class SoundPlanter(Protocol):
    """The names that a planter has."""

    NAME: str
    LEVEL: str
    UNIT: str
    STRENGTHS: Sequence[float]
    AUDIBLE: float

    def plant(
        self, recording: Recording, strength: float, rng: np.random.Generator
    ) -> Recording: ...


def iter_planters() -> Iterator[SoundPlanter]:
    """Every planter, in the order of the names."""
    for module in plugins.import_modules("corpus.sound.plants"):
        yield cast(SoundPlanter, module)


def replace_samples(recording: Recording, samples: NDArray[Any]) -> Recording:
    """The recording with other samples, float32."""
    return Recording(
        np.ascontiguousarray(samples, np.float32), recording.sample_rate, recording.name
    )


def rms(samples: NDArray[Any]) -> float:
    """Root mean square about zero."""
    return float(np.sqrt(np.mean(np.square(samples, dtype=np.float64))))


def make_coloured_noise(
    shape: tuple[int, ...], sample_rate: int, db_per_octave: float, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Gaussian noise whose power rises by so many dB per octave above 50 Hz."""
    spectrum = np.fft.rfft(rng.standard_normal(shape))
    hertz = np.fft.rfftfreq(shape[-1], 1.0 / sample_rate)
    return np.asarray(
        np.fft.irfft(spectrum * np.maximum(hertz, 50.0) ** (db_per_octave / 6.02), shape[-1])
    )


def find_loud_places(
    recording: Recording, count: int, rng: np.random.Generator
) -> NDArray[np.int64]:
    """Samples round which there is sound, well apart from each other."""
    step = recording.sample_rate // 20
    mono = np.abs(recording.samples).max(axis=0)
    blocks = mono[: len(mono) // step * step].reshape(-1, step).max(axis=1)
    loud = np.flatnonzero(blocks > 0.25 * blocks.max())
    chosen = rng.choice(loud, min(count, len(loud)), replace=False)
    return np.asarray(np.sort(chosen) * step + rng.integers(0, step // 2, len(chosen)), np.int64)
