"""How well a codec gives speech back that it was not trained on."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import log10

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from auscult.families.codec.config import Config
from auscult.families.codec.torch import Codec
from auscult.sound.measures import log_mel_distance
from auscult.sound.mel import mel_spectrogram
from auscult.sound.mel_definition import MelDefinition
from auscult.training.averages import average_rows

Samples = NDArray[np.float32]


@torch.no_grad()
def evaluate_codec(
    codec: Codec, speech: Sequence[tuple[str, Samples]]
) -> dict[str, float | list[float]]:
    """Means over the recordings, and `perplexity` (of each book, as a share of its codes) and
    `book_frames` (frames that used the book) over all of them together.

    Each recording uses the bit rate of the config. `snr` is in dB; `rms_ratio` that of the output
    to the input; `correlation` and `dc` of the samples; `mel_l1` in nepers.
    """
    training = codec.training
    codec.eval()
    rows, codes = [], []
    device = next(codec.parameters()).device
    for _, samples in speech:
        chosen = codec.encode(torch.from_numpy(samples)[None, None].to(device), fit=True)
        output = codec.decode(chosen)[0, 0, : len(samples)].cpu().numpy()
        rows.append(compute_scores(samples, output, codec.config.sample_rate))
        codes.append(chosen[0].cpu())
    codec.train(training)
    means: dict[str, float | list[float]] = {**average_rows(rows)}
    more = {
        "snr_min": min(row["snr"] for row in rows),
        "bits_per_second": bits_per_second(codec.config, codes),
    }
    return {
        **means,
        **more,
        "perplexity": compute_perplexity(codes, codec.config.book_size),
        "book_frames": count_book_frames(codes),
    }


def bits_per_second(config: Config, codes: Iterable[Tensor]) -> float:
    """Of codes [books, frames] and of saying how many books there are."""
    chosen = torch.cat(list(codes), -1)
    per_frame = (
        float((chosen >= 0).double().sum(0).mean()) * config.bits + config.depth_bits / config.group
    )
    return per_frame * config.sample_rate / config.hop


@torch.no_grad()
def reconstruct_samples(codec: Codec, samples: Samples) -> Samples:
    """A recording [time] through the codec and back."""
    device = next(codec.parameters()).device
    output = codec.decode(codec.encode(torch.from_numpy(samples)[None, None].to(device), fit=True))
    result: Samples = output[0, 0, : len(samples)].float().cpu().numpy()
    return result


def compute_scores(target: Samples, output: Samples, sample_rate: int) -> dict[str, float]:
    """Figures of one recording and what came out of the codec, both [time]."""
    x, y = target.astype(np.float64), output.astype(np.float64)
    error, power = float(np.square(x - y).sum()), float(np.square(x).sum())
    spread = float(x.std() * y.std())
    mel = MelDefinition(sample_rate=sample_rate, fmax=sample_rate / 2)
    return {
        "snr": 10 * log10((power + 1e-12) / (error + 1e-12)),
        "rms_ratio": float(np.sqrt(np.square(y).sum() / (power + 1e-12))),
        "correlation": (
            float(np.mean((x - x.mean()) * (y - y.mean())) / spread) if spread > 0 else 0.0
        ),
        "dc": float(y.mean() - x.mean()),
        "mel_l1": log_mel_distance(mel_spectrogram(target, mel), mel_spectrogram(output, mel)),
    }


def count_book_frames(codes: Iterable[Tensor]) -> list[float]:
    """Frames in which each book of codes [books, frames] is used; -1 stands for not used."""
    return [float(count) for count in (torch.cat(list(codes), -1) >= 0).sum(1)]


def compute_perplexity(codes: Iterable[Tensor], size: int) -> list[float]:
    """exp(entropy) of each book's codes [books, frames], as a share of its size."""
    counts = torch.stack(
        [torch.bincount(book[book >= 0], minlength=size) for book in torch.cat(list(codes), -1)]
    ).double()
    shares = counts / counts.sum(1, keepdim=True).clamp_min(1)
    return [float(value) / size for value in (-torch.special.xlogy(shares, shares).sum(1)).exp()]
