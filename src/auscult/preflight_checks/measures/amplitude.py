"""Amplitude of an output beside its target, kept apart: mean, AC level, correlation.

A DC offset fools an RMS ratio.
"""

from __future__ import annotations

import math

from torch import Tensor

from auscult.preflight_checks.records import OutputLevel

FLOOR = 1e-12
"""Levels below this count as silence, so that no ratio divides by zero."""


def measure_amplitude(output: Tensor, target: Tensor) -> OutputLevel:
    """Measure an output [..., time] against its target of that shape; the longer is cut to the
    shorter in time.
    """
    time = min(output.shape[-1], target.shape[-1])
    y, x = output.detach()[..., :time].double(), target.detach()[..., :time].double()
    mean, ac = float(y.mean()), y - y.mean()
    target_ac = x - x.mean()
    ac_rms, target_ac_rms = _compute_rms(ac), _compute_rms(target_ac)
    target_rms = _compute_rms(x)
    scale = ac_rms * target_ac_rms
    correlation = 0.0
    if scale > FLOOR:
        correlation = float((ac * target_ac).mean()) / scale
    error = _compute_rms(y - x)
    return OutputLevel(
        mean=mean,
        ac_rms=ac_rms,
        target_rms=target_rms,
        rms_ratio=_compute_rms(y) / max(target_rms, FLOOR),
        ac_ratio=ac_rms / max(target_ac_rms, FLOOR),
        correlation=correlation,
        snr_db=20 * math.log10(max(target_rms, FLOOR) / max(error, FLOOR)),
    )


def _compute_rms(value: Tensor) -> float:
    return math.sqrt(float(value.square().mean()))


def compute_best_rms_ratio(snr_db: float) -> float:
    """The RMS ratio of the least-squares answer at that SNR: √(1 - 10^(-SNR/10)); 0 at 0 dB and
    below.

    A quiet output is therefore the right answer of a model that knows little, and no fault of its
    amplitude.
    """
    return math.sqrt(max(0.0, 1.0 - 10.0 ** (-snr_db / 10.0)))
