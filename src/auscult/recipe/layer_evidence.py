"""Which layer a weight belongs to, by evidence in a fixed order, and never by the shape of the weight alone.

1. The module that owns it, where the source or a template is code.
2. The detected family, which knows its own layers.
3. The bias, whose length shows the axis of the output channels: torch's transposed convolution has it along axis 1, every
   other one along axis 0. It cannot tell where both are equal, nor in MLX, where it is always axis 0.
4. The names of the module: `ups`, `deconv`, `convtr` against `conv`, `convs1`, `downsample`.

What is left is ambiguous: a square transposed convolution and a plain one differ in nothing else.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from auscult.facts.layers import TO_MLX_AXES
from auscult.recipe.layout import Framework
from auscult.recipe.weight_names import LayerWeight
from auscult.weights import Checkpoint, Shape

LayerBasis = Literal["module", "family", "bias", "name", "rank"]
MIN_CONV_RANK = 3

_TRANSPOSED_WORD = re.compile(
    r"^(ups?|upsamples?|upsamplers?|up_?convs?\d*d?|de_?convs?\d*d?|conv_?tr\w*|t_?convs?\d*d?|trans_?convs?\w*)$",
    re.I,
)
_PLAIN_WORD = re.compile(
    r"^((?!up|de|trans|t_?conv).*conv(?!_?tr)\w*|downs?|downsamples?|downsamplers?)$", re.I
)
_INDEX_SUFFIX = re.compile(r"_?\d+$")


@dataclass(frozen=True)
class LayerIdentity:
    """The kind of a layer, and what it was told by.

    Attributes:
        groups: Of a convolution, where the evidence tells; None otherwise.
    """

    kind: str
    by: LayerBasis
    groups: int | None = None


def infer_kind_by_module(type_name: str, rank: int) -> str | None:
    """The kind of a torch or MLX module class; None for a class that is not known to hold such a weight."""
    lower = (
        type_name.rpartition(".")[2]
        .lower()
        .replace("_", "")
        .removeprefix("parametrized")
        .removeprefix("weightnorm")
    )
    if lower == "conv1d" and rank == 2:
        return "linear_transposed"  # Hugging Face's GPT-2 layer
    match = re.search(
        r"conv(transpose|transposed)?([123])d|conv([123])d(transpose|transposed)?", lower
    )
    if match is not None:
        kernel_rank = match[2] or match[3]
        if match[1] or match[4]:
            kind = f"conv_transpose{kernel_rank}d"
        else:
            kind = f"conv{kernel_rank}d"
        if rank == int(kernel_rank) + 2:
            return kind
        return None
    if "embedding" in lower:
        return "embedding"
    if lower in {"linear", "nondynamicallyquantizablelinear"}:
        return "linear"
    return None


def infer_kind_by_bias(shape: Shape, bias: Shape | None) -> str | None:
    """By the length of the bias; for torch's layout only.

    A transposed convolution with groups, in = out, and a plain convolution could both have such a bias: plain is meant unless the
    name says otherwise.
    """
    if bias is None or len(bias) != 1 or len(shape) < MIN_CONV_RANK or shape[0] == shape[1]:
        return None
    kernel_rank = len(shape) - 2
    if bias[0] == shape[1]:
        return f"conv_transpose{kernel_rank}d"
    if bias[0] == shape[0]:
        return f"conv{kernel_rank}d"
    return None


def infer_kind_by_name(layer: str, rank: int) -> str | None:
    """By the last two words of the module path, numbers apart; None where they say nothing or disagree."""
    words = [_INDEX_SUFFIX.sub("", word) for word in layer.split(".") if not word.isdigit()][-2:]
    if not words or rank < MIN_CONV_RANK:
        return None
    last = words[-1]
    kernel_rank = rank - 2
    if _TRANSPOSED_WORD.match(last):
        return f"conv_transpose{kernel_rank}d"
    if _PLAIN_WORD.match(last):
        outer = words[0] if len(words) == 2 else ""
        if _TRANSPOSED_WORD.match(outer):
            return None
        return f"conv{kernel_rank}d"
    return None


def identify_layer(
    weight: LayerWeight,
    shape: Shape,
    source: Checkpoint,
    layout: Framework,
    known_layers: Mapping[str, LayerIdentity],
) -> LayerIdentity | None:
    """The layer of a weight; None if the evidence does not tell.

    Args:
        shape: Of the weight, or of v.
        layout: In which the source is.
        known: Layers by module or family, by fused weight name.
    """
    if weight.name in known_layers:
        return known_layers[weight.name]
    if len(shape) < MIN_CONV_RANK:
        return _identify_matrix(weight, source, shape)
    bias = source[weight.bias].shape if weight.bias in source else None
    name_kind = infer_kind_by_name(weight.layer, len(shape))
    bias_kind = infer_kind_by_bias(shape, bias) if layout == "torch" else None
    if bias_kind is not None and name_kind is not None and bias_kind != name_kind:
        # in = out with groups is the one case in which both can hold; otherwise the bias is a fact and the name a habit
        may_be_grouped = (
            name_kind.startswith("conv_transpose")
            and shape[0] == (bias or (0,))[0]
            and shape[0] % shape[1] == 0
        )
        if may_be_grouped:
            return None
        return LayerIdentity(bias_kind, "bias")
    if bias_kind is not None:
        return LayerIdentity(bias_kind, "bias")
    if name_kind is not None:
        return LayerIdentity(name_kind, "name")
    return None


def _identify_matrix(weight: LayerWeight, source: Checkpoint, shape: Shape) -> LayerIdentity | None:
    """Linear and embedding weights stay; only GPT-2's Conv1D is stored the other way."""
    if len(shape) != 2 or not re.search(r"(^|\.)(c_attn|c_proj|c_fc)$", weight.layer):
        return LayerIdentity("linear", "rank")
    votes = {
        "linear_transposed" if source[name].shape[1] == source[bias].shape[0] else "linear"
        for name in source
        if re.search(r"(^|\.)(c_attn|c_proj|c_fc)\.weight$", name)
        and (bias := name.removesuffix("weight") + "bias") in source
        and len(source[name].shape) == 2
        and source[name].shape[0] != source[name].shape[1]
    }
    if len(votes) == 1:
        return LayerIdentity(votes.pop(), "bias")
    return None


