"""The designs that the amplitude study compares: four ends of a decoder, on a broken quantiser and
on a healthy one.

The broken quantiser has three faults at once, as it was found in devasphn/NewProject at 1c72334:
counts that start at zero beside random sums, a straight-through estimate in every book around a
detached residual, and codes moved by gradient and running means.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from auscult.families.codec.config import Config
from auscult.families.codec.quantizer import Quantized
from auscult.families.codec.torch import Codec
from auscult.training.codec.initial import start_codec

End = Literal[
    "tanh, scale 3", "tanh, scale 1", "tanh, scale 1, level loss x 15", "unbounded", "tanh"
]
Quantizer = Literal["broken", "healthy"]

STUDY_CODEC = Config(
    widths=(1, 96),
    core=2,
    latent=32,
    books=8,
    book_size=1024,
    causal=False,
    delay=0,
    average=0.0,
    core_dilations=(1, 3),
)
"""16 kbit/s at 16 kHz with hop 80, as the published codec; small."""
EPSILON = 1e-5
LEVEL_WEIGHT = 15.0


@dataclass(frozen=True)
class Design:
    """One row of the study's table."""

    end: End
    quantizer: Quantizer

    @property
    def name(self) -> str:
        return f"{self.end}; {self.quantizer} quantiser"


DESIGNS = (
    Design("tanh, scale 3", "broken"),
    Design("tanh, scale 1", "broken"),
    Design("tanh, scale 1, level loss x 15", "broken"),
    Design("unbounded", "broken"),
    Design("tanh", "healthy"),
    Design("unbounded", "healthy"),
)


class BrokenQuantizer(nn.Module):
    """Residual quantisation with the three faults; the interface of `ResidualQuantizer`."""

    counts: Tensor
    sums: Tensor

    def __init__(self, config: Config, decay: float = 0.99) -> None:
        super().__init__()
        self.decay = decay
        shape = (config.books, config.book_size, config.latent)
        self.codebooks = nn.ParameterList(
            nn.Parameter(torch.randn(shape[1:])) for _ in range(config.books)
        )
        self.register_buffer("counts", torch.zeros(shape[:2]))
        self.register_buffer("sums", torch.randn(shape))

    def forward(self, latent: Tensor, _depths: Tensor | None = None) -> Quantized:
        batch, _, frames = latent.shape
        residual, total = latent, torch.zeros_like(latent)
        indices, inputs = [], []
        distance = latent.new_zeros(batch)
        for number, table in enumerate(self.codebooks):
            items = residual.detach().transpose(1, 2).flatten(0, 1)
            chosen = torch.addmm(
                (-0.5 * table.detach().square().sum(1))[None], items, table.detach().t()
            ).argmax(1)
            rows = functional.embedding(chosen.view(batch, frames), table).transpose(1, 2)
            distance = (
                distance
                + (residual - rows.detach()).square().mean((1, 2))
                + (rows - residual.detach()).square().mean((1, 2))
            )
            total = (
                total + residual + (rows - residual).detach()
            )  # the full gradient, in every book
            residual = residual - rows.detach()
            indices.append(chosen.view(batch, frames))
            inputs.append(items)
            if self.training:
                self._average(number, items, chosen)
        return Quantized(
            total, torch.stack(indices, 1), distance, latent.detach().square().mean(), tuple(inputs)
        )

    @torch.no_grad()
    def _average(self, number: int, items: Tensor, chosen: Tensor) -> None:
        items = items.to(self.sums.dtype)  # which is narrower under mixed precision
        counts = torch.bincount(chosen, minlength=self.counts.shape[1]).to(items)
        self.counts[number].lerp_(counts, 1 - self.decay)
        self.sums[number].lerp_(
            torch.zeros_like(self.sums[number]).index_add_(0, chosen, items), 1 - self.decay
        )
        self.codebooks[number].data = self.sums[number] / (self.counts[number, :, None] + EPSILON)


class StudyCodec(nn.Module):
    """A codec whose decoder ends as the design says; the interface of `Codec`."""

    def __init__(self, design: Design) -> None:
        super().__init__()
        self.design, self.config = design, STUDY_CODEC
        self.codec: Codec = start_codec(STUDY_CODEC, "lapped-transform")
        if design.quantizer == "broken":
            self.codec.quantizer = BrokenQuantizer(STUDY_CODEC)  # type: ignore[assignment]
        scaled = design.end.startswith("tanh, scale")
        self.scale = nn.Parameter(
            torch.tensor(3.0 if design.end == "tanh, scale 3" else 1.0), requires_grad=scaled
        )

    def forward(self, audio: Tensor) -> tuple[Tensor, Quantized]:
        output, quantized = self.codec(audio)
        if self.design.end != "unbounded":
            output = torch.tanh(output) * self.scale
        return output, quantized

    def level_loss(self, output: Tensor, target: Tensor) -> Tensor:
        """Squared difference of the levels, with the design's weight."""
        if self.design.end != "tanh, scale 1, level loss x 15":
            return output.new_zeros(())
        rms = [side.square().mean((1, 2)).add(1e-9).sqrt() for side in (output, target)]
        return LEVEL_WEIGHT * (rms[0] - rms[1]).square().mean()
