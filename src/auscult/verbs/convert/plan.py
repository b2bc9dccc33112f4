"""Which recipe a conversion needs: a saved one, another model's names, another framework's layout,
or none.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from auscult.checkpoint.source import dtype_of
from auscult.errors import RecipeError, UsageError
from auscult.facts.progress import Progress
from auscult.finding import Skip
from auscult.recipe import Entry, Recipe
from auscult.recipe.from_alignment import recipe_from_alignment
from auscult.recipe.from_kernels import KERNEL_FORMATS, plan_from_kernels
from auscult.recipe.layer_evidence import LayerIdentity, infer_kind_by_module
from auscult.recipe.layout import Framework, make_conversion
from auscult.recipe.lazy import apply_recipe, get_element_type
from auscult.recipe.ops.cast import Cast
from auscult.recipe.ops.dequantize import Dequantize
from auscult.recipe.ops.permute import Permute
from auscult.recipe.source_layout import detect_source_layout
from auscult.recipe.to_framework import plan_framework
from auscult.recipe.weight_names import collect_weights
from auscult.verdict import Equality
from auscult.weights import Checkpoint, Shape

if TYPE_CHECKING:
    from auscult.align.records import Match, WeightAlignment

MIN_FAMILY_SCORE = 0.9
MAX_NAMES_SHOWN = 5
RECURRENT_OPERATORS = frozenset(("lstm", "gru", "rnn"))
"""Operators of graphs; torch's own modules have torch's order, and MLX's are converted by their names."""


@dataclass(frozen=True)
class ConversionPlan:
    """A recipe bound to its source, and what it rests on.

    Attributes:
        framework: Whose layout the result is in, where that is known.
        layers: Evidence per weight that has a layout.
        missing: Tensors of the template that have no source.
    """

    recipe: Recipe
    framework: Framework | None = None
    layers: Mapping[str, LayerIdentity] = field(default_factory=dict)
    skips: tuple[Skip, ...] = ()
    missing: tuple[str, ...] = ()


def plan_for_framework(
    source: Checkpoint, to: Framework, declared: Framework | None
) -> ConversionPlan:
    """To another framework's layout, under the same names.

    Raises:
        RecipeError: If the source's layout or a weight's layer cannot be told.
    """
    if source.format in KERNEL_FORMATS and declared is None:
        return _plan_from_kernels(source, to)
    detected, layers_by_name = _detect_layers(source)
    layout = detect_source_layout(source, detected, declared)
    plan = plan_framework(source, layout, to, layers_by_name)
    skips = (*plan.skips, *_list_recurrent_operators(source))
    if layout == to:
        skips = (*skips, Skip(source.path, f"is in {to}'s layout already: no axes were moved"))
    return ConversionPlan(plan.recipe, to, plan.layers, skips)


def _list_recurrent_operators(source: Checkpoint) -> list[Skip]:
    """Tensors of a graph's recurrent operators, whose gates each format keeps in an order of its own."""
    reason = "of a recurrent operator: its gates stay in the graph's order; --like reorders them"
    return [
        Skip(name, reason)
        for name, module in source.modules.items()
        if not source.is_code and name in source and module.type.lower() in RECURRENT_OPERATORS
    ]


def _plan_from_kernels(source: Checkpoint, to: Framework) -> ConversionPlan:
    """From the kernels of Keras, TensorFlow or Flax: to torch's layout and names, and from there to MLX's."""
    recipe, skips = plan_from_kernels(source)
    if to == "torch":
        return ConversionPlan(recipe, to, {}, skips)
    view = apply_recipe(recipe, source)
    plan = plan_framework(view, "torch", to, _detect_layers(view)[1])
    composed_recipe = recipe.compose(plan.recipe).bind(source)
    return ConversionPlan(composed_recipe, to, plan.layers, (*skips, *plan.skips))


