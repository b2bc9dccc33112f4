"""The figures beside those of the packages that compute them too: torchmetrics, librosa, pystoi and pesq."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from auscult.sound.figures import measure_figures
from auscult.sound.figures.lsd import FLOOR_DB, FRAME_SECONDS, log_spectral_distance_db
from auscult.sound.figures.mcd import COEFFICIENTS, MEL_BANDS, mel_cepstral_distortion_db
from auscult.sound.figures.mel_distance import FLOOR_DB as MEL_FLOOR_DB
from auscult.sound.figures.mel_distance import compute_mel_pair
from auscult.sound.figures.si_sdr import si_sdr_db
from auscult.sound.figures.snr import snr_db
from auscult.sound.measures import log_mel_distance, standard_mel
from auscult.sound.mel import mel_units_per_decibel
from auscult.sound.mel_definition import MelDefinition, Samples
from auscult.sound.pitch import HOP_SECONDS, MAX_HERTZ, MIN_HERTZ, estimate_pitch_hertz
from auscult.sound.recording import Recording
from tests.sound.mel_grid import sound

pytestmark = pytest.mark.slow

RATE = 16000
CLEAN = sound(RATE, 2.0, 3).mono
NOISE = np.random.default_rng(0).standard_normal(CLEAN.shape).astype(np.float32)
PAIRS = [
    (0.7 * CLEAN + np.float32(amount) * NOISE).astype(np.float32) for amount in (0.001, 0.03, 1.0)
]


@pytest.mark.parametrize("candidate", PAIRS)
def test_ratios_are_those_of_torchmetrics(candidate: Samples) -> None:
    audio = pytest.importorskip("torchmetrics.functional.audio")
    import torch

    mine, theirs = (torch.from_numpy(side.astype(np.float64)) for side in (candidate, CLEAN))
    assert snr_db(candidate, CLEAN) == pytest.approx(
        float(audio.signal_noise_ratio(mine, theirs)), abs=1e-6
    )
    expected = audio.scale_invariant_signal_distortion_ratio(mine, theirs, zero_mean=True)
    assert si_sdr_db(candidate, CLEAN) == pytest.approx(float(expected), abs=1e-6)


def librosa_mel(samples: Samples, definition: MelDefinition) -> Any:
    """Magnitude mel of librosa, padded as the definition says."""
    import librosa

    d = definition
    side = (d.n_fft - d.hop) // 2
    padded = np.pad(samples, side, mode="reflect")
    settings = {
        "sr": d.sample_rate,
        "n_fft": d.n_fft,
        "hop_length": d.hop,
        "n_mels": d.n_mels,
        "fmin": d.fmin,
        "fmax": d.fmax,
    }
    return librosa.feature.melspectrogram(y=padded, center=False, power=1.0, **settings)


@pytest.mark.parametrize("candidate", PAIRS)
def test_mel_distance_and_mcd_are_those_of_librosa(candidate: Samples) -> None:
    librosa = pytest.importorskip("librosa")
    for bands in (64, MEL_BANDS):
        definition = replace(standard_mel(RATE), n_mels=bands)
        mine, theirs = (
            librosa.amplitude_to_db(librosa_mel(side, definition), amin=1e-9)
            for side in (candidate, CLEAN)
        )
        floor = theirs.max() - MEL_FLOOR_DB
        mine, theirs = np.maximum(mine, floor), np.maximum(theirs, floor)
        if bands == 64:
            ours = log_mel_distance(
                *compute_mel_pair(candidate, CLEAN, definition)
            ) / mel_units_per_decibel(definition)
            assert ours == pytest.approx(float(np.abs(mine - theirs).mean()), abs=2e-3)
    cepstra = [
        librosa.feature.mfcc(S=side * np.log(10) / 20, n_mfcc=COEFFICIENTS + 1, norm="ortho")[1:]
        for side in (mine, theirs)
    ]
    distance = (
        10
        / np.log(10)
        * np.sqrt(2 * np.square((cepstra[0] - cepstra[1]) * np.sqrt(2 / MEL_BANDS)).sum(axis=0))
    )
    assert mel_cepstral_distortion_db(candidate, CLEAN, RATE) == pytest.approx(
        float(distance.mean()), abs=2e-3
    )


@pytest.mark.parametrize("candidate", PAIRS)
def test_spectral_distance_is_that_of_librosas_spectra(candidate: Samples) -> None:
    librosa = pytest.importorskip("librosa")
    size = 2 ** round(np.log2(FRAME_SECONDS * RATE))
    spectra = [
        np.abs(
            librosa.stft(
                side, n_fft=size, hop_length=size // 4, window=np.hanning(size), center=False
            )
        ).astype(np.float64)
        ** 2
        for side in (candidate, CLEAN)
    ]
    floor = spectra[1].max() * 10 ** (-FLOOR_DB / 10)
    mine, theirs = (10 * np.log10(np.maximum(side, floor)) for side in spectra)
    expected = np.sqrt(np.square(mine - theirs).mean(axis=0)).mean()
    assert log_spectral_distance_db(candidate, CLEAN, RATE) == pytest.approx(
        float(expected), abs=2e-3
    )


def test_pitch_is_that_of_librosas_yin() -> None:
    librosa = pytest.importorskip("librosa")
    time = np.arange(2 * RATE) / RATE
    hertz = 150 * 2 ** (0.4 * np.sin(2 * np.pi * 0.7 * time))
    phase = 2 * np.pi * np.cumsum(hertz) / RATE
    glide = (0.1 * np.sum([np.sin(k * phase) / k for k in range(1, 8)], axis=0)).astype(np.float32)
    ours = estimate_pitch_hertz(glide, RATE)
    hop = int(HOP_SECONDS * RATE)
    theirs = librosa.yin(
        glide, fmin=MIN_HERTZ, fmax=MAX_HERTZ, sr=RATE, frame_length=1024, hop_length=hop
    )[: len(ours)]
    inner = slice(5, -5)
    assert np.isfinite(ours[inner]).all()
    assert np.median(1200 * np.abs(np.log2(ours[inner] / theirs[inner]))) < 5.0


@pytest.mark.parametrize("name", ["stoi", "pesq"])
def test_the_late_and_quiet_get_what_the_package_gives_the_pair_itself(name: str) -> None:
    package = pytest.importorskip("pystoi" if name == "stoi" else "pesq")
    candidate = (CLEAN + np.float32(0.02) * NOISE).astype(np.float32)
    late = Recording.from_mono(np.pad(0.5 * candidate, (777, 0)).astype(np.float32), RATE)
    found = {
        figure.name: figure.value
        for figure in measure_figures(late, Recording.from_mono(CLEAN, RATE))
    }[name]
    expected = (
        package.stoi(CLEAN, candidate, RATE)
        if name == "stoi"
        else package.pesq(RATE, CLEAN, candidate, "wb")
    )
    assert found == pytest.approx(expected, abs=0.01)
