"""The mel spectrogram against an independent implementation, slow textbook formulas, and physics."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auscult.errors import AudioError
from auscult.sound.griffin_lim import griffin_lim, istft
from auscult.sound.mel import compress_mel, expand_mel, mel_filterbank, mel_spectrogram, stft
from auscult.sound.mel_definition import MelDefinition

HIFIGAN = MelDefinition(
    sample_rate=22050, n_fft=1024, hop=256, win=1024, n_mels=80, fmin=0, fmax=8000
)


def changed(**settings: Any) -> MelDefinition:
    return replace(HIFIGAN, **settings)


def noise(seconds: float, rate: int, seed: int = 0) -> np.ndarray:
    return (0.1 * np.random.default_rng(seed).standard_normal(int(seconds * rate))).astype(
        np.float32
    )


@pytest.mark.parametrize("scale", ["slaney", "htk"])
@pytest.mark.parametrize("norm", ["slaney", "none"])
def test_filters_agree_with_transformers(scale: str, norm: str) -> None:
    audio_utils = pytest.importorskip("transformers.audio_utils")
    definition = changed(scale=scale, norm=norm, fmin=60.0)
    theirs = audio_utils.mel_filter_bank(
        513,
        80,
        60.0,
        8000.0,
        22050,
        norm="slaney" if norm == "slaney" else None,
        mel_scale=scale,
        triangularize_in_mel_space=False,
    )
    np.testing.assert_allclose(mel_filterbank(definition), theirs.T, atol=1e-6)


def test_stft_is_the_textbook_sum() -> None:
    definition = MelDefinition(n_fft=32, hop=8, win=20, n_mels=8, padding="none")
    samples = noise(0.01, 16000)
    spectrum = stft(samples, definition)
    window = np.zeros(32)
    window[6:26] = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(20) / 20)
    for frame in (0, 3, spectrum.shape[1] - 1):
        for band in (0, 5, 16):
            terms = [
                samples[frame * 8 + n] * window[n] * np.exp(-2j * np.pi * band * n / 32)
                for n in range(32)
            ]
            assert spectrum[band, frame] == pytest.approx(sum(terms), abs=1e-5)


@pytest.mark.parametrize(("padding", "frames"), [("hop", 50), ("centre", 51), ("none", 47)])
def test_frames_by_padding(padding: str, frames: int) -> None:
    assert mel_spectrogram(noise(50 * 256 / 22050, 22050), changed(padding=padding)).shape == (
        80,
        frames,
    )


def test_a_tone_lights_its_own_band() -> None:
    rate, hertz = 22050, 1000.0
    tone = np.sin(2 * np.pi * hertz * np.arange(rate) / rate).astype(np.float32)
    level = mel_spectrogram(tone, HIFIGAN).mean(axis=1)
    centre = (
        mel_filterbank(HIFIGAN)[int(level.argmax())] * np.arange(513) * rate / 1024
    ).sum() / mel_filterbank(HIFIGAN)[int(level.argmax())].sum()
    assert abs(centre - hertz) < 40


@given(
    log=st.sampled_from(["ln", "log10", "db", "none"]),
    power=st.sampled_from([1, 2]),
    level=st.floats(-4, 4),
    clip=st.floats(1e-9, 1e-6),
)
@settings(max_examples=50, deadline=None)
def test_expand_undoes_compress(log: str, power: int, level: float, clip: float) -> None:
    definition = changed(log=log, power=power, clip=clip)
    bands = np.array([[np.exp(level)]], np.float32)
    assert expand_mel(compress_mel(bands, definition), definition)[0, 0] == pytest.approx(
        bands[0, 0], rel=1e-4
    )


def test_decibels_mean_the_same_for_magnitude_and_power() -> None:
    magnitude = np.array([[0.3]], np.float32)
    as_magnitude = compress_mel(magnitude, replace(HIFIGAN, log="db", power=1))
    as_power = compress_mel(magnitude**2, replace(HIFIGAN, log="db", power=2))
    assert as_magnitude[0, 0] == pytest.approx(as_power[0, 0], rel=1e-5)


def test_definition_survives_a_config_of_text() -> None:
    definition = changed(win=800, log="log10")
    assert (
        MelDefinition.from_text(
            {name: str(value) for name, value in definition.to_config().items()}
        )
        == definition
    )


@pytest.mark.parametrize("settings_", [{"hopp": "256"}, {"hop": "many"}])
def test_settings_that_do_not_exist_are_refused(settings_: dict[str, str]) -> None:
    with pytest.raises(AudioError, match="mel setting"):
        MelDefinition.from_text(settings_)


def test_too_short_a_recording_is_refused() -> None:
    with pytest.raises(AudioError, match="too short"):
        mel_spectrogram(noise(0.01, 22050), HIFIGAN)


def test_istft_undoes_stft() -> None:
    samples = noise(0.5, 16000)
    definition = MelDefinition()
    back = istft(stft(samples, definition), definition, len(samples))
    inner = slice(1024, -1024)
    np.testing.assert_allclose(back[inner], samples[inner], atol=1e-5)


def test_griffin_lim_gives_the_mel_back() -> None:
    rate = 16000
    time = np.arange(rate) / rate
    chirp = (
        0.3
        * np.sin(2 * np.pi * (200 + 300 * time) * time)
        * (0.6 + 0.4 * np.sin(2 * np.pi * 3 * time))
    ).astype(np.float32)
    definition = MelDefinition(clip=1e-3)
    wanted = mel_spectrogram(chirp, definition)
    found = mel_spectrogram(griffin_lim(wanted, definition, iterations=30), definition)
    stationary = np.abs(wanted - wanted.mean(axis=1, keepdims=True)).mean()
    assert np.abs(found - wanted).mean() < 0.3 * stationary
