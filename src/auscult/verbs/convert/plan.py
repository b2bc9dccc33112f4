"""Which recipe a conversion needs: a saved one, another model's names, another framework's layout, or none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from auscult.checkpoint.source import dtype_of
from auscult.errors import RecipeError, UsageError
from auscult.finding import Skip
from auscult.recipe import Entry, Recipe
from auscult.recipe.from_alignment import recipe_from_alignment
from auscult.recipe.layer_evidence import Layer, kind_by_module
from auscult.recipe.layout import Framework, conversion
from auscult.recipe.lazy import element_type
from auscult.recipe.ops.cast import Cast
from auscult.recipe.ops.dequantize import Dequantize
from auscult.recipe.ops.permute import Permute
from auscult.recipe.source_layout import source_layout
from auscult.recipe.stream import Progress
from auscult.recipe.to_framework import plan_framework
from auscult.recipe.weight_names import weights_of
from auscult.verdict import Equality
from auscult.weights import Checkpoint, Shape

if TYPE_CHECKING:
    from auscult.align.records import Alignment, Match

MIN_FAMILY_SCORE = 0.9
SHOWN = 5


@dataclass(frozen=True)
class Plan:
    """A recipe bound to its source, and what it rests on.

    Attributes:
        framework: Whose layout the result is in, where that is known.
        layers: Evidence per weight that has a layout.
        missing: Tensors of the template that have no source.
    """

    recipe: Recipe
    framework: Framework | None = None
    layers: Mapping[str, Layer] = field(default_factory=dict)
    skips: tuple[Skip, ...] = ()
    missing: tuple[str, ...] = ()


def plan_for_framework(source: Checkpoint, to: Framework, declared: Framework | None) -> Plan:
    """To another framework's layout, under the same names.

    Raises:
        RecipeError: If the source's layout or a weight's layer cannot be told.
    """
    detected, known = _known_layers(source)
    layout = source_layout(source, detected, declared)
    plan = plan_framework(source, layout, to, known)
    skips = plan.skips
    if layout == to:
        skips = (*skips, Skip(source.path, f"is in {to}'s layout already: no axes were moved"))
    return Plan(plan.recipe, to, plan.layers, skips)


def _known_layers(source: Checkpoint) -> tuple[Framework | None, dict[str, Layer]]:
    """The layout that the family's detection says, and the layers that modules or the family know, by fused name."""
    from auscult import families

    weights = weights_of(source)
    known: dict[str, Layer] = {}
    shapes = {name: tensor.shape for name, tensor in source.items()}
    best = next(iter(families.detect(shapes)), None)
    layout: Framework | None = None
    if best is not None and best.score >= MIN_FAMILY_SCORE:
        layout = None if best.layout == "unknown" else best.layout
        kinds = families.kinds(shapes, best)
        planned = families.signature(best.family).plan(best.config)
        for name, weight in weights.items():
            if weight.parts[-1] in kinds:
                expected = planned.get(name.removeprefix(best.prefix))
                known[name] = Layer(
                    kinds[weight.parts[-1]],
                    "family",
                    expected.groups if expected is not None else None,
                )
    for name, weight in weights.items():
        module = source.modules.get(weight.layer)
        kind = (
            kind_by_module(module.type, len(source[weight.parts[-1]].shape))
            if module is not None
            else None
        )
        if kind is not None and name.endswith("weight"):
            groups = module.attributes.get("groups", 1) if module is not None else 1
            known[name] = Layer(kind, "module", groups if isinstance(groups, int) else None)
    return layout, known


