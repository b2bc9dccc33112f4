"""The loop round an estimator: guidance, method, schedule, start noise, or an estimator that moves nothing."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from auscult.explain.algebra.nearness import error, oriented, real
from auscult.explain.algebra.solvers import Course, blend, course, method, schedule
from auscult.explain.case import Explanation, LayerCase
from auscult.weights import Array

NAMES = ("cfg-formula", "sampler-mismatch", "sigma-schedule", "velocity-zero", "noise-differs")
STILL = 1e-3  # relative rms of a velocity that moves nothing
FIT = 1e-3


def explain(case: LayerCase, floor: float) -> Iterator[Explanation]:
    if case.reference_steps is None or case.candidate_steps is None:
        yield from _noise(case.reference, case.candidate, case)
        return
    if case.role == "output" and case.path == case.reference_steps.path:
        yield from _nothing(case)
        return
    right, got = course(case.reference_steps), course(case.candidate_steps)
    if right is None or got is None:
        return
    yield from _still(right, got)
    yield from _noise(right.states[0], oriented(right.states[0], got.states[0]), case)
    yield from _steps(right, got, max(FIT, 8 * floor))


def _nothing(case: LayerCase) -> Iterator[Explanation]:
    """The estimator itself gives nothing."""
    right, got = (float(np.sqrt(np.mean(real(x) ** 2))) for x in (case.reference, case.candidate))
    if right > 0 and got < STILL * right:
        says = f"its velocity has rms {got:.2g}, the reference's {right:.2g}: the sampler's states stay the start noise"
        fix = "check that the estimator's weights are loaded"
        yield Explanation(
            "velocity-zero",
            {"reference": right, "candidate": got},
            0.0,
            says,
            fix=fix,
            complexity=0,
        )


def _still(right: Course, got: Course) -> Iterator[Explanation]:
    """The states end as the noise that they began with."""
    moved, should = (_travelled(run) for run in (got, right))
    if moved < STILL and should > 10 * STILL:
        last = got.states[-1] if got.result is None else got.result
        says = f"its states move by {moved:.2g} of their size, the reference's by {should:.2g}: the output is the start noise"
        evidence = {
            "mean": float(last.mean()),
            "deviation": float(last.std()),
            "largest": float(np.abs(last).max()),
            "expected_largest_of_noise": float(np.sqrt(2 * np.log(last.size))),
        }
        yield Explanation(
            "velocity-zero",
            {},
            0.0,
            says,
            fix="check that the estimator's weights are loaded",
            complexity=0,
            evidence=evidence,
        )


def _travelled(run: Course) -> float:
    end = run.states[-1] if run.result is None else run.result
    return error(end, run.states[0])


def _noise(right: Array, got: Array, case: LayerCase) -> Iterator[Explanation]:
    """Two independent draws of one distribution: not a mistake, but nothing can be compared behind it."""
    if right.shape != got.shape or right.dtype.kind != "f" or right.size < 64:
        return
    one, two = real(right).ravel(), real(got).ravel()
    if case.reference_steps is None and case.role != "noise" and not _standard_normal(one):
        return
    correlation = float(np.corrcoef(one, two)[0, 1]) if one.std() and two.std() else 1.0
    alike = abs(one.mean() - two.mean()) < 6 * one.std() / np.sqrt(one.size) and abs(
        np.log(two.std() / one.std())
    ) < 6 / np.sqrt(2 * one.size)
    if alike and abs(correlation) < 6 / np.sqrt(one.size) and error(two, one) > 0.5:
        says = f"the two sides drew other noise (correlation {correlation:.2g}, same mean and deviation): seeds are not portable"
        yield Explanation(
            "noise-differs",
            {"correlation": correlation},
            0.0,
            says,
            fix="replay the reference's noise",
            complexity=0,
        )


def _standard_normal(x: Array) -> bool:
    """Mean, deviation and kurtosis of a normal with mean 0 and deviation 1."""
    n = x.size
    return bool(
        abs(x.mean()) < 4 / np.sqrt(n)
        and abs(x.std() - 1) < 4 / np.sqrt(2 * n)
        and abs(np.mean(x**4) - 3) < 4 * np.sqrt(96 / n)
    )


def _steps(right: Course, got: Course, limit: float) -> Iterator[Explanation]:
    methods = method(right, limit), method(got, limit)
    times = schedule(right.times), schedule(got.times)
    if methods[0] != methods[1]:
        says = f"it integrates by {methods[1]} in {got.steps} calls, the reference by {methods[0]} in {right.steps}"
        sides = {"reference": methods[0], "candidate": methods[1]}
        yield Explanation(
            "sampler-mismatch", sides, 0.0, says, fix=f"sample by {methods[0]}", complexity=1
        )
        return
    if right.steps != got.steps or not np.allclose(right.times, got.times, atol=1e-4):
        says = f"its schedule is {times[1]} ({got.steps} steps), the reference's {times[0]} ({right.steps} steps)"
        sides = {"reference": times[0], "candidate": times[1]}
        yield Explanation(
            "sigma-schedule",
            sides,
            0.0,
            says,
            fix=f"ask the estimator at: {times[0]}",
            complexity=1,
        )
        return
    yield from _guidance(right, got, limit)


def _guidance(right: Course, got: Course, limit: float) -> Iterator[Explanation]:
    """The displacement of a step as a mix of the two velocities, divided by the step: (1 + w, -w), (w, 1 - w), ..."""
    for index in range(min(len(right.states), len(got.states)) - 1):
        one, two = blend(right, index), blend(got, index)
        if one is None or two is None or one[2] > limit or two[2] > limit:
            return
        if not right.unconditional:
            return
        step = one[0] + one[1]  # both formulas in use have weights that add up to the step
        mixes = [(round(a / step, 5), round(b / step, 5)) for a, b, _ in (one, two)]
        if max(abs(a - b) for a, b in zip(*mixes, strict=True)) > 1e-3:
            if (
                abs(mixes[1][0] + mixes[1][1] - 1) > 1e-3
                and abs(mixes[1][0] / mixes[0][0] - mixes[1][1] / mixes[0][1]) < 1e-3
            ):
                says = f"its step is {mixes[1][0] / mixes[0][0]:.4g} times the reference's"
                yield Explanation(
                    "sigma-schedule",
                    {"reference": mixes[0], "candidate": mixes[1]},
                    two[2],
                    says,
                    fix="use the reference's times",
                )
                return
            says = f"it moves by {_mix(mixes[1])}, the reference by {_mix(mixes[0])}"
            yield Explanation(
                "cfg-formula",
                {"reference": mixes[0], "candidate": mixes[1]},
                two[2],
                says,
                fix=f"v = {_mix(mixes[0])}",
            )
            return


def _mix(weights: tuple[float, float]) -> str:
    return f"{weights[0]:.4g} v_cond {weights[1]:+.4g} v_uncond"
