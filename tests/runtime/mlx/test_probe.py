"""MLX modules called through a probe: what it sees, and that classes are as before."""

from __future__ import annotations

import mlx.core as mx
import pytest
from mlx import nn

from auscult.runtime.mlx.probe import MlxProbe
from auscult.runtime.options import CaptureOptions
from auscult.runtime.recorder import Recorder

X = mx.ones((1, 2))


def make_model() -> nn.Module:
    return nn.Sequential(nn.Linear(2, 2), nn.Identity(), nn.Linear(2, 1))


def test_one_array_is_recorded_once() -> None:
    recorder, model = Recorder(CaptureOptions()), make_model()
    with MlxProbe(model, recorder) as probe:
        model(X)
    same = {record.key: record.same_as for record in recorder.records}
    assert same["layers.0#0:input"] == "#0:input"
    assert same["layers.1#0:output"] == "layers.0#0:output"
    assert probe.calls == {"": 1, "layers.0": 1, "layers.1": 1, "layers.2": 1}


def test_another_output_in_the_place_of_a_module() -> None:
    recorder, model = Recorder(CaptureOptions(include=("layers.0",))), make_model()

    def after(path: str, *_: object) -> mx.array | None:
        return mx.full((1, 2), 7.0) if path == "layers.0" else None

    with MlxProbe(model, recorder, after=after):
        model(X)
    assert [record.role for record in recorder.records] == ["input", "own", "output"]
    assert recorder.records[2].statistics.mean == 7.0


def test_other_modules_of_the_same_classes_are_not_recorded() -> None:
    recorder, unrelated = Recorder(CaptureOptions()), nn.Linear(2, 2)
    with MlxProbe(make_model(), recorder):
        unrelated(X)
    assert recorder.records == []


def test_classes_are_as_before_also_after_an_error() -> None:
    model, before = make_model(), nn.Linear.__call__
    with MlxProbe(model, Recorder(CaptureOptions())) as probe:
        assert nn.Linear.__call__ is not before
        with pytest.raises(ValueError, match="addmm"):
            model(mx.ones((1, 5)))
        assert probe.place == ("", 1)
    assert nn.Linear.__call__ is before
