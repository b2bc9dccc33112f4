"""A layer of two directions against one-way layers whose code flips and joins them: right ones, and each way to get it wrong."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")

import torch

from auscult.runtime.runner import make_runner
from auscult.verbs.compare.compare import compare
from auscult.verdict import Report, Verdict

WIDTH, HIDDEN, FRAMES = 8, 6, 13
INPUTS = {"ids": np.random.default_rng(0).integers(0, 30, (2, FRAMES))}
WRONG = (
    ("forward-weights", "wiring"),
    ("not-flipped-back", "time-reversed"),
    ("not-flipped", "time-reversed"),
    ("swapped", "skip-order"),
    ("bias-lost", "bias-missing"),
)


class Reference(torch.nn.Module):
    """An encoder of text as Tacotron has it; `layers` recurrent ones follow each other in one module."""

    def __init__(self, kind: str, layers: int) -> None:
        super().__init__()
        self.emb = torch.nn.Embedding(30, WIDTH)
        self.cnn = torch.nn.Linear(WIDTH, WIDTH)
        self.rnn = getattr(torch.nn, kind)(
            WIDTH, HIDDEN, layers, batch_first=True, bidirectional=True
        )
        self.proj = torch.nn.Linear(2 * HIDDEN, 7)

    def forward(self, ids: Any) -> Any:
        return self.proj(self.rnn(torch.tanh(self.cnn(self.emb(ids))))[0])


class Port(torch.nn.Module):
    """The same with modules of one direction."""

    def __init__(self, kind: str, layers: int, mistake: str) -> None:
        super().__init__()
        self.emb = torch.nn.Embedding(30, WIDTH)
        self.cnn = torch.nn.Linear(WIDTH, WIDTH)
        make = getattr(torch.nn, kind)
        sizes = [WIDTH, *[2 * HIDDEN] * (layers - 1)]
        self.ahead = torch.nn.ModuleList(make(size, HIDDEN, batch_first=True) for size in sizes)
        self.behind = torch.nn.ModuleList(make(size, HIDDEN, batch_first=True) for size in sizes)
        self.proj = torch.nn.Linear(2 * HIDDEN, 7)
        self.mistake = mistake

    def forward(self, ids: Any) -> Any:
        x = torch.tanh(self.cnn(self.emb(ids)))
        for ahead, behind in zip(self.ahead, self.behind, strict=True):
            used = ahead if self.mistake == "forward-weights" else behind
            second = used(x if self.mistake == "not-flipped" else x.flip(1))[0]
            if self.mistake not in ("not-flipped-back", "not-flipped"):
                second = second.flip(1)
            halves = [ahead(x)[0], second]
            if self.mistake == "swapped":
                halves.reverse()
            x = torch.cat(halves, -1)
        return self.proj(x)


def build_reference(kind: str = "LSTM", layers: int = 1) -> Any:
    torch.manual_seed(0)
    model = Reference(kind, layers)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(1.4).add_(0.1 * torch.randn_like(parameter))
    return model.eval()


def build_port(reference: Any, mistake: str = "right", kind: str = "LSTM") -> Any:
    layers = reference.rnn.num_layers
    port = Port(kind, layers, mistake)
    state = reference.state_dict()
    loaded = {name: value for name, value in state.items() if not name.startswith("rnn.")}
    for number in range(layers):
        for side, suffix in (("ahead", ""), ("behind", "_reverse")):
            for part in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"):
                value = state[f"rnn.{part}_l{number}{suffix}"]
                if mistake == "bias-lost" and part == "bias_hh":
                    value = torch.zeros_like(value)
                loaded[f"{side}.{number}.{part}_l0"] = value
    port.load_state_dict(loaded)
    return port.eval()


def list_causes(report: Report) -> list[tuple[str, tuple[str, ...]]]:
    """Causes and places, but for the count of calls, which is other where one module runs twice."""
    return [
        (found.cause, found.where) for found in report.findings if found.cause != "calls-differ"
    ]


def compare_live(reference: Any, candidate: Any) -> Report:
    return compare(make_runner(reference), make_runner(candidate), inputs=INPUTS)


@pytest.mark.parametrize(("kind", "layers"), [("LSTM", 1), ("GRU", 1), ("LSTM", 2)])
def test_a_right_port_of_one_way_modules_is_right(kind: str, layers: int) -> None:
    reference = build_reference(kind, layers)
    report = compare_live(reference, build_port(reference, kind=kind))
    assert report.verdict in (Verdict.PASS, Verdict.EQUIVALENT)
    assert report.findings == ()


@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize(("mistake", "cause"), WRONG)
def test_a_wrong_port_is_named(mistake: str, cause: str, layers: int) -> None:
    reference = build_reference(layers=layers)
    report = compare_live(reference, build_port(reference, mistake))
    assert report.verdict is Verdict.DIVERGENT
    assert list_causes(report) == [(cause, ("rnn",))]


def test_a_gru_s_wrong_port_is_named() -> None:
    reference = build_reference("GRU")
    report = compare_live(reference, build_port(reference, "not-flipped-back", "GRU"))
    assert [found.cause for found in report.findings] == ["time-reversed"]


def test_the_reference_may_be_the_one_with_one_way_modules() -> None:
    whole = build_reference()
    assert compare_live(build_port(whole), whole).findings == ()
    report = compare_live(build_port(whole, "swapped"), whole)
    assert report.verdict is Verdict.DIVERGENT
    assert [(found.cause, found.where) for found in report.findings] == [
        ("unexplained", ("behind.0",))
    ]


def test_an_error_before_the_layer_is_not_the_layer_s() -> None:
    reference = build_reference()
    port = build_port(reference)
    with torch.no_grad():
        port.cnn.bias.zero_()
    report = compare_live(reference, port)
    assert [found.where for found in report.findings] == [("cnn",)]


def test_two_traces_alone_say_the_same() -> None:
    reference = build_reference()
    runner = make_runner(reference)
    trace = runner.run(INPUTS)
    right = compare(trace, make_runner(build_port(reference)).run(INPUTS))
    assert right.findings == ()
    wrong = compare(trace, make_runner(build_port(reference, "swapped")).run(INPUTS))
    assert wrong.verdict is Verdict.DIVERGENT


def build_mlx_port(reference: Any, mistake: str) -> Any:
    """With one bias, the sum of torch's two."""
    mx = pytest.importorskip("mlx.core")
    from mlx import nn

    class MlxPort(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.emb = nn.Embedding(30, WIDTH)
            self.cnn = nn.Linear(WIDTH, WIDTH)
            self.ahead, self.behind = nn.LSTM(WIDTH, HIDDEN), nn.LSTM(WIDTH, HIDDEN)
            self.proj = nn.Linear(2 * HIDDEN, 7)

        def __call__(self, ids: Any) -> Any:
            x = mx.tanh(self.cnn(self.emb(ids)))
            used = self.ahead if mistake == "forward-weights" else self.behind
            second = used(x if mistake == "not-flipped" else x[:, ::-1])[0]
            if mistake not in ("not-flipped-back", "not-flipped"):
                second = second[:, ::-1]
            halves = [self.ahead(x)[0], second]
            if mistake == "swapped":
                halves.reverse()
            return self.proj(mx.concatenate(halves, -1))

    port = MlxPort()
    state = {name: value.numpy() for name, value in reference.state_dict().items()}
    loaded = {name: value for name, value in state.items() if not name.startswith("rnn.")}
    for side, suffix in (("ahead", ""), ("behind", "_reverse")):
        bias = state[f"rnn.bias_ih_l0{suffix}"]
        if mistake != "bias-lost":
            bias = bias + state[f"rnn.bias_hh_l0{suffix}"]
        loaded[f"{side}.Wx"] = state[f"rnn.weight_ih_l0{suffix}"]
        loaded[f"{side}.Wh"] = state[f"rnn.weight_hh_l0{suffix}"]
        loaded[f"{side}.bias"] = bias
    port.load_weights([(name, mx.array(value)) for name, value in loaded.items()])
    return port


def test_a_right_port_to_mlx_is_right() -> None:
    reference = build_reference()
    report = compare_live(reference, build_mlx_port(reference, "right"))
    assert report.verdict in (Verdict.PASS, Verdict.EQUIVALENT)
    assert report.findings == ()


@pytest.mark.parametrize(("mistake", "cause"), WRONG)
def test_a_wrong_port_to_mlx_is_named(mistake: str, cause: str) -> None:
    reference = build_reference()
    report = compare_live(reference, build_mlx_port(reference, mistake))
    assert report.verdict is Verdict.DIVERGENT
    assert list_causes(report) == [(cause, ("rnn",))]
