"""What the manifest says of an MLX run."""

from __future__ import annotations

import mlx.core as mx
import numpy as np
from mlx import nn

from auscult.runtime.mlx.manifest import build_manifest
from auscult.runtime.options import CaptureOptions
from auscult.runtime.recorder import Recorder
from auscult.traces.fingerprint import fingerprint_content, is_same_content


def test_modules_weights_and_how_it_was_run() -> None:
    linear = nn.Linear(2, 3)
    manifest = build_manifest(nn.Sequential(linear, nn.ReLU()), Recorder(CaptureOptions()))
    assert (manifest.framework, manifest.dtype) == ("mlx", "float32")
    assert list(manifest.modules) == ["", "layers.0", "layers.1"]
    assert set(manifest.weights) == {"layers.0"}
    weight = fingerprint_content(np.asarray(linear.weight))
    assert is_same_content(manifest.weights["layers.0"]["weight"], weight)


def test_without_fingerprints_and_with_two_types() -> None:
    half = nn.Linear(2, 2)
    half.set_dtype(mx.float16)
    recorder = Recorder(CaptureOptions(fingerprints=False))
    manifest = build_manifest(nn.Sequential(nn.Linear(2, 2), half), recorder)
    assert (manifest.weights, manifest.dtype) == ({}, "mixed")
