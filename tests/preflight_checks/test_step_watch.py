"""What the watch on a user's own step sees: one right adversarial step, and each fault beside it."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from auscult.finding import Finding
from auscult.preflight_checks.find import find_setup
from auscult.preflight_checks.measures.critics import is_score
from auscult.preflight_checks.options import PreflightOptions
from auscult.preflight_checks.records import TrainingMeasurements
from auscult.preflight_checks.run import measure_training
from auscult.preflight_checks.step_watch import find_whole_parts
from auscult.preflight_checks.steps import run_steps
from auscult.rules import run_rules
from auscult.rules.training.subject import PreflightSubject
from auscult.rules.training.trn023_schedule_decay import find_step_factor, format_rate

STEPS = 5
NAMES = {
    "stale-gradients",
    "critic-not-trained",
    "adversarial-detached",
    "labels-exchanged",
    "schedule-decay",
}


class Critic(nn.Module):
    """Scores of one waveform at two strides, as the public multi-scale critics give them."""

    def __init__(self) -> None:
        super().__init__()
        self.scales = nn.ModuleList(
            nn.Sequential(nn.Conv1d(1, 8, 9, stride), nn.LeakyReLU(0.2), nn.Conv1d(8, 1, 3))
            for stride in (2, 4)
        )

    def forward(self, wave: Tensor) -> list[Tensor]:
        return [scale(wave) for scale in self.scales]


class Training:
    """A generator with a critic that is called once per signal; `fault` names what is wrong."""

    def __init__(self, fault: str, loss: str) -> None:
        torch.manual_seed(1)
        self.fault, self.kind = fault, loss
        self.model = nn.Sequential(nn.Conv1d(4, 8, 5, padding=2), nn.Tanh(), nn.Conv1d(8, 1, 1))
        self.critic = Critic()
        self.batch = (torch.randn(2, 4, 256), torch.randn(2, 1, 256))
        self.model_optimizer = torch.optim.Adam(self.model.parameters(), 1e-3)
        rate = 0.0 if fault == "rate of 0" else 1e-3
        held = list(self.critic.parameters())
        if fault == "not held":
            held = [nn.Parameter(torch.zeros(1))]
        self.critic_optimizer = torch.optim.Adam(held, rate)
        factor = 0.9999995 if fault == "slow schedule" else 0.999
        self.schedule = torch.optim.lr_scheduler.ExponentialLR(self.model_optimizer, factor)

    def critic_loss(self, real: list[Tensor], fake: list[Tensor]) -> Tensor:
        if self.fault == "exchanged":
            real, fake = fake, real
        losses = [
            self._judge(a, 1.0) + self._judge(b, -1.0) for a, b in zip(real, fake, strict=True)
        ]
        if self.fault == "last alone":
            return losses[-1]
        return torch.stack(losses).sum()

    def _judge(self, score: Tensor, sign: float) -> Tensor:
        if self.kind == "hinge":
            return torch.relu(1 - sign * score).mean()
        if self.kind == "wasserstein":
            return -sign * score.mean()
        return ((score - (sign + 1) / 2) ** 2).mean()

    def step(self) -> dict[str, Tensor]:
        mel, wave = self.batch
        output = self.model(mel)
        if self.fault != "cleared late":
            self.critic_optimizer.zero_grad()
        judged = output if self.fault == "not detached" else output.detach()
        loss = self.critic_loss(self.critic(wave), self.critic(judged))
        loss.backward(retain_graph=self.fault == "not detached")
        self.critic_optimizer.step()
        if self.fault == "cleared late":
            self.critic_optimizer.zero_grad()
        if self.fault not in ("not detached", "never cleared"):
            self.model_optimizer.zero_grad()
        scores = self.critic(output.detach() if self.fault == "detached" else output)
        total = (output - wave).abs().mean() + torch.stack([self._wish(s) for s in scores]).sum()
        total.backward()
        self.model_optimizer.step()
        if "schedule" in self.fault:
            self.schedule.step()
        return {"total": total}

    def _wish(self, score: Tensor) -> Tensor:
        if self.kind in ("hinge", "wasserstein"):
            return -score.mean()
        return self._judge(score, 1.0)


def find_faults(trainer: dict[str, Any]) -> list[Finding]:
    setup = find_setup(trainer, PreflightOptions())
    trail = run_steps(setup, STEPS, math.inf)
    measured = TrainingMeasurements("training", steps=STEPS, watched=trail.watched)
    findings, _ = run_rules(PreflightSubject(measured), "training")
    return [finding for finding in findings if finding.cause in NAMES]


def describe(training: Training, **more: Any) -> dict[str, Any]:
    return {
        "model": training.model,
        "batch": training.batch,
        "step": training.step,
        "optimizers": [training.model_optimizer, training.critic_optimizer],
        "sample_rate": 16000,
        "keep": [training.critic, training.schedule],
        **more,
    }


@pytest.mark.parametrize("loss", ["least squares", "hinge", "wasserstein"])
def test_a_right_step_is_left_alone(loss: str) -> None:
    assert find_faults(describe(Training("", loss))) == []


@pytest.mark.parametrize(
    ("fault", "name", "subject"),
    [
        ("cleared late", "stale-gradients", "Adam 2"),
        ("not detached", "stale-gradients", "Adam 1"),
        ("never cleared", "stale-gradients", "Adam 1"),
        ("last alone", "critic-not-trained", "Critic.scales.0"),
        ("not held", "critic-not-trained", "Critic"),
        ("rate of 0", "critic-not-trained", "Critic"),
        ("detached", "adversarial-detached", "Critic"),
        ("exchanged", "labels-exchanged", "Critic"),
        ("schedule", "schedule-decay", "Adam 1"),
    ],
)
def test_each_fault_by_its_name(fault: str, name: str, subject: str) -> None:
    findings = find_faults(describe(Training(fault, "hinge")))
    assert [finding.cause for finding in findings] == [name]
    assert findings[0].where == (subject,)


def test_a_schedule_that_lasts_is_left_alone() -> None:
    assert find_faults(describe(Training("slow schedule", "hinge"))) == []
    planned = find_faults(describe(Training("schedule", "hinge"), planned_steps=2000))
    assert planned == []  # 0.999 ** 2000 leaves 14 %


def test_accumulated_passes_and_two_optimizers_for_one_pass_are_right() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv1d(1, 4, 3, padding=1), nn.Conv1d(4, 1, 1))
    batch = torch.randn(4, 1, 64)
    optimizers = [torch.optim.SGD(part.parameters(), 1e-2) for part in model]

    def step() -> float:
        for optimizer in optimizers:
            optimizer.zero_grad()
        for half in batch.chunk(2):
            loss: Tensor = (model(half) - half).square().mean() / 2
            loss.backward()
        for optimizer in optimizers:
            optimizer.step()
        return float(loss)

    trainer = {"model": model, "batch": batch, "step": step, "optimizers": optimizers}
    assert find_faults({**trainer, "sample_rate": 16000}) == []


def test_a_network_that_judges_and_is_not_trained_is_no_critic() -> None:
    torch.manual_seed(0)
    model, judge = nn.Conv1d(1, 1, 3, padding=1), Critic()
    batch = torch.randn(2, 1, 128)
    optimizer = torch.optim.SGD(model.parameters(), 1e-2)

    def step() -> float:
        optimizer.zero_grad()
        pairs = zip(judge(model(batch)), judge(batch), strict=True)
        loss = torch.stack([(a - b).abs().mean() for a, b in pairs]).sum()
        loss.backward()
        optimizer.step()
        return float(loss)

    trainer = {"model": model, "batch": batch, "step": step, "optimizers": optimizer}
    assert find_faults({**trainer, "sample_rate": 16000, "keep": [judge]}) == []


def test_backward_is_put_back() -> None:
    backward: Callable[..., Any] = torch.autograd.backward
    find_faults(describe(Training("", "hinge")))
    assert torch.autograd.backward is backward


def test_whole_parts_are_named_by_their_highest_branch() -> None:
    names = dict.fromkeys(["a.0.w", "a.0.b", "a.1.w", "c"], torch.zeros(1))
    assert find_whole_parts(names, ["a.0.w", "a.0.b"]) == ["a.0"]
    assert find_whole_parts(names, ["a.0.w", "a.0.b", "a.1.w"]) == ["a"]
    assert find_whole_parts(names, ["a.0.w"]) == []
    assert find_whole_parts(names, list(names)) == ["all of it"]


def test_a_rate_that_falls_by_one_factor() -> None:
    assert find_step_factor([1.0, 0.9, 0.81, 0.729]) == pytest.approx(0.9)
    assert find_step_factor([1.0, 0.9, 0.8, 0.7]) is None
    assert find_step_factor([1.0, 1.0, 1.0, 1.0]) is None
    assert format_rate(2e-4, 0.999, 100_000) == "7e-48"
    assert format_rate(1e-3, 0.9, 100_000) == "1e-4579"


def test_scores_have_no_channels() -> None:
    assert is_score(torch.zeros(2, 30))
    assert is_score(torch.zeros(2, 1, 30))
    assert not is_score(torch.zeros(2, 16, 30))


def test_features_as_long_as_the_sound_are_no_sound() -> None:
    """A generator at the sample rate takes as many frames as it gives samples, of other channels."""
    measured = measure_training(
        describe(Training("", "hinge")), PreflightOptions(steps=3, seconds=5.0)
    )
    assert measured.gain_response is None
    assert measured.watched.optimizers[0].steps == 3
