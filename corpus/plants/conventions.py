"""Correct files in the conventions of tools: their own forms of the same weights. A report of an error is a false alarm."""

from __future__ import annotations

import ml_dtypes
import numpy as np

from corpus.networks import Arrays, Network, NetworkBuilder, WeightKind
from corpus.plant import PlantedDefect, register_planter
from corpus.plants.layouts import TO_MLX


@register_planter("port:fresh-weight-norm")
def fresh_weight_norm(network: Network, rng: np.random.Generator) -> PlantedDefect | None:
    """Weight norm was applied and nothing trained since: v is the weight, g its norm over all axes but the first."""
    names = set(network.names_of_kind("conv1d", "conv_transpose1d"))
    if not names:
        return None
    style = (("_g", "_v"), (".original0", ".original1"))[int(rng.integers(2))]
    candidate = {}
    for name, array in network.weights.items():
        if name not in names:
            candidate[name] = array
            continue
        axes = tuple(range(1, array.ndim))
        norm = np.sqrt(np.square(array, dtype=np.float64).sum(axes, keepdims=True))
        stem = name
        if style[0] == ".original0":
            stem = f"{name.removesuffix('weight')}parametrizations.weight"
        candidate[stem + style[0]] = norm.astype(np.float32)
        candidate[stem + style[1]] = array
    return PlantedDefect(None, candidate, network.weights)


@register_planter("port:bookkeeping")
def bookkeeping(network: Network, rng: np.random.Generator) -> PlantedDefect:
    """A release of averaged weights, with the flag and the counter of ema_pytorch; other counts than the reference's."""
    averaged = {f"ema_model.{name}": array for name, array in network.weights.items()}
    candidate = averaged | {"initted": np.array(True), "step": np.array(int(rng.integers(1, 99)))}
    counted = network.weights | {"step": np.array(100)}
    return PlantedDefect(None, candidate, counted if rng.integers(2) else network.weights)


FLOAT_WIDTHS = {"float16": np.float16, "bfloat16": ml_dtypes.bfloat16}


def round_weights(network: Network, rng: np.random.Generator) -> Arrays:
    """The weights as float32, their values rounded to float16, to bfloat16, or to 8 bits for each output channel."""
    width = ("float16", "bfloat16", "int8")[int(rng.integers(3))]
    result: Arrays = {}
    for name, array in network.weights.items():
        if array.dtype != np.float32:
            result[name] = array
        elif width in FLOAT_WIDTHS:
            result[name] = array.astype(FLOAT_WIDTHS[width]).astype(np.float32)
        elif array.ndim > 1:
            peak = np.abs(array).max(tuple(range(1, array.ndim)), keepdims=True)
            scale = np.where(peak > 0, peak, 1) / np.float32(127)
            result[name] = (np.round(array / scale) * scale).astype(np.float32)
        else:
            result[name] = array
    return result


@register_planter("port:rounded-in-float32")
def rounded_in_float32(network: Network, rng: np.random.Generator) -> PlantedDefect:
    """A file that went through a coarser number format and came back as float32."""
    return PlantedDefect(None, round_weights(network, rng), network.weights)


@register_planter("port:small-rounded-renamed")
def small_rounded_renamed(network: Network, rng: np.random.Generator) -> PlantedDefect:
    """Layers with one to twelve outputs, rounded to float16 and renamed by swapping dots for underscores."""
    weights = dict(network.weights)
    for count in (1, 2, 3, 12):
        kernel = rng.standard_normal((count, 16, 7)) / 8
        weights[f"heads.{count}.weight"] = kernel.astype(np.float32)
        weights[f"heads.{count}.bias"] = rng.standard_normal(count).astype(np.float32)
    candidate = {
        name.replace(".", "_"): array.astype(np.float16) if array.dtype == np.float32 else array
        for name, array in weights.items()
    }
    return PlantedDefect(None, candidate, weights)


@register_planter("port:window-of-another-form")
def window_of_another_form(network: Network, rng: np.random.Generator) -> PlantedDefect:
    """The same periodic Hann window, stored under the kernel axes of a convolution, and rounded as another formula rounds it."""
    length = 16 * int(rng.integers(1, 5))
    phase = 2 * np.pi * np.arange(length) / length
    window = (0.5 - 0.5 * np.cos(phase)).astype(np.float32)
    same = np.square(np.sin(phase / 2)).astype(np.float32).reshape(1, 1, -1)
    return PlantedDefect(
        None, network.weights | {"stft.window": same}, network.weights | {"stft.window": window}
    )


@register_planter("port:layer-norm-folded")
def layer_norm_folded(network: Network, rng: np.random.Generator) -> PlantedDefect:
    """A norm with a shift, multiplied into the two linear layers behind it, as graph converters do."""
    width = 24
    gain = (1 + 0.3 * rng.standard_normal(width)).astype(np.float32)
    shift = rng.standard_normal(width).astype(np.float32)
    reference = network.weights | {"last.norm.weight": gain, "last.norm.bias": shift}
    candidate = dict(network.weights)
    for name in ("last.key", "last.value"):
        weight = rng.standard_normal((32, width)).astype(np.float32)
        bias = rng.standard_normal(32).astype(np.float32)
        reference |= {f"{name}.weight": weight, f"{name}.bias": bias}
        wide = weight.astype(np.float64)
        candidate[f"{name}.weight"] = (wide * gain).astype(np.float32)
        candidate[f"{name}.bias"] = (bias + wide @ shift).astype(np.float32)
    return PlantedDefect(None, candidate, reference)


@register_planter("port:time-as-a-plane")
def time_as_a_plane(network: Network, rng: np.random.Generator) -> PlantedDefect | None:
    """LiteRT's order of axes: a convolution over time is one over a plane of height one, [out, 1, k, in]."""
    names = network.names_of_kind("conv1d", "conv_transpose1d", "conv2d")
    if not names:
        return None
    moved: Arrays = {}
    for name in names:
        array = network.weights[name].transpose(TO_MLX[network.kinds[name]])
        if array.ndim == 3:
            array = array[:, None]
        moved[name] = np.ascontiguousarray(array)
    if rng.integers(2):
        return PlantedDefect(None, network.weights | moved, network.weights)
    return PlantedDefect(None, dict(network.weights), network.weights | moved)


@register_planter("port:stereo-convolutions")
def stereo_convolutions(network: Network, rng: np.random.Generator) -> PlantedDefect:
    """The two encoders of Demucs: their first layers read two channels, or four of a complex spectrogram, with a kernel of 8."""
    channels = 16 * int(rng.integers(1, 4))
    build = NetworkBuilder("stereo", int(rng.integers(1 << 30)))
    for row, inputs, plane in (("encoder", 4, (8, 1)), ("tencoder", 2, (8,))):
        count = inputs
        kind: WeightKind = "conv1d" if len(plane) == 1 else "conv2d"
        for layer in range(3):
            out, ones = channels * 2**layer, (1,) * len(plane)
            build.add(f"{row}.{layer}.conv.weight", (out, count, *plane), kind)
            build.add(f"{row}.{layer}.conv.bias", (out,), "bias")
            build.add(f"{row}.{layer}.rewrite.weight", (2 * out, out, *ones), kind)
            build.add(f"{row}.{layer}.squeeze.weight", (8, out, *ones), kind)
            build.add(f"{row}.{layer}.squeeze.bias", (8,), "bias")
            count = out
    return PlantedDefect(None, build.network.weights, {}, verb="inspect")
