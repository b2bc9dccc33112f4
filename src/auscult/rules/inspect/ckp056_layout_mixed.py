"""One file holds convolutions in two axis orders.

**What it finds.** Convolution weights that can only be read in torch's order beside others that can only be read in MLX's. The
fewer of the two are named.

**What you hear.** The layers in the wrong order are scrambled: a metallic or noisy voice, noise if an early layer is concerned.

**Why it happens.** A conversion script that decided tensor by tensor from the shape, or that missed one kind of layer
(transposed convolutions, a source branch).

**Blind spots.** Square weights and kernels of 1 say nothing. Without a known family the reading rests on shapes and on the
channel numbers of the file, so a kernel longer than the channels are many stays undecided.

**How it is measured.** With a family detected: by its exact shapes. Otherwise by `auscult.checkpoint.layout`. Measured: no
alarm on the names and shapes of 20 real models in torch's layout nor in MLX's; tests/verbs/test_inspect.py holds the rates.

**Fix.** `auscult convert FILE OUT --to mlx` (or `torch`), or permute the named tensors. Safety: guess until a reference or a
run confirms it.

**References.** None.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from auscult.checkpoint.layout import LayoutEvidence, layout_of
from auscult.facts.words import counted, some
from auscult.finding import Finding, Severity
from auscult.rules.inspect.subject import InspectSubject
from auscult.weights import Shape

CODE = "CKP056"
NAME = "layout-mixed"
REQUIRES = InspectSubject

MIN_FAMILY_SCORE = 0.6


def measure(shapes: Mapping[str, Shape], planned: Mapping[str, Shape]) -> LayoutEvidence:
    """How each convolution can be read: by the shape that its family plans in torch's order, where one is known."""
    by_shape = layout_of(shapes)
    torch, mlx = set(by_shape.torch), set(by_shape.mlx)
    for name in {*torch, *mlx, *by_shape.undecided} & set(planned):
        torch.discard(name)
        mlx.discard(name)
        stored, plan = shapes[name], planned[name]
        readings = {(plan[0], *plan[2:], plan[1]), (plan[1], *plan[2:], plan[0])}
        if stored == plan and stored not in readings:
            torch.add(name)
        elif stored in readings and stored != plan:
            mlx.add(name)
    ordered = [tuple(name for name in shapes if name in names) for names in (torch, mlx)]
    layout = "mixed" if torch and mlx else "torch" if torch else "mlx" if mlx else "unknown"
    return LayoutEvidence(layout, ordered[0], ordered[1], by_shape.undecided)  # type: ignore[arg-type]


def planned_shapes(family: Any, names: Iterable[str]) -> dict[str, Shape]:
    """Shapes in torch's order that the detected family plans for these names; empty if it fits too badly."""
    if family is None or family.score < MIN_FAMILY_SCORE or family.config is None:
        return {}
    from auscult.families import signature

    plan = signature(family.family).plan(family.config)
    result = {}
    for name in names:
        bare = name.removeprefix(family.prefix)
        for direction in (".parametrizations.weight.original1", ".weight_v"):
            bare = bare.removesuffix(direction) + ".weight" if bare.endswith(direction) else bare
        if bare in plan and len(plan[bare].shape) in (3, 4):
            result[name] = plan[bare].shape
    return result


def check(subject: InspectSubject) -> Iterable[Finding]:
    shapes = {name: tensor.shape for name, tensor in subject.checkpoint.items()}
    planned = planned_shapes(subject.family, shapes)
    found = measure(shapes, planned)
    if found.layout != "mixed":
        return
    even = not planned and 2 * min(len(found.torch), len(found.mlx)) > max(
        len(found.torch), len(found.mlx)
    )
    few, many = sorted((("torch", found.torch), ("MLX", found.mlx)), key=lambda side: len(side[1]))
    yield Finding(
        CODE,
        NAME,
        Severity.WARNING
        if even
        else Severity.ERROR,  # shapes alone, and no order that the file plainly has
        few[1],
        f"two layouts in one file: {counted(len(many[1]), 'convolution')} in {many[0]}'s order and"
        f" {len(few[1])} in {few[0]}'s: {some(few[1])}",
        0.95 if planned else 0.5 if even else 0.8,
        evidence={
            "torch": len(found.torch),
            "mlx": len(found.mlx),
            "undecided": len(found.undecided),
        },
        settled_by="auscult diff FILE REFERENCE",
        rank=9,
    )
