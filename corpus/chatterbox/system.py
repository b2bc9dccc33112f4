"""Chatterbox's S3Gen and HiFT, tiny, twice: our PyTorch as the reference, our MLX as the port, one set of random weights.

Both make samples of speech tokens, and T3's first position of a speaker: so a port may confuse the two vectors that it has of
one speaker. No two axes of what is computed are of one length.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from typing import Any

import mlx.core as mx
import numpy as np
import torch
from mlx import nn as mlx_nn
from numpy.typing import NDArray
from torch import Tensor, nn

from auscult.facts.layers import CONVOLUTION_TO_MLX_AXES
from auscult.families.chatterbox_s3gen import mlx as ported
from auscult.families.chatterbox_s3gen import torch as released
from auscult.families.chatterbox_s3gen.config import Config, tiny
from auscult.families.chatterbox_s3gen.signature import plan
from corpus.networks import draw_trained_weights

Arrays = dict[str, NDArray[Any]]

TOKENS, PROMPT = 17, 4
XVECTOR, SPEAKER = 192, 256
"""Lengths of S3Gen's vector of a speaker and of T3's."""
CONDITION = 18


def sizes() -> Config:
    """The tiny model without tokenizer and speaker encoder, a block of each kind, three steps of the solver."""
    config = tiny()
    flow = replace(config.flow, mid_blocks=1, transformers=1, layers=(1, 1), steps=3)
    return replace(config, flow=flow, speaker=None, tokenizer=None)


class Reference(nn.Module):
    """Takes what `inputs` gives; samples [1, 1, time] and T3's position [1, CONDITION]."""

    def __init__(self) -> None:
        super().__init__()
        made = released.build(sizes())
        self.flow, self.mel2wav = made.flow, made.mel2wav
        self.spkr_enc = nn.Linear(SPEAKER, CONDITION)

    def forward(
        self,
        tokens: Tensor,
        prompt_tokens: Tensor,
        prompt_mel: Tensor,
        xvector: Tensor,
        speaker: Tensor,
    ) -> tuple[Tensor, Tensor]:
        assert self.mel2wav is not None
        condition = self.spkr_enc(speaker)
        return self.mel2wav(self.flow(tokens, prompt_tokens, prompt_mel, xvector)), condition


class Port(mlx_nn.Module):
    """The same with channels last. `faulty` holds what is wrong between the parts."""

    def __init__(self) -> None:
        super().__init__()
        made = ported.build(sizes())
        assert made.mel2wav is not None
        self.flow, self.mel2wav = made.flow, made.mel2wav
        self.spkr_enc = mlx_nn.Linear(SPEAKER, CONDITION)
        self.faulty: dict[str, Any] = {}

    def __call__(
        self,
        tokens: mx.array,
        prompt_tokens: mx.array,
        prompt_mel: mx.array,
        xvector: mx.array,
        speaker: mx.array,
    ) -> tuple[mx.array, mx.array]:
        xvector, speaker = self.faulty.get("speakers", lambda *both: both)(xvector, speaker)
        condition = self.spkr_enc(speaker)
        noise = self.faulty["noise"]() if "noise" in self.faulty else None
        mel = self.flow(tokens, prompt_tokens, prompt_mel, xvector, noise=noise)
        return self.mel2wav(self.faulty.get("mel", lambda x: x)(mel)), condition


@cache
def reference() -> Reference:
    """With weights that look trained, and keep the size of what passes through."""
    made, rng = Reference().eval(), np.random.default_rng(1)
    state = {
        name: torch.from_numpy(weight(name, tuple(value.shape), rng))
        for name, value in made.state_dict().items()
    }
    made.load_state_dict(state)
    return made


def weight(name: str, shape: tuple[int, ...], rng: np.random.Generator) -> NDArray[np.float32]:
    """Like the corpus's trained ones, by the tensor's name."""
    if name.endswith(".alpha"):
        return np.exp(0.5 * rng.standard_normal(shape)).astype(np.float32)
    if len(shape) > 1:
        return np.asarray(
            0.8 * draw_trained_weights(shape, "conv1d" if len(shape) == 3 else "linear", rng),
            np.float32,
        )
    return draw_trained_weights(shape, "gain" if name.endswith(".weight") else "bias", rng)


def inputs(*, channels_last: bool = False) -> Arrays:
    """What both take; the voice encoder's vector is of length 1 and nowhere negative, the x-vector is neither."""
    config, rng = sizes(), np.random.default_rng(0)
    speaker = np.maximum(
        rng.standard_normal((1, SPEAKER)), 0
    )  # the voice encoder ends with a ReLU and the length 1
    mel = rng.standard_normal((1, config.flow.mel_bins, 2 * PROMPT)).astype(np.float32)
    return {
        "tokens": rng.integers(0, config.flow.tokens, (1, TOKENS)),
        "prompt_tokens": rng.integers(0, config.flow.tokens, (1, PROMPT)),
        "prompt_mel": mel.transpose(0, 2, 1) if channels_last else mel,
        "xvector": (2 * rng.standard_normal((1, XVECTOR)) - 0.4).astype(np.float32),
        "speaker": (speaker / np.linalg.norm(speaker)).astype(np.float32),
    }


def weights() -> Arrays:
    """The reference's, by its names, as MLX lays them out."""
    kinds = {name: planned.kind for name, planned in plan(sizes()).items()}
    state = {name: value.numpy() for name, value in reference().state_dict().items()}
    return {
        name: array.transpose(CONVOLUTION_TO_MLX_AXES.get(kinds.get(name, ""), range(array.ndim)))
        for name, array in state.items()
    }


def loaded(given: Mapping[str, NDArray[Any]]) -> Port:
    """A fresh port, filled as ports fill theirs: what it does not know is left out, and nobody says so."""
    mx.random.seed(0)
    port = Port()
    port.load_weights(
        [(name, mx.array(np.ascontiguousarray(array))) for name, array in given.items()],
        strict=False,
    )
    port.eval()
    mx.eval(port.parameters())
    return port
