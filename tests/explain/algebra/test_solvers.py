"""Samplers, recognised from the calls of their estimator."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest

from auscult.explain.algebra.solvers import (
    SCHEDULES,
    SamplerRun,
    fit_guidance_blend,
    identify_solver,
    name_schedule,
    read_sampler_run,
)
from auscult.explain.case import IteratedCalls
from auscult.weights import Array
from tests.hand_made import make_noise

START = make_noise(1, 40).astype(np.float64)
Steps = list[tuple[Array, float]]


def velocity(x: Array, t: float) -> Array:
    return np.sin(x + t) + 0.5 * x


def run_euler(times: Array) -> Steps:
    x, asked = START, []
    for now, then in pairwise(times):
        asked.append((x, float(now)))
        x = x + (then - now) * velocity(x, now)
    return asked


def run_midpoint(times: Array) -> Steps:
    x, asked = START, []
    for now, then in pairwise(times):
        middle = x + (then - now) / 2 * velocity(x, now)
        asked += [(x, float(now)), (middle, float(now + then) / 2)]
        x = x + (then - now) * velocity(middle, (now + then) / 2)
    return asked


def run_heun(times: Array) -> Steps:
    x, asked = START, []
    for now, then in pairwise(times):
        first = velocity(x, now)
        guess = x + (then - now) * first
        asked += [(x, float(now)), (guess, float(then))]
        x = x + (then - now) * (first + velocity(guess, then)) / 2
    return asked


def run_rk4(times: Array) -> Steps:
    x, asked = START, []
    for now, then in pairwise(times):
        step, places = then - now, []
        slope = np.zeros_like(x)
        for share in (0.0, 0.5, 0.5, 1.0):
            places.append((x + share * step * slope, float(now + share * step)))
            slope = velocity(*places[-1])
        asked += places
        x = x + step * velocity(*places[0])
    return asked


def run_ping_pong(times: Array) -> Steps:
    rng = np.random.default_rng(3)
    x, asked = START, []
    for now, then in pairwise(times):
        asked.append((x, float(now)))
        clean = x - now * velocity(x, now)
        x = (1 - then) * clean + then * rng.standard_normal(x.shape)
    return asked


def make_calls(asked: Steps) -> IteratedCalls:
    return IteratedCalls(
        "estimator",
        tuple({"input": x, "input.1": np.array([t])} for x, t in asked),
        tuple(velocity(x, t) for x, t in asked),
    )


@pytest.mark.parametrize(
    ("run", "times", "solver"),
    [
        (run_euler, np.linspace(0, 1, 9), "euler"),
        (run_midpoint, np.linspace(0, 1, 9), "midpoint"),
        (run_heun, np.linspace(0, 1, 8), "heun"),
        (run_rk4, np.linspace(0, 1, 5), "rk4"),
        (run_ping_pong, np.linspace(1, 0.2, 9), "ping-pong"),
    ],
)
def test_each_solver(run: Callable[[Array], Steps], times: Array, solver: str) -> None:
    sampler = read_sampler_run(make_calls(run(times)))
    assert sampler is not None
    assert identify_solver(sampler, 1e-6) == solver


@pytest.mark.xfail(
    strict=True, reason="two steps of Heun ask at the times of one step of RK4; only times are read"
)
def test_heun_with_an_even_number_of_steps() -> None:
    sampler = read_sampler_run(make_calls(run_heun(np.linspace(0, 1, 9))))
    assert sampler is not None
    assert identify_solver(sampler, 1e-6) == "heun"


def test_one_step_tells_nothing() -> None:
    sampler = read_sampler_run(make_calls(run_euler(np.linspace(0, 1, 2))))
    assert sampler is not None
    assert identify_solver(sampler, 1e-6) == "unknown"


def test_guidance_as_halves_of_a_batch_or_as_two_calls() -> None:
    conditional, unconditional = make_noise(1, 40, seed=1), make_noise(1, 40, seed=2)
    states = [START, START + 2.5 * conditional - 1.5 * unconditional]
    halves = IteratedCalls(
        "e",
        tuple(
            {"x": np.concatenate([s, s]), "t": np.full(2, 0.5 * i)} for i, s in enumerate(states)
        ),
        tuple(np.concatenate([conditional, unconditional]) for _ in states),
    )
    in_turn = IteratedCalls(
        "e",
        tuple({"x": s, "t": np.array([0.5 * i])} for i, s in enumerate(states) for _ in range(2)),
        tuple(v for _ in states for v in (conditional, unconditional)),
    )
    for calls in (halves, in_turn):
        run = read_sampler_run(calls)
        assert run is not None
        assert (run.steps, len(run.unconditional)) == (2, 2)
        blend = fit_guidance_blend(run, 0)
        assert blend == pytest.approx((2.5, -1.5, 0), abs=1e-6)
        assert fit_guidance_blend(run, 1) is None


def test_calls_without_a_state_or_a_time_are_no_sampler() -> None:
    x = START
    assert read_sampler_run(IteratedCalls("e", (), ())) is None
    assert read_sampler_run(IteratedCalls("e", ({"x": x}, {"x": x}), (x, x))) is None
    other = IteratedCalls("e", ({"t": np.zeros(1)}, {"t": np.ones(1)}), (x, x))
    assert read_sampler_run(other) is None


@pytest.mark.parametrize("name", SCHEDULES)
def test_schedules_are_named(name: str) -> None:
    assert name_schedule(SCHEDULES[name](7)[:7]) == name


def test_other_times_are_listed() -> None:
    assert name_schedule(np.array([0, 0.9])) == "times 0, 0.9"
    empty = SamplerRun(np.zeros(0), (), (), ())
    assert empty.steps == 0
