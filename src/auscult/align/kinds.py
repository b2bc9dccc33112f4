"""Which layer a tensor belongs to, and in which axis order each framework stores that layer's weight.

The kind comes from what is certain first: the module of a code target or the operator of a graph, then the length of the
bias, then names. Shape alone decides nothing: `shape[1] < shape[2]` is wrong wherever the kernel is longer than the input
is wide, as in the first source convolution of a HiFT vocoder (18 channels, kernel 30).
"""

from __future__ import annotations

import re
from functools import cache

from auscult.align.naming import get_fused_name
from auscult.facts.layers import AXES_FROM_TORCH, FrameworkLayout, LayerKind, invert_axes
from auscult.weights import Checkpoint, ModuleInfo, Shape

_TRANSPOSED_NAME = re.compile(
    r"(^|\.)(ups|up|ups?_?convs?\w*|deconv\w*|conv_?tr|conv_?trans\w*|t_?conv\w*|trans_?convs?|upsamplers?)(_\d+)?(\.|$)",
    re.IGNORECASE,
)
_RECURRENT_NAME = re.compile(r"(^|[._])(weight|bias)_(ih|hh)(_l\d+(_reverse)?)?$")
_EMBEDDING_NAME = re.compile(
    r"(^|[._])(\w*emb(ed(ding)?s?)?(_tokens)?|wte|wpe|codebook|dict|embed)([._]|$)"
)


@cache
def list_legal_permutations(
    kind: LayerKind,
) -> dict[tuple[int, ...], tuple[FrameworkLayout, FrameworkLayout]]:
    """Permutations that turn one framework's weight of that kind into another's, with the two frameworks (from, to)."""
    result: dict[tuple[int, ...], tuple[FrameworkLayout, FrameworkLayout]] = {}
    for (weight_kind, layout), axes in AXES_FROM_TORCH.items():
        if weight_kind == kind:
            result.setdefault(axes, ("torch", layout))
            result.setdefault(invert_axes(axes), (layout, "torch"))
    return result


def find_owner_module(checkpoint: Checkpoint, name: str) -> ModuleInfo | None:
    """The module (of code) or operator (of a graph) that owns or consumes a tensor, where the checkpoint knows it."""
    if not checkpoint.modules:
        return None
    if name in checkpoint.modules:
        return checkpoint.modules[name]
    path = get_fused_name((name,)).rpartition(".")[0]
    return checkpoint.modules.get(path)


def find_layer_kind(checkpoint: Checkpoint, name: str, shape: Shape | None = None) -> LayerKind:
    """The kind of layer whose weight `name` is.

    Args:
        shape: The weight's shape where `name` is one of several tensors of it (v of a weight norm).
    """
    if shape is None:
        tensor = checkpoint.get(name)
        shape = () if tensor is None else tensor.shape
    owner = find_owner_module(checkpoint, name)
    if owner is not None:
        module_kind = _infer_kind_by_type(owner.type, len(shape))
        if module_kind is not None:
            return module_kind
    return _infer_kind_by_name(checkpoint, name, shape)


def _infer_kind_by_name(checkpoint: Checkpoint, name: str, shape: Shape) -> LayerKind:
    if len(shape) in {3, 4} and not shape[0] == shape[-1] == 1:
        transposed = _is_transposed(checkpoint, name, shape)
        if len(shape) == 3:
            if transposed:
                return "conv_transpose1d"
            return "conv1d"
        if transposed:
            return "conv_transpose2d"
        return "conv2d"
    if sum(length > 1 for length in shape) <= 1:
        return "vector"
    if _RECURRENT_NAME.search(name):
        return "recurrent"
    if len(shape) == 2:
        if _EMBEDDING_NAME.search(name) and not name.endswith("proj.weight"):
            return "embedding"
        return "linear"
    return "other"


def _infer_kind_by_type(module: str, dimensions: int) -> LayerKind | None:
    lower = module.lower().replace("_", "")
    if "transpose" in lower and "conv" in lower:
        if dimensions == 4:
            return "conv_transpose2d"
        return "conv_transpose1d"
    if "conv" in lower and dimensions in {3, 4}:
        if dimensions == 4:
            return "conv2d"
        return "conv1d"
    if "embedding" in lower:
        return "embedding"
    if lower in {"linear", "gemm", "matmul", "fullyconnected", "dense"}:
        return "linear"
    if any(word in lower for word in ("lstm", "gru", "rnn")):
        return "recurrent"
    if "norm" in lower and dimensions <= 1:
        return "vector"
    return None


def _is_transposed(checkpoint: Checkpoint, name: str, shape: Shape) -> bool:
    """Torch's (in, out, k) has its bias along axis 1, MLX's transposed (out, k, in) as its plain convolution along axis 0."""
    bias = checkpoint.get(get_fused_name((name,)).rpartition(".")[0] + ".bias")
    if bias is not None and len(bias.shape) == 1 and shape[0] != shape[1]:
        if bias.shape[0] == shape[1]:
            return True
        if bias.shape[0] == shape[0] and not _TRANSPOSED_NAME.search(name):
            return False
    return bool(_TRANSPOSED_NAME.search(name))
