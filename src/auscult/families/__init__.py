"""The model families: one folder each, found by its folder.

A family's package has `ANCHORS`: a few full canonical names (`conv_pre.weight`, weight norm fused) by which its place and
prefix in a checkpoint are found; enough of them that some may be absent. Beside it are `signature.py` (names and shapes
only, no framework; see `auscult.families.signature`), which is imported only where an anchor was found, and, where auscult
can run the model, `torch.py` and `mlx.py`, each with `build(config)` and `load(module, state)`.
"""

from __future__ import annotations

import importlib
from collections import Counter
from collections.abc import Mapping, Set
from dataclasses import asdict
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any, cast

from auscult import plugins
from auscult.errors import UsageError
from auscult.families._plan import Plan, TooLargeError
from auscult.families._score import PlanFit, compare_with_plan, describe_fit
from auscult.families._shapes import CanonicalShapes, Shapes, to_canonical_shapes, to_torch_shape
from auscult.families.records import (
    Detection,
    FreeChoice,
    Layout,
    Parametrisation,
    TensorKind,
    Variant,
)
from auscult.families.signature import Signature
from auscult.weights import Shape

__all__ = [
    "Detection",
    "FreeChoice",
    "Variant",
    "detect_families",
    "find_layer_kinds",
    "import_family",
    "list_families",
    "signature",
]

MIN_SCORE = 0.1  # below this a family shares no more than common words with the checkpoint
MIN_MATCHED = 3  # tensors of the right name and shape
MAX_PREFIXES = 3  # places in one checkpoint at which a family is looked for


@cache
def list_families() -> tuple[str, ...]:
    """Names of all families, sorted: the folders here that hold a signature."""
    folders = (folder.rpartition(".")[2] for folder in plugins.list_packages(__name__))
    here = Path(__file__).parent
    return tuple(
        folder.replace("_", "-") for folder in folders if (here / folder / "signature.py").exists()
    )


def import_family(name: str) -> ModuleType:
    """The family's package.

    Raises:
        UsageError: If there is none of that name.
    """
    if name.replace("_", "-") not in list_families():
        raise UsageError(
            "no such model family", where=name, hint=f"choose one of {', '.join(list_families())}"
        )
    return importlib.import_module(f"{__name__}.{name.replace('-', '_')}")


@cache
def signature(name: str) -> Signature:
    """The family's signature.

    Raises:
        UsageError: If there is no family of that name.
    """
    return cast(Signature, importlib.import_module(f"{import_family(name).__name__}.signature"))


def detect_families(shapes: Mapping[str, Shape]) -> tuple[Detection, ...]:
    """The families that these names and shapes fit, best first; empty if they fit none.

    A family that only almost fits is among them, with what is missing in `missing_evidence`.
    """
    canonical_shapes = to_canonical_shapes(shapes)
    prefixes = _count_prefixes(canonical_shapes.shapes)
    detections = [
        detection
        for name in list_families()
        for prefix, _ in prefixes[name].most_common(MAX_PREFIXES)
        if (detection := _detect_at_prefix(name, canonical_shapes, prefix)) is not None
    ]
    return tuple(
        sorted(
            detections, key=lambda detection: (-detection.score, detection.family, detection.prefix)
        )
    )


def find_layer_kinds(shapes: Mapping[str, Shape], detection: Detection) -> dict[str, TensorKind]:
    """The layer kind of each tensor of a checkpoint that the detected family knows, under the checkpoint's own names.

    The direction of a weight-norm pair has its layer's kind, the gain is a `gain`. Names that the family does not know,
    or knows with another number of axes, are left out.
    """
    plan = signature(detection.family).plan(detection.config)
    canonical_shapes = to_canonical_shapes(shapes)
    result: dict[str, TensorKind] = {}
    for name, shape in canonical_shapes.shapes.items():
        planned = (
            plan.get(name.removeprefix(detection.prefix))
            if name.startswith(detection.prefix)
            else None
        )
        if planned is None or len(planned.shape) != len(shape):
            continue
        pair = canonical_shapes.members.get(name)
        if pair is None:
            result[name] = planned.kind
        else:
            result[pair[-1]] = planned.kind
            result.update(dict.fromkeys(pair[:-1], "gain"))
    return {name: result[name] for name in shapes if name in result}


