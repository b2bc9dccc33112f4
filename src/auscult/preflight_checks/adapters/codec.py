"""A codec by itself: a module with encoder, decoder and, mostly, a quantizer; transformers'
EncodecModel and DacModel too.

It gets a made batch, an L1 of samples, a log-magnitude spectrum at three resolutions, its own
penalties, and Adam at 3e-4. What that shows is the model's: gradients, codebooks, lengths,
precision; nothing about a training that is not there.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from auscult.preflight_checks.material import make_batch
from auscult.preflight_checks.options import PreflightOptions
from auscult.preflight_checks.setup import Setup, find_parts, find_wave
from auscult.preflight_checks.structure import iter_leaves

ORDER = 60
LEARNING_RATE = 1e-4
SECONDS, ITEMS = 0.5, 2
RESOLUTIONS = (256, 512, 1024)
_PENALTY_WORDS = ("penalty", "loss", "commitment", "commit")


def fits(value: Any) -> bool:
    return isinstance(value, nn.Module) and {"encoder", "decoder"} <= set(find_parts(value))


def adapt(value: nn.Module, options: PreflightOptions) -> Setup:
    """A setup with plain losses and optimizer round the model."""
    rate = options.sample_rate or find_sample_rate(value)
    parts = find_parts(value)
    batch = make_batch(rate, _choose_length(value, rate), ITEMS).repeat(
        1, _count_channels(value), 1
    )
    return Setup(
        name=options.name,
        model=value,
        batch=batch,
        forward=_choose_forward(value, parts, rate),
        loss=compute_plain_loss,
        step=None,
        optimizers=(
            torch.optim.Adam([p for p in value.parameters() if p.requires_grad], LEARNING_RATE),
        ),
        parts=parts,
        target=batch,
        source=batch,
        sample_rate=rate,
        bitrate=options.bitrate,
        claims=options.claims,
        assumed=True,
    )


def find_sample_rate(model: nn.Module) -> int:
    """The sample rate that a model or its config states; 16 kHz where neither does."""
    for owner in (model, getattr(model, "config", None)):
        for name in ("sample_rate", "sampling_rate"):
            rate = getattr(owner, name, None)
            if isinstance(rate, int) and rate > 0:
                return rate
    return 16_000


def _choose_length(model: nn.Module, rate: int) -> int:
    """Half a second, in whole frames where the hop is known."""
    config = getattr(model, "config", None)
    hop = getattr(model, "hop_length", None) or getattr(config, "hop_length", None) or 1
    return max(1, round(SECONDS * rate / int(hop))) * int(hop)


def _count_channels(model: nn.Module) -> int:
    config = getattr(model, "config", None)
    for owner, name in ((model, "channels"), (config, "audio_channels")):
        channels = getattr(owner, name, None)
        if isinstance(channels, int) and 1 <= channels <= 2:
            return channels
    return 1


def _choose_forward(
    model: nn.Module, parts: dict[str, nn.Module], rate: int
) -> Callable[[Tensor], Any]:
    """The model's own forward; for EnCodec's package, whose forward goes through codes, its parts
    one after the other.
    """
    quantizer = parts.get("quantizer")
    if quantizer is not None:
        parameter_names = list(inspect.signature(quantizer.forward).parameters)
    else:
        parameter_names = []
    if (
        quantizer is not None
        and len(parameter_names) > 1
        and parameter_names[1] in ("frame_rate", "sample_rate")
    ):
        frames = getattr(model, "frame_rate", None)
        stage = quantizer

        def run_parts(audio: Tensor) -> dict[str, Any]:
            z = parts["encoder"](audio)
            quantized = stage(z, frames or rate * z.shape[-1] / audio.shape[-1])
            out = parts["decoder"](
                getattr(quantized, "quantized", None)
                if hasattr(quantized, "quantized")
                else quantized[0]
            )
            return {
                "audio": out[..., : audio.shape[-1]],
                "penalty": getattr(quantized, "penalty", None),
            }

        return run_parts
    return model


def compute_plain_loss(output: Any, batch: Tensor) -> dict[str, Tensor]:
    """L1 of samples and log spectra over the time that both have, and the output's penalties, one
    for all or one an item.
    """
    wave = find_wave(output, batch, "codec")
    wave = wave[:, None] if wave.ndim == 2 else wave
    time = min(wave.shape[-1], batch.shape[-1])
    a, b = wave[..., :time], batch[..., :time]
    terms = {
        "wave": 10 * (a - b).abs().mean(),
        "spectrum": (
            torch.stack([_compute_spectral_loss(a, b, size) for size in RESOLUTIONS]).mean()
        ),
    }
    for name, leaf in iter_leaves(output):
        if (
            leaf.numel() in (1, len(batch))
            and leaf.is_floating_point()
            and any(word in name for word in _PENALTY_WORDS)
        ):
            terms[name] = leaf.mean()
    return terms


def _compute_spectral_loss(a: Tensor, b: Tensor, size: int) -> Tensor:
    window = torch.hann_window(size, device=a.device)
    x, y = (
        torch.stft(side.flatten(0, 1).float(), size, size // 4, window=window, return_complex=True)
        .abs()
        .clamp_min(1e-5)
        .log()
        for side in (a, b)
    )
    return (x - y).abs().mean()
