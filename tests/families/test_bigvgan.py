"""BigVGAN in both runtimes, and its filters against the slow textbook form."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import numpy as np
import pytest

from auscult import families
from auscult.errors import CheckpointError
from auscult.families._anti_aliasing import (
    count_padding,
    make_filter,
    split_downsampling,
    split_upsampling,
)
from auscult.families.bigvgan.config import Config

torch = pytest.importorskip("torch")
mx = pytest.importorskip("mlx.core")

SMALL = Config(
    mel_bins=6,
    channels=(8, 6, 4),
    upsample_kernel_sizes=(8, 4),
    resblock_kernel_sizes=(3, 5),
    upsample_rates=(4, 2),
)


def test_the_filter_passes_the_mean_and_is_even() -> None:
    taps = make_filter()
    assert taps.sum() == pytest.approx(1.0, abs=1e-6)
    np.testing.assert_allclose(taps, taps[::-1], atol=1e-7)


def test_two_phases_are_the_filter_on_zero_stuffed_samples() -> None:
    taps = make_filter()
    samples = np.random.default_rng(0).standard_normal(40)
    stuffed = np.zeros(80)
    stuffed[::2] = samples
    slow = np.convolve(2 * stuffed, taps)[5 : 5 + 80]  # delay of a 12-tap filter, in whole samples
    side = count_padding(taps)
    padded = np.pad(samples, side)
    windows = np.lib.stride_tricks.sliding_window_view(padded, 7)
    fast = (windows @ split_upsampling(taps).T).reshape(-1)
    np.testing.assert_allclose(fast, slow, atol=1e-6)
    halves = np.lib.stride_tricks.sliding_window_view(
        np.pad(slow.reshape(-1, 2), ((3, 3), (0, 0))), 7, axis=0
    )
    down = np.einsum("npk,pk->n", halves, split_downsampling(taps))
    np.testing.assert_allclose(down, np.convolve(slow, taps)[6:86:2], atol=1e-6)


def test_filters_of_an_unknown_length_are_refused() -> None:
    with pytest.raises(CheckpointError, match="multiple of 4"):
        split_upsampling(np.ones(6, np.float32))


@pytest.mark.parametrize("resblock", ["1", "2"])
def test_mlx_computes_what_torch_computes(resblock: Literal["1", "2"]) -> None:
    from auscult.families.bigvgan import mlx as in_mlx
    from auscult.families.bigvgan import torch as in_torch

    config = replace(SMALL, resblock=resblock)
    torch.manual_seed(0)
    reference = in_torch.build(config, "weight-norm-old").eval()
    with torch.no_grad():
        for name, parameter in reference.named_parameters():
            parameter.copy_(torch.randn(parameter.shape) * (0.3 if "act." in name else 0.5))
    state = reference.state_dict()
    port = in_mlx.build(config)
    in_mlx.load(port, {name: tensor.numpy() for name, tensor in state.items()})
    mel = torch.randn(2, 6, 10)
    with torch.no_grad():
        expected = reference(mel).numpy()
    assert expected.shape == (2, 1, 80)
    found = np.array(port(mx.array(mel.numpy().transpose(0, 2, 1)))).transpose(0, 2, 1)
    np.testing.assert_allclose(found, expected, atol=1e-4 * np.abs(expected).max())
    shapes = {name: tuple(tensor.shape) for name, tensor in state.items()}
    detection = families.detect_families(shapes)[0]
    assert (detection.family, detection.missing_evidence) == ("bigvgan", ())


def test_a_file_without_filters_loads() -> None:
    from auscult.families.bigvgan import torch as in_torch

    whole = in_torch.build(SMALL)
    state = {name: t for name, t in whole.state_dict().items() if not name.endswith(".filter")}
    bare = in_torch.build(replace(SMALL, filter_taps=0))
    in_torch.load(bare, state)
    mel = torch.randn(1, 6, 8)
    with torch.no_grad():
        torch.testing.assert_close(bare(mel), whole(mel))
