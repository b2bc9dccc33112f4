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
from auscult.families._score import Fit, fit, sentences
from auscult.families._shapes import Canonical, Shapes, canonical, from_mlx
from auscult.families.records import Choice, Detection, Kind, Layout, Parametrisation, Variant
from auscult.families.signature import Signature
from auscult.weights import Shape

__all__ = ["Choice", "Detection", "Variant", "detect", "family", "kinds", "names", "signature"]

MIN_SCORE = 0.1  # below this a family shares no more than common words with the checkpoint
MIN_MATCHED = 3  # tensors of the right name and shape
MAX_PREFIXES = 3  # places in one checkpoint at which a family is looked for


@cache
def names() -> tuple[str, ...]:
    """Names of all families, sorted: the folders here that hold a signature."""
    folders = (folder.rpartition(".")[2] for folder in plugins.folders(__name__))
    here = Path(__file__).parent
    return tuple(
        folder.replace("_", "-") for folder in folders if (here / folder / "signature.py").exists()
    )


def family(name: str) -> ModuleType:
    """The family's package.

    Raises:
        UsageError: If there is none of that name.
    """
    if name.replace("_", "-") not in names():
        raise UsageError(
            "no such model family", where=name, hint=f"choose one of {', '.join(names())}"
        )
    return importlib.import_module(f"{__name__}.{name.replace('-', '_')}")


@cache
def signature(name: str) -> Signature:
    """The family's signature.

    Raises:
        UsageError: If there is no family of that name.
    """
    return cast(Signature, importlib.import_module(f"{family(name).__name__}.signature"))


def detect(shapes: Mapping[str, Shape]) -> tuple[Detection, ...]:
    """The families that these names and shapes fit, best first; empty if they fit none.

    A family that only almost fits is among them, with what is missing in `missing_evidence`.
    """
    plain = canonical(shapes)
    prefixes = _prefixes(plain.shapes)
    found = [
        detection
        for name in names()
        for prefix, _ in prefixes[name].most_common(MAX_PREFIXES)
        if (detection := _try(name, plain, prefix)) is not None
    ]
    return tuple(
        sorted(found, key=lambda detection: (-detection.score, detection.family, detection.prefix))
    )


def kinds(shapes: Mapping[str, Shape], detection: Detection) -> dict[str, Kind]:
    """The layer kind of each tensor of a checkpoint that the detected family knows, under the checkpoint's own names.

    The direction of a weight-norm pair has its layer's kind, the gain is a `gain`. Names that the family does not know,
    or knows with another number of axes, are left out.
    """
    plan = signature(detection.family).plan(detection.config)
    plain = canonical(shapes)
    result: dict[str, Kind] = {}
    for name, shape in plain.shapes.items():
        planned = (
            plan.get(name.removeprefix(detection.prefix))
            if name.startswith(detection.prefix)
            else None
        )
        if planned is None or len(planned.shape) != len(shape):
            continue
        pair = plain.members.get(name)
        if pair is None:
            result[name] = planned.kind
        else:
            result[pair[-1]] = planned.kind
            result.update(dict.fromkeys(pair[:-1], "gain"))
    return {name: result[name] for name in shapes if name in result}


def _prefixes(shapes: Mapping[str, Shape]) -> dict[str, Counter[str]]:
    """Per family, what stands before its anchor names in this checkpoint, with how many anchors vote for it."""
    owners: dict[str, list[str]] = {}
    for name in names():
        for anchor in family(name).ANCHORS:
            owners.setdefault(anchor, []).append(name)
    votes: dict[str, Counter[str]] = {name: Counter() for name in names()}
    tails = {_tail(anchor) for anchor in owners}
    for tensor in shapes:
        if _tail(tensor) not in tails:
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


def _tail(name: str) -> str:
    """The last two parts of a dotted name."""
    return name[name.rfind(".", 0, max(name.rfind("."), 0)) + 1 :]


def _try(name: str, plain: Canonical, prefix: str) -> Detection | None:
    """The better of the two layout readings of the part of the checkpoint under `prefix`."""
    sign = signature(name)
    stored = (
        {key[len(prefix) :]: shape for key, shape in plain.shapes.items() if key.startswith(prefix)}
        if prefix
        else plain.shapes
    )
    outside = len(plain.shapes) - len(stored)
    halves = {
        weight[len(prefix) :]
        for weight, pair in plain.members.items()
        if len(pair) == 1 and weight.startswith(prefix)
    }
    as_torch = _read(sign, Shapes(stored), outside, halves)
    as_mlx = _read(
        sign,
        Shapes({key: from_mlx(key, shape, sign.transposed) for key, shape in stored.items()}),
        outside,
        halves,
    )
    scores = [reading[2].score if reading else 0.0 for reading in (as_torch, as_mlx)]
    best = as_mlx if scores[1] > scores[0] else as_torch
    if best is None or best[2].score < MIN_SCORE or best[2].matched < MIN_MATCHED:
        return None
    config, plan, result, guesses = best
    layout: Layout = (
        "unknown" if scores[0] == scores[1] else ("mlx" if scores[1] > scores[0] else "torch")
    )
    return Detection(
        family=name,
        score=result.score,
        hyperparameters=asdict(config),
        layout=layout,
        parametrisation=_parametrisation(plain, plan, prefix),
        prefix=prefix,
        missing_evidence=sentences(result, plan, stored, layout, guesses=guesses, outside=outside),
        undetermined=sign.undetermined(config),
        config=config,
        variant=sign.variant(config),
    )


def _read(
    sign: Signature, shapes: Shapes, outside: int, halves: Set[str]
) -> tuple[Any, Plan, Fit, list[str]] | None:
    config = sign.infer(shapes)
    if config is None:
        return None
    try:
        plan = sign.plan(config)
    except TooLargeError:
        return None
    absent = tuple(evidence.says for evidence in sign.EVIDENCE if not evidence.holds(shapes.has))
    return config, plan, fit(shapes.shapes, plan, outside, absent, halves), shapes.guesses


def _parametrisation(plain: Canonical, plan: Plan, prefix: str) -> Parametrisation:
    if not any(planned.weight_norm for planned in plan.values()):
        return "none"
    first = next(
        (pair[0] for weight, pair in plain.members.items() if weight.removeprefix(prefix) in plan),
        None,
    )
    if first is None:
        return "fused"
    return "weight-norm-new" if ".parametrizations." in first else "weight-norm-old"
