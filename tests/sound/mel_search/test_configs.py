"""Config files of vocoders as definitions of their mel."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from auscult.errors import UsageError
from auscult.sound.mel_definition import MelDefinition
from auscult.sound.mel_search.configs import is_config_file, read_mel_config
from auscult.sound.mel_search.families import FAMILIES

HIFIGAN = {
    "resblock": "1",
    "upsample_rates": [8, 8, 2, 2],
    "num_mels": 80,
    "n_fft": 1024,
    "hop_size": 256,
    "win_size": 1024,
    "sampling_rate": 22050,
    "fmin": 0,
    "fmax": 8000,
}
VOCOS = """
feature_extractor:
  class_path: vocos.feature_extractors.MelSpectrogramFeatures
  init_args:
    sample_rate: 24000
    n_fft: 1024
    hop_length: 256
    n_mels: 100
    padding: center
"""
NEMO = """
preprocessor:
  _target_: nemo.collections.asr.modules.AudioToMelSpectrogramPreprocessor
  sample_rate: 16000
  normalize: per_feature
  window_size: 0.025
  window_stride: 0.01
  window: hann
  features: 80
  n_fft: 512
  dither: 1.0e-05
"""
NEMO_HIFIGAN = """
preprocessor:
  _target_: nemo.collections.asr.modules.AudioToMelSpectrogramPreprocessor
  features: 80
  lowfreq: 0
  highfreq: 8000
  n_fft: 1024
  n_window_size: 1024
  n_window_stride: 256
  normalize: null
  preemph: null
  mag_power: 1.0
  log_zero_guard_type: clamp
  log_zero_guard_value: 1.0e-05
  sample_rate: 22050
  window: hann
"""
COQUI = {
    "audio": {
        "sample_rate": 22050,
        "fft_size": 1024,
        "win_length": 1024,
        "hop_length": 256,
        "num_mels": 80,
        "mel_fmin": 0,
        "mel_fmax": 8000,
        "log_func": "np.log",
        "spec_gain": 1,
        "signal_norm": False,
        "preemphasis": 0.0,
    }
}


def read(folder: Path, values: dict[str, Any] | str) -> MelDefinition:
    if isinstance(values, str):
        pytest.importorskip("yaml")
        path, text = folder / "config.yaml", values
    else:
        path, text = folder / "config.json", json.dumps(values)
    path.write_text(text)
    return read_mel_config(path)


def test_hifigan(tmp_path: Path) -> None:
    assert read(tmp_path, HIFIGAN) == FAMILIES["hifigan"].definition


def test_bigvgan_without_an_upper_edge(tmp_path: Path) -> None:
    values = {**HIFIGAN, "fmax": None, "sampling_rate": 24000, "num_mels": 100}
    assert read(tmp_path, values) == FAMILIES["bigvgan"].definition


def test_vocos(tmp_path: Path) -> None:
    assert read(tmp_path, VOCOS) == FAMILIES["vocos"].definition


def test_nemo(tmp_path: Path) -> None:
    assert read(tmp_path, NEMO) == FAMILIES["nemo"].definition
    vocoder = read(tmp_path, NEMO_HIFIGAN)
    assert (vocoder.power, vocoder.floor, vocoder.clip, vocoder.fmax) == (1, "clip", 1e-5, 8000.0)
    assert (vocoder.pre_emphasis, vocoder.band_norm) == (0.0, "none")


def test_coqui(tmp_path: Path) -> None:
    definition = read(tmp_path, COQUI)
    assert (definition.log, definition.multiply, definition.add) == ("ln", 1.0, 0.0)
    normalised = {"audio": {**COQUI["audio"], "log_func": "np.log10", "spec_gain": 20}}
    del normalised["audio"]["signal_norm"]
    definition = read(tmp_path, normalised)
    loudest, quietest = (definition.multiply * level + definition.add for level in (20.0, -80.0))
    assert definition.log == "db"
    assert (loudest, quietest) == pytest.approx((4.0, -4.0))


def test_a_definition_of_our_own(tmp_path: Path) -> None:
    definition = FAMILIES["campplus"].definition
    assert read(tmp_path, definition.to_config()) == definition
    assert (
        read(tmp_path, {"command": "mel", "mel": {"definition": definition.to_config()}})
        == definition
    )


def test_anything_else_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no config of a vocoder"):
        read(tmp_path, {"hidden_size": 768})
    with pytest.raises(UsageError, match="states no mel"):
        read(tmp_path, {**HIFIGAN, "hop_size": "many"})
    with pytest.raises(UsageError, match="cannot be read"):
        read_mel_config(tmp_path / "absent.json")
    assert not is_config_file("hifigan")
