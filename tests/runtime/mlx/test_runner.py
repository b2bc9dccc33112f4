"""Capture of MLX modules, and what a runner can do with them."""

from __future__ import annotations

from pathlib import Path

import mlx.core as mx
import numpy as np
import pytest
from mlx import nn

import auscult
from auscult.errors import TraceError, UsageError
from auscult.runtime.runner import make_runner
from auscult.traces.fingerprint import is_same_content
from tests.traced_networks import Vocoder

MEL = np.random.default_rng(0).standard_normal((2, 20, 8)).astype(np.float32)


class Block(nn.Module):
    def __init__(self, channels: int, dilation: int) -> None:
        super().__init__()
        self.first = nn.Conv1d(channels, channels, 3, padding=dilation, dilation=dilation)
        self.second = nn.Conv1d(channels, channels, 3, padding=1)

    def __call__(self, x: mx.array) -> mx.array:
        return x + self.second(nn.leaky_relu(self.first(x), 0.1))


class Port(nn.Module):
    """`networks.Vocoder`, channel-last: mel [batch, frames, 8] to sound [batch, frames * 4, 1]."""

    def __init__(self) -> None:
        super().__init__()
        self.pre = nn.Conv1d(8, 12, 7, padding=3)
        self.up = nn.ConvTranspose1d(12, 6, 8, stride=4, padding=2)
        self.blocks = [Block(6, 1), Block(6, 3)]
        self.post = nn.Conv1d(6, 1, 7, padding=3)

    def __call__(self, mel: mx.array) -> mx.array:
        x = self.up(self.pre(mel))
        for block in self.blocks:
            x = block(x)
        return mx.tanh(self.post(x))


class Louder(Port):
    """Calls its parent's method: one call, not two."""

    def __call__(self, mel: mx.array, gain: float = 2.0) -> mx.array:
        return super().__call__(mel) * gain


