"""The recipe from one framework's layout to the other's, under the same names, from evidence about each layer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from auscult.errors import RecipeError
from auscult.facts.layers import TO_MLX_AXES
from auscult.facts.weight_norm import parse_weight_norm_name
from auscult.finding import Skip
from auscult.recipe.entry import Entry
from auscult.recipe.layer_evidence import (
    LayerIdentity,
    identify_layer,
    infer_groups,
    is_possible_layer,
)
from auscult.recipe.layout import Framework, has_same_effect, make_conversion
from auscult.recipe.op import Op
from auscult.recipe.ops.constant import Constant
from auscult.recipe.ops.drop import Drop
from auscult.recipe.ops.fuse_weight_norm import FuseWeightNorm, get_gain_shape
from auscult.recipe.ops.permute import Permute
from auscult.recipe.recipe import Recipe
from auscult.recipe.recurrent import convert_recurrent_to_mlx, convert_recurrent_to_torch
from auscult.recipe.weight_names import LayerWeight, collect_weights
from auscult.weights import Checkpoint, Shape, Tensor

BATCH_COUNTER_NAME = "num_batches_tracked"
MAX_SHOWN = 6


@dataclass(frozen=True)
class FrameworkPlan:
    """A recipe, and what it rests on.

    Attributes:
        layers: Per fused weight name that has a layout, its layer and the evidence.
        skips: What was kept as it is because no rule covers it.
    """

    recipe: Recipe
    layers: Mapping[str, LayerIdentity]
    skips: tuple[Skip, ...]


def plan_framework(
    source: Checkpoint, layout: Framework, to: Framework, known_layers: Mapping[str, LayerIdentity]
) -> FrameworkPlan:
    """The recipe that brings a checkpoint from `layout` to the layout and conventions of `to`.

    To MLX: weight norm is fused, BatchNorm's counters are dropped (with their value kept in the recipe), recurrent layers get
    MLX's names and biases. To PyTorch: the reverse, except that weight norm stays fused (`remove_weight_norm` is what fits).

    Args:
        known: Layers by module or family, by fused weight name.

    Raises:
        RecipeError: If a weight's layer is ambiguous; names them and what settles it.
    """
    if layout == to:
        return FrameworkPlan(Recipe.identity(source), {}, ())
    if to == "mlx":
        entries, skips = convert_recurrent_to_mlx(source)
    else:
        entries, skips = convert_recurrent_to_torch(source), []
    entry_by_source = {name: entry for entry in entries for name in entry.sources}
    planned: list[Entry] = []
    layers: dict[str, LayerIdentity] = {}
    ambiguous_weights: list[tuple[LayerWeight, Shape]] = []
    for weight in collect_weights(source).values():
        if weight.parts[0] in entry_by_source:
            entry = entry_by_source[weight.parts[0]]
            planned += [entry] if entry.sources[0] == weight.parts[0] else []
            continue
        if weight.name.endswith(BATCH_COUNTER_NAME) and to == "mlx":
            planned.append(_make_drop_entry(source[weight.name]))
            continue
        layer = _identify_layer(weight, source, layout, known_layers)
        if layer is not None and layer.kind in TO_MLX_AXES:
            layers[weight.name] = layer
        converting_entry = _make_layout_entry(weight, layer, source, layout, to)
        if converting_entry is None:
            ambiguous_weights.append((weight, source[weight.parts[-1]].shape))
        else:
            planned.append(converting_entry)
    if ambiguous_weights:
        raise make_ambiguity_error(ambiguous_weights, to)
    planned += [entry for entry in entries if not entry.sources]
    if to == "torch":
        planned += _make_counter_entries(source)
    return FrameworkPlan(
        Recipe(tuple(planned)).bind(source),
        layers,
        (*skips, *_list_unlayered_skips(source, known_layers)),
    )


def _make_layout_entry(
    weight: LayerWeight,
    layer: LayerIdentity | None,
    source: Checkpoint,
    layout: Framework,
    to: Framework,
) -> Entry | None:
    """The entry that brings a weight to the other layout; None where its layer or its groups are ambiguous."""
    if layer is None:
        return None
    shape = source[weight.parts[-1]].shape
    bias = source[weight.bias].shape if weight.bias in source else None
    groups = infer_groups(layer, shape, bias, layout)
    if groups is None or (shape and shape[0] % groups):
        return None
    layout_ops = make_conversion(layer.kind, shape, groups, to)
    return Entry(weight.parts, (weight.name,), _build_ops(weight, source, layout_ops))


def _identify_layer(
    weight: LayerWeight,
    source: Checkpoint,
    layout: Framework,
    known_layers: Mapping[str, LayerIdentity],
) -> LayerIdentity | None:
    shape = source[weight.parts[-1]].shape
    if not shape or (not is_layer_weight(weight.name) and weight.name not in known_layers):
        return LayerIdentity("other", "name")
    layer = identify_layer(weight, shape, source, layout, known_layers)
    bias = source[weight.bias].shape if weight.bias in source else None
    if layer is not None and not is_possible_layer(layer.kind, shape, bias, layout):
        raise RecipeError(
            f"cannot be the weight of a {layer.kind} in {layout}'s layout, as the {layer.by} says",
            where=weight.name,
            found=f"{list(shape)} with a bias of {list(bias or ())}",
            hint="the file may be in the other layout (--from), or mixed; `auscult inspect` shows which",
        )
    if layer is None and _is_same_either_way(shape, bias, layout):
        return LayerIdentity(f"conv{len(shape) - 2}d", "rank")
    return layer


def is_layer_weight(name: str) -> bool:
    """Whether a tensor is called a weight, as opposed to a parameter that the code uses by itself (alpha, a position table)."""
    last = name.rpartition(".")[2]
    return "weight" in last or "kernel" in last


def _list_unlayered_skips(
    source: Checkpoint, known_layers: Mapping[str, LayerIdentity]
) -> list[Skip]:
    """Parameters of three axes or more that are no layer's weight: the code that uses them decides about their axes."""
    names = [
        name
        for name, tensor in source.items()
        if len(tensor.shape) >= 3
        and tensor.size > 1
        and not is_layer_weight(name)
        and name not in known_layers
        and parse_weight_norm_name(name) is None
    ]
    reason = "no layer's weight: kept as it is; the code that uses it decides about its axes"
    return [Skip(name, reason) for name in names]


