"""CodeHiFiGAN in PyTorch: units to waveform, with predicted durations."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from auscult.families._torch import WeightNormForm, load
from auscult.families.codehifigan.config import Config
from auscult.families.hifigan.torch import Generator

__all__ = ["CodeGenerator", "DurationPredictor", "build", "load"]


class DurationPredictor(nn.Module):
    """Two convolutions with ReLU and layer norm, then a projection: [batch, time, unit_dim] -> ln(duration + 1) [batch, time]."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        hidden, kernel = config.duration_hidden, config.duration_kernel_size
        padding = (kernel - 1) // 2
        self.conv1 = nn.Sequential(
            nn.Conv1d(config.unit_dim, hidden, kernel, padding=padding), nn.ReLU()
        )
        self.ln1 = nn.LayerNorm(hidden)
        # fairseq pads the second convolution by 1 whatever its kernel, which is the same at the published kernel of 3
        self.conv2 = nn.Sequential(nn.Conv1d(hidden, hidden, kernel, padding=1), nn.ReLU())
        self.ln2 = nn.LayerNorm(hidden)
        self.dropout = nn.Dropout(0.5)
        self.proj = nn.Linear(hidden, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.dropout(self.ln1(self.conv1(x.transpose(1, 2)).transpose(1, 2)))
        x = self.dropout(self.ln2(self.conv2(x.transpose(1, 2)).transpose(1, 2)))
        return self.proj(x).squeeze(2)


class CodeGenerator(Generator):
    """`forward(codes [1, units])` gives (waveform [1, 1, samples], durations [1, units]).

    With `predict_durations` each unit lasts max(round(exp(x) - 1), 1) times the hop (batch of one: durations differ);
    without, each lasts one hop. Blanks, codes below zero, are removed first.
    """

    def __init__(self, config: Config, form: WeightNormForm) -> None:
        super().__init__(config, form)
        self.predicts = config.duration_hidden > 0
        self.dict = nn.Embedding(config.units, config.unit_dim)
        if self.predicts:
            self.dur_predictor = DurationPredictor(config)

    def durations(self, embedded: Tensor) -> Tensor:
        """Predicted lengths in hops, at least one: [batch, units, unit_dim] -> [batch, units] (int64)."""
        return (torch.exp(self.dur_predictor(embedded)) - 1).round().long().clamp(min=1)

    def forward(self, codes: Tensor, *, predict_durations: bool = True) -> tuple[Tensor, Tensor]:  # type: ignore[override]
        codes = codes[codes >= 0].reshape(1, -1) if len(codes) == 1 else codes
        embedded = self.dict(codes)
        durations = torch.ones_like(codes)
        if predict_durations and self.predicts:
            durations = self.durations(embedded)
            embedded = torch.repeat_interleave(embedded, durations.reshape(-1), dim=1)
        return super().forward(embedded.transpose(1, 2)), durations


def build(config: Config, form: WeightNormForm = "fused") -> CodeGenerator:
    """A freshly initialised vocoder, with weight norm in the given form."""
    return CodeGenerator(config, form)
