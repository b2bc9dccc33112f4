"""How exactly the relation of a recording to its reference is measured, on sounds that were changed by known amounts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from auscult.sound.griffin_lim import griffin_lim
from auscult.sound.measures import standard_mel
from auscult.sound.mel import mel_spectrogram
from auscult.sound.recording import Recording
from auscult.sound.relation import Relation, relate, slowed_down
from corpus.sound.coded import coded
from corpus.sound.material import Clip
from corpus.sound.plant import changed, rms
from corpus.sound.plants.time_stretch import stretched

AIMS: dict[str, tuple[float | None, str]] = {
    "sample-rate ratio": (0.5, "%"),
    "lag": (0.5, "samples"),
    "gain": (0.1, "dB"),
    "drift": (None, "ppm"),
    "stretch": (0.5, "%"),
}
"""What is aimed at, where anything is, and the unit."""


@dataclass(frozen=True)
class Error:
    """By how much one measurement was off, in the unit of its quantity."""

    quantity: str
    condition: str
    off: float


def faster(recording: Recording, ratio: float) -> Recording:
    """Played `ratio` times as fast and as high, at the same rate."""
    return changed(recording, slowed_down(recording.samples, 1.0 / ratio, recording.sample_rate))


def late(recording: Recording, lag: float) -> Recording:
    by = int(lag)
    return changed(
        recording,
        np.pad(recording.samples, ((0, 0), (by, 0))) if by >= 0 else recording.samples[:, -by:],
    )


def louder(recording: Recording, gain_db: float) -> Recording:
    return changed(recording, recording.samples * 10.0 ** (gain_db / 20.0))


def longer(recording: Recording, factor: float) -> Recording:
    return changed(
        recording, np.stack([stretched(channel, factor) for channel in recording.samples])
    )


def _ratio_of(relation: Relation) -> float:
    return relation.rate_ratio * (1.0 + relation.drift_ppm * 1e-6)


QUANTITIES: dict[
    str, tuple[Callable[[Recording, float], Recording], Callable[[np.random.Generator], float]]
] = {
    "sample-rate ratio": (faster, lambda rng: float(2.0 ** rng.uniform(-1.0, 1.0))),
    "lag": (late, lambda rng: float(rng.integers(-8000, 8000))),
    "gain": (louder, lambda rng: float(rng.uniform(-30.0, 0.0))),
    "drift": (
        lambda recording, ppm: faster(recording, 1.0 + ppm * 1e-6),
        lambda rng: float(rng.uniform(-300.0, 300.0)),
    ),
    "stretch": (longer, lambda rng: float(2.0 ** rng.uniform(-0.7, 0.7))),
}
"""Per quantity, what changes a recording by an amount, and what draws the amount."""


def as_it_is(recording: Recording, _rng: np.random.Generator) -> Recording:
    return recording


def with_noise(recording: Recording, rng: np.random.Generator) -> Recording:
    """White noise 20 dB below the recording."""
    return changed(
        recording,
        recording.samples
        + 0.1 * rms(recording.samples) * rng.standard_normal(recording.samples.shape),
    )


def after_vorbis(recording: Recording, _rng: np.random.Generator) -> Recording:
    return coded(recording, "OGG", "VORBIS") or recording


def from_its_mel(recording: Recording, _rng: np.random.Generator) -> Recording:
    """With phases of its own, as a vocoder's."""
    definition = standard_mel(recording.sample_rate)
    made = [
        griffin_lim(mel_spectrogram(side, definition), definition, iterations=15)
        for side in recording.samples
    ]
    return changed(recording, np.stack(made))


CONDITIONS = {
    "as it is": as_it_is,
    "noise at -20 dB": with_noise,
    "after Vorbis": after_vorbis,
    "phases of its own": from_its_mel,
}
ONLY_OF_WAVEFORMS = ("lag", "gain", "drift")
"""What is promised only where the waveforms agree."""


def errors(clips: list[Clip]) -> list[Error]:
    """Every quantity on every clip under every condition."""
    found = []
    for seed, clip in enumerate(clips):
        for quantity, (change, draw) in QUANTITIES.items():
            rng = np.random.default_rng([seed, len(quantity)])
            amount = draw(rng)
            altered = change(clip.recording, amount)
            for condition, then in CONDITIONS.items():
                if condition == "phases of its own" and quantity in ONLY_OF_WAVEFORMS:
                    continue
                relation = relate(then(altered, rng), clip.recording)
                found.append(Error(quantity, condition, _off(quantity, relation, amount)))
    return found


def _off(quantity: str, relation: Relation, amount: float) -> float:
    measured = {
        "sample-rate ratio": _ratio_of(relation),
        "lag": relation.lag_samples,
        "gain": relation.gain_db,
        "drift": relation.drift_ppm,
        "stretch": relation.time_stretch,
    }[quantity]
    return (
        abs(measured - amount) if AIMS[quantity][1] != "%" else 100.0 * abs(measured / amount - 1.0)
    )
