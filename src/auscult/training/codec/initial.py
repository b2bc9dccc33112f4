"""Where a codec's weights start."""

from __future__ import annotations

from math import pi
from typing import Any

import torch
from torch import Tensor

from auscult.errors import UsageError
from auscult.families.codec.config import Config
from auscult.families.codec.torch import Codec, Snake, build

START_NOISE = 0.1  # of the usual random weights, around the transform
SMALL_ALPHA = 0.1  # Snake's alpha at the ends: x + 0.1 x² for small x


def build_lapped_basis(size: int) -> Tensor:
    """The MDCT's basis with a sine window, [size, 2 * size]: its transpose with overlap gives the
    signal back exactly.

    Source: Princen, Johnson and Bradley 1987.
    """
    time = torch.arange(2 * size, dtype=torch.float64)
    band = torch.arange(size, dtype=torch.float64)[:, None]
    window = torch.sin(pi * (time + 0.5) / (2 * size))
    basis = window * torch.cos(pi / size * (time + 0.5 + size / 2) * (band + 0.5))
    return (basis * (2 / size) ** 0.5).float()


def start_codec(config: Config, start: str) -> Codec:
    """A codec with weight norm, with random weights or so that it is a lapped transform until it
    has learned better.

    Raises:
        UsageError: If a codec of this config cannot start as a transform.
    """
    codec = build(config, "weight-norm-new")
    if start == "lapped-transform":
        _start_as_transform(codec)
    return codec


@torch.no_grad()
def _start_as_transform(codec: Any) -> None:
    config = codec.config
    _check_transform_fits(config)
    basis = build_lapped_basis(config.hop)
    copied_channels = min(config.hop, config.widths[1], config.latent)
    analysis, synthesis = codec.encoder.stages[0].conv, codec.decoder.stages[0].conv
    for conv, noise in ((analysis, 5 * START_NOISE), (synthesis, START_NOISE)):
        weight = conv.weight * noise
        weight[:copied_channels, 0] = basis[:copied_channels]
        _set_weight(conv, weight)
    encoder_tap, decoder_tap = 1, 3
    if config.causal:
        # Frames that the code may still wait for what is to come.
        late_frames = (config.delay - config.hop) // config.hop
        encoder_tap, decoder_tap = 2, 6 - late_frames
    for conv, tap in ((codec.encoder.last, encoder_tap), (codec.decoder.first, decoder_tap)):
        weight = conv.weight * START_NOISE
        weight[:copied_channels] *= START_NOISE
        weight[range(copied_channels), range(copied_channels), tap] = 1
        _set_weight(conv, weight)
    for unit in (*codec.encoder.core, *codec.decoder.core):
        _set_weight(unit.conv1, unit.conv1.weight)
        _set_weight(unit.conv2, unit.conv2.weight * START_NOISE)
    for act in (codec.encoder.act, codec.decoder.stages[0].act):
        if isinstance(act, Snake):
            act.alpha.fill_(SMALL_ALPHA)


def _check_transform_fits(config: Any) -> None:
    """Raise a UsageError if a codec of this config cannot start as a lapped transform."""
    if config.causal:
        is_aligned = config.delay % config.hop == 0 and 1 <= config.delay // config.hop <= 7
    else:
        is_aligned = config.delay == 0
    if len(config.strides) != 1 or config.widths[0] != 1 or not is_aligned:
        settings = f"strides {config.strides}, widths {config.widths}, delay {config.delay}"
        raise UsageError(
            "cannot start as a lapped transform",
            where="codec",
            found=settings,
            hint=(
                "set start to `random`, or use one stride, the first width 1 and, if causal, a"
                " delay of 1 to 7 hops"
            ),
        )


def _set_weight(conv: Any, weight: Tensor) -> None:
    """Weight and, where there is one, a bias of zero; weight norm's pair is derived from the
    weight.
    """
    conv.weight = weight
    if conv.bias is not None:
        conv.bias.zero_()
