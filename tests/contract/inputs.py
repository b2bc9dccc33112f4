"""The inputs of the recorded runs: everything from seeds, or from the files that auscult carries.

This file imports nothing of auscult, so that an older version can be run on the same inputs.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile as sf
from safetensors.numpy import save_file

DATA = Path(__file__).resolve().parents[2] / "src" / "auscult" / "data"
Floats = npt.NDArray[np.float32]

RATE_HZ = 16000

NETS = """
import torch
from torch import nn


class Block(nn.Module):
    def __init__(self, width, shortcut):
        super().__init__()
        self.conv = nn.Conv1d(width, width, 3, padding=1)
        self.norm = nn.BatchNorm1d(width)
        self.act = nn.LeakyReLU(0.1)
        self.shortcut = shortcut

    def forward(self, x):
        y = self.act(self.norm(self.conv(x)))
        return x + y if self.shortcut else y


class Net(nn.Module):
    def __init__(self, shortcut):
        super().__init__()
        self.first = Block(8, True)
        self.second = Block(8, shortcut)
        self.head = nn.Conv1d(8, 1, 7, padding=3)

    def forward(self, input):
        return torch.tanh(self.head(self.second(self.first(input))))


def build(shortcut):
    torch.manual_seed(0)
    return Net(shortcut).eval()


def good():
    return build(True)


def wrong():
    return build(False)
"""

TEMPLATE = """
from torch import nn


class Generator(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv_pre = nn.Conv1d(80, 16, 7)
        self.ups = nn.ModuleList(
            nn.ConvTranspose1d(16 >> stage, 8 >> stage, 4) for stage in range(2)
        )
        self.post = nn.Conv1d(4, 2, 7)
"""

LOG = """
Epoch 20/100 | loss 0.31 | SNR: -3.74 dB | RMS ratio: 0.42 | corr=0.13
Epoch 21/100 | loss 0.30 | SNR: 9.50 dB | RMS ratio: 0.41 | corr=0.99
"""


def make_inputs(folder: Path) -> None:
    """Write every input of every run into the folder."""
    for name in ("vocoder.pth", "frase.flac"):
        shutil.copyfile(DATA / name, folder / name)
    _write_checkpoints(folder)
    _write_sound(folder)
    (folder / "nets.py").write_text(NETS)
    (folder / "template.py").write_text(TEMPLATE)
    (folder / "train.log").write_text(LOG)
    np.savez(folder / "x.npz", input=make_noise(1, 8, 40))


def make_noise(*shape: int, seed: int = 0) -> Floats:
    return np.random.default_rng((seed, *shape)).standard_normal(shape).astype(np.float32)


def make_vocoder() -> dict[str, Floats]:
    """A small HiFi-GAN by its names, in torch's axis order."""
    arrays = {"conv_pre.weight": make_noise(16, 80, 7), "conv_pre.bias": make_noise(16)}
    for stage in range(2):
        width = 8 >> stage
        arrays[f"ups.{stage}.weight"] = make_noise(2 * width, width, 4)
        arrays[f"ups.{stage}.bias"] = make_noise(width, seed=stage)
        for stem in ("convs1", "convs2"):
            name = f"resblocks.{stage}.{stem}.0"
            arrays[f"{name}.weight"] = make_noise(width, width, 3, seed=stage)
            arrays[f"{name}.bias"] = make_noise(width, seed=9)
    return arrays | {"conv_post.weight": make_noise(1, 4, 7), "conv_post.bias": make_noise(1)}


def _write_checkpoints(folder: Path) -> None:
    arrays = make_vocoder()
    save_file(arrays, str(folder / "good.safetensors"))

    damaged = {name: array.copy() for name, array in arrays.items()}
    damaged["conv_pre.weight"][3, 4, 5] = np.nan
    damaged["resblocks.0.convs1.0.weight"][:] = 0
    damaged["ups.1.weight"][2] = 0
    save_file(damaged, str(folder / "damaged.safetensors"))

    changed = {
        name: np.ascontiguousarray(array.transpose(0, 2, 1))
        if name.startswith("resblocks") and array.ndim == 3
        else array
        for name, array in arrays.items()
    }
    del changed["ups.0.bias"]
    changed["conv_post.weight"] = changed["conv_post.weight"] * np.float32(1.5)
    changed["speaker.weight"] = make_noise(12, 20)
    save_file(changed, str(folder / "changed.safetensors"))


def _write_sound(folder: Path) -> None:
    speech, rate = sf.read(DATA / "frase.flac", dtype="float32")
    assert rate == RATE_HZ
    sf.write(folder / "clipped.wav", np.clip(8 * speech, -0.5, 0.5), rate, subtype="PCM_16")
    late = np.concatenate([np.zeros(480, np.float32), speech])[: len(speech)]
    sf.write(folder / "late.wav", late, rate, subtype="PCM_16")
    np.save(folder / "mel.npy", make_mel(speech))


def make_mel(samples: Floats) -> Floats:
    """The log mel of HiFi-GAN's kind with HTK's scale: 80 bands, window 1024, hop 256."""
    size, hop, bands = 1024, 256, 80
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(size) / size)
    padded = np.pad(samples.astype(np.float64), size // 2, mode="reflect")
    frames = np.lib.stride_tricks.sliding_window_view(padded, size)[::hop]
    magnitudes = np.abs(np.fft.rfft(frames * window))

    top = 2595 * np.log10(1 + RATE_HZ / 2 / 700)
    edges_hz = 700 * (10 ** (np.linspace(0, top, bands + 2) / 2595) - 1)
    bins_hz = np.arange(size // 2 + 1) * RATE_HZ / size
    rising = (bins_hz - edges_hz[:-2, None]) / np.diff(edges_hz)[:-1, None]
    falling = (edges_hz[2:, None] - bins_hz) / np.diff(edges_hz)[1:, None]
    filters = np.maximum(0, np.minimum(rising, falling))
    mel = filters @ magnitudes.T
    return np.asarray(np.log(np.maximum(mel, 1e-5)), np.float32)
