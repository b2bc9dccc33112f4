"""Weights that MLX has quantised: integers packed into uint32, with a scale and a bias for each group of a row.

`mlx.nn.quantize` replaces `x.weight` (out, in) by `x.weight` (out, in * bits / 32) in uint32, `x.scales` and `x.biases`
(out, in / group). The three are one weight, value = scale * integer + bias, and are described as one: `x.weight` with its real
shape and the dtype `mlx_q4` or `mlx_q8`, whose elements come as float32. Source: mlx.core.quantize.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace

from auscult.checkpoint.source import Source
from auscult.finding import Skip
from auscult.late import numpy as np
from auscult.weights import Array, Tensor

DEFAULT_GROUP_SIZE = 64
GROUP_SIZES = (32, 64, 128)
PACKED_BITS = (8, 4, 2)
"""Integers that fill a word exactly; MLX's 3, 5 and 6 bits lie across words and are left as they are stored."""
MAX_CONFIG_BYTES = 1 << 20
MIN_ZERO_SHARE = 0.9
SAMPLE_GROUPS = 64


@dataclass(frozen=True)
class PackedWeight:
    """The elements of one quantised weight."""

    words: Tensor
    scales: Tensor
    biases: Tensor
    bits: int
    group: int

    def array(self) -> Array:
        shifts = np.arange(0, 32, self.bits, dtype=np.uint32)
        words = self.words.numpy()
        integers = (words[..., None] >> shifts) & np.uint32((1 << self.bits) - 1)
        grouped = integers.reshape(*words.shape[:-1], -1, self.group).astype(np.float32)
        scales, biases = (
            part.numpy().astype(np.float32)[..., None] for part in (self.scales, self.biases)
        )
        values: Array = grouped * scales + biases
        return values.reshape(*words.shape[:-1], -1)

    def steps(self) -> Array:
        """[as the weight]: the distance between neighbouring values, one for each group."""
        steps: Array = np.repeat(
            np.abs(self.scales.numpy().astype(np.float32)), self.group, axis=-1
        )
        return steps

    def flat(self, start: int, stop: int) -> Array:
        return self.array().reshape(-1)[start:stop]


def merge_quantised_weights(
    tensors: Mapping[str, Tensor], source: Source
) -> tuple[dict[str, Tensor], tuple[Skip, ...]]:
    """The tensors with every quantised weight as one, and what had to be assumed of them.

    How many bits and how long a group, the shapes tell only as a product; `config.json` beside the file says which, else the
    integers do, since MLX gives every group's largest value the integer 0.
    """
    parts_by_name = {
        name: parts for name in tensors if (parts := _find_parts(tensors, name)) is not None
    }
    if not parts_by_name:
        return dict(tensors), ()
    declared_packing = _read_declared_packing(source)
    result, assumed_packings, merged_names = dict(tensors), [], set()
    for name, parts in parts_by_name.items():
        packing = _infer_packing(*parts, declared_packing)
        if packing is None:
            continue
        bits, group, is_sure = packing
        words, scales, biases = parts
        shape = (*words.shape[:-1], words.shape[-1] * 32 // bits)
        data = PackedWeight(words, scales, biases, bits, group)
        nbytes = words.nbytes + scales.nbytes + biases.nbytes
        result[name] = replace(
            words, shape=shape, dtype=f"mlx_q{bits}", data=data, nbytes=nbytes, storage=None
        )
        merged_names |= {scales.name, biases.name}
        if not is_sure:
            assumed_packings.append((bits, group))
    skips = tuple(
        Skip(
            "quantisation",
            f"read as {bits} bits in groups of {group}: the shapes fit others too; config.json would tell",
        )
        for bits, group in sorted(set(assumed_packings))
    )
    return {name: tensor for name, tensor in result.items() if name not in merged_names}, skips


def _find_parts(tensors: Mapping[str, Tensor], name: str) -> tuple[Tensor, Tensor, Tensor] | None:
    words = tensors[name]
    if words.dtype != "uint32" or not name.endswith("weight") or len(words.shape) < 2:
        return None
    stem = name.removesuffix("weight")
    scales, biases = tensors.get(stem + "scales"), tensors.get(stem + "biases")
    if (
        scales is None
        or biases is None
        or scales.shape != biases.shape
        or scales.shape[:-1] != words.shape[:-1]
    ):
        return None
    return words, scales, biases


def _infer_packing(
    words: Tensor, scales: Tensor, biases: Tensor, declared_packing: tuple[int, int] | None
) -> tuple[int, int, bool] | None:
    """(bits, group, whether that is sure), or None where no form fits."""
    if 0 in words.shape or 0 in biases.shape:
        return None
    fitting_packings = [
        (bits, group)
        for bits in PACKED_BITS
        for group in GROUP_SIZES
        if words.shape[-1] * 32 == scales.shape[-1] * bits * group
    ]
    if declared_packing in fitting_packings:
        return (*declared_packing, True)
    if len(fitting_packings) < 2:
        if fitting_packings:
            return (*fitting_packings[0], True)
        return None
    likely_packings = [
        packing
        for packing in fitting_packings
        if _measure_zero_share(words, *packing) >= MIN_ZERO_SHARE
    ]
    usual_packings = [
        packing for packing in fitting_packings if packing[1] == DEFAULT_GROUP_SIZE
    ] or fitting_packings
    if likely_packings:
        return (*likely_packings[0], True)
    return (*usual_packings[0], False)


def _measure_zero_share(words: Tensor, bits: int, group: int) -> float:
    """Share of the first groups that have the integer 0. Too many bits at a time seldom give one: the most that do are right."""
    per_group = group * bits // 32
    first_words = words.flat(0, min(words.size, SAMPLE_GROUPS * per_group)).reshape(-1, per_group)
    integers = (first_words[..., None] >> np.arange(0, 32, bits, dtype=np.uint32)) & np.uint32(
        (1 << bits) - 1
    )
    return float((integers.reshape(len(first_words), -1) == 0).any(axis=1).mean())


def _read_declared_packing(source: Source) -> tuple[int, int] | None:
    """What `config.json` beside the file says: {"quantization": {"group_size": 64, "bits": 4}}."""
    if source.member:
        return None
    folder = source.path if source.is_folder else source.path.parent
    config = folder / "config.json"
    try:
        if config.stat().st_size > MAX_CONFIG_BYTES:
            return None
        content = json.loads(config.read_bytes())
        quantization = content.get("quantization")
        return int(quantization["bits"]), int(quantization["group_size"])
    except (
        OSError,
        ValueError,
        TypeError,
        KeyError,
        AttributeError,
        RecursionError,
    ):  # no such file, or another kind of file
        return None