def _detect_layers(source: Checkpoint) -> tuple[Framework | None, dict[str, LayerIdentity]]:
    """The layout that the family's detection says, and the layers that modules or the family know,
    by fused name.
    """
    from auscult import families

    weights = collect_weights(source)
    layers_by_name: dict[str, LayerIdentity] = {}
    shapes = {name: tensor.shape for name, tensor in source.items()}
    detection = next(iter(families.detect_families(shapes)), None)
    layout: Framework | None = None
    if detection is not None and detection.score >= MIN_FAMILY_SCORE:
        if detection.layout != "unknown":
            layout = detection.layout
        kinds = families.find_layer_kinds(shapes, detection)
        planned = families.signature(detection.family).plan(detection.config)
        for name, weight in weights.items():
            kind = kinds.get(weight.parts[-1])
            if kind is not None:
                expected = planned.get(name.removeprefix(detection.prefix))
                expected_groups = None if expected is None else expected.groups
                layers_by_name[name] = LayerIdentity(kind, "family", expected_groups)
    for name, weight in weights.items():
        module = source.modules.get(weight.layer)
        if module is None or not name.endswith("weight"):
            continue
        module_kind = infer_kind_by_module(module.type, len(source[weight.parts[-1]].shape))
        if module_kind is not None:
            groups = module.attributes.get("groups", 1)
            if not isinstance(groups, int):
                groups = None
            layers_by_name[name] = LayerIdentity(module_kind, "module", groups)
    return layout, layers_by_name


def plan_like(
    source: Checkpoint,
    template: Checkpoint,
    *,
    declared: Framework | None,
    allow_missing: bool,
    progress: Progress | None,
) -> ConversionPlan:
    """Into the names, layout, parametrisation and dtypes of a template.

    By content where the template is a file that holds the same weights; otherwise by names and
    shapes, the layers' kinds coming from the template's modules where it is code.

    Raises:
        RecipeError: If a template tensor has no source (unless `allow_missing`), or a square
            weight's axes cannot be told.
    """
    from auscult.align import align
    from auscult.align.structure import align_structure

    alignment = None if template.is_code else align(source, template, progress=progress)
    by_content = (
        alignment is not None
        and not alignment.only_in_b
        and all(_is_confirmed(match) for match in alignment.matches)
    )
    if alignment is None or not by_content:
        alignment = _settle_permutations(
            align_structure(source, template), source, template, declared
        )
    missing_names = tuple(alignment.only_in_b)
    if missing_names and not allow_missing:
        hint = "`auscult diff` explains them; --allow-missing writes the file without them"
        raise RecipeError(
            "has no source for tensors of the template",
            where=source.path,
            found=_join_some(missing_names),
            hint=hint,
        )
    recipe = _order_like_template(recipe_from_alignment(alignment, source), template)
    framework: Framework | None = {"code:mlx": "mlx", "code:torch": "torch"}.get(template.format)  # type: ignore[assignment]
    return ConversionPlan(
        _cast_like_template(recipe, source, template), framework, missing=missing_names
    )


def _is_confirmed(match: Match) -> bool:
    return match.equality is not Equality.DIFFERENT and match.by in ("content", "neighbours")


def _settle_permutations(
    alignment: WeightAlignment, source: Checkpoint, template: Checkpoint, declared: Framework | None
) -> WeightAlignment:
    """The alignment by structure, with each permutation that shapes leave open settled by the
    layer, or refused.
    """
    template_layers = _detect_layers(template)[1]
    stems: dict[str, str] = {}
    for name, weight in collect_weights(template).items():
        stems |= dict.fromkeys(weight.parts, name)
    layouts: tuple[Framework, Framework] | None = None
    matches = []
    for match in alignment.matches:
        shape = source[match.a[-1]].shape
        open_axes = (
            len(shape) >= 3 and match.equality is Equality.EXACT and len(set(shape)) < len(shape)
        )
        if not open_axes:
            matches.append(match)
            continue
        if layouts is None:
            layouts = (
                detect_source_layout(source, _detect_layers(source)[0], declared),
                detect_source_layout(template, _detect_layers(template)[0]),
            )
        matches.append(
            _settle_match(match, shape, layouts, template_layers.get(stems.get(match.b[-1], "")))
        )
    return replace(alignment, matches=tuple(matches))


