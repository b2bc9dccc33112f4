"""LiteRT models: every tensor is kept."""

from __future__ import annotations

from pathlib import Path

import flatbuffers
import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from auscult.errors import AuscultError, UsageError
from auscult.runtime.runner import make_runner
from auscult.traces.file import FileStore, read_trace
from auscult.traces.fingerprint import is_same_content
from tests.checkpoint.samples.litert import buffer, convolution, subgraph, tensor

RNG = np.random.default_rng(3)
FIRST, SECOND = (RNG.standard_normal((c, 1, 3, k)).astype(np.float32) for c, k in ((6, 4), (2, 6)))
BIASES = [RNG.standard_normal(c).astype(np.float32) for c in (6, 2)]
X = RNG.standard_normal((1, 1, 20, 4)).astype(np.float32)


def code(name: str) -> schema.OperatorCodeT:
    result = schema.OperatorCodeT()
    result.builtinCode = result.deprecatedBuiltinCode = getattr(schema.BuiltinOperator, name)
    result.version = 1
    return result


def network(path: Path) -> Path:
    """Convolution, tanh, dilated convolution."""
    tanh = schema.OperatorT()
    tanh.opcodeIndex, tanh.inputs, tanh.outputs = 1, [3], [4]
    tensors = [
        tensor("serving/mel:0", X.shape, "FLOAT32", 0),
        tensor("pre/kernel", FIRST.shape, "FLOAT32", 1),
        tensor("pre/bias", (6,), "FLOAT32", 2),
        tensor("model/pre/Conv2D", (1, 1, 20, 6), "FLOAT32", 0),
        tensor("model/tanh", (1, 1, 20, 6), "FLOAT32", 0),
        tensor("post/kernel", SECOND.shape, "FLOAT32", 3),
        tensor("post/bias", (2,), "FLOAT32", 4),
        tensor("model/post/Conv2D", (1, 1, 20, 2), "FLOAT32", 0),
    ]
    graph = subgraph(
        tensors, [convolution([0, 1, 2], [3], 1), tanh, convolution([4, 5, 6], [7], 2)], [0], [7]
    )
    model = schema.ModelT()
    model.version, model.subgraphs, model.operatorCodes = (
        3,
        [graph],
        [code("CONV_2D"), code("TANH")],
    )
    model.buffers = [buffer(), buffer(FIRST), buffer(BIASES[0]), buffer(SECOND), buffer(BIASES[1])]
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    path.write_bytes(bytes(builder.Output()))
    return path


def slow_convolution(
    x: np.ndarray, kernel: np.ndarray, bias: np.ndarray, dilation: int
) -> np.ndarray:
    """By the definition, SAME padding, over the width."""
    padded = np.pad(x[0, 0], ((dilation, dilation), (0, 0)))
    frames = [
        sum(padded[t + dilation * k] @ kernel[:, 0, k].T for k in range(3)) + bias
        for t in range(x.shape[2])
    ]
    return np.stack(frames)[None, None]


def test_every_tensor_is_recorded(tmp_path: Path) -> None:
    runner = make_runner(str(network(tmp_path / "m.tflite")))
    trace = runner.run({"0": X}, store=FileStore(tmp_path / "t.safetensors"))
    first = slow_convolution(X, FIRST, BIASES[0], 1)
    last = slow_convolution(np.tanh(first), SECOND, BIASES[1], 2)
    assert [(r.key, r.type, r.same_as) for r in read_trace(tmp_path / "t.safetensors")] == [
        ("#0:input", "Graph", None),
        ("model.pre.Conv2D#0:input", "CONV_2D", "#0:input"),
        ("model.pre.Conv2D#0:output", "CONV_2D", None),
        ("model.tanh#0:input", "TANH", "model.pre.Conv2D#0:output"),
        ("model.tanh#0:output", "TANH", None),
        ("model.post.Conv2D#0:input", "CONV_2D", "model.tanh#0:output"),
        ("model.post.Conv2D#0:output", "CONV_2D", None),
        ("#0:output", "Graph", "model.post.Conv2D#0:output"),
    ]
    for path, expected in (("model.pre.Conv2D", first), ("model.tanh", np.tanh(first)), ("", last)):
        np.testing.assert_allclose(trace.tensor(trace.find(path)), expected, atol=1e-5)  # type: ignore[arg-type]
    assert trace.manifest.modules["model.post.Conv2D"].type == "CONV_2D"
    assert runner.weights("model.pre.Conv2D").keys() == {"pre/kernel", "pre/bias"}
    prints = trace.manifest.weights["model.pre.Conv2D"]
    import torch

    conv = torch.nn.Conv1d(4, 6, 3)
    with torch.no_grad():
        conv.weight.copy_(torch.from_numpy(FIRST[:, 0].transpose(0, 2, 1)))
    theirs = make_runner(conv).run({"0": X[0].transpose(0, 2, 1)}).manifest.weights[""]["weight"]
    assert is_same_content(prints["pre/kernel"], theirs)


def test_what_the_runtime_cannot_do_is_told(tmp_path: Path) -> None:
    runner = make_runner(str(network(tmp_path / "m.tflite")))
    for wrong in (
        lambda: runner.call("model.tanh", {}),
        lambda: runner.replace("model.tanh", {}),
        lambda: runner.at("float64"),
        lambda: runner.module("nothing"),
        lambda: runner.run({}),
        lambda: runner.run({"0": X, "1": X}),
        lambda: runner.run({"0": X[..., :3]}),
    ):
        with pytest.raises(UsageError):
            wrong()
    (tmp_path / "x.tflite").write_bytes(b"\x1c\0\0\0TFL3" + bytes(100))
    with pytest.raises(AuscultError):  # by our reader or by the runtime
        make_runner(str(tmp_path / "x.tflite"))
