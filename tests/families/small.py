"""Small random configs of the families that auscult can run, and their weights."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

from hypothesis import strategies as st

from auscult.families.codehifigan.config import Config as CodeConfig
from auscult.families.hifigan.config import Config as HifiganConfig
from auscult.families.streamspeech_grc_lora.config import Config as GrcLoraConfig
from auscult.families.streamspeech_modified.config import Config as ModifiedConfig

UPS = (
    (4, 2),
    (8, 4),
    (6, 3),
    (11, 5),
    (16, 8),
)  # kernel, stride: as a family takes them for granted


@st.composite
def _ups(draw: st.DrawFn, start: int) -> dict[str, Any]:
    ups = draw(st.lists(st.sampled_from(UPS), min_size=1, max_size=3))
    return {
        "channels": tuple(start // 2**stage for stage in range(len(ups) + 1)),
        "upsample_kernel_sizes": tuple(kernel for kernel, _ in ups),
        "upsample_rates": tuple(rate for _, rate in ups),
    }


@st.composite
def hifigan(draw: st.DrawFn) -> HifiganConfig:
    """Any generator of one to three stages."""
    resblock = draw(st.sampled_from(("1", "2")))
    kernels = tuple(draw(st.lists(st.sampled_from((3, 5, 7, 11)), min_size=1, max_size=3)))
    depth = draw(st.integers(1, 3))
    dilations = tuple(tuple(2 * i + 1 for i in range(depth)) for _ in kernels)
    if resblock == "2" and len(kernels) == 3 and depth == 2:
        dilations = ((1, 2), (2, 6), (3, 12))
    return HifiganConfig(
        mel_bins=draw(st.integers(2, 20)),
        resblock=resblock,  # type: ignore[arg-type]
        resblock_kernel_sizes=kernels,
        dilations=dilations,
        pre_kernel_size=draw(st.sampled_from((3, 5, 7))),
        post_kernel_size=draw(st.sampled_from((3, 7))),
        out_channels=draw(st.integers(1, 2)),
        post_bias=draw(st.booleans()),
        **draw(_ups(16)),
    )


@st.composite
def codehifigan(draw: st.DrawFn) -> CodeConfig:
    """Any unit vocoder whose only input is units."""
    generator = draw(hifigan())
    return CodeConfig(
        **asdict(replace(generator, out_channels=1)),
        units=draw(st.integers(5, 30)),
        unit_dim=generator.mel_bins,
        duration_hidden=draw(st.sampled_from((0, 4, 9))),
    )


@st.composite
def modified(draw: st.DrawFn) -> ModifiedConfig:
    """Any generator of the modified frame."""
    sizes = draw(_ups(16))
    branches = draw(st.integers(1, 3))
    return ModifiedConfig(
        mel_bins=draw(st.integers(2, 20)),
        mrf_count=draw(st.integers(1, len(sizes["channels"]))),
        mrf_kernel_sizes=tuple(draw(st.sampled_from((3, 5, 7))) for _ in range(branches)),
        dilations=tuple(2**branch for branch in range(branches)),
        speaker_dim=draw(st.integers(1, 9)),
        emotion_dim=draw(st.integers(1, 9)),
        final_kernel_size=draw(st.sampled_from((3, 7))),
        **sizes,
    )


@st.composite
def grc_lora(draw: st.DrawFn) -> GrcLoraConfig:
    """Any generator of the wrong model's kind."""
    sizes = draw(_ups(32))
    branches = draw(st.integers(1, 3))
    return GrcLoraConfig(
        mel_bins=draw(st.integers(2, 20)),
        mrf_count=draw(st.integers(1, len(sizes["channels"]))),
        branches=branches,
        dilations=tuple(2 * branch + 1 for branch in range(branches)),
        groups=draw(st.sampled_from((1, 2, 4))),
        rank=draw(st.integers(1, 4)),
        speaker_dim=draw(st.integers(1, 9)),
        emotion_dim=draw(st.integers(1, 9)),
        **sizes,
    )


CONFIGS: dict[str, st.SearchStrategy[Any]] = {
    "hifigan": hifigan(),
    "codehifigan": codehifigan(),
    "streamspeech-modified": modified(),
    "streamspeech-grc-lora": grc_lora(),
}
