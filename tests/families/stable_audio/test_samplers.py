"""Schedules by their numbers, and every sampler by what it must give for a model whose answer is known."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from auscult.errors import UsageError
from auscult.families.stable_audio.config import TINY, Config, Objective
from auscult.families.stable_audio.guidance import guided, noise_share, wanted
from auscult.families.stable_audio.objective import denoised, noised, velocity
from auscult.families.stable_audio.samplers import SAMPLERS, can_run, fitting, sample
from auscult.families.stable_audio.schedules import Shift, linear, logsnr, polyexponential

PUBLISHED_8 = (1.0, 0.993307, 0.982014, 0.952574, 0.880797, 0.731059, 0.5, 0.268941, 0.0)
"""What stable-audio-tools 0.0.19's sample_rf computes for 8 steps, measured on it."""


def test_the_eight_steps_are_the_references() -> None:
    np.testing.assert_allclose(logsnr(8), PUBLISHED_8, atol=1e-6)


def test_steps_are_even_in_log_signal_to_noise_ratio() -> None:
    times = logsnr(20)[1:-1]
    np.testing.assert_allclose(np.diff(np.log((1 - times) / times)), 8 / 20, rtol=1e-9)


@given(start=st.floats(0.01, 0.99), steps=st.integers(1, 30))
def test_a_later_start_begins_there_and_falls_to_zero(start: float, steps: int) -> None:
    times = logsnr(steps, start)
    assert (times[0], times[-1], len(times)) == (start, 0.0, steps + 1)
    if start > 1 / (1 + math.exp(2.0)) + 1e-3:  # the last step before zero has a log ratio of 2
        assert (np.diff(times) < 1e-6).all()


@given(length=st.integers(64, 8192), time=st.floats(0.001, 0.999))
def test_the_shift_lowers_the_log_ratio_by_its_amount(length: int, time: float) -> None:
    shift = Shift()
    moved = float(shift.apply(np.array([time]), length)[0])
    assert math.log((1 - moved) / moved) == pytest.approx(
        math.log((1 - time) / time) - shift.amount(length), abs=1e-6
    )
    assert shift.amount(256) == pytest.approx(0.5)
    assert shift.amount(4096) == pytest.approx(1.15)
    assert shift.apply(np.array([0.0, 1.0]), length).tolist() == [0.0, 1.0]


def test_linear_and_polyexponential_schedules() -> None:
    np.testing.assert_allclose(linear(4), [1, 0.75, 0.5, 0.25, 0])
    np.testing.assert_allclose(linear(4, 0.8), [0.8, 0.6, 0.4, 0.2, 0])
    np.testing.assert_allclose(polyexponential(3, 0.01, 100.0), [100, 1, 0.01, 0])


@pytest.mark.parametrize(("steps", "start"), [(0, 1.0), (4, 0.0), (4, 1.5)])
def test_what_is_no_schedule_is_refused(steps: int, start: float) -> None:
    with pytest.raises(UsageError):
        logsnr(steps, start)
    with pytest.raises(UsageError, match="largest to the smallest"):
        polyexponential(4, 1.0, 0.5)


def config(objective: Objective) -> Config:
    return Config(
        **{
            **{name: getattr(TINY, name) for name in TINY.__dataclass_fields__},
            "objective": objective,
        }
    )


def run(
    name: str, objective: Objective, signal: Any, *, steps: int = 8, seed: int = 0, **options: Any
) -> Any:
    """A sampler with a model that knows the signal: whatever x it is asked about, it answers for that signal."""
    draw = np.random.default_rng(seed)
    last: list[Any] = [None]

    def knows(x: Any, t: float) -> Any:
        angle = t * math.pi / 2
        if objective == "v":
            noise = (x - math.cos(angle) * signal) / max(math.sin(angle), 1e-12)
            return velocity("v", signal, noise, t)
        last[0] = (
            (x - signal) / t if t else last[0]
        )  # at t = 0 the straight path has the velocity that it had all along
        return last[0]

    start = draw.standard_normal(signal.shape)
    return sample(
        name,
        knows,
        start,
        lambda _: draw.standard_normal(signal.shape),
        config(objective),
        steps=steps,
        length=64,
        **options,
    )


@pytest.mark.parametrize(
    ("name", "objective"),
    [(name, objective) for name, sampler in SAMPLERS.items() for objective in sampler.objectives],
)
def test_a_model_that_knows_the_signal_gives_it(name: str, objective: Objective) -> None:
    signal = np.random.default_rng(1).standard_normal((1, 3, 20))
    for steps in (1, 2, 9):
        np.testing.assert_allclose(run(name, objective, signal, steps=steps), signal, atol=1e-6)


