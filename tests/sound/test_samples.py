"""Samples in memory, in every form that a library gives them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from auscult.errors import UsageError
from auscult.sound.samples import is_samples, to_recording

MONO = np.linspace(-0.5, 0.5, 100, dtype=np.float32)
STEREO = np.stack([MONO, -MONO])


@pytest.mark.parametrize(
    ("value", "shape"),
    [
        ((MONO, 16000), (1, 100)),
        ((MONO.astype(np.float64), 16000.0), (1, 100)),
        ((STEREO, 16000), (2, 100)),
        ((STEREO.T, np.int64(16000)), (2, 100)),  # soundfile's
        ((16000, STEREO.T), (2, 100)),  # scipy's
        ((STEREO[None], 16000), (2, 100)),  # a batch of one
        ((MONO[None, None], 16000), (1, 100)),
    ],
)
def test_axes_and_orders(value: Any, shape: tuple[int, int]) -> None:
    assert is_samples(value)
    recording = to_recording(value)
    assert (recording.samples.shape, recording.sample_rate) == (shape, 16000)
    assert recording.samples.dtype == np.float32
    np.testing.assert_array_equal(recording.samples[0], MONO)


@pytest.mark.parametrize("dtype", [np.int16, np.int32, np.uint8])
def test_whole_numbers_are_scaled_by_their_full_scale(dtype: Any) -> None:
    limits = np.iinfo(dtype)
    middle = 128 if dtype is np.uint8 else 0
    recording = to_recording((np.array([limits.min, middle, limits.max], dtype), 8000))
    np.testing.assert_allclose(recording.samples[0], [-1, 0, 1], atol=0.01)


def test_tensors() -> None:
    torch = pytest.importorskip("torch")
    tensor = torch.tensor(MONO, requires_grad=True)
    np.testing.assert_array_equal(to_recording((tensor, 16000)).samples[0], MONO)
    half = torch.tensor(MONO).to(torch.bfloat16)[None]
    np.testing.assert_allclose(to_recording((half, 16000)).samples[0], MONO, rtol=1e-2)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (MONO, "has no sample rate"),
        ((MONO, 0), "has no sample rate"),
        ((MONO, MONO), "has no sample rate"),
        ((np.zeros((2, 3, 50)), 16000), r"holds no samples of a recording.*\[2, 3, 50\]"),
        ((np.zeros(0), 16000), "holds no samples of a recording"),
        ((MONO.astype(complex), 16000), "holds no samples of a recording"),
    ],
)
def test_what_is_no_recording(value: Any, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        to_recording(value)


@pytest.mark.parametrize("value", ["a.wav", ("a.wav", "b.wav"), ["a.wav"], None, ("a.wav", 3)])
def test_paths_are_no_samples(value: Any) -> None:
    assert not is_samples(value)
