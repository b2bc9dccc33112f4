"""ONNX models in ONNX Runtime: all intermediates in few runs, noise held still, nodes alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from auscult.errors import TargetError, TraceError, UsageError
from auscult.runtime.onnx.session import run_session
from auscult.runtime.options import CaptureOptions
from auscult.runtime.recorder import Recorder
from auscult.runtime.runner import make_runner
from auscult.traces.file import FileStore
from auscult.traces.fingerprint import is_same_content
from auscult.traces.records import Manifest
from tests.traced_networks import Vocoder

MEL = np.random.default_rng(0).standard_normal((1, 8, 20)).astype(np.float32)


def conv(
    name: str, source: str, target: str, weight: np.ndarray, **attributes: Any
) -> tuple[Any, list[Any]]:
    kernel = f"{name}.weight"
    op = attributes.pop("op", "Conv")
    node = helper.make_node(
        op, [source, kernel], [target], name=f"/{name.replace('.', '/')}/{op}", **attributes
    )
    return node, [numpy_helper.from_array(weight, kernel)]


def network(path: Path, *, external: bool = False) -> Path:
    """conv, leaky ReLU, transposed convolution, tanh, with an unnamed node and two outputs."""
    rng = np.random.default_rng(1)
    first, a = conv(
        "pre", "mel", "x0", rng.standard_normal((12, 8, 3)).astype(np.float32), pads=[1, 1]
    )
    up, b = conv(
        "up",
        "x1",
        "x2",
        rng.standard_normal((12, 1, 4)).astype(np.float32),
        op="ConvTranspose",
        strides=[2],
    )
    nodes = [
        first,
        helper.make_node("LeakyRelu", ["x0"], ["x1"], alpha=0.1),
        up,
        helper.make_node("Constant", [], ["half"], value=numpy_helper.from_array(np.float32(0.5))),
        helper.make_node("Mul", ["x2", "half"], ["x3"], name="/Mul"),
        helper.make_node("Tanh", ["x3"], ["wav"], name="/Tanh"),
    ]
    mel = helper.make_tensor_value_info("mel", TensorProto.FLOAT, [1, 8, "frames"])
    ends = [
        helper.make_tensor_value_info("wav", TensorProto.FLOAT, None),
        helper.make_tensor_value_info("x1", 1, None),
    ]
    graph = helper.make_graph(nodes, "vocoder", [mel], ends, [*a, *b])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.save(model, path, save_as_external_data=external, location="weights.bin", size_threshold=0)
    return path


def reference(path: Path, names: list[str]) -> dict[str, np.ndarray]:
    """The same intermediates by onnx's own, slow evaluator."""
    from onnx.reference import ReferenceEvaluator

    model = onnx.load(path)
    model.graph.output.extend(helper.make_tensor_value_info(name, 1, None) for name in names)
    evaluator = ReferenceEvaluator(model)
    return dict(zip(evaluator.output_names, evaluator.run(None, {"mel": MEL}), strict=True))


@pytest.mark.parametrize("external", [False, True])
@pytest.mark.parametrize("batch_bytes", [1 << 30, 1])
def test_every_intermediate_is_recorded_whatever_the_batches(
    external: bool, batch_bytes: int, tmp_path: Path
) -> None:
    path = network(tmp_path / "m.onnx", external=external)
    trace = make_runner(str(path)).run({"0": MEL}, batch_bytes=batch_bytes)
    expected = reference(path, ["x0", "x2", "x3"])
    names = {"pre.Conv": "x0", "x1": "x1", "up.ConvTranspose": "x2", "Mul": "x3", "Tanh": "wav"}
    outputs = {r.path: r for r in trace if r.role == "output" and r.path}
    assert list(outputs) == list(names)
    for place, name in names.items():
        np.testing.assert_allclose(trace.tensor(outputs[place]), expected[name], atol=1e-5)
    assert [(r.key, r.same_as) for r in trace if r.path == "Mul"] == [
        ("Mul#0:input", "up.ConvTranspose#0:output"),
        ("Mul#0:output", None),
    ]
    assert {r.role: r.same_as for r in trace if r.path == ""} == {
        "input": None,
        "output": "Tanh#0:output",
        "output.1": "x1#0:output",
    }
    assert trace.manifest.modules["up.ConvTranspose"].attributes == {"strides": (2,)}
    assert trace.manifest.weights["pre.Conv"].keys() == {"pre.weight"}


def test_batches_are_few_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    runner = make_runner(str(network(tmp_path / "m.onnx")))
    runs = []

    def counted(session: Any, names: Any, feeds: Any, name: str) -> list[Any]:
        runs.append(list(names))
        return run_session(session, names, feeds, name)

    monkeypatch.setattr("auscult.runtime.onnx.graph_run.run_session", counted)
    whole = runner.run({"mel": MEL})
    assert (
        len(runs) <= 2
    )  # one to learn the sizes where the model does not declare them, one for everything
    sizes = {r.path: whole.tensor(r).nbytes for r in whole if r.role == "output"}
    runs.clear()
    runner.run({"mel": MEL}, batch_bytes=sizes["pre.Conv"] * 2)
    assert 3 <= len(runs) <= 5


