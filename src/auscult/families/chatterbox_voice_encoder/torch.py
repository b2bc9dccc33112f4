"""Chatterbox's voice encoder in PyTorch."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from auscult.families import _torch
from auscult.families.chatterbox_voice_encoder.config import Config
from auscult.families.chatterbox_voice_encoder.features import NORM_FLOOR, Floats, averaged, windows
from auscult.families.chatterbox_voice_encoder.naming import released

__all__ = ["VoiceEncoder", "build", "load"]


class VoiceEncoder(nn.Module):
    """`forward(mel [batch, frames, mel_bins])` gives a vector of length 1 per row: [batch, embedding]."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config
        self.lstm = nn.LSTM(config.mel_bins, config.hidden, config.layers, batch_first=True)
        self.proj = nn.Linear(config.hidden, config.embedding)
        self.similarity_weight = nn.Parameter(torch.tensor([10.0]))  # of the training's loss
        self.similarity_bias = nn.Parameter(torch.tensor([-5.0]))

    def forward(self, mel: Tensor) -> Tensor:
        _, (hidden, _) = self.lstm(mel)
        projected: Tensor = self.proj(hidden[-1])
        if self.config.final_relu:
            projected = projected.relu()
        return projected / torch.linalg.vector_norm(projected, dim=1, keepdim=True).clamp(
            min=NORM_FLOOR
        )

    @torch.inference_mode()
    def speaker(self, samples: Floats) -> Floats:
        """The voice of a recording of [time] samples at 16 kHz: [embedding], of length 1.

        Raises:
            AudioError: If there are fewer than 201 samples.
        """
        heard = torch.from_numpy(windows(samples, self.config)).to(self.proj.weight)
        return averaged(self(heard).float().numpy(force=True))


def build(config: Config) -> VoiceEncoder:
    """A freshly initialised model."""
    return VoiceEncoder(config).eval()


def load(module: VoiceEncoder, state: Mapping[str, Tensor], prefix: str = "") -> None:
    """Fill a model strictly, from the released names or mlx-audio's.

    Raises:
        CheckpointError: If a tensor is missing, of another shape, or not the model's. The module is then unchanged.
    """
    arrays = {
        name: value.float().numpy(force=True)
        for name, value in state.items()
        if name.startswith(prefix)
    }
    _torch.load(
        module, {name: torch.from_numpy(value) for name, value in released(arrays, prefix).items()}
    )