class Noisy(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.mix, self.drop = nn.Linear(6, 6), nn.Dropout(0.5)

    def __call__(self, x: mx.array) -> mx.array:
        start = mx.random.normal(x.shape) + mx.random.uniform(-1, 1, x.shape)
        return self.drop(self.mix(x + start)) + mx.random.randint(0, 9, (1,))


def ported(kind: type[Port] = Port) -> Port:
    """The port with the weights of the torch network."""
    port, weights = kind(), make_runner(Vocoder())
    loaded = []
    for path in (
        "pre",
        "up",
        "blocks.0.first",
        "blocks.0.second",
        "blocks.1.first",
        "blocks.1.second",
        "post",
    ):
        own = weights.weights(path)
        axes = (1, 2, 0) if path == "up" else (0, 2, 1)
        loaded += [
            (f"{path}.weight", mx.array(own["weight"].transpose(axes))),
            (f"{path}.bias", mx.array(own["bias"])),
        ]
    port.load_weights(loaded, strict=True)
    return port


def test_a_port_has_the_trace_of_its_reference() -> None:
    ours = make_runner(ported()).run({"mel": MEL})
    theirs = make_runner(Vocoder()).run({"mel": MEL.transpose(0, 2, 1)})
    assert [r.key for r in ours] == [r.key for r in theirs]
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(ours.tensor(a), theirs.tensor(b).swapaxes(1, 2), atol=1e-5)
        assert np.linalg.norm(ours.sketch(a) - theirs.sketch(b)) <= 1e-5 * np.linalg.norm(
            theirs.sketch(b)
        )
    assert [r.same_as for r in ours if r.path == "post"] == [
        r.same_as for r in theirs if r.path == "post"
    ]
    for path, own in ours.manifest.weights.items():
        assert is_same_content(own["weight"], theirs.manifest.weights[path]["weight"])
    assert ours.manifest.modules["up"].attributes["stride"] == 4
    assert (ours.manifest.framework, ours.manifest.dtype) == ("mlx", "float32")


def test_a_call_of_the_parent_is_no_second_call_and_classes_are_restored() -> None:
    original = Port.__call__, Louder.__call__, nn.Conv1d.__call__
    model = ported(Louder)
    with auscult.trace(model) as t:
        for _ in range(2):
            model(mx.array(MEL))
        nn.Conv1d(6, 6, 3)(
            mx.zeros((1, 5, 6))
        )  # another module of the same class is not part of the model
    assert (Port.__call__, Louder.__call__, nn.Conv1d.__call__) == original
    assert [(r.path, r.call) for r in t if r.path == "" and r.role == "output"] == [
        ("", 0),
        ("", 1),
    ]
    assert {r.call for r in t if r.path == "blocks.0.first"} == {0, 1}
    assert len({r.path for r in t}) == 10


def test_compiled_parts_are_seen(tmp_path: Path) -> None:
    model = nn.Sequential(nn.Linear(4, 4), nn.GELU(), nn.Linear(4, 4))
    step = mx.compile(model)
    with auscult.trace(model, tmp_path / "t.safetensors", detail="sketch") as t:
        y = step(mx.ones((1, 4)))
    out = t.find("layers.2")
    assert out is not None
    assert out.statistics.mean == pytest.approx(float(y.mean()), rel=1e-6)


def test_an_array_written_to_in_place_is_recorded_as_it_was() -> None:
    class InPlace(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.second = nn.Linear(3, 3), nn.Linear(3, 3)

        def __call__(self, x: mx.array) -> mx.array:
            x = self.first(x)
            x[0, 0] = 100.0
            return self.second(x)

    t = make_runner(InPlace()).run({"x": np.ones((1, 3), np.float32)})
    first, second = t.find("first"), t.find("second", "input")
    assert first is not None
    assert second is not None
    assert second.same_as is None
    assert first.statistics.high < 100 == second.statistics.high


def test_noise_is_recorded_and_drawn_again_also_from_another_framework() -> None:
    model, x = Noisy(), mx.zeros((2, 6))
    original = mx.random.normal
    with auscult.trace(model) as t:
        first = [np.array(model(x)), np.array(model(x))]
    assert mx.random.normal is original
    kinds = [(r.path, r.type) for r in t if r.role == "noise"]
    assert kinds[:4] == [("", "normal"), ("", "uniform"), ("drop", "bernoulli"), ("", "randint")]
    with auscult.trace(model, replay=t):
        np.testing.assert_array_equal([np.array(model(x)), np.array(model(x))], first)
    with pytest.raises(TraceError, match="another shape"), auscult.trace(model, replay=t):
        model(mx.zeros((5, 6)))

    import torch

    class Same(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.mix, self.drop = torch.nn.Linear(6, 6), torch.nn.Dropout(0.5)
            with torch.no_grad():
                for name, value in (("weight", model.mix.weight), ("bias", model.mix.bias)):
                    getattr(self.mix, name).copy_(torch.from_numpy(np.array(value)))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            start = torch.randn(x.shape) + torch.rand(x.shape)
            return self.drop(self.mix(x + start)) + torch.randint(0, 9, (1,))

    same = Same().train()
    with torch.no_grad(), auscult.trace(same, replay=t):
        np.testing.assert_allclose(same(torch.zeros(2, 6)), first[0], atol=1e-5)


def test_modules_run_alone_with_changes_and_substitutes() -> None:
    runner = make_runner(ported())
    trace = runner.run({"mel": MEL})
    for path in runner.paths():
        took, gave = trace.find(path, "input"), trace.find(path)
        assert took is not None
        assert gave is not None
        np.testing.assert_array_equal(
            runner.call(path, {"input": trace.tensor(took)})["output"], trace.tensor(gave)
        )
    up = trace.find("up", "input")
    assert up is not None
    shorter = runner.call("up", {"input": trace.tensor(up)}, changes={"padding": 4})["output"]
    assert shorter.shape[1] < trace.find("up").shape[1]  # type: ignore[union-attr]
    with runner.replace("up", {"output": np.zeros(trace.find("up").shape, np.float32)}):  # type: ignore[union-attr]
        changed = runner.run({"mel": MEL})
    assert not changed.tensor(changed.find("blocks.0", "input")).any()  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="no such module"):
        runner.call("down", {})
    assert {"weight", "bias"} == runner.weights("up").keys()


def test_another_precision_is_a_copy() -> None:
    runner = make_runner(ported())
    outputs = []
    for dtype in ("float32", "bfloat16", "float16"):
        trace = runner.at(dtype).run({"mel": MEL})
        record = trace.find("")
        assert record is not None
        assert record.dtype == dtype == trace.manifest.dtype
        outputs.append(trace.tensor(record).astype(np.float64))
    errors = [np.abs(output - outputs[0]).max() for output in outputs]
    assert 1e-5 < errors[2] < errors[1] < 0.1
    assert runner.dtype == "float32"
    linear = make_runner(nn.Linear(3, 3)).at("float64")  # MLX has no convolution in float64
    assert linear.run({"x": np.ones((1, 3))}).find("").dtype == "float64"  # type: ignore[union-attr]
    with pytest.raises(UsageError, match="no floating type of MLX"):
        runner.at("float8")


def test_a_floor_without_float64_is_scaled_from_float16() -> None:
    """MLX has no convolution in float64: the floor must come out as torch measures it, and the report must say how."""
    from auscult.comparison.measure.floor import find_best_floor
    from auscult.runtime.runner import make_runner
    from auscult.verbs.compare.compare import compare
    from tests.traced_ports import MEL, hifigan, in_mlx

    model = hifigan()
    port, right = make_runner(in_mlx(model)), make_runner(model)
    turned = {"input": np.ascontiguousarray(MEL.swapaxes(1, 2))}
    trace, other = port.run(turned), right.run({"input": MEL})
    floor, why = find_best_floor(trace, trace, port, turned)
    measured, _ = find_best_floor(other, other, right, {"input": MEL})
    assert floor.how == "measured"
    assert "scaled" in floor.what
    assert why
    assert 0.25 < floor.usual / measured.usual < 8
    report = compare(port, model, inputs=turned, inputs_cand={"input": MEL})
    assert report.findings == ()
    assert [skip.where for skip in report.skips] == ["noise floor"]