def _count_prefixes(shapes: Mapping[str, Shape]) -> dict[str, Counter[str]]:
    """Per family, what stands before its anchor names in this checkpoint, with how many anchors vote for it."""
    owners: dict[str, list[str]] = {}
    for name in list_families():
        for anchor in import_family(name).ANCHORS:
            owners.setdefault(anchor, []).append(name)
    votes: dict[str, Counter[str]] = {name: Counter() for name in list_families()}
    tails = {_get_name_tail(anchor) for anchor in owners}
    for tensor in shapes:
        if _get_name_tail(tensor) not in tails:
            continue
        start = 0
        while True:
            for owner in owners.get(tensor[start:], ()):
                votes[owner][tensor[:start]] += 1
            dot = tensor.find(".", start)
            if dot < 0:
                break
            start = dot + 1
    return votes


def _get_name_tail(name: str) -> str:
    """The last two parts of a dotted name."""
    return name[name.rfind(".", 0, max(name.rfind("."), 0)) + 1 :]


def _detect_at_prefix(
    name: str, canonical_shapes: CanonicalShapes, prefix: str
) -> Detection | None:
    """The better of the two layout readings of the part of the checkpoint under `prefix`."""
    family_signature = signature(name)
    stored = (
        {
            key[len(prefix) :]: shape
            for key, shape in canonical_shapes.shapes.items()
            if key.startswith(prefix)
        }
        if prefix
        else canonical_shapes.shapes
    )
    outside = len(canonical_shapes.shapes) - len(stored)
    halves = {
        weight[len(prefix) :]
        for weight, pair in canonical_shapes.members.items()
        if len(pair) == 1 and weight.startswith(prefix)
    }
    as_torch = _fit_layout(family_signature, Shapes(stored), outside, halves)
    as_mlx = _fit_layout(
        family_signature,
        Shapes(
            {
                key: to_torch_shape(key, shape, family_signature.transposed)
                for key, shape in stored.items()
            }
        ),
        outside,
        halves,
    )
    scores = [layout_fit[2].score if layout_fit else 0.0 for layout_fit in (as_torch, as_mlx)]
    best_fit = as_mlx if scores[1] > scores[0] else as_torch
    if best_fit is None or best_fit[2].score < MIN_SCORE or best_fit[2].matched < MIN_MATCHED:
        return None
    config, plan, result, guesses = best_fit
    layout: Layout = (
        "unknown" if scores[0] == scores[1] else ("mlx" if scores[1] > scores[0] else "torch")
    )
    return Detection(
        family=name,
        score=result.score,
        hyperparameters=asdict(config),
        layout=layout,
        parametrisation=_find_parametrisation(canonical_shapes, plan, prefix),
        prefix=prefix,
        missing_evidence=describe_fit(
            result, plan, stored, layout, guesses=guesses, outside=outside
        ),
        undetermined=family_signature.undetermined(config),
        config=config,
        variant=family_signature.variant(config),
    )


def _fit_layout(
    family_signature: Signature, shapes: Shapes, outside: int, halves: Set[str]
) -> tuple[Any, Plan, PlanFit, list[str]] | None:
    config = family_signature.infer(shapes)
    if config is None:
        return None
    try:
        plan = family_signature.plan(config)
    except TooLargeError:
        return None
    absent = tuple(
        evidence.says for evidence in family_signature.EVIDENCE if not evidence.holds(shapes.has)
    )
    return (
        config,
        plan,
        compare_with_plan(shapes.shapes, plan, outside, absent, halves),
        shapes.guesses,
    )


def _find_parametrisation(
    canonical_shapes: CanonicalShapes, plan: Plan, prefix: str
) -> Parametrisation:
    if not any(planned.weight_norm for planned in plan.values()):
        return "none"
    gain_name = next(
        (
            pair[0]
            for weight, pair in canonical_shapes.members.items()
            if weight.removeprefix(prefix) in plan
        ),
        None,
    )
    if gain_name is None:
        return "fused"
    return "weight-norm-new" if ".parametrizations." in gain_name else "weight-norm-old"