def _settle_match(
    match: Match, shape: Shape, layouts: tuple[Framework, Framework], layer: LayerIdentity | None
) -> Match:
    """The match with the permutation that its layer needs between the two layouts.

    Raises:
        RecipeError: If the layouts differ and the layer is not known.
    """
    other_ops = tuple(op for op in match.ops if not isinstance(op, Permute))
    if layouts[0] == layouts[1]:
        return replace(match, ops=other_ops)
    if layer is None:
        raise RecipeError(
            "cannot tell how the axes of a weight with equal sides correspond",
            where=match.b[-1],
            hint="give the model as code (--like module:callable), whose modules say what it is",
        )
    groups = layer.groups or 1
    return replace(match, ops=(*other_ops, *make_conversion(layer.kind, shape, groups, layouts[1])))


def _order_like_template(recipe: Recipe, template: Checkpoint) -> Recipe:
    """Entries in the order of the template's names."""
    position = {name: index for index, name in enumerate(template)}
    last = len(position)
    return replace(
        recipe,
        entries=tuple(
            sorted(
                recipe.entries,
                key=lambda entry: min((position[target] for target in entry.targets), default=last),
            )
        ),
    )


def _cast_like_template(recipe: Recipe, source: Checkpoint, template: Checkpoint) -> Recipe:
    return _cast_targets(
        recipe, source, {name: get_element_type(tensor) for name, tensor in template.items()}
    )


def cast_recipe(recipe: Recipe, source: Checkpoint, dtype: str) -> Recipe:
    """The recipe with every floating target in `dtype`; integers, counters and masks stay.

    Raises:
        UsageError: If there is no such floating dtype.
    """
    try:
        is_valid = is_floating(dtype)
    except TypeError:
        is_valid = False
    if not is_valid:
        raise UsageError(
            "is not a floating dtype",
            where=dtype,
            hint="float32, float16, bfloat16, float64, float8_e4m3fn ...",
        )
    return _cast_targets(recipe, source, dict.fromkeys(recipe.target_names, dtype))


def _cast_targets(recipe: Recipe, source: Checkpoint, dtype_by_target: Mapping[str, str]) -> Recipe:
    cast_entries: list[Entry] = []
    for entry in recipe.entries:
        dtypes = entry.target_dtypes([get_element_type(source[name]) for name in entry.sources])
        for name, dtype in zip(entry.targets, dtypes, strict=True):
            target_dtype = dtype_by_target.get(name, dtype)
            needs_cast = target_dtype != dtype and is_floating(target_dtype) and is_floating(dtype)
            ops = (Cast(target_dtype, dtype),) if needs_cast else ()
            cast_entries.append(Entry((name,), (name,), ops))
    if not any(entry.ops for entry in cast_entries):
        return recipe
    return recipe.compose(Recipe(tuple(cast_entries))).bind(source)


def is_floating(dtype: str) -> bool:
    """Whether a dtype holds real numbers in floating point."""
    kind = dtype_of(dtype)
    return kind.kind == "f" or (kind.kind == "V" and "float" in dtype)


def recipe_for_dequantizing(source: Checkpoint) -> Recipe | None:
    """The recipe that makes quantised tensors real numbers; None if there are none."""
    entries = []
    for name, tensor in source.items():
        affine = tensor.quantization
        ops: tuple[Dequantize, ...] = ()
        if affine is not None:
            scale = tuple(float(value) for value in affine.scale.reshape(-1))
            zero = tuple(int(value) for value in affine.zero_point.reshape(-1)) or (0,)
            if len(set(zero)) == 1:
                zero = zero[:1]
            axis = affine.axis if len(scale) > 1 else None
            ops = (Dequantize(scale, zero, axis, tensor.dtype),)
        entries.append(Entry((name,), (name,), ops, (tensor.shape,)))
    if any(entry.ops for entry in entries):
        return Recipe(tuple(entries))
    return None


def load_recipe(recipe: Recipe | Path | str) -> Recipe:
    """A recipe from its file."""
    if isinstance(recipe, Recipe):
        return recipe
    return Recipe.load(Path(recipe))


def _join_some(names: tuple[str, ...]) -> str:
    text = ", ".join(names[:MAX_NAMES_SHOWN])
    if len(names) > MAX_NAMES_SHOWN:
        return f"{text} and {len(names) - MAX_NAMES_SHOWN} more"
    return text
