"""Quantised weights of ONNX models, held against what ONNX Runtime computes from them, and against their originals."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from auscult.checkpoint import open_checkpoint
from auscult.checkpoint.quantised.coded import CodedWeight
from auscult.finding import Severity
from auscult.verbs.diff.diff import diff
from auscult.verdict import Verdict
from auscult.weights import Checkpoint

onnx = pytest.importorskip("onnx")
runtime = pytest.importorskip("onnxruntime")
helper, numpy_helper = onnx.helper, onnx.numpy_helper
ROWS, COLUMNS = 24, 80
"""Of a weight (out, in); 80 is no multiple of blocks of 32."""


def save_graph(
    path: Path, nodes: list[Any], tensors: dict[str, Any], inputs: dict[str, Any]
) -> Any:
    """Write a model with these nodes, the last of which gives `y`; its session."""
    graph = helper.make_graph(
        nodes,
        "g",
        [
            helper.make_tensor_value_info(
                name, helper.np_dtype_to_tensor_dtype(array.dtype), array.shape
            )
            for name, array in inputs.items()
        ],
        [helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, None)],
        [numpy_helper.from_array(array, name) for name, array in tensors.items()],
    )
    opsets = [helper.make_opsetid("", 21), helper.make_opsetid("com.microsoft", 1)]
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=10), path)
    session = runtime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return session.run(None, inputs)[0]


@pytest.mark.parametrize("has_zeros", [False, True])
@pytest.mark.parametrize("bits", [2, 4, 8])
def test_packed_matrices_equal_those_of_onnx_runtime(
    tmp_path: Path, bits: int, *, has_zeros: bool
) -> None:
    rng = np.random.default_rng(bits)
    length, blocks = 32, 3
    tensors = {
        "w": rng.integers(0, 256, (ROWS, blocks, length * bits // 8)).astype(np.uint8),
        "s": rng.uniform(0.01, 0.1, (ROWS, blocks)).astype(np.float32),
    }
    if has_zeros:
        tensors["z"] = rng.integers(0, 256, ROWS * -(-blocks * bits // 8)).astype(np.uint8)
    node = helper.make_node(
        "MatMulNBits",
        ["x", *tensors],
        ["y"],
        domain="com.microsoft",
        **{"K": COLUMNS, "N": ROWS, "bits": bits, "block_size": length},
    )
    path = tmp_path / "m.onnx"
    try:
        product = save_graph(path, [node], tensors, {"x": np.eye(COLUMNS, dtype=np.float32)})
    except runtime.capi.onnxruntime_pybind11_state.Fail:
        pytest.skip(f"this ONNX Runtime has no {bits}-bit kernel")
    checkpoint = open_checkpoint(path)
    weight = checkpoint["w"]
    assert list(checkpoint) == ["w"]
    assert weight.shape == (ROWS, COLUMNS)
    assert isinstance(weight.data, CodedWeight)
    assert (weight.data.bits, weight.data.group) == (bits, 32)
    np.testing.assert_allclose(weight.values(), product.T, rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(weight.flat(100, 333), weight.values().reshape(-1)[100:333])


@pytest.mark.parametrize("dtype", ["int4", "uint4", "int8", "uint8"])
@pytest.mark.parametrize("axis", [0, 1, -1])
def test_blocks_equal_those_of_onnx_runtime(tmp_path: Path, dtype: str, axis: int) -> None:
    ml_dtypes = pytest.importorskip("ml_dtypes")
    kind = np.dtype(getattr(ml_dtypes, dtype, dtype))
    rng = np.random.default_rng(3)
    low, high = (-8, 8) if dtype.startswith("i") else (0, 16)
    shape, length = (48, 64), 16
    blocks = list(shape)
    blocks[axis] //= length
    tensors = {
        "w": rng.integers(low, high, shape).astype(kind),
        "s": rng.uniform(0.01, 0.1, blocks).astype(np.float32),
        "z": rng.integers(low, high, blocks).astype(kind),
    }
    node = helper.make_node("DequantizeLinear", [*tensors], ["d"], axis=axis, block_size=length)
    product = helper.make_node("MatMul", ["x", "d"], ["y"])
    values = save_graph(
        tmp_path / "m.onnx", [node, product], tensors, {"x": np.eye(shape[0], dtype=np.float32)}
    )
    checkpoint = open_checkpoint(tmp_path / "m.onnx")
    assert list(checkpoint) == ["w"]
    np.testing.assert_allclose(checkpoint["w"].values(), values, rtol=1e-6, atol=1e-6)


def quantise_nbits(source: Path, target: Path) -> None:
    from onnxruntime.quantization.matmul_nbits_quantizer import MatMulNBitsQuantizer

    quantiser = MatMulNBitsQuantizer(onnx.load(str(source)), block_size=32, is_symmetric=False)
    quantiser.process()
    quantiser.model.save_model_to_file(str(target))


def quantise_dynamic(source: Path, target: Path) -> None:
    from onnxruntime.quantization import QuantType, quantize_dynamic

    quantize_dynamic(str(source), str(target), weight_type=QuantType.QInt8, per_channel=True)


Quantiser = Callable[[Path, Path], None]


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Callable[[int], tuple[Path, Any]]:
    """Gives, for a seed, the ONNX file of a model with an LSTM of both directions and two Linears (one of one output), and its state dict."""
    torch = pytest.importorskip("torch")
    folder = tmp_path_factory.mktemp("exported")

    class Model(torch.nn.Module):  # type: ignore[name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.rnn = torch.nn.LSTM(32, 24, bidirectional=True, batch_first=True)
            self.first = torch.nn.Linear(48, 64)
            self.second = torch.nn.Linear(64, 1)

        def forward(self, x: Any) -> Any:
            return self.second(torch.tanh(self.first(self.rnn(x)[0])))

    def export(seed: int) -> tuple[Path, Any]:
        torch.manual_seed(seed)
        model, path = Model().eval(), folder / f"{seed}.onnx"
        if not path.exists():
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                torch.onnx.export(
                    model, (torch.randn(1, 10, 32),), str(path), dynamo=False, opset_version=17
                )
        return path, {name: value.numpy().copy() for name, value in model.state_dict().items()}

    return export


@pytest.mark.parametrize("quantise", [quantise_nbits, quantise_dynamic])
def test_a_quantised_model_is_its_original(
    exported: Any, tmp_path: Path, quantise: Quantiser
) -> None:
    path, weights = exported(0)
    quantise(path, tmp_path / "q.onnx")
    for report in (
        diff(Checkpoint.of(weights), tmp_path / "q.onnx"),
        diff(tmp_path / "q.onnx", Checkpoint.of(weights)),
    ):
        assert report.verdict is Verdict.EQUIVALENT
        assert Severity.ERROR not in {finding.severity for finding in report.findings}


@pytest.mark.parametrize("quantise", [quantise_nbits, quantise_dynamic])
def test_a_quantised_model_is_no_other(exported: Any, tmp_path: Path, quantise: Quantiser) -> None:
    path, _ = exported(1)
    quantise(path, tmp_path / "q.onnx")
    weights = exported(0)[1]
    assert diff(Checkpoint.of(weights), tmp_path / "q.onnx").verdict is Verdict.DIVERGENT


@pytest.mark.parametrize("quantise", [quantise_nbits, quantise_dynamic])
@pytest.mark.parametrize("name", ["first.weight", "rnn.weight_hh_l0_reverse"])
def test_a_row_that_was_changed_by_ten_steps_is_found(
    exported: Any, tmp_path: Path, quantise: Quantiser, name: str
) -> None:
    path, weights = exported(0)
    quantise(path, tmp_path / "q.onnx")
    steps = 15 if quantise is quantise_nbits else 255
    changed = weights[name].copy()
    changed[3] += 10 * 2 * np.abs(changed).max() / steps
    altered = Checkpoint.of(weights | {name: changed})
    assert diff(altered, tmp_path / "q.onnx").verdict is Verdict.DIVERGENT
