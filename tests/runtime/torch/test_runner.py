"""Capture of torch modules, and what a runner can do with them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import auscult
from auscult.errors import TargetError, TraceError, UsageError
from auscult.runtime.runner import make_runner
from auscult.runtime.torch.measure import measure_elements
from auscult.traces.file import read_trace
from auscult.traces.statistics import measure_in_numpy
from tests.traced_networks import Decoder, Noisy, Vocoder

MEL = np.random.default_rng(0).standard_normal((2, 8, 20)).astype(np.float32)


def test_every_module_is_recorded_with_what_it_took_and_gave() -> None:
    model = Vocoder()
    seen: dict[str, torch.Tensor] = {}
    for name, module in model.named_modules():
        module.register_forward_hook(
            lambda _m, _a, output, name=name: seen.__setitem__(name, output.detach().clone())
        )
    trace = make_runner(model).run({"mel": MEL})
    outputs = {record.path: trace.tensor(record) for record in trace if record.role == "output"}
    expected = {
        name: tensor.numpy() for name, tensor in seen.items() if "parametrizations" not in name
    }
    assert outputs.keys() == expected.keys()
    for path, array in outputs.items():
        np.testing.assert_array_equal(array, expected[path])
    taken = trace.find("post", "input")
    assert taken is not None
    np.testing.assert_array_equal(trace.tensor(taken), outputs["blocks.1"])
    assert taken.same_as == "blocks.1#0:output"
    assert [record.order for record in trace] == list(range(len(trace)))


def test_manifest_says_how_it_was_made() -> None:
    manifest = make_runner(Vocoder()).run({"0": MEL}).manifest
    assert (manifest.framework, manifest.dtype, manifest.device) == ("torch", "float32", "cpu")
    assert manifest.version == torch.__version__
    assert manifest.modules["up"].attributes["stride"] == (4,)
    assert {"weight", "bias"} <= manifest.weights["pre"].keys()
    assert "blocks" not in manifest.weights


def test_repeated_calls_and_loops_of_a_users_own_script() -> None:
    model = Decoder()

    def generate(x: torch.Tensor) -> Iterator[torch.Tensor]:
        for step in range(3):
            x = model(x, mask=torch.ones(1, 1, 4), scale=0.5 + step)["logits"]
            yield x

    with auscult.trace(model) as t:
        steps = list(generate(torch.ones(1, 2, 4)))
        assert t.find("out", call=2) is not None  # it can be looked at while it grows
    for call, step in enumerate(steps):
        record = t.find("", "output.logits", call)
        assert record is not None
        np.testing.assert_array_equal(t.tensor(record), step.detach().numpy())
    assert t.find("", "input.mask", 1) is not None
    assert t.find("cell", "output.1.0", 1) is not None
    assert t.find("cell", "output.1.1", 2) is not None
    assert t.find("cell", "output", 3) is None


def test_a_method_that_is_not_forward() -> None:
    model = Vocoder()
    with auscult.trace(model) as t:
        model.post(model.up(model.pre(torch.from_numpy(MEL))))
    assert {record.path for record in t} == {"post", "up", "pre"}


def test_hooks_are_gone_afterwards_also_after_an_error() -> None:
    model = Vocoder()
    with pytest.raises(RuntimeError), auscult.trace(model):
        model(torch.zeros(1, 3, 4))
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in model.modules())


def test_a_call_that_is_cut_off_does_not_shift_the_places_of_later_ones() -> None:
    model = Vocoder()
    with auscult.trace(model) as t:
        with pytest.raises(RuntimeError):
            model(torch.zeros(1, 3, 4))
        model(torch.from_numpy(MEL))
    assert t.find("pre", "output", 0) is None
    assert t.find("pre", "output", 1) is not None
    assert t.find("", "output", 1) is not None


def test_a_tensor_written_to_in_place_is_recorded_as_it_was() -> None:
    class InPlace(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.linear, self.act = nn.Linear(4, 4), nn.ReLU(inplace=True)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.act(self.linear(x))

    model = InPlace()
    for mode in (torch.no_grad, torch.inference_mode):
        with mode(), auscult.trace(model) as t:
            model(torch.ones(1, 4))
        before, after = t.find("linear"), t.find("act")
        assert before is not None
        assert after is not None
        assert t.tensor(before).min() < 0 <= t.tensor(after).min()


def test_a_tensor_changed_through_a_view_of_it_is_not_taken_for_the_same() -> None:
    class Views(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.linear, self.act, self.same = (
                nn.Linear(4, 4),
                nn.LeakyReLU(0.1, inplace=True),
                nn.Identity(),
            )

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            y = self.same(self.linear(x))
            self.act(y[:, :2])
            y[:, 2:].mul_(2)
            return self.same(y)

    model, x = Views(), torch.randn(3, 4)
    with torch.no_grad():
        first = model.linear(x)
        with auscult.trace(model) as t:
            last = model(x)
    same, changed = t.find("same"), t.find("same", call=1)
    assert same is not None
    assert changed is not None
    assert (same.same_as, changed.same_as) == ("linear#0:output", "same#1:input")
    np.testing.assert_array_equal(t.tensor(same), first.numpy())
    np.testing.assert_array_equal(t.tensor(changed), last.numpy())


def test_what_was_computed_before_an_error_is_kept_in_memory_and_no_half_file_is_left(
    tmp_path: Path,
) -> None:
    model = nn.Sequential(nn.Linear(4, 4), nn.Linear(3, 4))
    with pytest.raises(RuntimeError), auscult.trace(model) as t:
        model(torch.ones(1, 4))
    assert t.find("0") is not None
    assert (t.find("1"), t.find("")) == (None, None)
    with pytest.raises(RuntimeError), auscult.trace(model, tmp_path / "t.safetensors"):
        model(torch.ones(1, 4))
    assert list(tmp_path.iterdir()) == []


def test_sums_by_torch_are_those_of_numpy_under_any_mode_of_the_users() -> None:
    x = np.random.default_rng(0).standard_normal(300_001).astype(np.float32)
    expected = measure_in_numpy(x)
    for mode in (torch.no_grad(), torch.inference_mode(), torch.autocast("cpu", torch.bfloat16)):
        with mode:
            assert measure_elements(x) == pytest.approx(expected, rel=1e-5, abs=1e-5 * x.size)
    assert measure_elements(x)[2:] == expected[2:]


@pytest.mark.parametrize("detail", ["sketch", "sample", "statistics"])
def test_lesser_details_agree_with_the_full_one(detail: str, tmp_path: Path) -> None:
    model = Vocoder()
    full = make_runner(model).run({"mel": MEL})
    with auscult.trace(model, tmp_path / "t.safetensors", detail=detail) as less:
        model(torch.from_numpy(MEL))
    for a, b in zip(full, less, strict=True):
        assert (a.key, a.shape, b.stored) == (b.key, b.shape, detail)
        assert b.statistics.rms == pytest.approx(a.statistics.rms, rel=1e-12)
        if detail == "sketch":
            np.testing.assert_allclose(less.sketch(b), full.sketch(a), atol=1e-5)
        if detail == "statistics":
            with pytest.raises(UsageError, match="holds no tensor"):
                less.tensor(b)


def test_a_limit_turns_what_is_over_it_into_sketches_and_says_so() -> None:
    trace = make_runner(Vocoder()).run({"mel": MEL}, max_bytes=4000)
    kept = [record for record in trace if record.stored == "full" and record.same_as is None]
    assert sum(trace.tensor(record).nbytes for record in kept) <= 4000
    left = {record.key for record in trace if record.stored == "sketch" and record.same_as is None}
    assert left == set(trace.left_out)
    assert left


def test_patterns_choose_modules() -> None:
    runner = make_runner(Vocoder())
    only = runner.run(
        {"mel": MEL},
        include=("blocks.*",),
        exclude=("*.second",),
        with_inputs=False,
        leaves_only=True,
    )
    assert [record.key for record in only] == ["blocks.0.first#0:output", "blocks.1.first#0:output"]


def test_noise_is_recorded_where_it_is_drawn_and_drawn_again() -> None:
    model = Noisy().train()
    x = torch.zeros(2, 6)
    with auscult.trace(model) as t:
        first = [model(x), model(x)]
    kinds = [record.type for record in t if record.role == "noise"]
    assert kinds[:6] == ["randn", "uniform_", "multinomial", "rand_like", kinds[4], "bernoulli"]
    assert [record.path for record in t if record.role == "noise"][4] == "drop"
    with auscult.trace(model, replay=t) as again:
        second = [model(x), model(x)]
    for a, b in zip(first, second, strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=0)
    assert again.manifest.noise == t.manifest.noise
    with pytest.raises(TraceError, match="no more noise"), auscult.trace(model, replay=t):
        [model(x) for _ in range(3)]
    with pytest.raises(TraceError, match="another shape"), auscult.trace(model, replay=t):
        model(torch.zeros(3, 6))


def test_noise_goes_through_a_file(tmp_path: Path) -> None:
    model, x = Noisy().train(), torch.zeros(2, 6)
    with auscult.trace(model, tmp_path / "t.safetensors", detail="statistics"):
        first = model(x)
    with auscult.trace(model, replay=read_trace(tmp_path / "t.safetensors")):
        torch.testing.assert_close(model(x), first, rtol=0, atol=0)


def test_attention_without_dropout_draws_no_noise() -> None:
    layer = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0, batch_first=True)
    with auscult.trace(layer) as t:
        layer(torch.zeros(1, 3, 8))
    assert t.manifest.noise == ()
    assert "noise_not_recorded" not in t.manifest.notes
    layer = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.5, batch_first=True).eval()
    with auscult.trace(layer) as t:
        layer(torch.zeros(1, 3, 8))
    assert t.manifest.noise == ()


def test_a_module_runs_alone_on_given_inputs() -> None:
    runner = make_runner(Vocoder())
    trace = runner.run({"mel": MEL})
    for path in runner.paths():
        took, gave = trace.find(path, "input"), trace.find(path)
        if took is None or gave is None:
            continue
        np.testing.assert_array_equal(
            runner.call(path, {"input": trace.tensor(took)})["output"], trace.tensor(gave)
        )


def test_a_module_runs_alone_with_the_arguments_that_are_no_tensors() -> None:
    model = Decoder()
    runner = make_runner(model)
    x = np.ones((1, 2, 4), np.float32)
    with torch.no_grad():
        model(torch.from_numpy(x))
    runner.run({"x": x, "mask": np.zeros((1, 1, 4), np.float32)})
    assert not runner.call("", {"input": x})["output.logits"].any()
    assert runner.call("", {"input": x, "input.mask": np.ones((1, 1, 4), np.float32)})[
        "output.logits"
    ].any()
    with pytest.raises(UsageError, match="not called with such an argument"):
        runner.call("", {"input.masc": x})


def test_attributes_are_changed_for_one_call() -> None:
    runner = make_runner(nn.Sequential(nn.LeakyReLU(0.1)))
    x = -np.ones((1, 2), np.float32)
    assert runner.call("0", {"input": x}, changes={"negative_slope": 0.5})["output"][0, 0] == -0.5
    assert (
        runner.call("", {"input": x}, changes={"0.negative_slope": 0.25})["output"][0, 0] == -0.25
    )
    assert runner.call("0", {"input": x})["output"][0, 0] == pytest.approx(-0.1)
    with pytest.raises(UsageError, match="no such attribute"):
        runner.call("0", {"input": x}, changes={"slope": 0.5})


def test_substitution_changes_all_that_follows() -> None:
    runner = make_runner(Vocoder())
    plain = runner.run({"mel": MEL})
    zeros = np.zeros(plain.find("up").shape, np.float32)  # type: ignore[union-attr]
    with runner.replace("up", {"output": zeros}):
        changed = runner.run({"mel": MEL})
    assert changed.find("up").statistics.rms == 0  # type: ignore[union-attr]
    np.testing.assert_array_equal(changed.tensor(changed.find("blocks.0", "input")), zeros)  # type: ignore[arg-type]
    untouched = changed.tensor(changed.find("pre"))  # type: ignore[arg-type]
    np.testing.assert_array_equal(untouched, plain.tensor(plain.find("pre")))  # type: ignore[arg-type]
    again = runner.run({"mel": MEL})
    np.testing.assert_array_equal(again.tensor(again.find("")), plain.tensor(plain.find("")))  # type: ignore[arg-type]
    own = changed.find("up", "own")
    assert own is not None
    np.testing.assert_array_equal(changed.tensor(own), plain.tensor(plain.find("up")))  # type: ignore[arg-type]
    with runner.replace(
        "up", {"output": zeros[..., 1:]}
    ):  # a module that gives one frame too many is put right
        shorter = runner.run({"mel": MEL})
    assert shorter.find("blocks.0", "input").shape[-1] == zeros.shape[-1] - 1  # type: ignore[union-attr]


def test_another_precision_is_a_copy() -> None:
    model = Vocoder()
    runner = make_runner(model)
    single = runner.run({"mel": MEL})
    double = runner.at("float64").run({"mel": MEL})
    half = runner.at("bfloat16").run({"mel": MEL})
    assert model.post.weight.dtype == torch.float32
    assert double.manifest.dtype == "float64"
    a, b, c = (trace.tensor(trace.find("")).astype(np.float64) for trace in (single, double, half))  # type: ignore[arg-type]
    assert 0 < np.abs(a - b).max() < 1e-6 < np.abs(c - b).max() < 1e-1


def test_weights_of_a_module_with_weight_norm_old_and_new() -> None:
    new = Vocoder()
    fused = new.pre.weight.detach().numpy()
    np.testing.assert_array_equal(make_runner(new).weights("pre")["weight"], fused)
    old = nn.utils.weight_norm(nn.Conv1d(3, 4, 3))
    assert {"weight", "weight_g", "weight_v", "bias"} == make_runner(nn.Sequential(old)).weights(
        "0"
    ).keys()


def test_what_a_model_raises_is_one_line() -> None:
    with pytest.raises(TargetError, match=r"raised RuntimeError: .*; check names"):
        make_runner(Vocoder()).run({"mel": np.zeros((1, 3, 4), np.float32)})
    with pytest.raises(TargetError, match="cannot be run"):
        make_runner({"a": 1})
    with pytest.raises(TargetError, match="cannot be watched"):
        auscult.trace(object())


def test_functional_operations_are_recorded_on_request() -> None:
    model = Vocoder()
    trace = make_runner(model).run({"mel": MEL}, operations=True)
    relu, total = trace.find("blocks.0", "op:leaky_relu"), trace.find("blocks.0", "op:add")
    assert relu is not None
    assert total is not None
    first = trace.tensor(trace.find("blocks.0.first"))  # type: ignore[arg-type]
    np.testing.assert_allclose(
        trace.tensor(relu), np.where(first > 0, first, 0.1 * first), rtol=1e-6
    )
    assert trace.find("", "op:tanh") is not None
    assert trace.find("pre", "op:convolution") is None  # a leaf's operation is what the leaf gives
