"""Random draws of torch: recorded where they are made, and replaced by recorded ones."""

from __future__ import annotations

import numpy as np
import torch
from torch.nn import functional

from auscult.runtime.options import CaptureOptions
from auscult.runtime.recorder import Recorder
from auscult.runtime.torch.noise import NoiseRecorder
from auscult.traces.records import Manifest, Trace


def draw(recorder: Recorder) -> list[torch.Tensor]:
    with NoiseRecorder(recorder, lambda: ("sampler", 0)):
        return [torch.randn(2, 3), torch.rand(4), functional.dropout(torch.ones(64), 0.5)]


def record() -> tuple[list[torch.Tensor], Trace]:
    recorder = Recorder(CaptureOptions())
    drawn = draw(recorder)
    return drawn, recorder.finish(Manifest("torch", noise=tuple(recorder.noise)))


def test_every_draw_is_recorded_under_its_module() -> None:
    drawn, trace = record()
    assert [record.key for record in trace] == [f"sampler#{call}:noise" for call in range(3)]
    normal, uniform, mask = (trace.tensor(record) for record in trace)
    assert np.array_equal(normal, drawn[0].numpy())
    assert np.array_equal(uniform, drawn[1].numpy())
    assert np.array_equal(2 * mask, drawn[2].numpy())


def test_the_same_is_drawn_again() -> None:
    drawn, trace = record()
    again = draw(Recorder(CaptureOptions(replay=trace)))
    assert all(torch.equal(a, b) for a, b in zip(drawn, again, strict=True))
    fresh, _ = record()
    assert not torch.equal(drawn[0], fresh[0])


def test_dropout_that_is_off_draws_nothing() -> None:
    recorder = Recorder(CaptureOptions())
    with NoiseRecorder(recorder, lambda: ("", 0)):
        q = torch.ones(1, 1, 2, 4)
        functional.scaled_dot_product_attention(q, q, q, dropout_p=0.0)
    assert (recorder.records, recorder.notes) == ([], {})
