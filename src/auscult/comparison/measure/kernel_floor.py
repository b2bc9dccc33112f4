"""Norms whose kernels round more than the formula does: MLX's group norm over 24,000 frames errs 8e-6 where torch errs 6e-8.

Each norm of the candidate is computed by its formula in float64 from what it took. What it gave besides is the rounding of its
kernel, and no eps explains it. The floor is raised by that, there and behind.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from math import hypot

import numpy as np

from auscult.comparison.align.pairs import LayerAlignment
from auscult.comparison.measure.floor import NoiseFloor
from auscult.comparison.modules import ModuleTree
from auscult.explain.algebra.nearness import relative_error
from auscult.explain.algebra.norms import NORM_TYPE_PATTERN, apply_written_norm
from auscult.runtime.runner import Runner

MAX_KERNEL_ERROR = 1e-3
"""Relative error up to which a difference from a norm's own formula is the rounding of its kernel.

Chosen, not measured.
"""


def raise_floor_for_kernels(
    reference: ModuleTree,
    candidate: ModuleTree,
    runner: Runner | None,
    alignment: LayerAlignment,
    floor: NoiseFloor,
) -> NoiseFloor:
    """The floor with what the kernels of the candidate's norms round beyond it.

    Args:
        runner: The live candidate, for the gains and biases of its norms; without it the floor stays.
    """
    if runner is None or floor.how != "measured":
        return floor
    error_by_path = {
        pair.a: error
        for pair in alignment.pairs
        if pair.is_single and (error := _measure_kernel_error(candidate, runner, pair.b))
    }
    own_floors = {
        path: floor.at(output)
        for path in error_by_path
        if (output := reference.modules[path].output()) is not None
    }
    kernel_errors = {
        path: error for path, error in error_by_path.items() if error > own_floors.get(path, error)
    }
    if not kernel_errors:
        return floor
    return replace(
        floor,
        errors=_add_errors(reference, kernel_errors, floor),
        kernel_errors=kernel_errors,
    )


def _measure_kernel_error(candidate: ModuleTree, runner: Runner, path: str) -> float:
    """How far a norm's output is from its formula; 0 of what is no norm, and of what another formula would give."""
    info = candidate.trace.manifest.modules.get(path)
    module = candidate.modules[path]
    records = module.by_key.get((0, "input")), module.output()
    if info is None or not NORM_TYPE_PATTERN.search(info.type) or None in records:
        return 0.0
    taken, given = records
    if taken is None or given is None or taken.stored != "full" or given.stored != "full":
        return 0.0
    if info.attributes.get("pytorch_compatible") is False:
        return 0.0  # MLX's own grouping, which the formula does not know
    x = candidate.trace.tensor(taken).astype(np.float64)
    expected = apply_written_norm(info, runner.weights(path), x)
    if expected is None:
        return 0.0
    error = relative_error(candidate.trace.tensor(given), expected)
    return error if error <= MAX_KERNEL_ERROR else 0.0


def _add_errors(
    reference: ModuleTree, kernel_errors: Mapping[str, float], floor: NoiseFloor
) -> dict[str, float]:
    """Errors by record key: from each such norm on, its error is in all that follows."""
    errors = dict(floor.errors)
    total, seen = 0.0, set()
    for record in reference.trace.records:
        if record.path in kernel_errors and record.role == "output" and record.path not in seen:
            seen.add(record.path)
            total = hypot(total, kernel_errors[record.path])
        if total:
            errors[record.key] = max(floor.at(record), total)
    return errors
