"""The two runs of a sampler read from the calls of their estimator, and how each takes its steps."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from auscult.explain.algebra.solvers import (
    SamplerRun,
    fit_guidance_blend,
    identify_solver,
    name_schedule,
    read_sampler_run,
)
from auscult.explain.case import LayerCase
from auscult.explain.searches import run_once_per_case

SEARCH = "sampling"
MAX_STEP_MISFIT = 1e-3
"""Relative misfit up to which a step counts as a mix of the velocities, where the floor is lower.

Chosen, not measured."""
MISFIT_FLOORS = 8.0
"""Noise floors that this misfit may have.

Chosen, not measured."""
MAX_TIME_DIFFERENCE = 1e-4
"""How far the times of one schedule may lie apart.

Chosen, not measured."""
MIN_MIX_DIFFERENCE = 1e-3
"""How far the weights of two mixes of velocities have to lie apart to count as two.

Chosen, not measured."""


@dataclass(frozen=True)
class StepMix:
    """How both sides mix the two velocities of guidance in the first step in which they do it otherwise.

    Attributes:
        reference, candidate: Weights of the velocity with and without the condition, divided by the reference's step.
    """

    reference: tuple[float, float]
    candidate: tuple[float, float]
    residual: float

    @property
    def is_longer_step(self) -> bool:
        """Whether the candidate's mix is the reference's times one number: its step is longer or shorter."""
        ratios = [
            candidate / reference
            for candidate, reference in zip(self.candidate, self.reference, strict=True)
        ]
        return (
            abs(sum(self.candidate) - 1) > MIN_MIX_DIFFERENCE
            and abs(ratios[0] - ratios[1]) < MIN_MIX_DIFFERENCE
        )


@dataclass(frozen=True, eq=False)
class SamplerPair:
    """Both sides' runs, with the solver of each and the name of its schedule."""

    reference: SamplerRun
    candidate: SamplerRun
    limit: float
    methods: tuple[str, str]
    schedules: tuple[str, str]

    @property
    def has_same_method(self) -> bool:
        """Whether both sides take their steps by one solver."""
        return self.methods[0] == self.methods[1]

    @property
    def has_same_times(self) -> bool:
        """Whether both sides ask their estimator at the same times."""
        return self.reference.steps == self.candidate.steps and np.allclose(
            self.reference.times, self.candidate.times, atol=MAX_TIME_DIFFERENCE
        )

    def find_step_mix(self) -> StepMix | None:
        """The first step whose mix of velocities differs; None without guidance, or where no step is such a mix."""
        for index in range(min(len(self.reference.states), len(self.candidate.states)) - 1):
            reference = fit_guidance_blend(self.reference, index)
            candidate = fit_guidance_blend(self.candidate, index)
            if reference is None or candidate is None or not self.reference.unconditional:
                return None
            if max(reference[2], candidate[2]) > self.limit:
                return None
            step = reference[0] + reference[1]  # both formulas in use add up to the step
            mix = StepMix(
                _divide_by_step(reference, step), _divide_by_step(candidate, step), candidate[2]
            )
            gaps = (abs(mix.reference[n] - mix.candidate[n]) for n in (0, 1))
            if max(gaps) > MIN_MIX_DIFFERENCE:
                return mix
        return None


def _divide_by_step(blend: tuple[float, float, float], step: float) -> tuple[float, float]:
    return round(blend[0] / step, 5), round(blend[1] / step, 5)


def is_estimator_output(case: LayerCase) -> bool:
    """Whether the place is the output of the module that a sampler calls, rather than the loop around it."""
    return (
        case.reference_steps is not None
        and case.candidate_steps is not None
        and case.role == "output"
        and case.path == case.reference_steps.path
    )


@run_once_per_case
def read_sampler_runs(case: LayerCase, floor: float) -> tuple[SamplerRun, SamplerRun] | None:  # noqa: ARG001
    """Both sides' runs; None where the place is not a loop around an estimator."""
    if case.reference_steps is None or case.candidate_steps is None or is_estimator_output(case):
        return None
    reference = read_sampler_run(case.reference_steps)
    candidate = read_sampler_run(case.candidate_steps)
    if reference is None or candidate is None:
        return None
    return reference, candidate


@run_once_per_case
def compare_samplers(case: LayerCase, floor: float) -> SamplerPair | None:
    """Both sides' runs with the solver and the schedule of each."""
    runs = read_sampler_runs(case, floor)
    if runs is None:
        return None
    reference, candidate = runs
    limit = max(MAX_STEP_MISFIT, MISFIT_FLOORS * floor)
    return SamplerPair(
        reference,
        candidate,
        limit,
        (identify_solver(reference, limit), identify_solver(candidate, limit)),
        (name_schedule(reference.times), name_schedule(candidate.times)),
    )
