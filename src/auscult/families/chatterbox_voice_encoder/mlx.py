"""Chatterbox's voice encoder in MLX."""

from __future__ import annotations

from collections.abc import Mapping

import mlx.core as mx
import numpy as np
from mlx import nn

from auscult.families._mlx import load_planned
from auscult.families.chatterbox_voice_encoder.config import Config
from auscult.families.chatterbox_voice_encoder.features import NORM_FLOOR, Floats, averaged, windows
from auscult.families.chatterbox_voice_encoder.naming import released
from auscult.families.chatterbox_voice_encoder.signature import plan
from auscult.weights import Array

__all__ = ["VoiceEncoder", "build", "load"]


class Lstm(nn.Module):
    """Torch's LSTM under its names, gates in its order (input, forget, cell, output); gives the last hidden state.

    MLX's own layer keeps one bias where torch's weights have two.
    """

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.depth, gates, bound = config.layers, 4 * config.hidden, config.hidden**-0.5
        for layer in range(config.layers):
            source = config.mel_bins if layer == 0 else config.hidden
            shapes = {
                "weight_ih": (gates, source),
                "weight_hh": (gates, config.hidden),
                "bias_ih": (gates,),
                "bias_hh": (gates,),
            }
            for name, shape in shapes.items():
                setattr(self, f"{name}_l{layer}", mx.random.uniform(-bound, bound, shape))

    def __call__(self, x: mx.array) -> mx.array:
        """[batch, frames, channels] to [batch, hidden]"""
        for layer in range(self.depth):
            inward, onward, first, second = (
                self[f"{name}_l{layer}"]
                for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
            )
            x = self._run(x @ inward.T + first + second, onward.T)
        return x[:, -1]

    def _run(self, driven: mx.array, onward: mx.array) -> mx.array:
        hidden = cell = mx.zeros((len(driven), onward.shape[0]))
        states = []
        for frame in range(driven.shape[1]):
            entered, kept, candidate, shown = mx.split(
                driven[:, frame] + hidden @ onward, 4, axis=-1
            )
            cell = mx.sigmoid(kept) * cell + mx.sigmoid(entered) * mx.tanh(candidate)
            hidden = mx.sigmoid(shown) * mx.tanh(cell)
            states.append(hidden)
        return mx.stack(states, axis=1)


class VoiceEncoder(nn.Module):
    """Called with mel [batch, frames, mel_bins], gives a vector of length 1 per row: [batch, embedding]."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config
        self.lstm = Lstm(config)
        self.proj = nn.Linear(config.hidden, config.embedding)
        self.similarity_weight = mx.array([10.0])
        self.similarity_bias = mx.array([-5.0])

    def __call__(self, mel: mx.array) -> mx.array:
        projected = self.proj(self.lstm(mel))
        if self.config.final_relu:
            projected = nn.relu(projected)
        return projected / mx.maximum(mx.linalg.norm(projected, axis=1, keepdims=True), NORM_FLOOR)

    def speaker(self, samples: Floats) -> Floats:
        """The voice of a recording of [time] samples at 16 kHz: [embedding], of length 1.

        Raises:
            AudioError: If there are fewer than 201 samples.
        """
        return averaged(np.array(self(mx.array(windows(samples, self.config)))))


def build(config: Config) -> VoiceEncoder:
    """A freshly initialised model."""
    return VoiceEncoder(config)


def load(module: VoiceEncoder, state: Mapping[str, Array], prefix: str = "") -> None:
    """Fill a model strictly, from the released names or mlx-audio's.

    Raises:
        CheckpointError: If an array is missing, of another shape, or not the model's. The module is then unchanged.
    """
    load_planned(module, plan(module.config), released(state, prefix))
