from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from auscult.checkpoint import open_checkpoint
from auscult.errors import CheckpointError
from auscult.finding import Severity
from auscult.verbs.diff.diff import diff
from auscult.verbs.inspect.inspect import inspect
from auscult.weights import Checkpoint
from tests.checkpoint.folder_samples.paddle import draw, make, write_json_program, write_parameters

NAMES = {"linear_0.w_0", "linear_0.b_0", "conv2d_0.w_0"}


class InnerTensor:
    """Is pickled as Paddle pickles a tensor in a nested state dict."""

    def __init__(self, name: str, values: Any) -> None:
        self.name, self.values = name, values

    def __reduce__(self) -> Any:
        return tuple, ((self.name, self.values),)


def draw_linear() -> tuple[Any, Any]:
    """Two matrices of Linears, one of them square, as Paddle keeps them: (in, out)."""
    rng = np.random.default_rng(5)
    shapes = ((32, 48), (48, 48))
    first, second = (rng.normal(size=shape).astype(np.float32) for shape in shapes)
    return first, second


def save_state(path: Path, first: Any, second: Any) -> None:
    """A `.pdparams`."""
    state = {"a.weight": first, "b.weight": second}
    names = {"a.weight": "linear_0.w_0", "b.weight": "linear_1.w_0"}
    path.write_bytes(pickle.dumps({**state, "StructuredToParameterName@@": names}, 4))


@pytest.mark.parametrize("seed", [0, 1])
def test_parameters_have_the_names_of_the_program(seed: int, tmp_path: Path) -> None:
    make(tmp_path, seed)
    checkpoint = open_checkpoint(tmp_path / "model.pdiparams")
    expected = draw(seed)
    assert checkpoint.format == "paddle"
    assert set(checkpoint) == NAMES
    assert all(np.array_equal(checkpoint[name].numpy(), expected[name]) for name in NAMES)
    assert checkpoint.modules["conv2d_0.w_0"].type == "Conv"
    assert checkpoint.modules["linear_0.w_0"].type == "MatMul"
    assert checkpoint.modules["linear_0.b_0"].type == "Add"
    assert not checkpoint.skips


def test_without_a_program_tensors_are_named_by_their_place(tmp_path: Path) -> None:
    write_parameters(tmp_path / "model.pdiparams", draw(0))
    checkpoint = open_checkpoint(tmp_path / "model.pdiparams")
    assert list(checkpoint) == ["tensor_0", "tensor_1", "tensor_2"]
    assert "model.json or model.pdmodel, which is not beside it" in checkpoint.skips[0].reason


def test_a_program_of_other_parameters_gives_no_names(tmp_path: Path) -> None:
    arrays = draw(0)
    write_parameters(tmp_path / "model.pdiparams", arrays)
    arrays["linear_0.w_0"] = arrays["linear_0.w_0"].T
    write_json_program(tmp_path / "model.json", arrays, [])
    checkpoint = open_checkpoint(tmp_path / "model.pdiparams")
    assert list(checkpoint) == ["tensor_0", "tensor_1", "tensor_2"]
    assert "model.json has other parameters" in checkpoint.skips[0].reason


def test_a_damaged_program_is_named(tmp_path: Path) -> None:
    make(tmp_path, 1)
    (tmp_path / "model.json").write_text('{"program": 3}')
    with pytest.raises(CheckpointError, match=r"model\.json: is no program of Paddle"):
        open_checkpoint(tmp_path / "model.pdiparams")


def test_a_cut_stream_is_refused(tmp_path: Path) -> None:
    make(tmp_path, 0)
    path = tmp_path / "model.pdiparams"
    path.write_bytes(path.read_bytes()[:-3])
    with pytest.raises(CheckpointError, match="points outside the file"):
        open_checkpoint(path)


def test_zeros_are_no_parameters(tmp_path: Path) -> None:
    (tmp_path / "model.pdiparams").write_bytes(b"\0" * 64)
    with pytest.raises(CheckpointError, match="starts with zeros only"):
        open_checkpoint(tmp_path / "model.pdiparams")


def test_the_program_alone_names_the_parameters(tmp_path: Path) -> None:
    make(tmp_path, 0)
    with pytest.raises(CheckpointError, match=r"parameters are in model\.pdiparams"):
        open_checkpoint(tmp_path / "model.pdmodel")


def test_the_order_of_linear_layers_is_paddles_own(tmp_path: Path) -> None:
    first, second = draw_linear()
    save_state(tmp_path / "m.pdparams", first, second)
    truth = Checkpoint.of({"a.weight": first.T.copy(), "b.weight": second.T.copy()})
    report = diff(str(tmp_path / "m.pdparams"), truth)
    assert report.verdict.name == "EQUIVALENT"
    severities = {finding.cause: finding.severity for finding in report.findings}
    assert severities["layout-linear"] is Severity.INFO


def test_the_same_order_in_a_file_of_another_framework_is_a_fault(tmp_path: Path) -> None:
    first, second = draw_linear()
    reference = Checkpoint.of({"a.weight": first, "b.weight": second})
    truth = Checkpoint.of({"a.weight": first.T.copy(), "b.weight": second.T.copy()})
    severities = {finding.cause: finding.severity for finding in diff(reference, truth).findings}
    assert severities["layout-linear"] is Severity.ERROR


def test_a_state_dict_without_the_table_of_names_is_inspected(tmp_path: Path) -> None:
    first, second = draw_linear()
    save_state(tmp_path / "m.pdparams", first, second)
    checkpoint = open_checkpoint(tmp_path / "m.pdparams")
    assert (checkpoint.format, dict(checkpoint.metadata)) == ("paddle", {})
    assert inspect(str(tmp_path / "m.pdparams")).verdict.name == "PASS"


def test_tensors_of_a_nested_state_dict_have_their_names(tmp_path: Path) -> None:
    first, second = draw_linear()
    tensors = {"a.weight": InnerTensor("linear_0.w_0", first), "b.weight": InnerTensor("", second)}
    path = tmp_path / "m.pdparams"
    path.write_bytes(pickle.dumps({"main_params": tensors, "epoch": 3}, 4))
    checkpoint = open_checkpoint(path)
    assert [name.rpartition("main_params.")[2] for name in checkpoint] == ["a.weight", "b.weight"]
