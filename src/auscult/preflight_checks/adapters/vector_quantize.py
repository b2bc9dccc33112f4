"""A quantizer by itself: a module that holds codebooks and no encoder, such as
vector-quantize-pytorch's or DAC's.

It is put between a small encoder and decoder with healthy starts, and trained like a codec by
itself.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from auscult.errors import TargetError
from auscult.preflight_checks.adapters import codec
from auscult.preflight_checks.measures.codebooks import find_codebooks
from auscult.preflight_checks.measures.straight_through import find_same_shape
from auscult.preflight_checks.options import PreflightOptions
from auscult.preflight_checks.setup import Setup
from auscult.preflight_checks.structure import iter_leaves

ORDER = 70
HOP = 40
WIDTH = 16
_DIMS = ("dim", "input_dim", "dimension", "latent_dim")


def fits(value: Any) -> bool:
    return isinstance(value, nn.Module) and not codec.fits(value) and bool(find_codebooks(value))


def adapt(value: nn.Module, options: PreflightOptions) -> Setup:
    """A setup of a small codec round the quantizer.

    Raises:
        TargetError: If it takes neither [batch, dim, time] nor [batch, time, dim].
    """
    return codec.adapt(QuantizerCodec(value, options.name), options)


class QuantizerCodec(nn.Module):
    """Convolutions of one hop, the quantizer, and convolutions back."""

    hop_length = HOP

    def __init__(self, quantizer: nn.Module, name: str) -> None:
        super().__init__()
        dim, self.is_dim_last = _find_layout(quantizer, name)
        self.encoder = nn.Sequential(
            nn.Conv1d(1, WIDTH, 7, padding=3, bias=False),
            nn.LeakyReLU(0.2),
            nn.Conv1d(WIDTH, WIDTH, 10, 5, padding=3, bias=False),
            nn.LeakyReLU(0.2),
            nn.Conv1d(WIDTH, dim, 16, 8, padding=4, bias=False),
        )
        self.quantizer = quantizer
        self.decoder = nn.Sequential(
            nn.ConvTranspose1d(dim, WIDTH, 16, 8, padding=4, bias=False),
            nn.LeakyReLU(0.2),
            nn.ConvTranspose1d(WIDTH, WIDTH, 10, 5, padding=3, output_padding=1, bias=False),
            nn.LeakyReLU(0.2),
            nn.Conv1d(WIDTH, 1, 7, padding=3, bias=False),
        )

    def forward(self, audio: Tensor) -> dict[str, Tensor]:
        latents = self.encoder(audio)
        if self.is_dim_last:
            latents = latents.transpose(1, 2)
        result = self.quantizer(latents)
        quantized = find_same_shape(result, latents)
        if quantized is None:
            quantized = latents
        penalties = [
            leaf.sum()
            for _, leaf in iter_leaves(result)
            if leaf.is_floating_point() and leaf.requires_grad and leaf.numel() < 100
        ]
        penalty = audio.new_zeros(())
        if penalties:
            penalty = torch.stack(penalties).sum()
        if self.is_dim_last:
            quantized = quantized.transpose(1, 2)
        return {"audio": self.decoder(quantized), "penalty": penalty}


def _find_layout(quantizer: nn.Module, name: str) -> tuple[int, bool]:
    """The dimension it takes, and whether that is the last axis."""
    dims = [getattr(quantizer, attribute, None) for attribute in _DIMS]
    dims += [
        getattr(module, "in_channels", None) or getattr(module, "in_features", None)
        for module in quantizer.modules()
    ]
    dims += [int(book.stored.shape[-1]) for book in find_codebooks(quantizer)]
    was_training = quantizer.training
    quantizer.eval()
    try:
        for dim in [size for size in dims if isinstance(size, int) and size > 0]:
            if _is_accepted(quantizer, torch.randn(1, 7, dim)):
                return dim, True
            if _is_accepted(quantizer, torch.randn(1, dim, 7)):
                return dim, False
    finally:
        quantizer.train(was_training)
    raise TargetError(
        "takes neither [batch, time, dim] nor [batch, dim, time]",
        where=name,
        found=f"dimensions tried {dims[:4]}",
    )


@torch.no_grad()
def _is_accepted(quantizer: nn.Module, latents: Tensor) -> bool:
    try:
        return find_same_shape(quantizer(latents), latents) is not None
    except (RuntimeError, ValueError, TypeError, AssertionError, IndexError):
        return False
