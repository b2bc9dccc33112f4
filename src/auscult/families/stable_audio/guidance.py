"""Classifier-free guidance as the reference has it. Source: stable-audio-tools 0.0.19, models/dit.py.

The unguided half sees zero vectors (or a negative prompt) in place of the prompt, and the same global vector.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from auscult.families.stable_audio.config import Objective
from auscult.families.stable_audio.samplers import Model


def noise_share(objective: Objective, time: float) -> float:
    """The noise's factor at a time, by which an interval of guidance is meant."""
    return math.sin(time * math.pi / 2) if objective == "v" else time


def guided(conditional: Any, unconditional: Any, scale: float) -> Any:
    """unconditional + scale * (conditional - unconditional)."""
    return unconditional + scale * (conditional - unconditional)


def wanted(
    scale: float, objective: Objective, time: float, interval: tuple[float, float] = (0.0, 1.0)
) -> bool:
    """Whether a step at this time is guided: a scale other than 1, inside the interval."""
    return scale != 1.0 and interval[0] <= noise_share(objective, time) <= interval[1]


def steered(
    alone: Model,
    both: Callable[[Any, float], tuple[Any, Any]],
    scale: float,
    objective: Objective,
    interval: tuple[float, float] = (0.0, 1.0),
) -> Model:
    """The velocity that a sampler asks for: `alone`'s where a step is not guided, else between the two of `both`.

    Args:
        both: The answers with the conditioning and with what to guide away from.
    """

    def velocity(x: Any, time: float) -> Any:
        return (
            guided(*both(x, time), scale)
            if wanted(scale, objective, time, interval)
            else alone(x, time)
        )

    return velocity
