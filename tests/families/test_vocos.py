"""Vocos in both runtimes, for mel and for EnCodec's codes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from auscult import families
from auscult.families.vocos.config import PUBLISHED, Config

torch = pytest.importorskip("torch")
mx = pytest.importorskip("mlx.core")

MEL = Config(inputs=6, width=8, hidden=16, layers=2, n_fft=32, hop_length=8, mel_n_fft=0)
CODES = replace(MEL, bandwidths=4, codebook_rows=4 * 1024, padding="same")


def build_pair(config: Config) -> tuple[Any, Any]:
    from auscult.families.vocos import mlx as in_mlx
    from auscult.families.vocos import torch as in_torch

    torch.manual_seed(0)
    reference = in_torch.build(config).eval()
    with torch.no_grad():
        for parameter in reference.parameters():
            parameter.copy_(0.4 * torch.randn(parameter.shape))
    port = in_mlx.build(config)
    in_mlx.load(port, {name: tensor.numpy() for name, tensor in reference.state_dict().items()})
    return reference, port


@pytest.mark.parametrize(("padding", "samples"), [("center", 72), ("same", 80)])
def test_mlx_computes_what_torch_computes(padding: Any, samples: int) -> None:
    reference, port = build_pair(replace(MEL, padding=padding))
    mel = torch.randn(2, 6, 10)
    with torch.no_grad():
        expected = reference(mel).numpy()
    assert expected.shape == (2, 1, samples)
    found = np.array(port(mx.array(mel.numpy().transpose(0, 2, 1)))).transpose(0, 2, 1)
    np.testing.assert_allclose(found, expected, atol=1e-4 * np.abs(expected).max())


def test_the_centred_inverse_is_torchs() -> None:
    from auscult.families.vocos.torch import overlap_frames

    spectrum = torch.randn(1, 17, 9, dtype=torch.complex64)
    window = torch.hann_window(32)
    expected = torch.istft(spectrum, 32, 8, window=window)
    torch.testing.assert_close(overlap_frames(spectrum, window, MEL), expected, atol=1e-5, rtol=0)


def test_codes_become_the_sum_of_their_rows() -> None:
    reference, port = build_pair(CODES)
    codes = torch.randint(0, 1024, (1, 4, 10))
    rows = reference.feature_extractor.codebook_weights.reshape(4, 1024, 6)
    features = sum(rows[book][codes[0, book]] for book in range(4)).T[None]
    with torch.no_grad():
        expected = reference(codes)
        by_features = reference(features, torch.tensor([1]))  # four books are 3 kbit/s: row 1
        other_row = reference(features, torch.tensor([0]))
    torch.testing.assert_close(by_features, expected)
    assert not torch.allclose(other_row, expected)
    found = np.array(port(mx.array(codes.numpy().astype(np.int32))))[..., 0]
    np.testing.assert_allclose(found[0], expected[0, 0], atol=1e-4 * float(expected.abs().max()))


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_published_model_is_read_as_itself(name: str) -> None:
    config = PUBLISHED[name]
    detection = families.detect_families(families.signature("vocos").expected(config))[0]
    assert (detection.config, detection.variant) == (config, name)
