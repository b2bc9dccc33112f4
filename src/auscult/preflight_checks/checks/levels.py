"""Amplitude: of the output at the start and the end, who sets it, and whether the input's loudness
gets through.
"""

from __future__ import annotations

import re

import torch
from torch import Tensor

from auscult.preflight_checks.checks.capture import ForwardPass, capture_forward, find_first_float
from auscult.preflight_checks.measures.amplitude import measure_amplitude
from auscult.preflight_checks.records import AmplitudeOwners, GainResponse, OutputLevel
from auscult.preflight_checks.setup import Setup, as_wave

SCALE_STEP = 0.05
MIN_COLLINEAR = 0.9
SATURATION_LEVEL = 0.99
_LAYER_PARAMETER_ENDS = re.compile(r"(bias|weight_g|original[01]|alpha|beta)$")
"""Ends of names of lone parameters that belong to a layer: the gain of a weight-normed convolution
with one output.
"""


def measure_level(setup: Setup, captured: ForwardPass) -> OutputLevel | None:
    """Output against target; None without a target, or where they have different channels."""
    if setup.target is None:
        return None
    wave, target = as_wave(captured.wave), as_wave(setup.target)
    if wave.shape[:2] != target.shape[:2]:
        return None
    return measure_amplitude(wave, target)


@torch.no_grad()
def measure_owners(setup: Setup, captured: ForwardPass) -> AmplitudeOwners:
    """Scale parameters that act as a gain on the output, and a bounded function at its end."""
    base = as_wave(captured.wave).detach()
    bounded, saturated = _find_bounded_end(captured, base)
    directions = [_remove_mean(base)]
    if bounded == "tanh" and float(base.abs().max()) < 1:
        # what a gain in front of the tanh does to its output
        directions.append(torch.atanh(base.double()) * (1 - base.double().square()))
    scales = {}
    for name, parameter in setup.model.named_parameters():
        if (
            parameter.numel() != 1
            or not parameter.requires_grad
            or _LAYER_PARAMETER_ENDS.search(name)
        ):
            continue
        old = parameter.detach().clone()
        value = float(old)
        parameter.mul_(1 + SCALE_STEP)
        if value == 0.0:
            parameter.add_(SCALE_STEP)
        change = (as_wave(capture_forward(setup).wave) - base).double()
        parameter.copy_(old)
        if any(
            _is_collinear(c, d)
            for c, d in zip((_remove_mean(change), change), directions, strict=False)
        ):
            scales[name] = value
    return AmplitudeOwners(scales, bounded, saturated)


def _remove_mean(wave: Tensor) -> Tensor:
    return wave.double() - wave.double().mean()


def _is_collinear(change: Tensor, direction: Tensor) -> bool:
    scale = float(change.norm() * direction.norm())
    return scale > 0 and abs(float((change * direction).sum())) / scale > MIN_COLLINEAR


def _find_bounded_end(captured: ForwardPass, base: Tensor) -> tuple[str | None, float]:
    if captured.bounded is None:
        return None, 0.0
    name, result = captured.bounded
    last = as_wave(result) if result.ndim >= 2 else result
    time = min(last.shape[-1], base.shape[-1])
    if last.shape[:-1] != base.shape[:-1] or not _is_same_form(last[..., :time], base[..., :time]):
        return None, 0.0
    limit = 1.0 if name in ("tanh", "softsign", "sigmoid") else float(last.abs().max())
    return name, float((last.abs() > SATURATION_LEVEL * limit).double().mean())


def _is_same_form(a: Tensor, b: Tensor) -> bool:
    x, y = a.double().flatten(), b.double().flatten()
    scale = float(x.norm() * y.norm())
    return scale > 0 and abs(float(x @ y)) / scale > 0.9999


@torch.no_grad()
def measure_gain_response(setup: Setup) -> GainResponse | None:
    """Halve the input, and exchange it; None where the input is no waveform and `features` is not
    given.
    """
    if setup.target is None or setup.source is None:
        return None
    target = as_wave(setup.target)
    if setup.features is None and (
        as_wave(setup.source).shape != target.shape or not setup.source.is_floating_point()
    ):
        return None
    runs = [
        capture_forward(setup, _make_batch(setup, wave))
        for wave in (setup.target, 0.5 * setup.target, _exchange_content(setup.target))
    ]
    waves = [as_wave(run.wave).detach() for run in runs]
    latents = [_find_latent(run) for run in runs]
    levels = 10 * target.double().square().mean(dim=(-2, -1)).clamp_min(1e-12).log10()
    latent_change = None
    if all(item is not None for item in latents):
        latent_change = _compute_relative_change(*latents)  # type: ignore[arg-type]
    return GainResponse(
        latents=latent_change,
        output=_compute_relative_change(*waves),
        follows=float(waves[1].double().std() / waves[0].double().std().clamp_min(1e-12)),
        levels_db=float(levels.max() - levels.min()),
    )


def _make_batch(setup: Setup, wave: Tensor) -> object:
    return setup.with_source(wave if setup.features is None else setup.features(wave))


def _exchange_content(wave: Tensor) -> Tensor:
    """Other content of the same kind: the second half first, in the other items' order."""
    return wave.roll(wave.shape[-1] // 2, -1).roll(1, 0)


def _find_latent(run: ForwardPass) -> Tensor | None:
    call = run.calls.get("encoder")
    if call is None:
        return None
    return find_first_float(call.result)


def _compute_relative_change(first: Tensor, half: Tensor, other: Tensor) -> float:
    """Change by halving the input over the change by other content; NaN where nothing changes
    anything.
    """
    content = float((other.double() - first.double()).norm())
    if content > 0:
        return float((half.double() - first.double()).norm()) / content
    return float("nan")
