"""One file holds convolutions in two axis orders.

**What it finds.** Convolution weights that can only be read in torch's order beside others that can
only be read in MLX's. The fewer of the two are named.

**What you hear.** The layers in the wrong order are scrambled: a metallic or noisy voice, noise if
an early layer is concerned.

**Why it happens.** A conversion script that decided tensor by tensor from the shape, or that missed
one kind of layer (transposed convolutions, a source branch).

**Blind spots.** Square weights and kernels of 1 say nothing. Without a known family the reading
rests on shapes and on the channel numbers of the file, so a kernel longer than the channels are
many stays undecided.

**How it is measured.** With a family detected: by its exact shapes. Otherwise by
`auscult.checkpoint.layout`. Measured: no alarm on the names and shapes of 20 real models in torch's
layout nor in MLX's; tests/verbs/test_inspect.py holds the rates.

**Example.** A conversion permutes where `shape[1] < shape[2]`, which is wrong where the kernel is
longer than the input is wide:

    (256, 18, 30)  # torch's order already meets the condition, and the layer is permuted once more

**Fix.** `auscult convert FILE OUT --to mlx` (or `torch`), or permute the named tensors. Safety:
guess until a reference or a run confirms it.

**References.** None.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from auscult.checkpoint.layout import LayoutEvidence, detect_layout
from auscult.facts.weight_norm import get_fused_name, is_direction_name
from auscult.facts.words import format_count, summarise_names
from auscult.finding import Finding, Severity
from auscult.rules.inspect.subject import InspectSubject
from auscult.weights import Shape

CODE = "CKP056"
NAME = "layout-mixed"
REQUIRES = InspectSubject

MIN_FAMILY_SCORE = 0.6


def measure(shapes: Mapping[str, Shape], planned: Mapping[str, Shape]) -> LayoutEvidence:
    """How each convolution can be read: by the shape that its family plans in torch's order, where one is known."""
    by_shape = detect_layout(shapes)
    torch_names, mlx_names = set(by_shape.torch), set(by_shape.mlx)
    for name in {*torch_names, *mlx_names, *by_shape.undecided} & set(planned):
        torch_names.discard(name)
        mlx_names.discard(name)
        stored_shape, planned_shape = shapes[name], planned[name]
        mlx_shapes = {
            (planned_shape[0], *planned_shape[2:], planned_shape[1]),
            (planned_shape[1], *planned_shape[2:], planned_shape[0]),
        }
        if stored_shape == planned_shape and stored_shape not in mlx_shapes:
            torch_names.add(name)
        elif stored_shape in mlx_shapes and stored_shape != planned_shape:
            mlx_names.add(name)
    ordered_names = [
        tuple(name for name in shapes if name in names) for names in (torch_names, mlx_names)
    ]
    if torch_names and mlx_names:
        layout = "mixed"
    elif torch_names:
        layout = "torch"
    elif mlx_names:
        layout = "mlx"
    else:
        layout = "unknown"
    return LayoutEvidence(layout, ordered_names[0], ordered_names[1], by_shape.undecided)  # type: ignore[arg-type]


def plan_shapes(family: Any, names: Iterable[str]) -> dict[str, Shape]:
    """Shapes in torch's order that the detected family plans for these names; empty if it fits too badly."""
    if family is None or family.score < MIN_FAMILY_SCORE or family.config is None:
        return {}
    from auscult.families import signature

    plan = signature(family.family).plan(family.config)
    result = {}
    for name in names:
        bare_name = name.removeprefix(family.prefix)
        if is_direction_name(bare_name):
            bare_name = get_fused_name(bare_name)
        if bare_name in plan and len(plan[bare_name].shape) in (3, 4):
            result[name] = plan[bare_name].shape
    return result


def check(subject: InspectSubject) -> Iterable[Finding]:
    shapes = {name: tensor.shape for name, tensor in subject.checkpoint.items()}
    planned = plan_shapes(subject.family, shapes)
    evidence = measure(shapes, planned)
    if evidence.layout != "mixed":
        return
    is_even = not planned and 2 * min(len(evidence.torch), len(evidence.mlx)) > max(
        len(evidence.torch), len(evidence.mlx)
    )
    smaller_side, larger_side = sorted(
        (("torch", evidence.torch), ("MLX", evidence.mlx)), key=lambda side: len(side[1])
    )
    yield Finding(
        CODE,
        NAME,
        Severity.WARNING
        if is_even
        else Severity.ERROR,  # shapes alone, and no order that the file plainly has
        smaller_side[1],
        f"two layouts in one file: {format_count(len(larger_side[1]), 'convolution')} in {larger_side[0]}'s order and"
        f" {len(smaller_side[1])} in {smaller_side[0]}'s: {summarise_names(smaller_side[1])}",
        0.95 if planned else 0.5 if is_even else 0.8,
        evidence={
            "torch": len(evidence.torch),
            "mlx": len(evidence.mlx),
            "undecided": len(evidence.undecided),
        },
        settled_by="auscult diff REFERENCE FILE",
        rank=9,
    )
