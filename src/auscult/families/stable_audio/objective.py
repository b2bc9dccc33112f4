"""What the transformer's output means: how signal and noise are mixed at a time, and how both come out of a velocity.

`v`: x = cos(a) signal + sin(a) noise, v = cos(a) noise - sin(a) signal, a = t pi / 2. Flows: x = (1 - t) signal + t noise,
v = noise - signal. An `rf_denoiser` is a flow that was trained further so that x - t v is a sample, not a mean
(arXiv 2505.08175): it wants ping-pong steps, and no guidance.
"""

from __future__ import annotations

import math
from typing import Any

from auscult.families.stable_audio.config import Objective


def noised(objective: Objective, signal: Any, noise: Any, time: float) -> Any:
    """The mix of signal and noise at a time."""
    kept, added = _factors(objective, time)
    return kept * signal + added * noise


def velocity(objective: Objective, signal: Any, noise: Any, time: float) -> Any:
    """What a perfect model answers where it knows the signal: the training target."""
    if objective == "v":
        kept, added = _factors(objective, time)
        return kept * noise - added * signal
    return noise - signal


def denoised(objective: Objective, x: Any, answer: Any, time: float) -> Any:
    """The signal that an answer stands for."""
    if objective == "v":
        kept, added = _factors(objective, time)
        return kept * x - added * answer
    return x - time * answer


def _factors(objective: Objective, time: float) -> tuple[float, float]:
    if objective == "v":
        return math.cos(time * math.pi / 2), math.sin(time * math.pi / 2)
    return 1 - time, time
