"""Chatterbox's own modules and mlx-audio's, without what they import and these tests do not need; random weights."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from functools import partial
from importlib.machinery import ModuleSpec
from importlib.util import module_from_spec
from types import ModuleType
from typing import Any

import numpy as np
import pytest

ABSENT = ("torchaudio", "torchaudio.compliance", "torchaudio.compliance.kaldi")


def reference(name: str) -> Any:
    """A module of chatterbox-tts, such as `models.s3gen.hifigan`; the test is skipped where the package is not there.

    The package's own `__init__` imports its watermarker and its text front ends, and torchaudio for resampling; none of
    that is run. Its Kaldi features are stood in for by kaldi-native-fbank.
    """
    pytest.importorskip("librosa")
    pytest.importorskip("diffusers")
    fbank = pytest.importorskip("kaldi_native_fbank")
    if "chatterbox" not in sys.modules:
        found = importlib.util.find_spec("chatterbox")
        if found is None or found.submodule_search_locations is None:
            pytest.skip("chatterbox-tts is not installed")
        package = ModuleType("chatterbox")
        package.__path__ = list(found.submodule_search_locations)
        sys.modules["chatterbox"] = package
    stand_ins: dict[str, ModuleType] = {}
    if importlib.util.find_spec("torchaudio") is None:
        pytest.importorskip(
            "transformers"
        ).utils.is_torchaudio_available()  # asked now, for it remembers the answer
        stand_ins = {absent: module_from_spec(ModuleSpec(absent, None)) for absent in ABSENT}
        stand_ins["torchaudio.compliance.kaldi"].fbank = partial(native_fbank, fbank)  # type: ignore[attr-defined]
        stand_ins["torchaudio"].compliance = stand_ins["torchaudio.compliance"]  # type: ignore[attr-defined]
        stand_ins["torchaudio.compliance"].kaldi = stand_ins["torchaudio.compliance.kaldi"]  # type: ignore[attr-defined]
    sys.modules.update(stand_ins)
    try:
        return importlib.import_module(f"chatterbox.{name}")
    finally:
        for absent in stand_ins:
            del sys.modules[absent]


def native_fbank(package: Any, audio: Any, *, num_mel_bins: int) -> Any:
    """What torchaudio.compliance.kaldi.fbank computes with its defaults, by Kaldi's own C++: [frames, num_mel_bins]."""
    import torch

    options = package.FbankOptions()
    options.frame_opts.dither = 0.0
    options.frame_opts.samp_freq = 16000.0
    options.mel_opts.num_bins = num_mel_bins
    options.use_energy = False
    computer = package.OnlineFbank(options)
    computer.accept_waveform(16000.0, audio.reshape(-1).double().numpy().tolist())
    computer.input_finished()
    frames = np.stack([computer.get_frame(index) for index in range(computer.num_frames_ready)])
    return torch.from_numpy(frames)


def randomise(module: Any, seed: int = 0, gain: float = 1.0) -> Any:
    """Weights that keep the variance of what passes through; in evaluation mode. Statistics of norms are varied, too."""
    import torch

    draw = torch.Generator().manual_seed(seed)

    def normal(value: Any, deviation: float, mean: float = 0.0) -> None:
        value.copy_(torch.randn(value.shape, generator=draw) * deviation + mean)

    with torch.no_grad():
        for name, value in module.state_dict().items():
            if not value.is_floating_point() or name.endswith(("window", "_mel_filters", ".pe")):
                continue
            if name.endswith(("running_var", ".alpha")):
                value.copy_(torch.rand(value.shape, generator=draw) + 0.5)
            elif name.endswith("original0"):
                value.copy_(torch.rand(value.shape, generator=draw) * gain + 0.3 * gain)
            elif value.ndim > 1:
                normal(value, gain / value[0].numel() ** 0.5)
            else:
                normal(value, 0.1, mean=1.0 if name.endswith(".weight") else 0.0)
    return module.eval()


def relative(found: Any, expected: Any) -> float:
    """Largest difference, relative to the largest value expected."""
    a, b = np.asarray(found, np.float64), np.asarray(expected, np.float64)
    assert a.shape == b.shape, (a.shape, b.shape)
    return float(np.abs(a - b).max() / np.abs(b).max())
