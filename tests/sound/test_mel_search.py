"""The search for a mel's definition: exact on known and random definitions, on other people's features, and honest otherwise."""

from __future__ import annotations

from dataclasses import asdict, replace
from time import process_time
from typing import Any

import numpy as np
import pytest

from auscult.errors import AudioError
from auscult.sound.mel import mel_spectrogram
from auscult.sound.mel_definition import MelDefinition
from auscult.sound.mel_search.against import find_changes, write_conversion_code
from auscult.sound.mel_search.ambiguity import find_alternatives
from auscult.sound.mel_search.families import FAMILIES
from auscult.sound.mel_search.orientation import drop_padding
from auscult.sound.mel_search.search import SearchOutcome, search_definition
from auscult.sound.recording import Recording
from tests.sound.mel_grid import random_definition, sound

HIFIGAN = FAMILIES["hifigan"].definition


def is_recovered(found: SearchOutcome, recording: Recording, truth: MelDefinition) -> bool:
    """Whether every setting is the true one, or the answer itself says that it may be."""
    samples = recording.resample(found.definition.sample_rate).mono
    still_open = find_alternatives(samples, found.mel, found.definition, found.compression.gain)
    mine = asdict(found.definition)
    return all(
        mine[name] == value or value in still_open.get(name, ())
        for name, value in asdict(truth).items()
    )


@pytest.mark.parametrize("name", ["hifigan", "vocos", "whisper", "styletts2", "parallel-wavegan"])
def test_known_definitions(name: str) -> None:
    truth = FAMILIES[name].definition
    recording = sound(truth.sample_rate, 2.0, 1)
    mel = mel_spectrogram(recording.mono, truth)
    found = search_definition(recording, mel[:, :-1] if FAMILIES[name].drops_last else mel)
    assert is_recovered(found, recording, truth), found.definition
    assert found.compression.residual_share < 1e-5


@pytest.mark.parametrize("seed", [3, 6, 14])
def test_random_definitions(seed: int) -> None:
    rng = np.random.default_rng(seed)
    truth = random_definition(rng)
    recording = sound(truth.sample_rate, 2.0, seed)
    found = search_definition(recording, mel_spectrogram(recording.mono, truth).T[None])
    assert found.transposed
    assert is_recovered(found, recording, truth), (truth, found.definition)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(200, 240))
def test_many_random_definitions(seed: int) -> None:
    rng = np.random.default_rng(seed)
    truth = random_definition(rng)
    recording = sound(truth.sample_rate, float(rng.choice([2.0, 3.0, 5.0])), seed)
    assert is_recovered(
        search_definition(recording, mel_spectrogram(recording.mono, truth)), recording, truth
    )


@pytest.mark.parametrize("gain", ["int16", "peak"])
def test_a_gain_of_the_samples_is_told_from_a_normalisation(gain: str) -> None:
    recording = sound(22050, 2.0, 2)
    factor = 32768.0 if gain == "int16" else 0.95 / float(np.abs(recording.mono).max())
    found = search_definition(
        recording,
        mel_spectrogram((recording.mono * np.float32(factor)).astype(np.float32), HIFIGAN),
    )
    assert found.compression.gain == pytest.approx(factor, rel=1e-4)
    assert (found.definition.multiply, found.definition.add, found.definition.log) == (
        1.0,
        0.0,
        "ln",
    )
    assert found.compression.residual_share < 1e-3


def test_half_precision_and_padding_to_a_fixed_length() -> None:
    recording = sound(22050, 2.0, 2)
    mel = mel_spectrogram(recording.mono, HIFIGAN).astype(np.float16)
    padded = np.pad(mel, ((0, 0), (0, 400)), constant_values=np.float16(np.log(1e-5)))
    found = search_definition(recording, padded)
    different = find_changes(found.definition, HIFIGAN, {})
    assert {change.setting for change in different} <= {"inside_root"}
    assert found.compression.residual_share < 1e-3


def test_padding_is_equal_frames_at_the_end() -> None:
    mel = np.random.default_rng(0).normal(size=(4, 20))
    assert drop_padding(np.pad(mel, ((0, 0), (0, 30)))).shape == (4, 20)
    assert drop_padding(mel).shape == (4, 20)
    assert drop_padding(np.zeros((4, 20))).shape == (4, 20)


