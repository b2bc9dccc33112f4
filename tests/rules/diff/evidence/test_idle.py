"""Constants of a graph that are no weights, against weights that only one side has."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from auscult.verbs.diff.diff import diff
from auscult.verdict import Report, Verdict
from auscult.weights import Checkpoint, ModuleInfo, Tensor

onnx = pytest.importorskip("onnx")
torch = pytest.importorskip("torch")
nn = torch.nn


class Detector(nn.Module):  # type: ignore[name-defined]
    """Convolutions and an LSTM cell by hand, with a state, a window and arithmetic: many constants in a graph."""

    def __init__(self) -> None:
        super().__init__()
        self.state = torch.zeros(0)
        self.encoder = nn.ModuleList(
            nn.Conv1d(channels, 16, 3, padding=1, stride=2) for channels in (1, 16, 16)
        )
        self.cell = nn.LSTMCell(16, 16)
        self.last = nn.Conv1d(16, 1, 1)

    def forward(self, sound: Any) -> Any:
        positions = torch.arange(sound.shape[-1], dtype=torch.float32)
        hidden = sound * (0.5 - 0.5 * torch.cos(6.2831853 * positions / 64)) + 1e-3
        for layer in self.encoder:
            hidden = torch.clamp(layer(hidden), -3.0, 3.0) * 0.7
        state = (torch.zeros(1, 16), torch.zeros(1, 16))
        frames = []
        for frame in hidden.unbind(-1):
            state = self.cell(frame, state)
            frames.append(state[0] ** 2.0 / (1.0 + state[0].abs()))
        return torch.sigmoid(self.last(torch.stack(frames, -1))).mean(dim=(1, 2))


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A scripted module, and its own ONNX export."""
    folder = tmp_path_factory.mktemp("pair")
    torch.manual_seed(0)
    model = Detector().eval()
    example = torch.randn(1, 1, 64)
    script, graph = folder / "detector.pt", folder / "detector.onnx"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.trace(model, example).save(str(script))
        torch.onnx.export(model, (example,), str(graph), dynamo=False, opset_version=17)
    return script, graph


def get_causes(report: Report) -> set[str]:
    return {finding.cause for finding in report.findings}


def test_constants_of_a_graph_are_told_in_one_line(pair: tuple[Path, Path]) -> None:
    script, graph = pair
    report = diff(script, graph)
    assert report.verdict is Verdict.EQUIVALENT
    finding = next(item for item in report.findings if item.cause == "derived-buffer")
    assert finding.evidence["operators"] > 20
    assert not get_causes(report) & {"tensor-missing", "tensor-extra"}


def test_a_weight_that_the_graph_lacks_is_found(pair: tuple[Path, Path], tmp_path: Path) -> None:
    script, graph = pair
    model = onnx.load(str(graph))
    weight = next(item for item in model.graph.initializer if item.name == "encoder.1.weight")
    model.graph.initializer.remove(weight)
    onnx.save(model, str(tmp_path / "lacks.onnx"))
    report = diff(script, tmp_path / "lacks.onnx")
    assert report.verdict is Verdict.DIVERGENT
    assert "tensor-missing" in get_causes(report)


@pytest.mark.parametrize("shape", [(16, 16, 3), (16,), (1,)])
def test_a_weight_that_only_the_graph_has_is_found(
    pair: tuple[Path, Path], tmp_path: Path, shape: tuple[int, ...]
) -> None:
    script, graph = pair
    values = np.random.default_rng(3).normal(size=shape).astype(np.float32)
    model = onnx.load(str(graph))
    model.graph.initializer.append(onnx.numpy_helper.from_array(values, "added"))
    place = 1 if len(shape) > 1 else 2
    inputs = ["sound", "w", "b"]
    inputs[place] = "added"
    model.graph.node.append(onnx.helper.make_node("Conv", inputs, ["unused"]))
    onnx.save(model, str(tmp_path / "more.onnx"))
    report = diff(script, tmp_path / "more.onnx")
    assert report.verdict is Verdict.DIVERGENT
    assert "tensor-extra" in get_causes(report)


def make_graph(tensors: dict[str, Any], operators: dict[str, tuple[str, int | str]]) -> Checkpoint:
    return Checkpoint(
        "graph",
        "coreml",
        {name: Tensor.of(name, array) for name, array in tensors.items()},
        modules={
            name: ModuleInfo(name, kind, {"input": place})
            for name, (kind, place) in operators.items()
        },
    )


def make_weights() -> dict[str, Any]:
    rng = np.random.default_rng(0)
    return {f"{name}.weight": rng.normal(size=(8, 12)).astype(np.float32) for name in "abc"}


OPERATORS: dict[str, tuple[str, int | str]] = {
    f"{name}_weight": ("linear", "weight") for name in "abc"
}


@pytest.mark.parametrize(
    ("values", "operator", "verdict"),
    [
        (np.zeros((1, 32), np.float32), ("lstm", "initial_h"), Verdict.EQUIVALENT),
        (np.ones((1, 32), np.float32), ("lstm", "initial_h"), Verdict.EQUIVALENT),
        (np.linspace(0.3, 1.7, 32, dtype=np.float32), ("lstm", "initial_h"), Verdict.EQUIVALENT),
        (np.hanning(64).astype(np.float32), ("mul", "y"), Verdict.EQUIVALENT),
        (np.zeros((8, 12), np.float32), ("linear", "weight"), Verdict.DIVERGENT),
        (np.zeros(8, np.float32), ("linear", "bias"), Verdict.EQUIVALENT),
        (np.full(8, 0.1, np.float32), ("linear", "bias"), Verdict.DIVERGENT),
        (np.cumsum(np.arange(9.0) ** 0.3).astype(np.float32), ("mul", "y"), Verdict.DIVERGENT),
    ],
)
def test_what_a_graph_has_besides(
    values: Any, operator: tuple[str, int | str], verdict: Verdict
) -> None:
    weights = make_weights()
    graph = {name.replace(".", "_"): values for name, values in weights.items()}
    report = diff(
        Checkpoint.of(weights),
        make_graph(graph | {"constant": values}, OPERATORS | {"constant": operator}),
    )
    assert report.verdict is verdict


@pytest.mark.parametrize(
    ("name", "values", "verdict"),
    [
        ("a.bias", np.zeros(8, np.float32), Verdict.EQUIVALENT),
        ("a.bias", np.full(8, 0.01, np.float32), Verdict.DIVERGENT),
        ("a.weight_g", np.zeros(8, np.float32), Verdict.DIVERGENT),
    ],
)
def test_a_bias_of_zeros_may_be_left_out_of_a_graph(
    name: str, values: Any, verdict: Verdict
) -> None:
    weights = make_weights()
    graph = {name.replace(".", "_"): values for name, values in weights.items()}
    assert (
        diff(Checkpoint.of(weights | {name: values}), make_graph(graph, OPERATORS)).verdict
        is verdict
    )


def test_a_bias_of_zeros_is_missing_in_a_file_that_code_loads() -> None:
    weights = make_weights()
    whole = Checkpoint.of(weights | {"a.bias": np.zeros(8, np.float32)})
    assert diff(whole, Checkpoint.of(weights)).verdict is Verdict.DIVERGENT


def test_a_placeholder_without_elements_is_a_weight_that_is_missing() -> None:
    weights = make_weights()
    whole = Checkpoint.of(weights | {"d.weight": np.zeros(0, np.float32)})
    assert diff(whole, Checkpoint.of(weights)).verdict is Verdict.DIVERGENT
