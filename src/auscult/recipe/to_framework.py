"""The recipe from one framework's layout to the other's, under the same names, from evidence about each layer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from auscult.errors import RecipeError
from auscult.finding import Skip
from auscult.recipe.entry import Entry
from auscult.recipe.layer_evidence import Layer, fits, groups_of, layer_of
from auscult.recipe.layout import TO_MLX, Framework, conversion, same_effect
from auscult.recipe.op import Op
from auscult.recipe.ops.constant import Constant
from auscult.recipe.ops.drop import Drop
from auscult.recipe.ops.fuse_weight_norm import FuseWeightNorm, norm_shape
from auscult.recipe.ops.permute import Permute
from auscult.recipe.recipe import Recipe
from auscult.recipe.recurrent import recurrent_to_mlx, recurrent_to_torch
from auscult.recipe.weight_names import Weight, weights_of
from auscult.weights import Checkpoint, Shape, Tensor

COUNTER = "num_batches_tracked"
SHOWN = 6


@dataclass(frozen=True)
class FrameworkPlan:
    """A recipe, and what it rests on.

    Attributes:
        layers: Per fused weight name that has a layout, its layer and the evidence.
        skips: What was kept as it is because no rule covers it.
    """

    recipe: Recipe
    layers: Mapping[str, Layer]
    skips: tuple[Skip, ...]


def plan_framework(
    source: Checkpoint, layout: Framework, to: Framework, known: Mapping[str, Layer]
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
        entries, skips = recurrent_to_mlx(source)
    else:
        entries, skips = recurrent_to_torch(source), []
    done = {name: entry for entry in entries for name in entry.sources}
    planned: list[Entry] = []
    layers: dict[str, Layer] = {}
    unclear: list[tuple[Weight, Shape]] = []
    for weight in weights_of(source).values():
        if weight.parts[0] in done:
            entry = done[weight.parts[0]]
            planned += [entry] if entry.sources[0] == weight.parts[0] else []
            continue
        if weight.name.endswith(COUNTER) and to == "mlx":
            planned.append(_dropped(source[weight.name]))
            continue
        shape = source[weight.parts[-1]].shape
        layer = _layer(weight, source, layout, known)
        if layer is None:
            unclear.append((weight, shape))
            continue
        if layer.kind in TO_MLX:
            layers[weight.name] = layer
        bias = source[weight.bias].shape if weight.bias in source else None
        groups = groups_of(layer, shape, bias, layout)
        if groups is None or shape[0] % groups:
            unclear.append((weight, shape))
            continue
        planned.append(
            Entry(
                weight.parts,
                (weight.name,),
                _ops(weight, source, conversion(layer.kind, shape, groups, to)),
            )
        )
    if unclear:
        raise ambiguous(unclear, to)
    planned += [entry for entry in entries if not entry.sources]
    if to == "torch":
        planned += _counters(source)
    return FrameworkPlan(
        Recipe(tuple(planned)).bind(source), layers, (*skips, *_kept(source, known))
    )


def _layer(
    weight: Weight, source: Checkpoint, layout: Framework, known: Mapping[str, Layer]
) -> Layer | None:
    if not is_layer_weight(weight.name) and weight.name not in known:
        return Layer("other", "name")
    shape = source[weight.parts[-1]].shape
    layer = layer_of(weight, shape, source, layout, known)
    bias = source[weight.bias].shape if weight.bias in source else None
    if layer is not None and not fits(layer.kind, shape, bias, layout):
        raise RecipeError(
            f"cannot be the weight of a {layer.kind} in {layout}'s layout, as the {layer.by} says",
            where=weight.name,
            found=f"{list(shape)} with a bias of {list(bias or ())}",
            hint="the file may be in the other layout (--from), or mixed; `auscult inspect` shows which",
        )
    if layer is None and _all_the_same(shape, bias, layout):
        return Layer(f"conv{len(shape) - 2}d", "rank")
    return layer


def is_layer_weight(name: str) -> bool:
    """Whether a tensor is called a weight, as opposed to a parameter that the code uses by itself (alpha, a position table)."""
    last = name.rpartition(".")[2]
    return "weight" in last or "kernel" in last


def _kept(source: Checkpoint, known: Mapping[str, Layer]) -> list[Skip]:
    """Parameters of three axes or more that are no layer's weight: the code that uses them decides about their axes."""
    names = [
        name
        for name, tensor in source.items()
        if len(tensor.shape) >= 3
        and tensor.size > 1
        and not is_layer_weight(name)
        and name not in known
        and all(part not in name for part in (".original0", ".original1"))
    ]
    reason = "no layer's weight: kept as it is; the code that uses it decides about its axes"
    return [Skip(name, reason) for name in names]


def _all_the_same(shape: Shape, bias: Shape | None, layout: Framework) -> bool:
    """Whether plain and transposed convolution would be turned into the very same tensor, as depthwise ones are."""
    side = len(shape) - 2
    to: Framework = "mlx" if layout == "torch" else "torch"
    transposed = Layer(f"conv_transpose{side}d", "rank")
    groups = groups_of(transposed, shape, bias, layout)
    if groups is None or shape[0] % groups or transposed.kind not in TO_MLX:
        return False
    turns = [
        conversion(kind, shape, count, to)
        for kind, count in ((f"conv{side}d", 1), (transposed.kind, groups))
    ]
    (plain, *_), (other, *more) = turns
    return (
        not more
        and isinstance(plain, Permute)
        and isinstance(other, Permute)
        and same_effect(shape, plain, other)
    )


def _ops(weight: Weight, source: Checkpoint, turn: tuple[Op, ...]) -> tuple[Op, ...]:
    return (FuseWeightNorm(norm_dim(weight, source)), *turn) if weight.is_normed else turn


def norm_dim(weight: Weight, source: Checkpoint) -> int:
    """The axis that g runs along.

    Raises:
        RecipeError: If g's shape fits no axis of v.
    """
    g, v = (source[name].shape for name in weight.parts)
    for dim in range(len(v)):
        if norm_shape(v, dim) == g or (len(g) == 1 and len(v) > 1 and dim == 0 and g[0] == v[0]):
            return dim
    raise RecipeError(
        "has a gain that fits no axis of its direction",
        where=weight.name,
        expected=list(norm_shape(v, 0)),
        found=list(g),
    )


def _dropped(tensor: Tensor) -> Entry:
    value = tensor.numpy().reshape(-1).tolist() if tensor.size <= 1 else None
    kept = None if value is None else value[0] if value else ()
    return Entry((tensor.name,), (), (Drop(tensor.shape, tensor.dtype, kept),))


def _counters(source: Checkpoint) -> list[Entry]:
    """torch's BatchNorm counts its batches; strict loading asks for the counter."""
    paths = [name.removesuffix("running_mean") for name in source if name.endswith("running_mean")]
    missing = [path + COUNTER for path in paths if path + COUNTER not in source]
    return [Entry((), (name,), (Constant((), "int64", 0),)) for name in missing]


def ambiguous(unclear: list[tuple[Weight, Shape]], to: Framework) -> RecipeError:
    """The refusal to guess."""
    shown = ", ".join(f"{weight.name} {list(shape)}" for weight, shape in unclear[:SHOWN])
    more = f" and {len(unclear) - SHOWN} more" if len(unclear) > SHOWN else ""
    return RecipeError(
        f"cannot tell plain from transposed or depthwise convolutions: their {to} layouts differ and nothing in the file decides",
        where="convert",
        found=shown + more,
        hint="give the model with --like module:callable (or a converted file), or a --recipe",
    )
