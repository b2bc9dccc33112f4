"""Other projects' names for the HiFi-GAN generator.

Sources: kan-bayashi/ParallelWaveGAN models/hifigan.py, speechbrain lobes/models/HifiGAN.py, transformers
modeling_speecht5.py and modeling_vits.py. Coqui's and NVIDIA's generators have the original's names.
"""

from __future__ import annotations

import re
from collections.abc import Collection

from auscult.families.vocoders import Fork

STATISTICS = ("mean", "scale")
"""Buffers by which ParallelWaveGAN and transformers normalise the mel; the mel is (mel - mean) / scale."""
PARALLEL_WAVEGAN_NAMES = (
    (re.compile(r"(^|\.)input_conv\."), r"\1conv_pre."),
    (re.compile(r"(^|\.)upsamples\.(\d+)\.1\."), r"\1ups.\2."),
    (re.compile(r"(^|\.)blocks\.(\d+)\.(convs[12])\.(\d+)\.1\."), r"\1resblocks.\2.\3.\4."),
    (re.compile(r"(^|\.)output_conv\.1\."), r"\1conv_post."),
)
SPEECHBRAIN_NAME = re.compile(
    r"^((?:.*\.)?(?:conv_pre|conv_post|ups\.\d+|resblocks\..*\.\d+))\.conv\."
)


def _is_parallel_wavegan(names: Collection[str]) -> bool:
    return any(name.split(".")[-2:-1] == ["input_conv"] for name in names) and any(
        PARALLEL_WAVEGAN_NAMES[1][0].search(name) for name in names
    )


def _rename_parallel_wavegan(name: str) -> str | None:
    if name in STATISTICS:
        return None
    for pattern, replacement in PARALLEL_WAVEGAN_NAMES:
        name = pattern.sub(replacement, name)
    return name


def _is_unpaired_parallel_wavegan(names: Collection[str]) -> bool:
    return _is_parallel_wavegan(names) and not any(".convs2." in name for name in names)


def _rename_unpaired_parallel_wavegan(name: str) -> str | None:
    renamed = _rename_parallel_wavegan(name)
    if renamed is None:
        return None
    return renamed.replace(".convs1.", ".convs.")


def _is_speechbrain(names: Collection[str]) -> bool:
    return any(
        (match := SPEECHBRAIN_NAME.match(name)) is not None and match[1].endswith("conv_pre")
        for name in names
    )


def _rename_speechbrain(name: str) -> str | None:
    return SPEECHBRAIN_NAME.sub(r"\1.", name)


def _is_transformers(names: Collection[str]) -> bool:
    return any(re.search(r"(^|\.)upsampler\.0\.", name) for name in names) and any(
        re.search(r"(^|\.)conv_pre\.", name) for name in names
    )


def _rename_transformers(name: str) -> str | None:
    if name in STATISTICS:
        return None
    return re.sub(r"(^|\.)upsampler\.", r"\1ups.", name)


FORKS = (
    Fork(
        "ParallelWaveGAN",
        _is_unpaired_parallel_wavegan,
        _rename_unpaired_parallel_wavegan,
        {"even_upsampling": True},
        ("parallel-wavegan", "parallel-wavegan-22k"),
    ),
    Fork(
        "ParallelWaveGAN",
        _is_parallel_wavegan,
        _rename_parallel_wavegan,
        {"even_upsampling": True},
        ("parallel-wavegan", "parallel-wavegan-22k"),
    ),
    Fork("SpeechBrain", _is_speechbrain, _rename_speechbrain, {"padding_mode": "reflect"}),
    Fork("transformers", _is_transformers, _rename_transformers, {}, ("speecht5",)),
)