def test_a_normalised_mel_is_affine() -> None:
    recording = sound(22050, 2.0, 2)
    mel = mel_spectrogram(recording.mono, HIFIGAN)
    whole = search_definition(recording, (mel - mel.mean()) / mel.std())
    assert whole.compression.residual_share < 1e-3
    assert whole.definition.multiply == pytest.approx(1 / float(mel.std()), rel=1e-3)


@pytest.mark.slow
def test_bands_scaled_by_numbers_of_their_own_are_said_to_be() -> None:
    recording, rng = sound(22050, 2.0, 2), np.random.default_rng(0)
    mel = mel_spectrogram(recording.mono, HIFIGAN)
    bands = search_definition(
        recording, mel * rng.uniform(0.7, 1.4, (80, 1)) + rng.normal(size=(80, 1))
    )
    assert bands.compression.is_per_band
    assert bands.compression.residual_share > 0.01


def test_bands_normalised_over_the_recording_are_found_exactly() -> None:
    recording = sound(22050, 2.0, 2)
    mel = mel_spectrogram(recording.mono, HIFIGAN)
    centred = mel - mel.mean(axis=1, keepdims=True)
    found = search_definition(recording, centred / mel.std(axis=1, keepdims=True))
    assert found.definition.band_norm == "mean-std-biased"
    assert found.compression.residual_share < 1e-4
    assert search_definition(recording, centred).definition.band_norm == "mean"


def _compute_kaldi_features(samples: np.ndarray, *, gain: float, norm: str) -> np.ndarray:
    """Kaldi's compute-fbank-feats at 16 kHz, 80 bands, as its documentation says, [80, frames]."""
    starts = range(0, len(samples) - 399, 160)
    frames = np.stack([samples[start : start + 400] for start in starts]).astype(np.float64) * gain
    frames -= frames.mean(axis=1, keepdims=True)
    frames -= 0.97 * np.concatenate([frames[:, :1], frames[:, :-1]], axis=1)
    power = np.abs(np.fft.rfft(frames * np.hanning(400) ** 0.85, 512)) ** 2
    mel = 1127 * np.log(1 + np.array([20.0, 8000.0, *(np.arange(257) * 31.25)]) / 700)
    edges, bins = np.linspace(mel[0], mel[1], 82), mel[2:]
    width = edges[1] - edges[0]
    rising, falling = (bins - edges[:-2, None]) / width, (edges[2:, None] - bins) / width
    filters = np.maximum(0, np.minimum(rising, falling))
    filters[:, -1] = 0
    levels = np.log(np.maximum(power @ filters.T, 1.1920929e-7)).T
    if norm != "none":
        levels -= levels.mean(axis=1, keepdims=True)
    if norm == "mean-std":
        levels /= levels.std(axis=1, ddof=1, keepdims=True)
    return levels


@pytest.mark.parametrize(
    ("gain", "norm"), [(1.0, "mean"), (32768.0, "none"), (32768.0, "mean-std")]
)
def test_kaldi_filter_banks(gain: float, norm: str) -> None:
    recording = sound(16000, 2.0, 1)
    found = search_definition(
        recording, _compute_kaldi_features(recording.mono, gain=gain, norm=norm)
    )
    kaldi = (found.definition.framing, found.definition.window, found.definition.pre_emphasis)
    assert kaldi == ("kaldi", "povey", 0.97)
    assert found.definition.band_norm == norm
    assert found.compression.residual_share < 1e-4
    assert not found.compression.is_per_band


def test_nemo_front_end_filled_up_to_a_multiple_of_16() -> None:
    truth = FAMILIES["nemo"].definition
    recording = sound(16000, 2.0, 1)
    mel = mel_spectrogram(recording.mono, replace(truth, band_norm="none"))[:, :-1]
    mel = (mel - mel.mean(axis=1, keepdims=True)) / mel.std(axis=1, ddof=1, keepdims=True)
    found = search_definition(recording, np.pad(mel, ((0, 0), (0, 8))))
    assert found.definition == truth
    assert found.compression.residual_share < 1e-4


