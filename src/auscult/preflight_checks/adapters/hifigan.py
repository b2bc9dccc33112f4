"""Trainers of the HiFi-GAN shape: `generator`, `mpd`, `msd` (or `discriminators`), `optim_g`, and a
batch (mel, audio, ...).

The names are those of jik876/hifi-gan's train.py, as a dict or an object. `mel` is the trainer's
own function from a waveform [batch, time] or [batch, 1, time] to the mel of the loss; without it
the adversarial terms alone are looked at.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from auscult.errors import TargetError
from auscult.preflight_checks.adapters.protocol import (
    iter_optimizers,
    read_fields,
    take_one_batch,
)
from auscult.preflight_checks.options import PreflightOptions
from auscult.preflight_checks.setup import Setup, as_wave, find_source, find_target

ORDER = 30
MEL_WEIGHT, FEATURE_WEIGHT = 45.0, 2.0
_CRITICS = ("mpd", "msd", "mrd", "mbd", "discriminator", "discriminators")
_OPTIMIZERS = ("optim_g", "optimizer_g", "opt_g")
_FIELDS = (
    "generator",
    "batch",
    "mel",
    "sample_rate",
    "claims",
    *_CRITICS,
    *_OPTIMIZERS,
    "optim_d",
    "optimizer_d",
)


def fits(value: Any) -> bool:
    fields = read_fields(value, _FIELDS)
    is_dac = any(
        name in fields or hasattr(value, name) for name in ("stft_loss", "mel_loss", "gan_loss")
    )
    return isinstance(fields.get("generator"), nn.Module) and "batch" in fields and not is_dac


def adapt(value: Any, options: PreflightOptions) -> Setup:
    """A setup whose loss is HiFi-GAN's: mel L1 × 45, feature matching × 2, least squares of the
    critics' judgement.

    Raises:
        TargetError: If the batch has no mel and audio, or the rate is not known.
    """
    fields = read_fields(value, _FIELDS)
    batch = take_one_batch(fields["batch"])
    source, target = find_source(batch), find_target(batch)
    rate = int(fields.get("sample_rate") or options.sample_rate or 0)
    if source is None or target is None or rate <= 0:
        hint = "batch is (mel, audio, ...); sample_rate in Hz"
        raise TargetError("lacks a mel, its audio, or sample_rate", where=options.name, hint=hint)
    generator = fields["generator"]
    critics = [fields[name] for name in _CRITICS if fields.get(name) is not None]
    optimizers = [fields[name] for name in _OPTIMIZERS if fields.get(name) is not None]
    return Setup(
        name=options.name,
        model=generator,
        batch=batch,
        forward=lambda current_batch: generator(find_source(current_batch)),
        loss=lambda output, current_batch: compute_generator_loss(
            output, find_target(current_batch), critics, fields.get("mel")
        ),
        step=None,
        optimizers=tuple(iter_optimizers(optimizers)),
        parts={},
        target=target,
        source=source,
        sample_rate=rate,
        features=_choose_features(fields.get("mel"), source, target),
        claims={**(fields.get("claims") or {}), **options.claims},
        keep=(
            *critics,
            *iter_optimizers([fields.get(name) for name in ("optim_d", "optimizer_d")]),
        ),
    )


def _choose_features(
    mel: Callable[[Tensor], Tensor] | None, source: Tensor, target: Tensor
) -> Callable[[Tensor], Tensor] | None:
    """The trainer's mel as the way from a waveform to the input, if it gives the input's shape."""
    if mel is None:
        return None
    function = mel
    with torch.no_grad():
        has_source_shape = call_mel(function, target).shape == source.shape
    if has_source_shape:
        return lambda wave: call_mel(function, wave)
    return None


def call_mel(mel: Callable[[Tensor], Tensor], wave: Tensor) -> Tensor:
    """A mel of [batch, time], as HiFi-GAN's function takes it, or of [batch, 1, time]."""
    try:
        return mel(as_wave(wave).squeeze(1))
    except (RuntimeError, IndexError):
        return mel(as_wave(wave))


def compute_generator_loss(
    output: Any,
    target: Tensor | None,
    critics: list[nn.Module],
    mel: Callable[[Tensor], Tensor] | None,
) -> dict[str, Tensor]:
    """The generator's terms, weighted."""
    wave = as_wave(output)
    target_wave = torch.zeros_like(wave)
    if target is not None:
        target_wave = as_wave(target)
    terms: dict[str, Tensor] = {}
    if mel is not None:
        terms["mel"] = MEL_WEIGHT * (call_mel(mel, wave) - call_mel(mel, target_wave)).abs().mean()
    for critic in critics:
        _, judged, real, fake = critic(target_wave, wave)
        name = type(critic).__name__
        deviations = [(1 - score).square().mean() for score in judged]
        terms[f"adversarial {name}"] = torch.stack(deviations).sum()
        distances: list[Tensor] = []
        for real_features, fake_features in zip(real, fake, strict=True):
            pairs = zip(real_features, fake_features, strict=True)
            distances += [(a - b).abs().mean() for a, b in pairs]
        terms[f"features {name}"] = FEATURE_WEIGHT * torch.stack(distances).sum()
    return terms
