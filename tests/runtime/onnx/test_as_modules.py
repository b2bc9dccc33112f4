"""An exported graph as modules: calls told apart, what exporters compute once for several is nobody's, substitutes show."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from auscult.comparison.locate.forced import view_own_outputs
from auscult.runtime.runner import make_runner
from corpus.computation.exports import export_to_onnx

X = {"input": np.random.default_rng(0).standard_normal((1, 4, 9)).astype(np.float32)}


class Block(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv1d(4, 4, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.conv(functional.leaky_relu(x, 0.1))


class Net(nn.Module):
    """One block twice, then two that take one tensor: their leaky ReLU is exported once."""

    def __init__(self) -> None:
        super().__init__()
        self.again = Block()
        self.left, self.right = Block(), Block()
        self.wide = nn.Linear(9, 9)

    def forward(self, x: Tensor) -> Tensor:
        x = self.again(self.again(x))
        return self.wide(self.left(x) + self.right(x))


@pytest.fixture(scope="module")
def net() -> nn.Module:
    torch.manual_seed(0)
    return Net().eval()


@pytest.fixture(scope="module")
def file(net: nn.Module, tmp_path_factory: pytest.TempPathFactory) -> str:
    return export_to_onnx(net, X, tmp_path_factory.mktemp("graph") / "net.onnx")


def test_modules_and_their_calls_are_those_of_the_code(net: nn.Module, file: str) -> None:
    theirs = make_runner(Path(file)).as_modules().run(X)  # type: ignore[attr-defined]
    ours = make_runner(net).run(X)
    outputs = [
        {
            (record.path, record.call): trace.tensor(record)
            for record in trace.records
            if record.role == "output"
        }
        for trace in (ours, theirs)
    ]
    assert set(outputs[1]) == set(outputs[0])
    for place, array in outputs[0].items():
        np.testing.assert_allclose(outputs[1][place], array, atol=1e-5)


def test_what_an_exporter_shares_is_no_input(file: str) -> None:
    trace = make_runner(Path(file)).as_modules().run(X)  # type: ignore[attr-defined]
    taken = {
        path: [r.role for r in trace.records if r.path == path and r.role.startswith("input")]
        for path in ("left", "right")
    }
    assert taken == {"left": ["input"], "right": ["input"]}


def test_a_replaced_module_shows_what_it_gives_itself(net: nn.Module, file: str) -> None:
    runner = make_runner(Path(file)).as_modules()  # type: ignore[attr-defined]
    zeros = np.zeros((1, 4, 9), np.float32)
    with (
        runner.replace("again", {"output": zeros}, call=0),
        runner.replace("again.conv", {"output": zeros}, call=0),
    ):
        trace = runner.run(X)
    first = trace.find("again", "output", 0)
    assert first is not None
    assert not trace.tensor(first).any()
    own = view_own_outputs(trace, "again.conv", 0).find("again.conv", "output", 0)
    assert own is not None
    plain = make_runner(net).run(X)
    conv = plain.find("again.conv", "output", 0)
    assert conv is not None
    np.testing.assert_allclose(
        view_own_outputs(trace, "again.conv", 0).tensor(own), plain.tensor(conv), atol=1e-5
    )
    # the second call ran on the substitute
    second = trace.find("again", "input", 1)
    assert second is not None
    assert not trace.tensor(second).any()