def test_an_exported_network_has_the_weights_and_the_outputs_of_its_source(tmp_path: Path) -> None:
    import torch

    model = Vocoder().eval()
    torch.nn.utils.parametrize.remove_parametrizations(model.pre, "weight")
    path = tmp_path / "m.onnx"
    torch.onnx.export(model, (torch.from_numpy(MEL),), str(path), input_names=["mel"], dynamo=False)
    ours, theirs = make_runner(model).run({"mel": MEL}), make_runner(str(path)).run({"mel": MEL})
    for module, node in (
        ("pre", "pre.Conv"),
        ("up", "up.ConvTranspose"),
        ("blocks.1.second", "blocks.1.second.Conv"),
    ):
        a, b = ours.find(module), theirs.find(node)
        assert a is not None
        assert b is not None
        np.testing.assert_allclose(ours.tensor(a), theirs.tensor(b), atol=1e-5)
        known = theirs.manifest.weights[node].values()
        assert any(
            is_same_content(ours.manifest.weights[module]["weight"], other) for other in known
        )


def noisy(path: Path) -> Path:
    nodes = [
        helper.make_node("RandomNormalLike", ["x"], ["n"], name="noise"),
        helper.make_node("Add", ["x", "n"], ["y"], name="sum"),
        helper.make_node("Relu", ["y"], ["z"], name="relu"),
    ]
    x, z = (helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 6]) for name in "xz")
    onnx.save(
        helper.make_model(
            helper.make_graph(nodes, "g", [x], [z]),
            opset_imports=[helper.make_opsetid("", 17)],
            ir_version=9,
        ),
        path,
    )
    return path


def test_noise_is_the_same_in_all_runs_and_can_be_replayed(tmp_path: Path) -> None:
    runner = make_runner(str(noisy(tmp_path / "n.onnx")))
    x = np.zeros((1, 6), np.float32)
    trace = runner.run({"x": x}, batch_bytes=1)
    noise, total = trace.find("noise", "noise"), trace.find("sum")
    assert noise is not None
    assert total is not None
    assert trace.manifest.noise == (noise.key,)
    np.testing.assert_array_equal(trace.tensor(noise), trace.tensor(total))
    recorder = Recorder(CaptureOptions())
    other = np.arange(6, dtype=np.float32)
    recorder.add("", 0, "noise", "randn", other)
    replay = recorder.finish(Manifest("torch", noise=("#0:noise",)))
    again = runner.run({"x": x}, replay=replay)
    np.testing.assert_array_equal(again.tensor(again.find("relu"))[0], other)  # type: ignore[arg-type]
    with pytest.raises(TraceError, match="no more noise"):
        runner.run({"x": x}, replay=make_runner(Vocoder()).run({"mel": MEL}))


@pytest.mark.parametrize("external", [False, True])
def test_nodes_run_alone_and_are_replaced(external: bool, tmp_path: Path) -> None:
    runner = make_runner(str(network(tmp_path / "m.onnx", external=external)))
    trace = runner.run({"mel": MEL})
    for path in ("pre.Conv", "x1", "up.ConvTranspose", "Tanh"):
        took, gave = trace.find(path, "input"), trace.find(path)
        assert took is not None
        assert gave is not None
        np.testing.assert_allclose(
            runner.call(path, {"input": trace.tensor(took)})["output"],
            trace.tensor(gave),
            atol=1e-6,
        )
    silence = np.zeros_like(trace.tensor(trace.find("up.ConvTranspose")))  # type: ignore[arg-type]
    with runner.replace("up.ConvTranspose", {"output": silence}):
        changed = runner.run({"mel": MEL})
    assert changed.find("Tanh").statistics.rms == 0  # type: ignore[union-attr]
    assert changed.find("up.ConvTranspose").statistics.rms == 0  # type: ignore[union-attr]
    assert changed.find("pre.Conv").statistics.rms > 0  # type: ignore[union-attr]
    np.testing.assert_array_equal(runner.weights("pre.Conv")["pre.weight"].shape, (12, 8, 3))
    for wrong in (
        lambda: runner.at("float64"),
        lambda: runner.call("nothing", {}),
        lambda: runner.call("Mul", {}),
    ):
        with pytest.raises(UsageError):
            wrong()


def test_lesser_detail_patterns_and_files(tmp_path: Path) -> None:
    runner = make_runner(str(network(tmp_path / "m.onnx")))
    trace = runner.run(
        {"mel": MEL}, store=FileStore(tmp_path / "t.safetensors"), detail="sketch", include=("up*",)
    )
    assert [(r.key, r.stored) for r in trace] == [("up.ConvTranspose#0:output", "sketch")]


def test_wrong_inputs_and_files_are_told(tmp_path: Path) -> None:
    runner = make_runner(str(network(tmp_path / "m.onnx")))
    for inputs, message in (({}, "lacks an input"), ({"0": MEL, "b": MEL}, "no such input")):
        with pytest.raises(UsageError, match=message):
            runner.run(inputs)
    with pytest.raises(TargetError, match="stopped: "):
        runner.run({"mel": MEL[:, :3]})
    (tmp_path / "x.onnx").write_bytes(b"\x08\x09\x3a\x04\x0a\x02\x22\x00")
    with pytest.raises(TargetError, match="refuses"):
        make_runner(str(tmp_path / "x.onnx")).run({})
