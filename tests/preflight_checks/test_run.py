"""A run on live trainers: everything is put back, what cannot be run says so, adapters read what they should."""

from __future__ import annotations

import copy
import math
import random

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from auscult.errors import TargetError
from auscult.preflight_checks.find import find_setup
from auscult.preflight_checks.keep import TrainingSnapshot
from auscult.preflight_checks.options import PreflightOptions
from auscult.preflight_checks.run import measure_training
from auscult.preflight_checks.steps import read_losses, run_steps
from auscult.preflight_checks.structure import iter_leaves, replace_tensor
from corpus.training.trainers import Knobs, Trainer, build_trainer

QUICK = PreflightOptions(steps=3, seconds=0.0)
"""Three steps; no time for learning rates."""


@pytest.fixture
def trainer() -> Trainer:
    return build_trainer(Knobs("encodec"))


def state_of(trainer: Trainer) -> dict[str, Tensor]:
    return {name: value.clone() for name, value in trainer["model"].state_dict().items()}


def test_everything_is_put_back(trainer: Trainer) -> None:
    setup = find_setup(trainer, QUICK)
    setup.plain_step()  # so that the optimizer has a state
    setup.model.eval()
    before, optimizer = state_of(trainer), copy.deepcopy(trainer["optimizers"].state_dict())
    gradients = {
        name: p.grad.clone()
        for name, p in trainer["model"].named_parameters()
        if p.grad is not None
    }
    torch.manual_seed(5)
    np.random.seed(5)
    random.seed(5)
    drawn = (torch.rand(3), np.random.rand(3), random.random())
    torch.manual_seed(5)
    np.random.seed(5)
    random.seed(5)
    measure_training(trainer, QUICK)
    assert torch.equal(torch.rand(3), drawn[0])
    assert np.array_equal(np.random.rand(3), drawn[1])
    assert random.random() == drawn[2]
    after = state_of(trainer)
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert not setup.model.training
    parameters = dict(setup.model.named_parameters())
    assert all(torch.equal(parameters[name].grad, g) for name, g in gradients.items())  # type: ignore[arg-type]
    now = trainer["optimizers"].state_dict()
    assert now["param_groups"] == optimizer["param_groups"]
    assert all(
        torch.equal(now["state"][i]["exp_avg"], s["exp_avg"]) for i, s in optimizer["state"].items()
    )


def test_two_runs_give_the_same(trainer: Trainer) -> None:
    first, second = measure_training(trainer, QUICK), measure_training(trainer, QUICK)
    a, b = first.to_json(), second.to_json()
    assert {**a, "seconds": 0} == {**b, "seconds": 0}


def test_state_is_put_back_after_an_error(trainer: Trainer) -> None:
    before = state_of(trainer)
    loss = trainer["loss"]
    calls = []

    def failing(output: object, batch: object) -> object:
        calls.append(1)
        if len(calls) > 20:
            raise RuntimeError("out of tape")
        return loss(output, batch)

    with pytest.raises(TargetError, match="out of tape"):
        measure_training({**trainer, "loss": failing}, QUICK)
    after = state_of(trainer)
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_plain_attributes_and_replaced_buffers_are_put_back() -> None:
    class Counting(nn.Module):
        table: Tensor

        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.ones(1, 1, 3))
            self.register_buffer("table", torch.zeros(2))
            self.calls, self.ready = 0, False

        def forward(self, x: Tensor) -> Tensor:
            self.calls, self.ready = self.calls + 1, True
            self.table = torch.full((2,), float(self.calls))
            return nn.functional.conv1d(x, self.weight, padding=1)

    model = Counting()
    setup = find_setup(
        {
            "model": model,
            "batch": torch.randn(2, 1, 400),
            "loss": lambda o, b: (o - b).square().mean(),
            "sample_rate": 8000,
        },
        QUICK,
    )
    kept, table = TrainingSnapshot(setup), model.table
    model(torch.zeros(1, 1, 10))
    kept.restore()
    assert (model.calls, model.ready) == (0, False)
    assert model.table is table
    assert torch.equal(model.table, torch.zeros(2))


def test_a_step_alone_is_enough(trainer: Trainer) -> None:
    model, loss, batch, optimizer = (
        trainer["model"],
        trainer["loss"],
        trainer["batch"],
        trainer["optimizers"],
    )

    def step() -> float:
        optimizer.zero_grad()
        total = sum(loss(model(batch), batch).values())
        total.backward()
        optimizer.step()
        return float(total)

    found = measure_training(
        {**{k: v for k, v in trainer.items() if k != "loss"}, "step": step}, QUICK
    )
    assert found.steps == 3
    assert found.terms == ()
    assert found.gains[0].factor == pytest.approx(1, abs=1e-4)
    assert ("loss terms", "the trainer gives a step but no `loss(output, batch)`") in found.skipped


def test_what_did_not_fit_is_said(trainer: Trainer) -> None:
    found = measure_training(trainer, PreflightOptions(steps=24, seconds=0.0))
    assert found.steps == 3
    assert any(what == "training steps" and "3 of 24" in reason for what, reason in found.skipped)


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"loss": None}, "neither a loss nor a step"),
        ({"sample_rate": None}, "no sample_rate"),
        ({"los": 1}, "unknown fields"),
        ({"parts": {"encoder": "enc"}}, "no part `enc`"),
    ],
)
def test_a_trainer_that_does_not_fit_is_told(trainer: Trainer, change: Trainer, match: str) -> None:
    with pytest.raises(TargetError, match=match):
        find_setup({**trainer, **change}, PreflightOptions())


def test_something_else_is_no_training() -> None:
    with pytest.raises(TargetError, match="no training that auscult knows"):
        find_setup(object(), PreflightOptions())


def test_structures_are_searched_and_changed() -> None:
    a, b = torch.zeros(2), torch.ones(3)
    value = {"x": a, "y": [b, (a, 3)]}
    assert [name for name, _ in iter_leaves(value)] == ["x", "y.0", "y.1.0"]
    changed = replace_tensor(value, a, b)
    assert changed["x"] is b
    assert changed["y"][1] == (b, 3)
    assert value["x"] is a


def test_losses_that_steps_say() -> None:
    assert read_losses(torch.tensor(2.0)) == {"loss": 2.0}
    assert read_losses({"a": 1.0, "total": 3.0}) == {"total": 3.0}
    assert read_losses((4.0, "x")) == {"loss": 4.0}
    assert read_losses(None) == {}


@pytest.mark.parametrize(("skips", "is_broken"), [(2, False), (5, True)])
def test_a_loss_scaler_may_skip_its_first_steps(skips: int, is_broken: bool) -> None:
    """Its scaled gradients overflow until the scale is found; an optimizer never sees them."""
    torch.manual_seed(0)
    model, batch = nn.Conv1d(1, 1, 3, padding=1), torch.randn(2, 1, 256)
    optimizer = torch.optim.SGD(model.parameters(), 1e-3)
    done = 0

    def step() -> dict[str, Tensor]:
        nonlocal done
        done += 1
        optimizer.zero_grad()
        loss = (model(batch) - batch).square().mean()
        scale = float("inf") if done <= skips else 1.0
        (loss * scale).backward()
        if done > skips:
            optimizer.step()
        return {"total": loss}

    setup = find_setup(
        {
            "model": model,
            "batch": batch,
            "step": step,
            "optimizers": optimizer,
            "sample_rate": 16000,
        },
        QUICK,
    )
    trail = run_steps(setup, 5, math.inf)
    assert bool(trail.broken) == is_broken
