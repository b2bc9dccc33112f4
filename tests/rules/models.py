"""Models for the tests of diffs, their names and shapes by formula, filled with numbers that look trained."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from auscult.weights import Checkpoint, ModuleInfo, Shape

Arrays = dict[str, NDArray[Any]]


def filled(shapes: Mapping[str, Shape], seed: int = 0) -> Arrays:
    """Heavy-tailed values, rows of unequal gain: no tensor looks like a constructor's, and no two are alike."""
    rng = np.random.default_rng(seed)
    arrays: Arrays = {}
    for name, shape in shapes.items():
        values = rng.standard_t(4, shape).astype(np.float32) * np.float32(0.05)
        if len(shape) > 1:
            values *= np.exp(0.6 * rng.standard_normal((shape[0], *[1] * (len(shape) - 1)))).astype(
                np.float32
            )
        arrays[name] = np.asarray(values, np.float32)
    return arrays


def hifigan_shapes(width: int = 32, mels: int = 10) -> dict[str, Shape]:
    """HiFi-GAN V1's 156 fused tensors (jik876/hifi-gan, models.py) at a smaller width."""
    shapes: dict[str, Shape] = {"conv_pre.weight": (width, mels, 7), "conv_pre.bias": (width,)}
    for stage, kernel in enumerate((16, 16, 4, 4)):
        shapes[f"ups.{stage}.weight"] = (width >> stage, width >> (stage + 1), kernel)
        shapes[f"ups.{stage}.bias"] = (width >> (stage + 1),)
    for block in range(12):
        channels, kernel = width >> (block // 3 + 1), (3, 7, 11)[block % 3]
        for convs in ("convs1", "convs2"):
            for index in range(3):
                shapes[f"resblocks.{block}.{convs}.{index}.weight"] = (channels, channels, kernel)
                shapes[f"resblocks.{block}.{convs}.{index}.bias"] = (channels,)
    return shapes | {"conv_post.weight": (1, width >> 4, 7), "conv_post.bias": (1,)}


def hifigan(seed: int = 0) -> Arrays:
    """A HiFi-GAN-shaped generator, fused."""
    return filled(hifigan_shapes(), seed)


def in_mlx_layout(arrays: Arrays) -> Arrays:
    """The same weights as MLX stores them: (out, kernel, in) for both kinds of convolution."""
    axes = {
        name: (1, 2, 0) if name.startswith("ups.") else (0, 2, 1)
        for name in arrays
        if arrays[name].ndim == 3
    }
    return {
        name: np.ascontiguousarray(a.transpose(axes[name])) if name in axes else a
        for name, a in arrays.items()
    }


def weight_normed(arrays: Arrays) -> tuple[Arrays, Arrays]:
    """(g and v of every convolution under the old names, the same fused in float64 and cast)."""
    apart: Arrays = {}
    fused: Arrays = {}
    for name, array in arrays.items():
        if array.ndim != 3:
            apart[name] = fused[name] = array
            continue
        norm = np.sqrt((array.astype(np.float64) ** 2).sum((1, 2), keepdims=True))
        gain = (norm * 1.3).astype(np.float32)
        apart[name + "_g"], apart[name + "_v"] = gain, array
        fused[name] = (gain.astype(np.float64) * array / norm).astype(np.float32)
    return apart, fused


def streamspeech94_shapes() -> dict[str, Shape]:
    """The 94 tensors of the modified StreamSpeech generator (ronliwag/tool, architecture_diagnostic_report.json)."""
    widths = (512, 256, 128, 64, 32, 16)
    shapes: dict[str, Shape] = {"initial_conv.weight": (512, 80, 7), "initial_conv.bias": (512,)}
    for index, kernel in enumerate((16, 16, 4, 4, 4)):
        out = widths[index + 1]
        shapes |= {
            f"ups.{index}.conv.weight": (widths[index], out, kernel),
            f"ups.{index}.conv.bias": (out,),
        }
        for part, size in (("speaker_proj", 192), ("emotion_proj", 256)):
            shapes |= {
                f"ups.{index}.{part}.weight": (out, size),
                f"ups.{index}.{part}.bias": (out,),
            }
    for index in range(5):
        for branch, kernel in enumerate((3, 5, 7)):
            for conv in ("conv1", "conv2"):
                base = f"mrfs.{index}.convs.{branch}.{conv}"
                shapes |= {
                    f"{base}.weight": (widths[index], widths[index], kernel),
                    f"{base}.bias": (widths[index],),
                }
    return shapes | {"final_conv.weight": (1, 16, 7), "final_conv.bias": (1,)}


def streamspeech394_shapes() -> dict[str, Shape]:
    """The 394 tensors of the inference code: 15 blocks of 24, with groups 4, BatchNorm, LoRA and attention."""
    shapes: dict[str, Shape] = {}
    for name, shape in streamspeech94_shapes().items():
        if not name.startswith("mrfs.") or not name.endswith("weight"):
            shapes[name] = shape
            continue
        channels = shape[0]
        shapes[name] = (channels, channels // 4, 3)
        block, _, conv = name.removesuffix(".weight").rpartition(".")
        number = conv.removeprefix("conv")
        for leaf in ("weight", "bias", "running_mean", "running_var"):
            shapes[f"{block}.norm{number}.{leaf}"] = (channels,)
        shapes[f"{block}.norm{number}.num_batches_tracked"] = ()
        shapes |= {
            f"{block}.lora_{conv}.lora_A": (4, channels),
            f"{block}.lora_{conv}.lora_B": (channels, 4),
        }
        if number == "2":
            shapes |= {
                f"{block}.channel_attention.1.weight": (channels // 4, channels, 1),
                f"{block}.channel_attention.1.bias": (channels // 4,),
                f"{block}.channel_attention.3.weight": (channels, channels // 4, 1),
                f"{block}.channel_attention.3.bias": (channels,),
                f"{block}.temporal_attention.0.weight": (1, channels, 1),
                f"{block}.temporal_attention.0.bias": (1,),
            }
    return shapes


def fresh(shapes: Mapping[str, Shape], seed: int = 1) -> Arrays:
    """What a constructor leaves: uniform within 1/sqrt(fan_in), zero counters."""
    rng = np.random.default_rng(seed)
    arrays: Arrays = {}
    for name, shape in shapes.items():
        bound = 1 / np.sqrt(max(int(np.prod(shape[1:])), 1))
        counter = name.endswith("num_batches_tracked")
        arrays[name] = (
            np.zeros((), np.int64)
            if counter
            else rng.uniform(-bound, bound, shape).astype(np.float32)
        )
    return arrays


def code(
    arrays: Arrays,
    path: str = "model.py:build",
    framework: str = "torch",
    modules: Mapping[str, ModuleInfo] | None = None,
) -> Checkpoint:
    """A checkpoint as live code gives it."""
    return replace(Checkpoint.of(arrays, path), format=f"code:{framework}", modules=modules or {})


def empty(shapes: Mapping[str, Shape], path: str = "shapes") -> Checkpoint:
    """A checkpoint of zeros that takes no memory."""
    zero = np.zeros(1, np.float32)
    return Checkpoint.of(
        {n: np.lib.stride_tricks.as_strided(zero, s, [0] * len(s)) for n, s in shapes.items()}, path
    )