def plan_like(
    source: Checkpoint,
    template: Checkpoint,
    *,
    declared: Framework | None,
    allow_missing: bool,
    progress: Progress | None,
) -> Plan:
    """Into the names, layout, parametrisation and dtypes of a template.

    By content where the template is a file that holds the same weights; otherwise by names and shapes, the layers' kinds
    coming from the template's modules where it is code.

    Raises:
        RecipeError: If a template tensor has no source (unless `allow_missing`), or a square weight's axes cannot be told.
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
        alignment = _checked(align_structure(source, template), source, template, declared)
    missing = tuple(alignment.only_in_b)
    if missing and not allow_missing:
        hint = "`auscult diff` explains them; --allow-missing writes the file without them"
        raise RecipeError(
            "has no source for tensors of the template",
            where=source.path,
            found=_some(missing),
            hint=hint,
        )
    recipe = _in_order(recipe_from_alignment(alignment, source), template)
    framework: Framework | None = {"code:mlx": "mlx", "code:torch": "torch"}.get(template.format)  # type: ignore[assignment]
    return Plan(_with_dtypes_of(recipe, source, template), framework, missing=missing)


def _is_confirmed(match: Match) -> bool:
    return match.equality is not Equality.DIFFERENT and match.by in ("content", "neighbours")


def _checked(
    alignment: Alignment, source: Checkpoint, template: Checkpoint, declared: Framework | None
) -> Alignment:
    """The alignment by structure, with each permutation that shapes leave open settled by the layer, or refused."""
    known = _known_layers(template)[1]
    stems = {part: name for name, weight in weights_of(template).items() for part in weight.parts}
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
                source_layout(source, _known_layers(source)[0], declared),
                source_layout(template, _known_layers(template)[0]),
            )
        matches.append(_settled(match, shape, layouts, known.get(stems.get(match.b[-1], ""))))
    return replace(alignment, matches=tuple(matches))


def _settled(
    match: Match, shape: Shape, layouts: tuple[Framework, Framework], layer: Layer | None
) -> Match:
    """The match with the permutation that its layer needs between the two layouts.

    Raises:
        RecipeError: If the layouts differ and the layer is not known.
    """
    rest = tuple(op for op in match.ops if not isinstance(op, Permute))
    if layouts[0] == layouts[1]:
        return replace(match, ops=rest)
    if layer is None:
        raise RecipeError(
            "cannot tell how the axes of a weight with equal sides correspond",
            where=match.b[-1],
            hint="give the model as code (--like module:callable), whose modules say what it is",
        )
    groups = layer.groups or 1
    return replace(match, ops=(*rest, *conversion(layer.kind, shape, groups, layouts[1])))


def _in_order(recipe: Recipe, template: Checkpoint) -> Recipe:
    """Entries in the order of the template's names."""
    place = {name: index for index, name in enumerate(template)}
    last = len(place)
    return replace(
        recipe,
        entries=tuple(
            sorted(recipe.entries, key=lambda e: min((place[n] for n in e.targets), default=last))
        ),
    )


def _with_dtypes_of(recipe: Recipe, source: Checkpoint, template: Checkpoint) -> Recipe:
    return _cast(recipe, source, {name: element_type(tensor) for name, tensor in template.items()})


def with_dtype(recipe: Recipe, source: Checkpoint, dtype: str) -> Recipe:
    """The recipe with every floating target in `dtype`; integers, counters and masks stay.

    Raises:
        UsageError: If there is no such floating dtype.
    """
    try:
        known = is_floating(dtype)
    except TypeError:
        known = False
    if not known:
        raise UsageError(
            "is not a floating dtype",
            where=dtype,
            hint="float32, float16, bfloat16, float64, float8_e4m3fn ...",
        )
    return _cast(recipe, source, dict.fromkeys(recipe.target_names, dtype))


def _cast(recipe: Recipe, source: Checkpoint, wanted: Mapping[str, str]) -> Recipe:
    after: list[Entry] = []
    for entry in recipe.entries:
        dtypes = entry.target_dtypes([element_type(source[name]) for name in entry.sources])
        for name, dtype in zip(entry.targets, dtypes, strict=True):
            new = wanted.get(name, dtype)
            change = new != dtype and is_floating(new) and is_floating(dtype)
            after.append(Entry((name,), (name,), (Cast(new, dtype),) if change else ()))
    if not any(entry.ops for entry in after):
        return recipe
    return recipe.compose(Recipe(tuple(after))).bind(source)


def is_floating(dtype: str) -> bool:
    """Whether a dtype holds real numbers in floating point."""
    kind = dtype_of(dtype)
    return kind.kind == "f" or (kind.kind == "V" and "float" in dtype)


def dequantized(source: Checkpoint) -> Recipe | None:
    """The recipe that makes quantised tensors real numbers; None if there are none."""
    entries = []
    for name, tensor in source.items():
        affine = tensor.quantization
        ops: tuple[Dequantize, ...] = ()
        if affine is not None:
            scale = tuple(float(value) for value in affine.scale.reshape(-1))
            zero = tuple(int(value) for value in affine.zero_point.reshape(-1)) or (0,)
            axis = affine.axis if len(scale) > 1 else None
            zero = zero[:1] if len(set(zero)) == 1 else zero
            ops = (Dequantize(scale, zero, axis, tensor.dtype),)
        entries.append(Entry((name,), (name,), ops, (tensor.shape,)))
    return Recipe(tuple(entries)) if any(entry.ops for entry in entries) else None


def saved(recipe: Recipe | Path | str) -> Recipe:
    """A recipe from its file."""
    return recipe if isinstance(recipe, Recipe) else Recipe.load(Path(recipe))


def _some(names: tuple[str, ...]) -> str:
    return ", ".join(names[:SHOWN]) + (
        f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    )
