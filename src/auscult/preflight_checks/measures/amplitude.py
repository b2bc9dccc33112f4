"""Amplitude of an output beside its target, kept apart: mean, AC level, correlation.

A DC offset fools an RMS ratio.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass

from torch import Tensor

FLOOR = 1e-12


@dataclass(frozen=True)
class Amplitude:
    """An output against its target, over all their samples.

    Attributes:
        mean: Of the output: its DC offset.
        ac_rms: Of the output less its mean.
        rms_ratio: RMS about zero, output over target; a DC offset counts as level here.
        ac_ratio: The same about the means.
        correlation: Pearson, -1 to 1; 0 where either is constant.
        snr_db: Target energy over the energy of the difference.
    """

    mean: float
    ac_rms: float
    target_rms: float
    rms_ratio: float
    ac_ratio: float
    correlation: float
    snr_db: float

    def to_json(self) -> dict[str, float]:
        return {name: round(value, 5) for name, value in asdict(self).items()}


def measure_amplitude(output: Tensor, target: Tensor) -> Amplitude:
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
    correlation = float((ac * target_ac).mean()) / scale if scale > FLOOR else 0.0
    error = _compute_rms(y - x)
    return Amplitude(
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
