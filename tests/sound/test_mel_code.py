"""The code that `mel` prints makes the very mel: run here, with librosa and torchaudio or with stand-ins for them."""

from __future__ import annotations

import sys
from dataclasses import replace
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

from auscult.sound.mel import mel_filterbank, mel_spectrogram
from auscult.sound.mel_definition import MelDefinition
from auscult.sound.mel_search.code import (
    list_config_names,
    write_librosa_code,
    write_torchaudio_code,
)
from auscult.sound.mel_search.families import FAMILIES
from tests.sound.mel_grid import random_definition, sound

DEFINITIONS = [
    *(FAMILIES[name].definition for name in ("hifigan", "vocos", "whisper", "styletts2")),
    *(random_definition(np.random.default_rng(seed)) for seed in range(6)),
    replace(
        FAMILIES["tacotron2"].definition,
        window="hann-symmetric",
        log="db",
        reference="max",
        range_db=80.0,
    ),
    replace(FAMILIES["tacotron2"].definition, window="povey"),
]


def _filters(norm: str | None, **settings: Any) -> Any:
    return mel_filterbank(MelDefinition(norm=norm or "none", **settings))  # type: ignore[arg-type]


def _librosa_of(samples: np.ndarray) -> ModuleType:
    """A stand-in with the four functions that the code calls, by their documentation."""
    from scipy.signal import get_window

    def stft(
        y: Any, *, n_fft: int, hop_length: int, win_length: int, window: Any, center: bool
    ) -> Any:
        assert center is False
        shape = get_window(window, win_length) if isinstance(window, str) else window
        side = (n_fft - win_length) // 2
        padded = np.pad(shape, (side, n_fft - win_length - side))
        return np.fft.rfft(
            np.lib.stride_tricks.sliding_window_view(y, n_fft)[::hop_length] * padded, axis=1
        ).T

    def mel(
        *, sr: float, n_fft: int, n_mels: int, fmin: float, fmax: float, htk: bool, norm: str | None
    ) -> Any:
        scale = "htk" if htk else "slaney"
        return _filters(
            norm, sample_rate=int(sr), n_fft=n_fft, n_mels=n_mels, fmin=fmin, fmax=fmax, scale=scale
        )

    module = ModuleType("librosa")
    module.load = lambda _path, sr: (samples, sr)  # type: ignore[attr-defined]
    module.stft, module.filters = stft, SimpleNamespace(mel=mel)  # type: ignore[attr-defined]
    return module


def _torchaudio_of(samples: np.ndarray, rate: int) -> ModuleType:
    import torch

    def fbanks(
        n_freqs: int,
        f_min: float,
        f_max: float,
        n_mels: int,
        sample_rate: int,
        *,
        norm: Any,
        mel_scale: str,
    ) -> Any:
        shape = {"sample_rate": sample_rate, "n_fft": 2 * n_freqs - 2, "n_mels": n_mels}
        return torch.from_numpy(
            _filters(norm, **shape, fmin=f_min, fmax=f_max, scale=mel_scale).copy()
        ).T

    module = ModuleType("torchaudio")
    module.load = lambda _path: (torch.from_numpy(samples)[None], rate)  # type: ignore[attr-defined]
    module.functional = SimpleNamespace(resample=lambda y, _old, _new: y, melscale_fbanks=fbanks)  # type: ignore[attr-defined]
    return module


def _run(code: str) -> np.ndarray:
    scope: dict[str, Any] = {}
    exec(code, scope)  # the code that users are told to run
    return np.asarray(scope["mel"])


@pytest.mark.parametrize("definition", DEFINITIONS)
@pytest.mark.parametrize("gain", [1.0, 1.5])
def test_code_for_librosa(
    definition: MelDefinition, gain: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    samples = sound(definition.sample_rate, 0.4, 3).mono
    monkeypatch.setitem(sys.modules, "librosa", _librosa_of(samples))
    made = _run(write_librosa_code(definition, gain))
    np.testing.assert_allclose(
        made, mel_spectrogram(samples * np.float32(gain), definition), rtol=1e-4, atol=2e-3
    )


@pytest.mark.parametrize("definition", DEFINITIONS)
def test_code_for_torchaudio(definition: MelDefinition, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("torch")
    samples = sound(definition.sample_rate, 0.4, 3).mono
    monkeypatch.setitem(sys.modules, "torchaudio", _torchaudio_of(samples, definition.sample_rate))
    made = _run(write_torchaudio_code(definition))
    np.testing.assert_allclose(made, mel_spectrogram(samples, definition), rtol=1e-4, atol=2e-3)


@pytest.mark.slow
@pytest.mark.parametrize("definition", DEFINITIONS)
def test_code_with_the_real_librosa(
    definition: MelDefinition, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("librosa")
    import soundfile

    recording = sound(definition.sample_rate, 0.4, 3)
    soundfile.write(tmp_path / "sound.wav", recording.mono, recording.sample_rate, subtype="FLOAT")
    monkeypatch.chdir(tmp_path)
    made = _run(write_librosa_code(definition))
    np.testing.assert_allclose(
        made, mel_spectrogram(recording.mono, definition), rtol=1e-3, atol=5e-3
    )


def test_names_in_configs() -> None:
    names = list_config_names(FAMILIES["hifigan"].definition)
    assert names["hifigan"]["hop_size"] == names["tacotron2"]["hop_length"] == 256
    assert names["torchaudio.transforms.MelSpectrogram"]["norm"] == "slaney"
