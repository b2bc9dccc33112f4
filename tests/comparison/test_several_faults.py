"""Five faults in one run: each named at its own place, as if the earlier ones were undone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from auscult.verbs.compare.compare import compare
from auscult.verdict import Report, Verdict
from corpus.computation.exports import export_to_onnx
from corpus.computation.networks import build_network, make_inputs
from corpus.computation.torch_mutations import (
    Mutation,
    cut_transposed_conv,
    pad_conv,
    replace_forward,
    set_attributes,
)


def zero_bias(path: str) -> Mutation:
    def mutate(model: nn.Module) -> None:
        nn.init.zeros_(model.get_submodule(path).get_parameter("bias"))

    return mutate


def norm_with_large_eps(norm: Any, x: Tensor) -> Tensor:
    return functional.layer_norm(x, norm.normalized_shape, norm.weight, norm.bias, 0.1)


NETWORKS: dict[str, tuple[Mapping[str, Any], Sequence[Mutation], set[tuple[str, str]]]] = {
    "hifigan": (
        {"final_tanh": False},
        (
            set_attributes(
                "conv_pre", padding_mode="reflect", _reversed_padding_repeated_twice=[3, 3]
            ),
            set_attributes("resblocks.1.convs1.1", dilation=(1,), padding=(2,)),
            replace_forward("ups.1", cut_transposed_conv(0, 2)),
            zero_bias("conv_post"),
        ),
        {
            ("padding-mode", "conv_pre"),
            ("dilation", "resblocks.1.convs1.1"),
            ("stride-padding", "ups.1"),
            ("bias-missing", "conv_post"),
            ("activation-missing", "(model)"),
        },
    ),
    "transformer": (
        {"gelu": "tanh", "scale": "model"},
        (
            zero_bias("blocks.0.fc1"),
            replace_forward("blocks.1.norm1", norm_with_large_eps),
            replace_forward("blocks.1.depthwise", pad_conv(4, 0)),
        ),
        {
            ("attention-scale", "blocks.0.attn.to_out"),
            ("bias-missing", "blocks.0.fc1"),
            ("gelu-variant", "blocks.0"),
            ("layer-norm-eps", "blocks.1.norm1"),
            ("padding-mode", "blocks.1.depthwise"),
        },
    ),
}


def run_with_faults(name: str, runtime: str, folder: Path) -> Report:
    changes, mutations, _ = NETWORKS[name]
    candidate = build_network(name, changes)
    for mutate in mutations:
        mutate(candidate)
    given = make_inputs(name)
    reference = build_network(name, {})
    if runtime == "torch":
        return compare(reference, candidate, inputs=given)
    return compare(reference, export_to_onnx(candidate, given, folder / "m.onnx"), inputs=given)


@pytest.mark.parametrize(
    ("name", "runtime"),
    [
        ("hifigan", "torch"),
        ("transformer", "torch"),
        pytest.param("hifigan", "onnx", marks=pytest.mark.slow),
        pytest.param("transformer", "onnx", marks=pytest.mark.slow),
    ],
)
def test_five_faults(name: str, runtime: str, tmp_path: Path) -> None:
    report = run_with_faults(name, runtime, tmp_path)
    assert report.verdict is Verdict.DIVERGENT
    expected = NETWORKS[name][2]
    assert len(report.findings) == len(expected)
    for cause, place in expected:
        found = next(finding for finding in report.findings if finding.cause == cause)
        assert found.where[0].startswith(place)


class Codec(nn.Module):
    """sound [batch, 1, time] to codes and back; the nearest of a few codes hides a small fault of the encoder."""

    def __init__(self, slope: float = 0.1) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.slope = slope
        self.encoder = nn.Conv1d(1, 4, 4, stride=4)
        self.codebook = nn.Embedding(6, 4)
        self.decoder = nn.ConvTranspose1d(4, 8, 4, stride=4)
        self.post = nn.Conv1d(8, 1, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        latents = self.encoder(x).transpose(1, 2)
        codes = torch.cdist(latents, self.codebook.weight[None]).argmin(-1)
        y = self.decoder(self.codebook(codes).transpose(1, 2))
        sound: Tensor = self.post(functional.leaky_relu(y, self.slope))
        return sound


def test_a_fault_behind_a_quantiser_whose_codes_are_the_same() -> None:
    """The last layer is handed something wrong, and is wrong itself."""
    reference, candidate = Codec(), Codec(slope=0.2)
    with torch.no_grad():
        for codec in (reference, candidate):
            codec.encoder.get_parameter("bias").mul_(0.05)
            codec.codebook.weight.mul_(5)
    zero_bias("encoder")(candidate)
    zero_bias("post")(candidate)
    sound = 3 * np.random.default_rng(0).standard_normal((1, 1, 64)).astype(np.float32)
    report = compare(reference, candidate, inputs=sound)
    named = {(finding.cause, finding.where) for finding in report.findings}
    assert named == {
        ("bias-missing", ("encoder", "post")),
        ("leaky-slope", ("post",)),
    }
