"""How exactly the relation of a recording to its reference is measured, on sounds that were changed by known amounts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from auscult.sound.griffin_lim import griffin_lim
from auscult.sound.measures import standard_mel
from auscult.sound.mel import mel_spectrogram
from auscult.sound.recording import Recording
from auscult.sound.relation import Relation, relate_recordings
from auscult.sound.speed_search import slow_down
from corpus.sound.coded import encode_lossy
from corpus.sound.material import Clip
from corpus.sound.plant import replace_samples, rms
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
class MeasurementError:
    """By how much one measurement was off, in the unit of its quantity."""

    quantity: str
    condition: str
    deviation: float


def speed_up(recording: Recording, ratio: float) -> Recording:
    """Played `ratio` times as fast and as high, at the same rate."""
    return replace_samples(
        recording, slow_down(recording.samples, 1.0 / ratio, recording.sample_rate)
    )


def add_lag(recording: Recording, lag: float) -> Recording:
    lag_samples = int(lag)
    return replace_samples(
        recording,
        np.pad(recording.samples, ((0, 0), (lag_samples, 0)))
        if lag_samples >= 0
        else recording.samples[:, -lag_samples:],
    )


def apply_gain(recording: Recording, gain_db: float) -> Recording:
    return replace_samples(recording, recording.samples * 10.0 ** (gain_db / 20.0))


def stretch_recording(recording: Recording, factor: float) -> Recording:
    return replace_samples(
        recording, np.stack([stretched(channel, factor) for channel in recording.samples])
    )


def _measure_ratio(relation: Relation) -> float:
    return relation.rate_ratio * (1.0 + relation.drift_ppm * 1e-6)


QUANTITIES: dict[
    str, tuple[Callable[[Recording, float], Recording], Callable[[np.random.Generator], float]]
] = {
    "sample-rate ratio": (speed_up, lambda rng: float(2.0 ** rng.uniform(-1.0, 1.0))),
    "lag": (add_lag, lambda rng: float(rng.integers(-8000, 8000))),
    "gain": (apply_gain, lambda rng: float(rng.uniform(-30.0, 0.0))),
    "drift": (
        lambda recording, ppm: speed_up(recording, 1.0 + ppm * 1e-6),
        lambda rng: float(rng.uniform(-300.0, 300.0)),
    ),
    "stretch": (stretch_recording, lambda rng: float(2.0 ** rng.uniform(-0.7, 0.7))),
}
"""Per quantity, what changes a recording by an amount, and what draws the amount."""


def leave_unchanged(recording: Recording, _rng: np.random.Generator) -> Recording:
    return recording


def add_noise(recording: Recording, rng: np.random.Generator) -> Recording:
    """White noise 20 dB below the recording."""
    return replace_samples(
        recording,
        recording.samples
        + 0.1 * rms(recording.samples) * rng.standard_normal(recording.samples.shape),
    )


def encode_as_vorbis(recording: Recording, _rng: np.random.Generator) -> Recording:
    return encode_lossy(recording, "OGG", "VORBIS") or recording


def rebuild_from_mel(recording: Recording, _rng: np.random.Generator) -> Recording:
    """With phases of its own, as a vocoder's."""
    definition = standard_mel(recording.sample_rate)
    channels = [
        griffin_lim(mel_spectrogram(side, definition), definition, iterations=15)
        for side in recording.samples
    ]
    return replace_samples(recording, np.stack(channels))


CONDITIONS = {
    "as it is": leave_unchanged,
    "noise at -20 dB": add_noise,
    "after Vorbis": encode_as_vorbis,
    "phases of its own": rebuild_from_mel,
}
ONLY_OF_WAVEFORMS = ("lag", "gain", "drift")
"""What is promised only where the waveforms agree."""


def measure_errors(clips: list[Clip]) -> list[MeasurementError]:
    """Every quantity on every clip under every condition."""
    measured_errors = []
    for seed, clip in enumerate(clips):
        for quantity, (change, draw) in QUANTITIES.items():
            rng = np.random.default_rng([seed, len(quantity)])
            amount = draw(rng)
            altered = change(clip.recording, amount)
            for condition, degrade in CONDITIONS.items():
                if condition == "phases of its own" and quantity in ONLY_OF_WAVEFORMS:
                    continue
                relation = relate_recordings(degrade(altered, rng), clip.recording)
                measured_errors.append(
                    MeasurementError(
                        quantity, condition, _measure_deviation(quantity, relation, amount)
                    )
                )
    return measured_errors


def _measure_deviation(quantity: str, relation: Relation, amount: float) -> float:
    measured = {
        "sample-rate ratio": _measure_ratio(relation),
        "lag": relation.lag_samples,
        "gain": relation.gain_db,
        "drift": relation.drift_ppm,
        "stretch": relation.time_stretch,
    }[quantity]
    return (
        abs(measured - amount) if AIMS[quantity][1] != "%" else 100.0 * abs(measured / amount - 1.0)
    )
