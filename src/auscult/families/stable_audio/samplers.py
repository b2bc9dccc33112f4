"""The samplers, written once for every runtime: arrays need only +, - and * by numbers.

A velocity is `model(x, t)`, an array like x. Fresh noise is `noise(step)`, an array like x, so that a run can be repeated in
another framework with the very same noise. Source of the formulas: stable-audio-tools 0.0.19, inference/sampling.py, and
for the v objective k-diffusion's sampling.py; ping-pong: arXiv 2505.08175.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal

from auscult.errors import UsageError
from auscult.families.stable_audio.config import Config, Objective
from auscult.families.stable_audio.schedules import Shift, Times, linear, logsnr, polyexponential

Model = Callable[[Any, float], Any]
Noise = Callable[[int], Any]
Watch = Callable[[int, int], None]
"""Called with (steps done, steps in all)."""


def pingpong(model: Model, x: Any, times: Times, noise: Noise, watch: Watch) -> Any:
    """Denoise at once, then add as much fresh noise as the next time has."""
    for step, now, then in _steps(times, watch):
        denoised = x - now * model(x, now)
        x = (1 - then) * denoised + then * noise(step) if then else denoised
    return x


def euler(model: Model, x: Any, times: Times, noise: Noise, watch: Watch) -> Any:  # noqa: ARG001 - draws none
    """One velocity a step."""
    for _, now, then in _steps(times, watch):
        x = x + (then - now) * model(x, now)
    return x


def rk4(model: Model, x: Any, times: Times, noise: Noise, watch: Watch) -> Any:  # noqa: ARG001 - draws none
    """The classical Runge-Kutta method: four velocities a step."""
    for _, now, then in _steps(times, watch):
        step, half = then - now, (then - now) / 2
        one = model(x, now)
        two = model(x + half * one, now + half)
        three = model(x + half * two, now + half)
        four = model(x + step * three, then)
        x = x + step / 6 * (one + 2 * two + 2 * three + four)
    return x


def dpmpp(model: Model, x: Any, times: Times, noise: Noise, watch: Watch) -> Any:  # noqa: ARG001 - draws none
    """DPM-Solver++ of second order for flows: extrapolates the denoised signal in log signal-to-noise ratio."""
    before: tuple[Any, float] | None = None
    for _, now, then in _steps(times, watch):
        denoised = x - now * model(x, now)
        width = _flow_logsnr(then) - _flow_logsnr(now)
        target = denoised
        if before is not None and then:
            ratio = before[1] / width
            target = (1 + 1 / (2 * ratio)) * denoised - (1 / (2 * ratio)) * before[0]
        x = (then / now) * x - (1 - then) * math.expm1(-width) * target
        before = denoised, width
    return x


def ddim(model: Model, x: Any, times: Times, noise: Noise, watch: Watch) -> Any:  # noqa: ARG001 - draws none
    """Deterministic DDIM for the v objective: signal and noise at time t are cos and sin of t * pi / 2."""
    angles = [float(time) * math.pi / 2 for time in times]
    denoised = x
    for step, now, _ in _steps(times, watch):
        velocity = model(x, now)
        signal, noisy = math.cos(angles[step]), math.sin(angles[step])
        denoised = signal * x - noisy * velocity
        residue = noisy * x + signal * velocity
        x = math.cos(angles[step + 1]) * denoised + math.sin(angles[step + 1]) * residue
    return denoised


def dpmpp_2m(model: Model, x: Any, times: Times, noise: Noise, watch: Watch) -> Any:  # noqa: ARG001 - draws none
    """DPM-Solver++(2M) over noise levels, for the v objective."""
    before: tuple[Any, float] | None = None
    for _, now, then in _steps(times, watch):
        denoised = _denoise(model, x, now)
        width = math.log(now / then) if then else math.inf
        target = denoised
        if before is not None and then:
            ratio = before[1] / width
            target = (1 + 1 / (2 * ratio)) * denoised - (1 / (2 * ratio)) * before[0]
        x = (then / now) * x - math.expm1(-width) * target
        before = denoised, width
    return x


def dpmpp_3m_sde(model: Model, x: Any, times: Times, noise: Noise, watch: Watch) -> Any:
    """DPM-Solver++(3M) SDE over noise levels, for the v objective; what Stable Audio Open 1.0 is sampled with."""
    past: list[tuple[Any, float]] = []  # (denoised, width) of the last two steps, the latest first
    for step, now, then in _steps(times, watch):
        denoised = _denoise(model, x, now)
        if not then:
            x = denoised
            continue
        width = math.log(now / then)
        double = 2 * width
        x = math.exp(-double) * x - math.expm1(-double) * denoised
        second = math.expm1(-double) / double + 1
        if past:
            ratio = past[0][1] / width
            slope = (1 / ratio) * (denoised - past[0][0])
            if len(past) == 1:
                x = x + second * slope
            else:
                other = past[1][1] / width
                change = slope - (1 / other) * (past[0][0] - past[1][0])
                third = second / double - 0.5
                x = (
                    x
                    + second * (slope + (ratio / (ratio + other)) * change)
                    - (third / (ratio + other)) * change
                )
        x = x + then * math.sqrt(-math.expm1(-double)) * noise(step)
        past = [(denoised, width), *past[:1]]
    return x


def _denoise(model: Model, x: Any, level: float) -> Any:
    """The denoised signal at a noise level, from a velocity of the v objective, for data of unit variance."""
    total = math.hypot(level, 1.0)
    return (1 / total**2) * x - (level / total) * model(
        (1 / total) * x, math.atan(level) / math.pi * 2
    )


def _flow_logsnr(time: float) -> float:
    if time <= 0:
        return math.inf
    return math.log((1 - time) / time) if time < 1 else -math.inf


def _steps(times: Times, watch: Watch) -> Iterator[tuple[int, float, float]]:
    total = len(times) - 1
    for step, (now, then) in enumerate(pairwise(float(time) for time in times)):
        watch(step, total)
        yield step, now, then
    watch(total, total)


@dataclass(frozen=True)
class Sampler:
    """A method with its schedule, and what it is for.

    Attributes:
        objectives: Of the models that it fits.
        schedule: Called with (steps, share or level of noise at the start, shift, frames).
        mix: How an initial latent is noised: as a flow, by an angle, or by adding noise of a level.
        steps, guidance: What the reference's interface begins with.
        start: Share or level of noise of a run without an initial sound.
        calls: Model calls a step.
    """

    method: Callable[[Model, Any, Times, Noise, Watch], Any]
    objectives: tuple[Objective, ...]
    schedule: Callable[[int, float, Shift | None, int], Times]
    steps: int
    guidance: float
    mix: Literal["flow", "angle", "level"] = "flow"
    start: float = 1.0
    calls: int = 1


def _logsnr(steps: int, start: float, shift: Shift | None, length: int) -> Times:  # noqa: ARG001 - the reference shifts it not
    return logsnr(steps, start)


def _linear(steps: int, start: float, shift: Shift | None, length: int) -> Times:
    return linear(steps, start, shift, length)


def _levels(steps: int, start: float, shift: Shift | None, length: int) -> Times:  # noqa: ARG001
    return polyexponential(steps, LEAST_LEVEL, start)


LEAST_LEVEL = 0.3
"""Noise level at which the v samplers stop, and `MOST_LEVEL` at which they begin: Stable Audio Open 1.0's defaults."""
MOST_LEVEL = 500.0

