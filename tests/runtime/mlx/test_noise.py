"""Random functions of MLX: recorded, replaced by recorded draws, and put back."""

from __future__ import annotations

import mlx.core as mx
import numpy as np

from auscult.runtime.mlx.noise import NoiseRecorder
from auscult.runtime.options import CaptureOptions
from auscult.runtime.recorder import Recorder
from auscult.traces.records import Manifest, Trace
from auscult.weights import Array


def draw(recorder: Recorder) -> list[Array]:
    with NoiseRecorder(recorder, lambda: ("sampler", 0)):
        return [np.asarray(mx.random.normal((2, 3))), np.asarray(mx.random.uniform(shape=(4,)))]


def record() -> tuple[list[Array], Trace]:
    recorder = Recorder(CaptureOptions())
    drawn = draw(recorder)
    return drawn, recorder.finish(Manifest("mlx", noise=tuple(recorder.noise)))


def test_every_draw_is_recorded_under_its_module() -> None:
    drawn, trace = record()
    assert [(r.key, r.type) for r in trace] == [
        ("sampler#0:noise", "normal"),
        ("sampler#1:noise", "uniform"),
    ]
    for array, row in zip(drawn, trace, strict=True):
        assert np.array_equal(trace.tensor(row), array)


def test_the_same_is_drawn_again() -> None:
    drawn, trace = record()
    again = draw(Recorder(CaptureOptions(replay=trace)))
    assert all(np.array_equal(a, b) for a, b in zip(drawn, again, strict=True))
    assert not np.array_equal(record()[0][0], drawn[0])


def test_the_functions_are_put_back() -> None:
    before = mx.random.normal
    record()
    assert mx.random.normal is before
