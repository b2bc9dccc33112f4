"""Samplers in NumPy: what each makes of a state, a velocity and two times, and the schedules in use."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from auscult.explain.algebra.nearness import relative_error, to_float64
from auscult.explain.case import IteratedCalls
from auscult.weights import Array

MAX_MIDPOINT_MISFIT = 1e-4
"""Relative misfit of a step that is taken from its middle.

Chosen, not measured."""
MIN_MIDPOINT_DISTANCE = 1e-9
"""Relative distance of the middle from the end, below which nothing moved.

Chosen, not measured."""
MAX_NOISE_STANDARD_ERRORS = 5.0
"""How far mean and deviation of fresh noise may lie from 0 and 1.

Chosen, not measured."""
MAX_NOISE_DEVIATION_OFFSET = 0.02
"""Further slack of that deviation.

Chosen, not measured."""


@dataclass(frozen=True, eq=False)
class SamplerRun:
    """A sampler's run, one entry per step.

    Attributes:
        times: At which the estimator was asked, [steps].
        states: Before each step.
        result: After the last, as the code around the loop gave it (and perhaps transformed it).
        conditional, unconditional: Velocities; the latter is empty without classifier-free guidance.
    """

    times: Array
    states: tuple[Array, ...]
    conditional: tuple[Array, ...]
    unconditional: tuple[Array, ...]
    result: Array | None = None

    @property
    def steps(self) -> int:
        return len(self.times)


def read_sampler_run(steps: IteratedCalls) -> SamplerRun | None:
    """Read a sampler's run from the calls of its estimator; None where there is no state and no time among its inputs.

    With guidance, the two rows are either halves of one batch or two calls in a row with the same state and time.
    """
    if not steps.inputs:
        return None
    names = list(steps.inputs[0])
    state = next((n for n in names if steps.inputs[0][n].shape == steps.outputs[0].shape), None)
    if state is None:
        return None
    time_names = [n for n in names if n != state and _is_time(steps, n)]
    if not time_names:
        return None
    times = [float(to_float64(i[time_names[0]]).flat[0]) for i in steps.inputs]
    states = [to_float64(i[state]) for i in steps.inputs]
    outputs = [to_float64(o) for o in steps.outputs]
    return _split_guidance(
        times, states, outputs, None if steps.result is None else to_float64(steps.result)
    )


def _is_time(steps: IteratedCalls, name: str) -> bool:
    """One number (or one per row of the batch, all equal) that moves from call to call."""
    call_values = [i[name] for i in steps.inputs]
    if any(
        v.dtype.kind not in "fiu"
        or v.size > 64
        or (v.size and np.ptp(to_float64(v)) > 1e-6 * max(1.0, np.abs(to_float64(v)).max()))
        for v in call_values
    ):
        return False
    values = [float(to_float64(v).flat[0]) for v in call_values if v.size]
    return len(values) == len(call_values) and (len(call_values) == 1 or len(set(values)) > 1)


def _split_guidance(
    times: list[float], states: list[Array], outputs: list[Array], result: Array | None
) -> SamplerRun:
    is_halved = states[0].shape[0] % 2 == 0 and all(
        np.array_equal(s[: len(s) // 2], s[len(s) // 2 :]) for s in states
    )
    if is_halved:
        half_states = [s[: len(s) // 2] for s in states]
        conditional, unconditional = (
            [o[: len(o) // 2] for o in outputs],
            [o[len(o) // 2 :] for o in outputs],
        )
        return _build_sampler_run(times, half_states, conditional, unconditional, result)
    is_doubled = len(states) % 2 == 0 and all(
        times[i] == times[i + 1] and np.array_equal(states[i], states[i + 1])
        for i in range(0, len(states), 2)
    )
    if is_doubled and len(states) > 1:
        return _build_sampler_run(times[::2], states[::2], outputs[::2], outputs[1::2], result)
    return _build_sampler_run(times, states, outputs, [], result)


def _build_sampler_run(
    times: list[float],
    states: list[Array],
    conditional: list[Array],
    unconditional: list[Array],
    result: Array | None,
) -> SamplerRun:
    end = result if result is not None and result.shape == states[0].shape else None
    return SamplerRun(np.array(times), tuple(states), tuple(conditional), tuple(unconditional), end)


def fit_guidance_blend(run: SamplerRun, index: int) -> tuple[float, float, float] | None:
    """Weights (a, b) with which a step's displacement is a v_cond + b v_uncond, and the relative misfit."""
    if index + 1 >= len(run.states):
        return None
    displacement = (run.states[index + 1] - run.states[index]).ravel()
    columns = [run.conditional[index].ravel()] + (
        [run.unconditional[index].ravel()] if run.unconditional else []
    )
    matrix = np.stack(columns, 1)
    solution, *_ = np.linalg.lstsq(matrix, displacement, rcond=None)
    power = float(np.sqrt(np.mean(displacement**2)))
    if power:
        misfit = float(np.sqrt(np.mean((matrix @ solution - displacement) ** 2))) / power
    else:
        misfit = 0.0
    return float(solution[0]), float(solution[1]) if run.unconditional else 0.0, misfit


