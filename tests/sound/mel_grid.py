"""Mel definitions drawn at random from the values that public vocoders use, and the sound to make them of."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from auscult.sound.mel_definition import MelDefinition
from auscult.sound.recording import Recording

SIZES = {  # (n_fft, hop, win)
    8000: ((512, 128, 512), (256, 80, 200)),
    16000: ((1024, 256, 1024), (400, 160, 400), (1024, 200, 800), (512, 128, 512), (1024, 160, 1024), (1280, 320, 1280)),
    22050: ((1024, 256, 1024), (1024, 275, 1024), (2048, 256, 1024), (2048, 275, 1102), (2048, 256, 2048)),
    24000: ((1024, 256, 1024), (2048, 300, 1200), (1920, 480, 1920), (1024, 300, 1024), (2048, 240, 1200), (1024, 240, 960)),
    32000: ((1024, 320, 1024), (2048, 640, 2048)),
    44100: ((2048, 512, 2048), (2048, 441, 2048), (1024, 256, 1024), (2048, 441, 1764)),
    48000: ((2048, 512, 2048), (2048, 600, 2400 // 2), (1024, 480, 1024), (2048, 480, 1920)),
}  # fmt: skip
BANDS = {
    8000: (40, 64, 80),
    16000: (40, 64, 80, 100, 128),
    22050: (80, 100, 128),
    24000: (80, 100),
    32000: (64, 80, 100, 128),
}
LOGS = (
    {"log": "ln", "clip": 1e-5},
    {"log": "ln", "clip": 1e-7},
    {"log": "ln", "clip": 1e-5, "floor": "add"},
    {"log": "ln", "clip": 1e-5, "floor": "add", "multiply": 0.25, "add": 1.0},
    {"log": "log10", "clip": 1e-10},
    {"log": "log10", "clip": 1e-5},
    {"log": "log10", "clip": 1e-10, "range_db": 80.0, "multiply": 0.25, "add": 1.0},
    {"log": "db", "clip": 1e-5},
    {"log": "db", "clip": 1e-10, "reference": "max", "range_db": 80.0},
    {"log": "db", "clip": 1e-5, "multiply": 0.01, "add": 0.8},
    {"log": "none"},
)


def random_definition(rng: np.random.Generator) -> MelDefinition:
    """A definition of which every setting is one that is in use."""
    rate = int(rng.choice(list(SIZES)))
    n_fft, hop, win = SIZES[rate][rng.integers(len(SIZES[rate]))]
    highest = [
        high
        for high in (4000.0, 7600.0, 8000.0, 11025.0, 12000.0, 16000.0, 20000.0, rate / 2)
        if high <= rate / 2
    ]
    power = int(rng.choice([1, 1, 2]))
    definition = MelDefinition(
        sample_rate=rate,
        n_fft=n_fft,
        hop=hop,
        win=win,
        n_mels=int(rng.choice(BANDS.get(rate, (80, 100, 128)))),
        fmin=float(rng.choice([0.0, 0.0, 20.0, 30.0, 40.0, 55.0, 80.0, 90.0])),
        fmax=float(rng.choice(highest[-4:])),
        scale=str(rng.choice(["slaney", "htk"])),  # type: ignore[arg-type]
        norm=str(rng.choice(["slaney", "none"])),  # type: ignore[arg-type]
        power=power,  # type: ignore[arg-type]
        padding=str(rng.choice(["hop", "centre"])),  # type: ignore[arg-type]
        pad_mode=str(rng.choice(["reflect", "reflect", "zero"])),  # type: ignore[arg-type]
        inside_root=float(rng.choice([0.0, 1e-9])) if power == 1 else 0.0,
    )
    return replace(definition, **LOGS[rng.integers(len(LOGS))])


def sound(rate: int, seconds: float, seed: int) -> Recording:
    """Something like speech with sound in every band: a gliding buzz and noise, through moving formants, in syllables."""
    rng = np.random.default_rng(seed)
    n = int(rate * seconds)
    at = np.arange(n) / rate
    pitch = 110 * 2 ** (0.5 * _wander(rng, n, rate, 2.0))
    phase = np.cumsum(pitch) / rate
    buzz = 2 * (phase % 1) - 1
    source = np.where(_wander(rng, n, rate, 5.0) > -0.3, buzz, rng.normal(0, 0.7, n)) + rng.normal(
        0, 0.02, n
    )
    shaped = source * 0.3
    for centre in (500, 1500, 2600, 4000, 7000):
        formant = centre * 2 ** (0.4 * _wander(rng, n, rate, 4.0))
        shaped += source * np.sin(2 * np.pi * np.cumsum(formant) / rate) * 0.4
    syllables = (
        np.clip(np.abs(np.sin(2 * np.pi * 2.1 * at + _wander(rng, n, rate, 1.0))) * 1.4 - 0.3, 0, 1)
        ** 2
    )
    samples = shaped * syllables
    return Recording.from_mono(
        (0.5 * samples / np.abs(samples).max() + rng.normal(0, 2e-5, n)).astype(np.float32),
        rate,
        "made",
    )


def _wander(rng: np.random.Generator, n: int, rate: int, hertz: float) -> NDArray[np.float64]:
    """A slow random walk between about -1 and 1, [n]."""
    knots = rng.uniform(-1, 1, int(n / rate * hertz) + 3)
    return np.interp(np.arange(n) / rate * hertz, np.arange(len(knots)), knots)
