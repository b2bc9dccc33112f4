"""Faults that users reported in public, written again from the report as small nets: kind by kind, with a right net beside it.

No threshold was set on these.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")

import torch
from torch import Tensor, nn
from torch.nn import functional

from auscult.verbs.check.check import check

RNG = np.random.default_rng(7)
WAVE = RNG.standard_normal((1, 1, 320)).astype(np.float32)
FRAMES = RNG.standard_normal((1, 48, 8)).astype(np.float32)
MEL = RNG.standard_normal((1, 8, 48)).astype(np.float32)
LENGTHS = np.array([320])
FRAME_LENGTHS = np.array([48])


def make_keep(lengths: Tensor | None, x: Tensor) -> Tensor | None:
    """[batch, frames], true for signal."""
    if lengths is None:
        return None
    return torch.arange(x.shape[-1]) < lengths[:, None]


class NormedExtractor(nn.Module):
    """pytorch/audio issue 2242, facebookresearch/fairseq issue 3227: the first norm of wav2vec 2.0 is taken over all time."""

    def __init__(self, norm: nn.Module) -> None:
        super().__init__()
        self.conv = nn.Conv1d(1, 8, 5, padding=2)
        self.norm = norm

    def forward(self, wave: Tensor, lengths: Tensor | None = None) -> Tensor:
        keep = make_keep(lengths, wave)
        x: Tensor = self.conv(wave)
        x = x if keep is None else x * keep[:, None]
        x = functional.gelu(self.norm(x))
        return x if keep is None else x * keep[:, None]


class ChannelNorm(nn.LayerNorm):
    """A layer norm over the channels of each frame."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.transpose(1, 2)).transpose(1, 2)


class LengthsContainer(nn.Module):
    """speechbrain/speechbrain issue 2986: lengths go only to a parameter of one certain name."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.encoder = MaskedMean()
        self.name = name

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        if self.name == "wav_lens":
            return self.encoder(x, wav_lens=lengths)
        return self.encoder(x)


class MaskedMean(nn.Module):
    """Subtracts the mean over the frames that lengths leave."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(8, 8)

    def forward(self, x: Tensor, wav_lens: Tensor | None = None) -> Tensor:
        x = self.linear(x)
        if wav_lens is None:
            return x - x.mean(1, keepdim=True)
        keep = (torch.arange(x.shape[1]) < wav_lens[:, None])[..., None]
        return x - (x * keep).sum(1, keepdim=True) / keep.sum(1, keepdim=True)


class Prenet(nn.Module):
    """NVIDIA/tacotron2 issues 28 and 324: dropout with training=True."""

    def __init__(self, *, is_always_dropping: bool) -> None:
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(8, 16), nn.Linear(16, 8)])
        self.is_always_dropping = is_always_dropping

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.layers:
            is_dropping = self.is_always_dropping or self.training
            x = functional.dropout(functional.relu(layer(x)), 0.5, training=is_dropping)
        return x


class Tacotron(nn.Module):
    """A net around the prenet."""

    def __init__(self, *, is_always_dropping: bool) -> None:
        super().__init__()
        self.prenet = Prenet(is_always_dropping=is_always_dropping)
        self.out = nn.Linear(8, 4)

    def forward(self, x: Tensor) -> Tensor:
        return self.out(self.prenet(x))


class ScoreMask(nn.Module):
    """NVIDIA/tacotron2 issue 18: a score of -1e9 cannot be written in float16."""

    def __init__(self, score: float | None) -> None:
        super().__init__()
        self.linear = nn.Linear(8, 8)
        self.score = score

    def forward(self, x: Tensor) -> Tensor:
        scores = self.linear(x) @ x.transpose(1, 2)
        later = torch.ones(x.shape[1], x.shape[1], dtype=torch.bool).triu(1)
        low = torch.finfo(scores.dtype).min if self.score is None else self.score
        return scores.masked_fill(later, low).softmax(-1) @ x


