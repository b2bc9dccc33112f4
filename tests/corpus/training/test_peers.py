"""The packages that people train: no alarm on what is healthy in them, and what is true of them is said."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

import pytest
import torch

from auscult.report.text import render
from auscult.verbs.preflight import preflight
from corpus.training import peers
from corpus.training.corpus import find_alarms

pytestmark = pytest.mark.slow

HEALTHY: dict[str, tuple[str, Callable[[], Any]]] = {
    "encodec": ("encodec", peers.make_encodec_trainer),
    "dac": ("dac", peers.make_dac_trainer),
    "rotated residual": (
        "vector_quantize_pytorch",
        lambda: peers.make_lucid_trainer("ResidualVQ", num_quantizers=4),
    ),
    "residual, gradient passed on": (
        "vector_quantize_pytorch",
        lambda: peers.make_lucid_trainer(
            "ResidualVQ", num_quantizers=4, rotation_trick=False, quant_grad_frac=1.0
        ),
    ),
    "single": (
        "vector_quantize_pytorch",
        lambda: peers.make_lucid_trainer("VectorQuantize", rotation_trick=False),
    ),
    "DacModel": ("transformers", lambda: peers.build_transformers_model("DacModel")),
}


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


def installed(package: str) -> None:
    with peers.stub_unused_imports() if package in ("encodec", "dac") else contextlib.nullcontext():
        pytest.importorskip(package)


@pytest.mark.parametrize("name", HEALTHY)
def test_healthy_packages_are_left_alone(name: str) -> None:
    package, make = HEALTHY[name]
    installed(package)
    report = preflight(make(), steps=12, seconds=60.0)
    assert find_alarms(report) == (), render(report)


def test_a_residual_quantizer_without_rotation_hands_over_the_gradient_of_every_book() -> None:
    installed("vector_quantize_pytorch")
    report = preflight(
        peers.make_lucid_trainer("ResidualVQ", num_quantizers=4, rotation_trick=False),
        steps=6,
        seconds=20.0,
    )
    found = {finding.cause: finding for finding in report.findings}
    assert found["gradient-scale"].evidence["quantizer"]["factor"] == pytest.approx(4, abs=1e-3)


def test_transformers_encodec_decodes_from_codes_and_cannot_train_its_encoder() -> None:
    installed("transformers")
    report = preflight(peers.build_transformers_model("EncodecModel"), steps=3, seconds=5.0)
    assert report.findings[0].cause == "straight-through-missing", render(report)


def test_a_quantizer_by_itself() -> None:
    installed("vector_quantize_pytorch")
    import vector_quantize_pytorch

    torch.manual_seed(0)
    quantizer = vector_quantize_pytorch.ResidualVQ(
        dim=12, num_quantizers=3, codebook_size=32, kmeans_init=True, rotation_trick=False
    )
    report = preflight(quantizer, steps=4, seconds=10.0)
    assert {book["name"] for book in report.extra["preflight"]["books"]} == {
        f"layers.{i}._codebook.embed" for i in range(3)
    }
    assert {finding.cause for finding in report.findings} >= {"gradient-scale"}