def infer_groups(
    layer: LayerIdentity, shape: Shape, bias: Shape | None, layout: Framework
) -> int | None:
    """Groups of a transposed convolution; of all others the layout needs none, so 1. None if nothing tells.

    The bias counts output channels, torch's second axis those of one group. Without a bias, a weight with one channel for
    each group looks the same as one with a single output channel; other numbers of groups are not met in practice.
    """
    if not layer.kind.startswith("conv_transpose"):
        return 1
    if layer.groups is not None:
        return layer.groups
    if (
        layout == "torch"
        and bias is not None
        and len(bias) == 1
        and bias[0] % max(1, shape[1]) == 0
    ):
        return max(1, bias[0] // max(1, shape[1]))
    if layout == "torch":
        is_single_channel = shape[1] == 1 < shape[0]
    else:
        is_single_channel = shape[-1] == 1 < shape[0]
    if is_single_channel:
        return None
    return 1


def is_possible_layer(kind: str, shape: Shape, bias: Shape | None, layout: Framework) -> bool:
    """Whether a layer of that kind can have this weight and bias in this layout."""
    if kind not in TO_MLX_AXES:
        return True
    if len(shape) != len(TO_MLX_AXES[kind]):
        return False
    if bias is None or len(bias) != 1:
        return True
    if layout == "mlx":
        return shape[0] == bias[0]
    if kind.startswith("conv_transpose"):
        return bias[0] % max(1, shape[1]) == 0
    return bias[0] == (shape[1] if kind == "linear_transposed" else shape[0])
