"""The loop round an estimator: guidance, method, schedule, start noise, or an estimator that moves nothing."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from auscult.explain.algebra.nearness import orient_axes, relative_error, to_float64
from auscult.explain.algebra.solvers import (
    SamplerRun,
    fit_guidance_blend,
    identify_solver,
    name_schedule,
    read_sampler_run,
)
from auscult.explain.case import Explanation, LayerCase
from auscult.weights import Array

NAMES = ("cfg-formula", "sampler-mismatch", "sigma-schedule", "velocity-zero", "noise-differs")
MAX_STILL_RMS = 1e-3  # relative rms of a velocity that moves nothing
MAX_MISFIT = 1e-3


def explain(case: LayerCase, floor: float) -> Iterator[Explanation]:
    if case.reference_steps is None or case.candidate_steps is None:
        yield from _explain_noise(case.reference, case.candidate, case)
        return
    if case.role == "output" and case.path == case.reference_steps.path:
        yield from _explain_zero_velocity(case)
        return
    reference, candidate = (
        read_sampler_run(case.reference_steps),
        read_sampler_run(case.candidate_steps),
    )
    if reference is None or candidate is None:
        return
    yield from _explain_still_states(reference, candidate)
    yield from _explain_noise(
        reference.states[0], orient_axes(reference.states[0], candidate.states[0]), case
    )
    yield from _explain_steps(reference, candidate, max(MAX_MISFIT, 8 * floor))


def _explain_zero_velocity(case: LayerCase) -> Iterator[Explanation]:
    """The estimator itself gives nothing."""
    reference_rms, candidate_rms = (
        float(np.sqrt(np.mean(to_float64(x) ** 2))) for x in (case.reference, case.candidate)
    )
    if reference_rms > 0 and candidate_rms < MAX_STILL_RMS * reference_rms:
        message = f"its velocity has rms {candidate_rms:.2g}, the reference's {reference_rms:.2g}: the sampler's states stay the start noise"
        fix = "check that the estimator's weights are loaded"
        yield Explanation(
            "velocity-zero",
            {"reference": reference_rms, "candidate": candidate_rms},
            0.0,
            message,
            fix=fix,
            complexity=0,
        )


def _explain_still_states(reference: SamplerRun, candidate: SamplerRun) -> Iterator[Explanation]:
    """The states end as the noise that they began with."""
    candidate_travel, reference_travel = (_measure_travel(run) for run in (candidate, reference))
    if candidate_travel < MAX_STILL_RMS and reference_travel > 10 * MAX_STILL_RMS:
        if candidate.result is None:
            last_state = candidate.states[-1]
        else:
            last_state = candidate.result
        message = f"its states move by {candidate_travel:.2g} of their size, the reference's by {reference_travel:.2g}: the output is the start noise"
        evidence = {
            "mean": float(last_state.mean()),
            "deviation": float(last_state.std()),
            "largest": float(np.abs(last_state).max()),
            "expected_largest_of_noise": float(np.sqrt(2 * np.log(last_state.size))),
        }
        yield Explanation(
            "velocity-zero",
            {},
            0.0,
            message,
            fix="check that the estimator's weights are loaded",
            complexity=0,
            evidence=evidence,
        )


def _measure_travel(run: SamplerRun) -> float:
    end = run.states[-1] if run.result is None else run.result
    return relative_error(end, run.states[0])


def _explain_noise(reference: Array, candidate: Array, case: LayerCase) -> Iterator[Explanation]:
    """Two independent draws of one distribution: not a mistake, but nothing can be compared behind it."""
    if reference.shape != candidate.shape or reference.dtype.kind != "f" or reference.size < 64:
        return
    reference_values, candidate_values = (
        to_float64(reference).ravel(),
        to_float64(candidate).ravel(),
    )
    if (
        case.reference_steps is None
        and case.role != "noise"
        and not _is_standard_normal(reference_values)
    ):
        return
    if reference_values.std() and candidate_values.std():
        correlation = float(np.corrcoef(reference_values, candidate_values)[0, 1])
    else:
        correlation = 1.0
    is_alike = abs(
        reference_values.mean() - candidate_values.mean()
    ) < 6 * reference_values.std() / np.sqrt(reference_values.size) and abs(
        np.log(candidate_values.std() / reference_values.std())
    ) < 6 / np.sqrt(2 * reference_values.size)
    if (
        is_alike
        and abs(correlation) < 6 / np.sqrt(reference_values.size)
        and relative_error(candidate_values, reference_values) > 0.5
    ):
        message = f"the two sides drew other noise (correlation {correlation:.2g}, same mean and deviation): seeds are not portable"
        yield Explanation(
            "noise-differs",
            {"correlation": correlation},
            0.0,
            message,
            fix="replay the reference's noise",
            complexity=0,
        )


def _is_standard_normal(x: Array) -> bool:
    """Mean, deviation and kurtosis of a normal with mean 0 and deviation 1."""
    n = x.size
    return bool(
        abs(x.mean()) < 4 / np.sqrt(n)
        and abs(x.std() - 1) < 4 / np.sqrt(2 * n)
        and abs(np.mean(x**4) - 3) < 4 * np.sqrt(96 / n)
    )


def _explain_steps(
    reference: SamplerRun, candidate: SamplerRun, limit: float
) -> Iterator[Explanation]:
    methods = identify_solver(reference, limit), identify_solver(candidate, limit)
    times = name_schedule(reference.times), name_schedule(candidate.times)
    if methods[0] != methods[1]:
        message = f"it integrates by {methods[1]} in {candidate.steps} calls, the reference by {methods[0]} in {reference.steps}"
        sides = {"reference": methods[0], "candidate": methods[1]}
        yield Explanation(
            "sampler-mismatch", sides, 0.0, message, fix=f"sample by {methods[0]}", complexity=1
        )
        return
    if reference.steps != candidate.steps or not np.allclose(
        reference.times, candidate.times, atol=1e-4
    ):
        message = f"its schedule is {times[1]} ({candidate.steps} steps), the reference's {times[0]} ({reference.steps} steps)"
        sides = {"reference": times[0], "candidate": times[1]}
        yield Explanation(
            "sigma-schedule",
            sides,
            0.0,
            message,
            fix=f"ask the estimator at: {times[0]}",
            complexity=1,
        )
        return
    yield from _explain_guidance(reference, candidate, limit)


def _explain_guidance(
    reference: SamplerRun, candidate: SamplerRun, limit: float
) -> Iterator[Explanation]:
    """The displacement of a step as a mix of the two velocities, divided by the step: (1 + w, -w), (w, 1 - w), ..."""
    for index in range(min(len(reference.states), len(candidate.states)) - 1):
        reference_blend, candidate_blend = (
            fit_guidance_blend(reference, index),
            fit_guidance_blend(candidate, index),
        )
        if (
            reference_blend is None
            or candidate_blend is None
            or reference_blend[2] > limit
            or candidate_blend[2] > limit
        ):
            return
        if not reference.unconditional:
            return
        step = (
            reference_blend[0] + reference_blend[1]
        )  # both formulas in use have weights that add up to the step
        mixes = [
            (round(a / step, 5), round(b / step, 5))
            for a, b, _ in (reference_blend, candidate_blend)
        ]
        if max(abs(a - b) for a, b in zip(*mixes, strict=True)) > 1e-3:
            if (
                abs(mixes[1][0] + mixes[1][1] - 1) > 1e-3
                and abs(mixes[1][0] / mixes[0][0] - mixes[1][1] / mixes[0][1]) < 1e-3
            ):
                message = f"its step is {mixes[1][0] / mixes[0][0]:.4g} times the reference's"
                yield Explanation(
                    "sigma-schedule",
                    {"reference": mixes[0], "candidate": mixes[1]},
                    candidate_blend[2],
                    message,
                    fix="use the reference's times",
                )
                return
            message = (
                f"it moves by {_describe_mix(mixes[1])}, the reference by {_describe_mix(mixes[0])}"
            )
            yield Explanation(
                "cfg-formula",
                {"reference": mixes[0], "candidate": mixes[1]},
                candidate_blend[2],
                message,
                fix=f"v = {_describe_mix(mixes[0])}",
            )
            return


def _describe_mix(weights: tuple[float, float]) -> str:
    return f"{weights[0]:.4g} v_cond {weights[1]:+.4g} v_uncond"