def _make_log_snr_times(steps: int) -> Array:
    """t = sigmoid(-logSNR) for evenly spaced log SNR, ends set to 1 and 0 (stable-audio-tools, `sample_rf`)."""
    times = 1 / (1 + np.exp(np.linspace(-6, 2, steps + 1)))
    times[0], times[-1] = 1.0, 0.0
    return times


SCHEDULES: dict[str, Callable[[int], Array]] = {
    "linear": lambda n: np.linspace(0, 1, n + 1),
    "cosine": lambda n: 1 - np.cos(np.pi / 2 * np.linspace(0, 1, n + 1)),
    "linear, downwards": lambda n: np.linspace(1, 0, n + 1),
    "cosine, downwards": lambda n: np.cos(np.pi / 2 * np.linspace(0, 1, n + 1)),
    "sine": lambda n: np.sin(np.pi / 2 * np.linspace(0, 1, n + 1)),
    "quadratic": lambda n: np.linspace(0, 1, n + 1) ** 2,
    "log SNR -6 to 2": _make_log_snr_times,
    "linear without the end": lambda n: np.linspace(0, 1, n),
    "midpoints": lambda n: (np.arange(n) + 0.5) / n,
    "linear from the first step": lambda n: np.linspace(0, 1, n + 1)[1:],
}


def name_schedule(times: Array) -> str:
    """The schedule that these times follow, or the times themselves."""
    for name, make in SCHEDULES.items():
        schedule_times = make(len(times))[: len(times)]
        if np.allclose(schedule_times, times, atol=1e-4):
            return name
    return "times " + ", ".join(f"{t:.4g}" for t in times[:12])


def identify_solver(run: SamplerRun, limit: float) -> str:
    """`euler`, `heun`, `midpoint`, `rk4`, `ping-pong`, or `unknown`, by what takes each state to the next."""
    distinct = np.diff(run.times)
    if len(run.times) >= 4 and _is_rk4(run.times):
        return "rk4"
    if (
        len(run.times) >= 4
        and np.allclose(distinct[1::2], 0, atol=1e-9)
        and not np.allclose(distinct[::2], 0, atol=1e-9)
    ):
        return "heun"
    if run.steps < 2 or len(run.states) < 2:
        return "unknown"
    if _is_midpoint(run):
        return "midpoint"
    fits = [fit_guidance_blend(run, index) for index in range(len(run.states) - 1)]
    if all(fit is not None and fit[2] <= limit for fit in fits):
        return "euler"
    if _is_ping_pong(run):
        return "ping-pong"
    return "unknown"


def _is_rk4(times: Array) -> bool:
    """t, t + h/2, t + h/2, t + h, again and again."""
    if len(times) % 4:
        return False
    quads = times.reshape(-1, 4)
    middle = (quads[:, 0] + quads[:, 3]) / 2
    return bool(
        np.allclose(quads[:, 1], middle, atol=1e-5) and np.allclose(quads[:, 2], middle, atol=1e-5)
    )


def _is_midpoint(run: SamplerRun) -> bool:
    """Every second state is half a step from the one before it, and the step is taken from that one."""
    if run.steps % 2 or run.steps < 4:
        return False
    for index in range(0, run.steps - 2, 2):
        start, middle, end = run.states[index : index + 3]
        velocities = [run.conditional[index + 1]] + (
            [run.unconditional[index + 1]] if run.unconditional else []
        )
        displacement, velocity_columns = (
            (end - start).ravel(),
            np.stack([v.ravel() for v in velocities], 1),
        )
        fit, *_ = np.linalg.lstsq(velocity_columns, displacement, rcond=None)
        if (
            relative_error(velocity_columns @ fit, displacement) > MAX_MIDPOINT_MISFIT
            or relative_error(middle, end) < MIN_MIDPOINT_DISTANCE
        ):
            return False
    return True


def _is_ping_pong(run: SamplerRun) -> bool:
    """x' = (1 - t') (x - t v) + t' noise: what is left after the first term has the deviation t'."""
    for index in range(run.steps - 1):
        clean = run.states[index] - run.times[index] * run.conditional[index]
        next_time = run.times[index + 1]
        noise = (run.states[index + 1] - (1 - next_time) * clean) / max(next_time, 1e-6)
        standard_error = MAX_NOISE_STANDARD_ERRORS / np.sqrt(noise.size)
        max_deviation = standard_error / np.sqrt(2) + MAX_NOISE_DEVIATION_OFFSET
        if abs(noise.std() - 1) > max_deviation or abs(noise.mean()) > standard_error:
            return False
    return run.steps > 1
