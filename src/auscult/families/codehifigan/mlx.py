"""CodeHiFiGAN in MLX, channel-last."""

from __future__ import annotations

from collections.abc import Mapping

import mlx.core as mx
import numpy as np
from mlx import nn

from auscult.families._mlx import load_planned
from auscult.families.codehifigan.config import Config
from auscult.families.codehifigan.signature import plan
from auscult.families.hifigan.mlx import Generator
from auscult.families.records import Layout
from auscult.weights import Array


class DurationPredictor(nn.Module):
    """[batch, time, unit_dim] -> ln(duration + 1) [batch, time]; for inference, without dropout."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        hidden, kernel = config.duration_hidden, config.duration_kernel_size
        self.conv1 = [nn.Conv1d(config.unit_dim, hidden, kernel, padding=(kernel - 1) // 2)]
        self.ln1 = nn.LayerNorm(hidden)
        self.conv2 = [nn.Conv1d(hidden, hidden, kernel, padding=1)]
        self.ln2 = nn.LayerNorm(hidden)
        self.proj = nn.Linear(hidden, 1)

    def __call__(self, x: mx.array) -> mx.array:
        x = self.ln1(nn.relu(self.conv1[0](x)))
        x = self.ln2(nn.relu(self.conv2[0](x)))
        return self.proj(x).squeeze(2)


class CodeGenerator(Generator):
    """Called with codes [1, units], gives (waveform [1, samples, 1], durations [1, units]).

    Blanks, codes below zero, are removed first.
    """

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self.predicts = config.duration_hidden > 0
        self.dict = nn.Embedding(config.units, config.unit_dim)
        if self.predicts:
            self.dur_predictor = DurationPredictor(config)

    def durations(self, embedded: mx.array) -> mx.array:
        """Predicted lengths in hops, at least one: [batch, units, unit_dim] -> [batch, units]."""
        return mx.maximum(mx.round(mx.exp(self.dur_predictor(embedded)) - 1), 1).astype(mx.int32)

    def __call__(  # type: ignore[override]
        self, codes: mx.array, *, predict_durations: bool = True
    ) -> tuple[mx.array, mx.array]:
        units = np.asarray(codes).reshape(-1)
        codes = mx.array(units[units >= 0].reshape(1, -1))
        embedded = self.dict(codes)
        durations = mx.ones(codes.shape, mx.int32)
        if predict_durations and self.predicts:
            durations = self.durations(embedded)
            places = np.repeat(np.arange(codes.size), np.asarray(durations).reshape(-1))
            embedded = embedded[:, mx.array(places)]
        return super().__call__(embedded), durations


def build(config: Config) -> CodeGenerator:
    """A freshly initialised vocoder."""
    return CodeGenerator(config)


def load(
    module: CodeGenerator, state: Mapping[str, Array], prefix: str = "", layout: Layout = "torch"
) -> None:
    """See `auscult.families._mlx.load_planned`."""
    load_planned(module, plan(module.config), state, prefix, layout)
