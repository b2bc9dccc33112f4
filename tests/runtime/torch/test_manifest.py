"""What the manifest says of a torch run."""

from __future__ import annotations

import torch
from torch import nn

from auscult.runtime.options import CaptureOptions
from auscult.runtime.recorder import Recorder
from auscult.runtime.torch.manifest import build_manifest
from auscult.traces.fingerprint import fingerprint_content, is_same_content


def test_modules_weights_and_how_it_was_run() -> None:
    conv = nn.Conv1d(2, 3, 3, stride=2)
    recorder = Recorder(CaptureOptions())
    recorder.notes["noise_not_recorded"] = "poisson"
    manifest = build_manifest(nn.Sequential(conv, nn.ReLU()).eval(), recorder)
    assert (manifest.framework, manifest.dtype, manifest.device) == ("torch", "float32", "cpu")
    assert manifest.notes == {"training": False, "noise_not_recorded": "poisson"}
    assert list(manifest.modules) == ["", "0", "1"]
    assert manifest.modules["0"].attributes["stride"] == (2,)
    assert set(manifest.weights) == {"0"}
    weight = fingerprint_content(conv.weight.detach().numpy())
    assert is_same_content(manifest.weights["0"]["weight"], weight)
    assert manifest.seeds == {"torch": torch.initial_seed()}


def test_without_fingerprints_and_with_two_types() -> None:
    mixed = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2).half())
    manifest = build_manifest(mixed, Recorder(CaptureOptions(fingerprints=False)))
    assert (manifest.weights, manifest.dtype) == ({}, "mixed")
