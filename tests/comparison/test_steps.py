"""Samplers and decoders are judged step by step from the reference's state; chance is told from mistakes."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from auscult.comparison.compare_runs import RunComparison, compare_runs
from auscult.comparison.locate.aligned_sides import ComparedRuns
from auscult.runtime.runner import make_runner
from tests.traced_ports import born, compared

STATE = np.random.default_rng(0).standard_normal((1, 16)).astype(np.float32)


class Velocity(nn.Module):
    """A smooth or, with a large gain, a chaotic map."""

    def __init__(self, gain: float) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.inner = nn.Linear(16, 16)
        self.outer = nn.Linear(16, 16)
        self.gain = gain

    def forward(self, x: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        return self.outer(torch.tanh(self.gain * self.inner(x + t)))


class Sampler(nn.Module):
    """Euler steps from t = 0 to 1."""

    def __init__(
        self, *, gain: float = 1.0, steps: int = 8, power: float = 1.0, reverse: bool = False
    ) -> None:
        super().__init__()
        self.estimator = Velocity(gain)
        self.times = torch.linspace(0, 1, steps + 1) ** power
        self.reverse = reverse

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for now, then in zip(self.times[:-1], self.times[1:], strict=True):
            velocity = self.estimator(x, now.to(x.dtype).reshape(1, 1))
            x = x + (then - now).to(x.dtype) * velocity
        return x


class Reordered(nn.Module):
    """The same linear layer, summed in another order: a right port that rounds otherwise."""

    def __init__(self, layer: nn.Linear) -> None:
        super().__init__()
        self.weight, self.bias = layer.weight, layer.bias

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        half = x.shape[-1] // 2
        low, high = x[..., :half] @ self.weight[:, :half].T, x[..., half:] @ self.weight[:, half:].T
        return low + high if self.bias is None else (self.bias + high) + low


def rounding_otherwise(sampler: Sampler) -> Sampler:
    sampler.estimator.inner = Reordered(sampler.estimator.inner)  # type: ignore[assignment]
    sampler.estimator.outer = Reordered(sampler.estimator.outer)  # type: ignore[assignment]
    return sampler


def of(found: RunComparison, path: str) -> str:
    return next(steps.verdict for steps in found.steps if steps.pair.a == path)


def test_a_right_sampler_is_the_same_at_every_step() -> None:
    found = compared(Sampler(), rounding_otherwise(Sampler()), STATE)
    assert (born(found), of(found, "estimator"), found.outputs_agree) == ([], "same", True)


class Logistic(nn.Module):
    """x <- 4 y (1 - y) with y a mean of x over a wider row: doubles every rounding error, 30 times."""

    def __init__(self, *, other: bool = False, factor: float = 4.0) -> None:
        super().__init__()
        torch.manual_seed(0)
        spread = torch.softmax(torch.randn(16), 0)
        layer = nn.Linear(16, 1, bias=False)
        with torch.no_grad():
            layer.weight.copy_(spread[None])
        self.estimator: nn.Module = Reordered(layer) if other else layer
        self.factor = factor

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for _ in range(30):
            y = self.estimator(x.expand(-1, 16))
            x = self.factor * y * (1 - y)
        return x


START = np.array([[0.3]], np.float32)


def test_chaos_is_not_a_mistake() -> None:
    """Rounding is magnified from step to step beyond any floor, while each step from the reference's state is right."""
    found = compared(Logistic(), Logistic(other=True), START)
    assert born(found) == []
    assert not found.outputs_agree
    assert of(found, "estimator") == "chaotic"
    assert found.is_chaotic


def test_a_mistake_amid_chaos_is_found() -> None:
    found = compared(Logistic(), Logistic(other=True, factor=3.99), START)
    assert born(found)[0] == ("estimator", "input")
    assert not found.is_chaotic


def test_a_wrong_schedule_is_born_in_the_code_of_the_loop() -> None:
    found = compared(Sampler(), Sampler(power=1.5), STATE)
    places = born(found)
    assert places[0][0] == "estimator"
    assert places[0][1].startswith("input")
    assert (
        found.places[0].comparison.call == 1
    )  # the first step is right: t = 0 and the start noise are the same
    assert not found.is_chaotic


def test_a_wrong_estimator_is_found_inside_of_it() -> None:
    found = compared(Sampler(), Sampler(gain=1.1), STATE)
    assert born(found) == [("estimator.outer", "input")]
    assert of(found, "estimator") == "born"


def test_another_number_of_steps_is_said_and_never_called_chance() -> None:
    found = compared(Sampler(steps=8), Sampler(steps=6), STATE)
    assert of(found, "estimator") in ("undecided", "born")
    assert not found.is_chaotic
    assert any("called 8 times by the reference and 6 times" in skip.reason for skip in found.skips)


class Writer(nn.Module):
    """Chooses the token with the best score, five times; tokens 4 and 7 are all but equally good."""

    def __init__(self, *, ahead: float = 0.0, worst: bool = False) -> None:
        super().__init__()
        torch.manual_seed(3)
        self.embed = nn.Embedding(12, 16)
        self.head = nn.Linear(16, 12)
        with torch.no_grad():
            self.head.weight[7] = self.head.weight[4]
            self.head.bias[4] = 10.0
            self.head.bias[7] = 10.0 + ahead
        self.worst = worst

    def forward(self, token: torch.Tensor) -> torch.Tensor:
        state = torch.zeros(1, 16)
        for _ in range(5):
            state = torch.tanh(state + self.embed(token)[:, -1])
            scores = self.head(state)
            token = (scores.argmin(-1) if self.worst else scores.argmax(-1))[:, None]
        return scores


TOKEN = np.array([[1]])
ULP = 2e-6


@pytest.mark.parametrize("live", [False, True])
def test_a_flip_between_equal_scores_is_chance_even_without_a_live_model(live: bool) -> None:
    one, two = make_runner(Writer(ahead=-ULP)), make_runner(Writer(ahead=ULP))
    given = {"token": TOKEN}
    runs = ComparedRuns(one.run(given), two.run(given), *((one, two, given, given) if live else ()))
    found = compare_runs(runs)
    assert of(found, "embed") == "chaotic"
    assert found.is_chaotic
    assert not found.outputs_agree
    flip = next(steps.flip for steps in found.steps if steps.pair.a == "embed")
    assert flip is not None
    assert (flip.step, flip.scores) == (1, "head")


def test_a_choice_that_the_scores_do_not_excuse_is_no_chance() -> None:
    first, second = (
        make_runner(Writer(worst=worst)).run({"token": TOKEN}) for worst in (False, True)
    )
    found = compare_runs(ComparedRuns(first, second))
    assert of(found, "embed") != "chaotic"
    assert not found.is_chaotic
    assert ("embed", "input") in born(found)