def test_pre_emphasis_is_no_normalisation_of_bands() -> None:
    recording = sound(22050, 2.0, 2)
    truth = replace(HIFIGAN, pre_emphasis=0.97)
    found = search_definition(recording, mel_spectrogram(recording.mono, truth))
    assert (found.definition.pre_emphasis, found.definition.band_norm) == (0.97, "none")
    assert not found.compression.is_per_band
    assert found.compression.residual_share < 1e-4


@pytest.mark.slow
def test_a_search_without_an_answer_ends() -> None:
    recording = sound(22050, 3.0, 2)
    mel = mel_spectrogram(recording.mono, HIFIGAN)
    start = process_time()
    found = search_definition(recording, np.sin(mel) + 0.3 * mel)
    assert process_time() - start < 15
    assert found.compression.residual_share > 0.01


def _features(name: str, samples: np.ndarray) -> np.ndarray:
    transformers = pytest.importorskip("transformers")
    if name == "whisper":
        given = transformers.WhisperFeatureExtractor()(
            samples, sampling_rate=16000, padding=False, return_tensors="np"
        )
        return np.asarray(given.input_features[0])
    if name == "speecht5":
        given = transformers.SpeechT5FeatureExtractor()(
            audio_target=samples, sampling_rate=16000, return_tensors="np"
        )
        return np.asarray(given.input_values[0])
    return np.asarray(transformers.UnivNetFeatureExtractor().mel_spectrogram(samples))


@pytest.mark.parametrize("name", ["whisper", "speecht5", "univnet"])
def test_features_of_transformers(name: str) -> None:
    truth = FAMILIES[name].definition
    recording = sound(truth.sample_rate, 2.0, 4)
    found = search_definition(recording, _features(name, recording.mono))
    assert is_recovered(found, recording, truth), found.definition
    assert found.compression.residual_share < 1e-4


@pytest.mark.parametrize(
    ("mel", "words"),
    [
        (np.zeros(80), "no mel spectrogram"),
        (np.full((80, 200), np.nan), "not numbers"),
        (np.random.default_rng(0).normal(size=(80, 4)), "too few frames"),
        (np.random.default_rng(0).normal(size=(80, 200)), "does not move with the sound"),
        (np.random.default_rng(0).normal(size=(80, 90000)), "room for"),
    ],
)
def test_what_is_no_mel_of_the_sound(mel: np.ndarray, words: str) -> None:
    with pytest.raises(AudioError, match=words):
        search_definition(sound(22050, 2.0, 1), mel)


@pytest.mark.slow
def test_the_mel_of_the_sound_backwards() -> None:
    recording = sound(22050, 2.0, 1)
    with pytest.raises(AudioError, match="is it the mel of this very recording"):
        search_definition(recording, mel_spectrogram(recording.mono, HIFIGAN)[:, ::-1])


@pytest.mark.parametrize(
    ("found", "wanted"),
    [
        (HIFIGAN, replace(HIFIGAN, log="log10")),
        (replace(HIFIGAN, log="log10", multiply=0.25, add=1.0, clip=1e-10), HIFIGAN),
        (replace(HIFIGAN, norm="none"), HIFIGAN),
        (replace(HIFIGAN, power=2, norm="none", clip=1e-10), replace(HIFIGAN, power=2, log="db")),
        (replace(HIFIGAN, clip=1e-10), replace(HIFIGAN, log="db", range_db=60.0)),
    ],
)
def test_conversion_without_the_sound(found: MelDefinition, wanted: MelDefinition) -> None:
    samples = sound(22050, 1.0, 5).mono
    code = write_conversion_code(found, wanted, find_changes(found, wanted, {}))
    assert code is not None
    scope: dict[str, Any] = {"mel": mel_spectrogram(samples, found)}
    exec(code, scope)  # the code that users are told to run
    np.testing.assert_allclose(scope["mel"], mel_spectrogram(samples, wanted), atol=2e-3)


def test_what_takes_the_sound_has_no_conversion() -> None:
    wanted = replace(HIFIGAN, fmax=11025.0, log="log10")
    different = find_changes(HIFIGAN, wanted, {})
    assert [change.setting for change in different] == ["fmax", "log"]
    assert different[0].words == "highest frequency 8000 -> 11025"
    assert write_conversion_code(HIFIGAN, wanted, different) is None
