"""Trainers of the DAC shape: the `State` of descript-audio-codec's scripts/train.py, as an object
or a dict, with a `batch`.

`generator`, `optimizer_g`, and the losses `mel_loss`, `stft_loss`, `waveform_loss` (each of
reconstruction and signal) that are there, `gan_loss.generator_loss` too; `lambdas` weighs them as
in conf/base.yml. `batch` is a tensor [batch, 1, time], or a dict with a `signal` that has
`audio_data` and `sample_rate`, of whatever class.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from typing import Any

from torch import Tensor, nn

from auscult.errors import TargetError
from auscult.preflight_checks.adapters.protocol import (
    iter_optimizers,
    read_fields,
    take_one_batch,
)
from auscult.preflight_checks.options import PreflightOptions
from auscult.preflight_checks.setup import Setup, find_parts

ORDER = 20
LAMBDAS = {
    "mel/loss": 15.0,
    "adv/feat_loss": 2.0,
    "adv/gen_loss": 1.0,
    "vq/commitment_loss": 0.25,
    "vq/codebook_loss": 1.0,
    "stft/loss": 0.0,
    "waveform/loss": 0.0,
}
"""Weights of descript-audio-codec's conf/base.yml; those it leaves out are 0."""
_LOSSES = {"mel_loss": "mel/loss", "stft_loss": "stft/loss", "waveform_loss": "waveform/loss"}
LossFunction = Callable[[Any, Tensor], dict[str, Tensor]]
_FIELDS = (
    "generator",
    "optimizer_g",
    "discriminator",
    "optimizer_d",
    "gan_loss",
    "batch",
    "lambdas",
    "sample_rate",
    "claims",
    *_LOSSES,
)


def fits(value: Any) -> bool:
    fields = read_fields(value, _FIELDS)
    return (
        isinstance(fields.get("generator"), nn.Module)
        and "batch" in fields
        and any(name in fields for name in _LOSSES)
    )


def adapt(value: Any, options: PreflightOptions) -> Setup:
    """A setup with the losses that the state holds.

    Raises:
        TargetError: If the batch has no signal, or the rate is not known.
    """
    fields = read_fields(value, _FIELDS)
    batch = take_one_batch(fields["batch"])
    signal = None
    if isinstance(batch, Mapping):
        signal = batch["signal"]
    audio = getattr(signal, "audio_data", None)
    if isinstance(batch, Tensor):
        audio = batch
    rate = int(
        fields.get("sample_rate") or getattr(signal, "sample_rate", 0) or options.sample_rate or 0
    )
    if not isinstance(audio, Tensor) or rate <= 0:
        raise TargetError(
            "has no audio in its batch, or no sample_rate",
            where=options.name,
            hint="batch: {'signal': signal}",
        )
    model = fields["generator"]
    keep = [fields[name] for name in ("discriminator", "optimizer_d") if name in fields]
    return Setup(
        name=options.name,
        model=model,
        batch=audio,
        forward=lambda current_batch: model(current_batch, rate),
        loss=_make_loss(fields, signal),
        step=None,
        optimizers=tuple(iter_optimizers(fields.get("optimizer_g"))),
        parts=find_parts(model),
        target=audio,
        source=audio,
        sample_rate=rate,
        bitrate=options.bitrate,
        claims={**(fields.get("claims") or {}), **options.claims},
        keep=tuple(value for value in keep if value is not None),
    )


def _make_loss(fields: Mapping[str, Any], signal: Any) -> LossFunction:
    """The weighted terms of the losses that the state holds."""
    weights = {**LAMBDAS, **(fields.get("lambdas") or {})}
    losses = {
        key: fields[name]
        for name, key in _LOSSES.items()
        if fields.get(name) is not None and weights[key]
    }
    gan = fields.get("gan_loss")

    def compute_loss(output: Any, batch: Tensor) -> dict[str, Tensor]:
        rebuilt = _wrap_as_signal(signal, output["audio"])
        target = _wrap_as_signal(signal, batch)
        terms = {key: weights[key] * function(rebuilt, target) for key, function in losses.items()}
        if gan is not None:
            adversarial_loss, feature_loss = gan.generator_loss(rebuilt, target)
            terms |= {
                "adv/gen_loss": weights["adv/gen_loss"] * adversarial_loss,
                "adv/feat_loss": weights["adv/feat_loss"] * feature_loss,
            }
        penalties = ("vq/commitment_loss", "vq/codebook_loss")
        return terms | {key: weights[key] * output[key] for key in penalties if key in output}

    return compute_loss


def _wrap_as_signal(signal: Any, audio: Tensor) -> Any:
    """Audio in the batch's own kind of signal, or as it is."""
    if signal is None:
        return audio
    twin = signal.clone() if hasattr(signal, "clone") else copy.copy(signal)
    twin.audio_data = audio
    return twin