SAMPLERS: dict[str, Sampler] = {
    "pingpong": Sampler(pingpong, ("rf_denoiser",), _logsnr, 8, 1.0),
    "euler": Sampler(euler, ("rectified_flow",), _logsnr, 50, 6.0),
    "rk4": Sampler(rk4, ("rectified_flow",), _linear, 50, 6.0, calls=4),
    "dpmpp": Sampler(dpmpp, ("rectified_flow",), _logsnr, 50, 6.0),
    "dpmpp-3m-sde": Sampler(dpmpp_3m_sde, ("v",), _levels, 100, 7.0, "level", MOST_LEVEL),
    "dpmpp-2m": Sampler(dpmpp_2m, ("v",), _levels, 100, 7.0, "level", MOST_LEVEL),
    "ddim": Sampler(ddim, ("v",), _linear, 100, 7.0, "angle"),
}
"""By name; the first that fits an objective is the one to take."""


def fitting(objective: Objective) -> tuple[str, ...]:
    """Names of the samplers that fit a model of this objective, the usual one first."""
    return tuple(name for name, sampler in SAMPLERS.items() if objective in sampler.objectives)


def can_run(name: str, objective: Objective) -> bool:
    """Whether the formulas apply at all: a sampler for v takes the time for an angle, the others for a share of noise."""
    return ("v" in SAMPLERS[name].objectives) == (objective == "v")


def sample(
    name: str,
    model: Model,
    start: Any,
    noise: Noise,
    config: Config,
    *,
    steps: int,
    length: int,
    initial: Any = None,
    initial_noise: float = 1.0,
    watch: Watch | None = None,
) -> Any:
    """Run a sampler from noise, or from an initial latent that is noised first, to a latent.

    Args:
        start: Standard normal noise of the latent's shape.
        noise: Fresh noise for step i, of the same shape.
        length: Latent frames, for the distribution shift.
        initial: Latent of a sound to vary; `initial_noise` is the share (for DPM++ of v: the level) of noise that it gets.

    Raises:
        UsageError: If there is no such sampler, or its formulas are not for this objective.
    """
    sampler = SAMPLERS.get(name)
    if sampler is None:
        raise UsageError("no such sampler", where=name, hint=f"choose one of {', '.join(SAMPLERS)}")
    if not can_run(name, config.objective):
        raise UsageError(
            f"is not defined for a model of the objective {config.objective}",
            where=name,
            hint=f"take {fitting(config.objective)[0]}",
        )
    amount = initial_noise if initial is not None else sampler.start
    times = sampler.schedule(steps, amount, Shift(*config.shift) if config.shift else None, length)
    return sampler.method(
        model, _begin(sampler, start, initial, float(times[0])), times, noise, watch or _unwatched
    )


def _unwatched(_done: int, _total: int) -> None:
    pass


def _begin(sampler: Sampler, start: Any, initial: Any, amount: float) -> Any:
    """The state at the first time: noise, or a mix of it with an initial latent as the objective mixes them."""
    if sampler.mix == "level":
        return amount * start if initial is None else initial + amount * start
    if initial is None:
        return start
    if sampler.mix == "angle":
        return math.cos(amount * math.pi / 2) * initial + math.sin(amount * math.pi / 2) * start
    return (1 - amount) * initial + amount * start