def _is_same_either_way(shape: Shape, bias: Shape | None, layout: Framework) -> bool:
    """Whether plain and transposed convolution would be turned into the very same tensor, as depthwise ones are."""
    kernel_rank = len(shape) - 2
    to: Framework = "mlx" if layout == "torch" else "torch"
    transposed = LayerIdentity(f"conv_transpose{kernel_rank}d", "rank")
    groups = infer_groups(transposed, shape, bias, layout)
    if groups is None or shape[0] % groups or transposed.kind not in TO_MLX_AXES:
        return False
    conversions = [
        make_conversion(kind, shape, count, to)
        for kind, count in ((f"conv{kernel_rank}d", 1), (transposed.kind, groups))
    ]
    (plain_op, *_), (transposed_op, *more_ops) = conversions
    return (
        not more_ops
        and isinstance(plain_op, Permute)
        and isinstance(transposed_op, Permute)
        and has_same_effect(shape, plain_op, transposed_op)
    )


def _build_ops(
    weight: LayerWeight, source: Checkpoint, layout_ops: tuple[Op, ...]
) -> tuple[Op, ...]:
    if weight.is_normed:
        return (FuseWeightNorm(find_norm_dim(weight, source)), *layout_ops)
    return layout_ops


def find_norm_dim(weight: LayerWeight, source: Checkpoint) -> int:
    """The axis that g runs along.

    Raises:
        RecipeError: If g's shape fits no axis of v.
    """
    g, v = (source[name].shape for name in weight.parts)
    for dim in range(len(v)):
        if get_gain_shape(v, dim) == g or (
            len(g) == 1 and len(v) > 1 and dim == 0 and g[0] == v[0]
        ):
            return dim
    raise RecipeError(
        "has a gain that fits no axis of its direction",
        where=weight.name,
        expected=list(get_gain_shape(v, 0)),
        found=list(g),
    )


def _make_drop_entry(tensor: Tensor) -> Entry:
    value = tensor.numpy().reshape(-1).tolist() if tensor.size <= 1 else None
    if value is None:
        stored_value = None
    elif value:
        stored_value = value[0]
    else:
        stored_value = ()
    return Entry((tensor.name,), (), (Drop(tensor.shape, tensor.dtype, stored_value),))


def _make_counter_entries(source: Checkpoint) -> list[Entry]:
    """torch's BatchNorm counts its batches; strict loading asks for the counter."""
    paths = [name.removesuffix("running_mean") for name in source if name.endswith("running_mean")]
    missing = [
        path + BATCH_COUNTER_NAME for path in paths if path + BATCH_COUNTER_NAME not in source
    ]
    return [Entry((), (name,), (Constant((), "int64", 0),)) for name in missing]


def make_ambiguity_error(
    ambiguous_weights: list[tuple[LayerWeight, Shape]], to: Framework
) -> RecipeError:
    """The refusal to guess."""
    shown = ", ".join(
        f"{weight.name} {list(shape)}" for weight, shape in ambiguous_weights[:MAX_SHOWN]
    )
    if len(ambiguous_weights) > MAX_SHOWN:
        more = f" and {len(ambiguous_weights) - MAX_SHOWN} more"
    else:
        more = ""
    return RecipeError(
        f"cannot tell plain from transposed or depthwise convolutions: their {to} layouts differ and nothing in the file decides",
        where="convert",
        found=shown + more,
        hint="give the model with --like module:callable (or a converted file), or a --recipe",
    )