class LargeScores(nn.Module):
    """apple/coreai-models pull request 239: products of queries and keys beyond 65504."""

    def __init__(self, gain: float) -> None:
        super().__init__()
        self.query, self.key = nn.Linear(8, 64), nn.Linear(8, 64)
        self.gain = gain

    def forward(self, x: Tensor) -> Tensor:
        scores = (self.query(x) * self.gain) @ (self.key(x) * self.gain).transpose(1, 2)
        return (scores / self.gain**2).softmax(-1) @ x


class PaddedEncoder(nn.Module):
    """huggingface/transformers issue 43377: a strided encoder of a codec that hears the padding of shorter items."""

    def __init__(self, *, is_masking: bool) -> None:
        super().__init__()
        torch.manual_seed(1)
        self.first = nn.Conv1d(1, 8, 7, padding=3)
        self.second = nn.Conv1d(8, 8, 5, padding=2)
        self.is_masking = is_masking

    def forward(self, wave: Tensor, padding_mask: Tensor | None = None) -> Tensor:
        x = functional.elu(self.first(wave))
        if padding_mask is not None and self.is_masking:
            x = x * padding_mask[:, None]
        return self.second(x)


class CachedAttention(nn.Module):
    """wenet-e2e/wenet issue 1516: in a stream, attention sees the chunk and not the cache."""

    def __init__(self, *, is_caching: bool) -> None:
        super().__init__()
        self.qkv = nn.Linear(8, 24)
        self.is_caching = is_caching
        self.cache: tuple[Tensor, Tensor] | None = None

    def reset_cache(self) -> None:
        self.cache = None

    def forward(self, x: Tensor) -> Tensor:
        query, key, value = self.qkv(x).chunk(3, -1)
        return self.attend(query, key, value)

    def attend(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        """Each frame attends to itself and what came before."""
        scores = query @ key.transpose(1, 2)
        missing = torch.ones(scores.shape[-2:], dtype=torch.bool)
        missing = missing.triu(1 + key.shape[1] - query.shape[1])
        return scores.masked_fill(missing, -torch.inf).softmax(-1) @ value

    def forward_chunk(self, chunk: Tensor) -> Tensor:
        """One chunk of a stream."""
        query, key, value = self.qkv(chunk).chunk(3, -1)
        if self.cache is not None:
            key, value = torch.cat([self.cache[0], key], 1), torch.cat([self.cache[1], value], 1)
        if self.is_caching:
            self.cache = (key, value)
        return self.attend(query, key, value)


class Flow(nn.Module):
    """NVIDIA/DeepLearningExamples issue 387: WaveGlow starts from noise."""

    def __init__(self, sigma: float) -> None:
        super().__init__()
        self.up = nn.ConvTranspose1d(8, 1, 8, stride=4, padding=2)
        self.sigma = sigma

    def forward(self, mel: Tensor) -> Tensor:
        wave: Tensor = self.up(mel)
        return wave + self.sigma * torch.randn_like(wave) if self.sigma else wave


class Decoder(nn.Module):
    """Blaizzy/mlx-audio pull request 618: chunks of a codec's decoder need frames of context."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(2)
        self.body = nn.Sequential(
            nn.Conv1d(8, 8, 7, padding=3), nn.ELU(), nn.Conv1d(8, 8, 7, padding=9, dilation=3)
        )
        self.up = nn.ConvTranspose1d(8, 1, 8, stride=4, padding=2)

    def forward(self, x: Tensor) -> Tensor:
        return self.up(self.body(x))


class CausalUpsampler(nn.Module):
    """jik876/hifi-gan issue 33: the length of a chunk is no multiple of the hop, so that each boundary is shorter."""

    def __init__(self, trim: int) -> None:
        super().__init__()
        torch.manual_seed(3)
        self.up = nn.ConvTranspose1d(8, 1, 4, stride=4)
        self.trim = trim

    def forward(self, mel: Tensor) -> Tensor:
        wave: Tensor = self.up(mel)
        return wave[..., : wave.shape[-1] - self.trim]


def make_norm_case(norm: Callable[[], nn.Module]) -> Callable[[], nn.Module]:
    return lambda: NormedExtractor(norm())


@dataclass(frozen=True)
class Report:
    """A report: the faulty net, the right one, and what has to be said."""

    name: str
    wrong: Callable[[], nn.Module]
    right: Callable[[], nn.Module]
    inputs: dict[str, Any]
    cause: str
    place: str | None = None
    options: dict[str, Any] = field(default_factory=dict)
    right_options: dict[str, Any] | None = None


REPORTS = [
    Report(
        "group norm over padding",
        make_norm_case(lambda: nn.GroupNorm(8, 8)),
        make_norm_case(lambda: ChannelNorm(8)),
        {"wave": WAVE, "lengths": LENGTHS},
        "padding-leaks",
        "norm",
        {"only": ["padding"]},
    ),
    Report(
        "lengths not handed on",
        lambda: LengthsContainer("lengths"),
        lambda: LengthsContainer("wav_lens"),
        {"x": FRAMES, "lengths": FRAME_LENGTHS},
        "mask-ignored",
        None,
        {"only": ["padding"]},
    ),
    Report(
        "dropout of a prenet",
        lambda: Tacotron(is_always_dropping=True),
        lambda: Tacotron(is_always_dropping=False),
        {"x": FRAMES},
        "dropout-active",
        "prenet",
        {"only": ["determinism"]},
    ),
    Report(
        "score of masked frames",
        lambda: ScoreMask(-1e9),
        lambda: ScoreMask(None),
        {"x": FRAMES},
        "half-overflow",
        None,
        {"only": ["precision"], "expect_formats": ["float16"]},
    ),
    Report(
        "large scores",
        lambda: LargeScores(300.0),
        lambda: LargeScores(1.0),
        {"x": FRAMES},
        "half-overflow",
        None,
        {"only": ["precision"], "expect_formats": ["float16"]},
    ),
    Report(
        "codec encoder that hears padding",
        lambda: PaddedEncoder(is_masking=False),
        lambda: PaddedEncoder(is_masking=True),
        {"wave": WAVE, "padding_mask": np.ones((1, 320), bool)},
        "mask-ignored",
        "second",
        {"only": ["padding"]},
    ),
    Report(
        "attention without its cache",
        lambda: CachedAttention(is_caching=False),
        lambda: CachedAttention(is_caching=True),
        {"x": FRAMES},
        "state-not-carried",
        None,
        {"only": ["streaming"], "chunk": 12},
    ),
    Report(
        "noise of a flow",
        lambda: Flow(0.6),
        lambda: Flow(0.0),
        {"mel": MEL},
        "noise-drawn",
        None,
        {"only": ["determinism"]},
    ),
    Report(
        "context of a decoder",
        Decoder,
        Decoder,
        {"x": MEL},
        "overlap-short",
        None,
        {"only": ["streaming"], "chunk": 16, "overlap": 8, "lookahead": 8},
        {"only": ["streaming"], "chunk": 16, "overlap": 13, "lookahead": 13},
    ),
    Report(
        "shorter at each boundary",
        lambda: CausalUpsampler(1),
        lambda: CausalUpsampler(0),
        {"mel": MEL},
        "boundary-samples",
        None,
        {"only": ["streaming"], "chunk": 16},
    ),
]


@pytest.mark.parametrize("report", REPORTS, ids=lambda report: report.name)
def test_a_public_report(report: Report) -> None:
    found = check(report.wrong().eval(), report.inputs, **report.options)
    assert [finding.cause for finding in found.findings] == [report.cause]
    assert report.place is None or found.findings[0].where[0] == report.place
    right_options = report.right_options or report.options
    right = check(report.right().eval(), report.inputs, **right_options)
    assert right.verdict.exit_code == 0
    assert right.findings == ()