@pytest.mark.parametrize(("name", "order"), [("euler", 1), ("rk4", 4)])
def test_an_ode_solver_converges_with_its_order(name: str, order: int) -> None:
    """dx/dt = -x from t = 1 to 0, on even steps: halving the step divides the error by 2 ** order."""
    errors = []
    for steps in (8, 16):
        found = SAMPLERS[name].method(
            lambda x, _t: -x, np.ones(1), linear(steps), lambda _: np.zeros(1), lambda _d, _t: None
        )
        errors.append(abs(float(found[0]) - math.e))
    assert math.log2(errors[0] / errors[1]) == pytest.approx(order, abs=0.4)


def test_ping_pong_adds_as_much_noise_as_the_next_time_has() -> None:
    asked: list[tuple[float, float]] = []
    noise = np.random.default_rng(0).standard_normal((9, 1, 4, 4000))

    def model(x: Any, t: float) -> Any:
        asked.append((t, float(x.std())))
        return x / t  # the denoised signal is silence

    sample("pingpong", model, noise[8], lambda step: noise[step], TINY, steps=8, length=64)
    for (time, deviation), expected in zip(asked, PUBLISHED_8, strict=False):
        assert time == pytest.approx(expected, abs=1e-6)
        assert deviation == pytest.approx(expected, rel=0.03)


def test_an_initial_sound_is_mixed_with_as_much_noise_as_asked() -> None:
    first: list[Any] = []

    def model(x: Any, t: float) -> Any:
        first.append((t, x))
        return x * 0

    start, initial = np.full((1, 2), 2.0), np.full((1, 2), 10.0)
    sample(
        "pingpong",
        model,
        start,
        lambda _: start,
        TINY,
        steps=4,
        length=64,
        initial=initial,
        initial_noise=0.25,
    )
    assert first[0][0] == pytest.approx(0.25)
    np.testing.assert_allclose(first[0][1], 0.75 * 10 + 0.25 * 2)
    first.clear()
    sample(
        "ddim",
        model,
        start,
        lambda _: start,
        config("v"),
        steps=4,
        length=64,
        initial=initial,
        initial_noise=0.5,
    )
    np.testing.assert_allclose(first[0][1], (10 + 2) / math.sqrt(2))
    first.clear()
    sample(
        "dpmpp-2m",
        model,
        start,
        lambda _: start,
        config("v"),
        steps=4,
        length=64,
        initial=initial,
        initial_noise=3.0,
    )
    np.testing.assert_allclose(first[0][1], (10 + 3 * 2) / math.hypot(3, 1))


@given(
    time=st.floats(0.01, 0.99), objective=st.sampled_from(("v", "rectified_flow", "rf_denoiser"))
)
def test_the_objective_takes_signal_and_noise_apart_again(
    time: float, objective: Objective
) -> None:
    signal, noise = np.random.default_rng(0).standard_normal((2, 5))
    x = noised(objective, signal, noise, time)
    np.testing.assert_allclose(
        denoised(objective, x, velocity(objective, signal, noise, time), time), signal, atol=1e-9
    )
    assert float(np.abs(noised(objective, 0 * signal, noise, time) / noise)[0]) == pytest.approx(
        noise_share(objective, time)
    )


def test_which_sampler_fits_which_objective() -> None:
    assert fitting("rf_denoiser") == ("pingpong",)
    assert fitting("rectified_flow")[0] == "euler"
    assert fitting("v")[0] == "dpmpp-3m-sde"
    assert can_run("euler", "rf_denoiser")
    assert not can_run("ddim", "rf_denoiser")
    with pytest.raises(UsageError, match="take pingpong"):
        sample("ddim", lambda x, _: x, 0.0, lambda _: 0.0, TINY, steps=1, length=1)
    with pytest.raises(UsageError, match="no such sampler"):
        sample("heun", lambda x, _: x, 0.0, lambda _: 0.0, TINY, steps=1, length=1)


def test_guidance_is_the_usual_formula_inside_its_interval() -> None:
    assert guided(3.0, 1.0, 7.0) == 1 + 7 * (3 - 1)
    assert guided(3.0, 1.0, 1.0) == 3.0
    assert not wanted(1.0, "rf_denoiser", 0.5)
    assert wanted(2.0, "rf_denoiser", 0.5, (0.4, 0.6))
    assert not wanted(2.0, "v", 0.5, (0.4, 0.6))  # sin(pi / 4) = 0.707
