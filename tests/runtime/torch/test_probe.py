"""Hooks on torch modules: what they see, and that they are gone afterwards."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from auscult.runtime.options import CaptureOptions
from auscult.runtime.recorder import Recorder
from auscult.runtime.torch.probe import TorchProbe, collect_modules, find_type_name, is_leaf

X = torch.ones(1, 2)


def make_model() -> nn.Module:
    inner = nn.Sequential(nn.Linear(2, 2), nn.Identity())
    return nn.Sequential(inner, nn.utils.parametrizations.weight_norm(nn.Linear(2, 1)))


def test_modules_without_those_that_make_weights() -> None:
    modules = collect_modules(make_model())
    assert list(modules) == ["", "0", "0.0", "0.1", "1"]
    assert [path for path, module in modules.items() if is_leaf(module)] == ["0.0", "0.1", "1"]
    assert find_type_name(modules["1"]) == "Linear"


def test_one_tensor_is_recorded_once() -> None:
    recorder = Recorder(CaptureOptions())
    with TorchProbe(make_model(), recorder) as probe:
        probe.model(X)
    same = {record.key: record.same_as for record in recorder.records}
    assert same["0#0:input"] == "#0:input"
    assert same["0.1#0:output"] == "0.0#0:output"  # an identity gives what it took
    assert probe.calls == {"": 1, "0": 1, "0.0": 1, "0.1": 1, "1": 1}


def test_only_leaves_and_only_outputs() -> None:
    options = CaptureOptions(leaves_only=True, with_inputs=False)
    recorder, model = Recorder(options), make_model()
    with TorchProbe(model, recorder):
        model(X)
    assert [record.key for record in recorder.records] == [
        "0.0#0:output",
        "0.1#0:output",
        "1#0:output",
    ]


def test_another_output_in_the_place_of_a_module() -> None:
    recorder, model = Recorder(CaptureOptions(include=("0.0",))), make_model()

    def after(path: str, *_: object) -> torch.Tensor | None:
        return torch.full((1, 2), 7.0) if path == "0.0" else None

    with TorchProbe(model, recorder, after=after):
        model(X)
    assert [record.role for record in recorder.records] == ["input", "own", "output"]
    assert recorder.records[2].statistics.mean == 7.0


def test_hooks_are_gone_also_after_an_error() -> None:
    model = make_model()
    with TorchProbe(model, Recorder(CaptureOptions())) as probe:
        with pytest.raises(RuntimeError):
            model(torch.ones(1, 5))
        assert probe.place == ("", 1)
    assert all(not module._forward_hooks for module in model.modules())
