"""Frames are multiplied otherwise.

**What it finds.** Frames repeated, interpolated (with either convention of the ends), repeated as a
whole, or with zeros between them, one in place of another.

**What you hear.** Stepped or smeared; images of the spectrum above the old band.

**Why it happens.** `F.interpolate` has many modes. `repeat` of torch repeats the whole and `repeat`
of NumPy and MLX every element, which is `repeat_interleave` in torch.

**Blind spots.** Cubic interpolation, `nearest-exact` and `antialias` are tried only where the live reference calls `interpolate`.

**How it is measured.** Each tensor at hand whose length divides the reference's is made longer
along that axis in five ways: nearest, linear with and without aligned corners, tiled, and with
zeros between. One way gives the reference's tensor and another the candidate's. The live reference's own code is run again with
other arguments of `interpolate` too.

**Example.**

```python
# torch, wrong
y = x.repeat(1, 1, 2)
# torch, right
y = x.repeat_interleave(2, dim=-1)
# MLX, wrong
y = mx.tile(x, (1, 2, 1))
# MLX, right
y = mx.repeat(x, 2, axis=1)
```

**Fix.** Make frames longer as the reference does. Safety: lossy (equal within the number format).

**References.** torch.nn.functional.interpolate.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import product

import numpy as np

from auscult.explain.algebra.nearness import relative_error, to_float64
from auscult.explain.algebra.upsampling import upsample_by_each_method
from auscult.explain.case import Explanation, LayerCase
from auscult.explain.limits import get_candidate_limit, get_reference_limit
from auscult.explain.searches.functions import CodeChange, explain_code_changes, get_argument
from auscult.explain.searches.paddings import has_comparable_floats
from auscult.facts.function_changes import CallChange
from auscult.weights import Array

CODE = "PAR035"
NAME = "upsample-mode"
RANK = 20
SMOOTH_MODES = ("linear", "bilinear", "bicubic", "trilinear")
MODES = ("nearest", "nearest-exact", "area", *SMOOTH_MODES)
INTERPOLATION: Mapping[str, object] = {"mode": "nearest", "align_corners": None, "antialias": False}
"""Arguments of torch's `interpolate`, with their defaults."""


def explain(case: LayerCase, floor: float) -> Iterator[Explanation]:
    """A tensor at hand, made longer in one way by the reference and in another by the candidate."""
    if not has_comparable_floats(case):
        return
    reference_limit, limit = get_reference_limit(case), get_candidate_limit(case, floor)
    reference, candidate = to_float64(case.reference), to_float64(case.candidate)
    for name, value in {**case.inputs, **case.context}.items():
        if value.dtype.kind != "f" or value.ndim != reference.ndim:
            continue
        x = to_float64(value)
        references = [
            method
            for method, residual in _iter_upsamplings(x, reference)
            if residual <= reference_limit
        ]
        if not references:
            continue
        for method, residual in _iter_upsamplings(x, candidate):
            if residual <= limit and method not in references:
                yield Explanation(
                    NAME,
                    {"reference": references[0], "candidate": method},
                    residual,
                    f"it makes {name} longer by {method}, the reference by {references[0]}",
                    fix=f"upsample by {references[0]}",
                )


def explain_by_rerun(case: LayerCase, floor: float) -> Iterator[Explanation]:
    """Other arguments of `interpolate`; those that do not fit the number of axes cannot run."""
    reference = {
        name: get_argument(case, "interpolate", name, default)
        for name, default in INTERPOLATION.items()
    }
    changes = []
    for mode, aligned, antialias in product(MODES, (False, True), (False, True)):
        arguments: dict[str, object] = {"mode": mode, "antialias": antialias}
        if mode in SMOOTH_MODES:
            arguments["align_corners"] = aligned
        elif aligned:
            continue
        changes.append(_describe_change(reference, {"align_corners": None, **arguments}))
    yield from explain_code_changes(case, floor, NAME, changes)


def _describe_change(
    reference: Mapping[str, object], candidate: Mapping[str, object]
) -> CodeChange:
    unequal = [name for name in INTERPOLATION if bool(reference[name]) != bool(candidate[name])]
    if reference["mode"] != candidate["mode"]:
        unequal.insert(0, "mode")
    names = list(dict.fromkeys(unequal))
    wanted = ", ".join(f"{name}={reference[name]!r}" for name in names)
    written = ", ".join(f"{name}={candidate[name]!r}" for name in names)
    return CodeChange(
        f"with {wanted}",
        f"interpolates with {written}",
        f"interpolate with {wanted}",
        (CallChange("interpolate", candidate),),
        complexity=max(len(names), 1),
    )


def _iter_upsamplings(value: Array, target: Array) -> Iterator[tuple[str, float]]:
    """Each way to make the value as long as the target, with its residual."""
    orientations = [value]
    if value.ndim == 3:
        orientations.append(value.swapaxes(1, 2))
    for oriented in orientations:
        for axis in range(1, target.ndim):
            if not _is_multiple(target.shape, oriented.shape, axis):
                continue
            x, expected = np.moveaxis(oriented, axis, -1), np.moveaxis(target, axis, -1)
            factor = expected.shape[-1] // x.shape[-1]
            for method, longer in upsample_by_each_method(x, factor).items():
                yield method, relative_error(longer, expected)


def _is_multiple(target: tuple[int, ...], shape: tuple[int, ...], axis: int) -> bool:
    """Whether the target is a whole number of times as long along that axis, and equal along the others."""
    return (
        target[:axis] + target[axis + 1 :] == shape[:axis] + shape[axis + 1 :]
        and target[axis] > shape[axis]
        and target[axis] % shape[axis] == 0
    )
