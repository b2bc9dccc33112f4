"""A port with the reference's weights, rounded, that computes in float32; and true faults beside the rounding."""

from __future__ import annotations

import copy
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import nn

from auscult.runtime.runner import make_runner
from auscult.verbs.compare.compare import compare
from auscult.verdict import Report, Verdict
from auscult.weights import Array

X = {"x": np.random.default_rng(0).normal(size=(1, 20, 30)).astype(np.float32)}
Round = Callable[[torch.Tensor], torch.Tensor]


class Net(nn.Module):
    """Two convolutions with a leaky ReLU between."""

    def __init__(self, slope: float = 0.1, *, weight_norm: bool = False) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.slope = slope
        self.pre = nn.Conv1d(20, 32, 7, padding=3)
        self.post = nn.ConvTranspose1d(32, 8, 4, 2, padding=1)
        if weight_norm:
            nn.utils.parametrizations.weight_norm(self.pre)
        self.eval()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y: torch.Tensor = self.post(nn.functional.leaky_relu(self.pre(x), self.slope))
        return y


def round_weights(model: Net, rounding: Round) -> Net:
    rounded = copy.deepcopy(model)
    with torch.no_grad():
        for weight in rounded.parameters():
            weight.copy_(rounding(weight))
    return rounded


def to_half(weight: torch.Tensor) -> torch.Tensor:
    return weight.half().float()


def to_8_bits(weight: torch.Tensor) -> torch.Tensor:
    if weight.ndim < 2:
        return weight
    step = weight.abs().amax((1, 2), keepdim=True) / 127
    return (weight / step).round() * step


def run(candidate: Net, reference: Net | None = None) -> Report:
    return compare(reference or Net(), candidate, inputs=X)


@pytest.mark.parametrize(
    ("rounding", "name"),
    [(to_half, "float16"), (lambda w: w.bfloat16().float(), "bfloat16"), (to_8_bits, "8 bits")],
    ids=["float16", "bfloat16", "8 bits"],
)
def test_rounded_weights_are_equivalent_and_said(rounding: Round, name: str) -> None:
    report = run(round_weights(Net(), rounding))
    floor = report.to_json()["floor"]["what"]
    assert (report.verdict, report.findings) == (Verdict.EQUIVALENT, ())
    assert f"weights rounded to {name}" in floor
    assert "expected error" in floor


def test_faults_beside_the_rounding_are_found() -> None:
    slope = run(round_weights(Net(0.01), to_half))
    assert [finding.cause for finding in slope.findings] == ["leaky-slope"]
    silent = round_weights(Net(), to_half)
    with torch.no_grad():
        silent.state_dict()["post.bias"].zero_()
    report = run(silent)
    assert report.verdict is Verdict.DIVERGENT
    assert [(finding.cause, finding.where) for finding in report.findings] == [
        ("bias-missing", ("post",))
    ]


def test_weights_drawn_anew_are_not_rounded() -> None:
    other = Net()
    nn.init.normal_(other.pre.weight)
    report = run(other)
    assert report.verdict is Verdict.DIVERGENT
    assert "rounded" not in report.to_json()["floor"]["what"]


def test_a_fused_weight_norm_that_was_rounded() -> None:
    reference = Net(weight_norm=True)
    fused = Net()
    fused.pre.weight.data = reference.pre.weight.detach().clone()
    report = run(round_weights(fused, to_half), reference)
    assert (report.verdict, report.findings) == (Verdict.EQUIVALENT, ())


def test_a_trace_of_the_candidate_tells_it_by_its_fingerprints() -> None:
    trace = make_runner(round_weights(Net(), to_half)).run(X)
    report = compare(Net(), trace, inputs=X)
    assert (report.verdict, report.findings) == (Verdict.EQUIVALENT, ())


class Borrowing(nn.Module):
    """Code that takes the weight of a module that it never calls, as torch's attention does."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.pre, self.borrowed = nn.Linear(30, 8), nn.Linear(8, 8)
        self.eval()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return nn.functional.linear(self.pre(x), self.borrowed.weight)


def test_weights_of_modules_that_nothing_calls() -> None:
    candidate = Borrowing()
    with torch.no_grad():
        for weight in candidate.parameters():
            weight.copy_(to_half(weight))
    report = compare(Borrowing(), candidate, inputs=X)
    assert (report.verdict, report.findings) == (Verdict.EQUIVALENT, ())
    with torch.no_grad():
        candidate.borrowed.weight[0] += 0.1
    assert compare(Borrowing(), candidate, inputs=X).verdict is Verdict.DIVERGENT


def test_layers_that_are_the_same_are_not_said_to_be_rounded() -> None:
    assert run(Net()).verdict is Verdict.PASS


def transpose_for_mlx(name: str, weight: torch.Tensor) -> Array:
    if weight.ndim < 3:
        return weight.numpy()
    if name.startswith("post"):
        return weight.permute(1, 2, 0).numpy()
    return weight.permute(0, 2, 1).numpy()


def test_in_mlx_in_another_order_of_axes() -> None:
    mx = pytest.importorskip("mlx.core")
    mlx_nn = pytest.importorskip("mlx.nn")

    class Port(mlx_nn.Module):  # type: ignore[name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.pre = mlx_nn.Conv1d(20, 32, 7, padding=3)
            self.post = mlx_nn.ConvTranspose1d(32, 8, 4, 2, padding=1)

        def __call__(self, x: object) -> object:
            y = self.pre(mx.swapaxes(x, 1, 2))
            return mx.swapaxes(self.post(mlx_nn.leaky_relu(y, 0.1)), 1, 2)

    port = Port()
    weights = round_weights(Net(), to_half).state_dict()
    port.load_weights([(n, mx.array(transpose_for_mlx(n, w))) for n, w in weights.items()])
    report = compare(Net(), port, inputs=X)
    assert (report.verdict, report.findings) == (Verdict.EQUIVALENT, ())
