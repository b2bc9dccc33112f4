"""The noise floor: the error that a correct implementation has at each layer, because numbers are
rounded.

Measured by running the reference at a second precision: at the candidate's where that is the
coarser one, otherwise at the next finer one, so that the two runs differ by the rounding of the
coarser. Two implementations round in different orders, so that their difference is of this size but
not below it; see `FLOOR_FACTOR`. Where there are only files, the floor is estimated from the number
format and the depth.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np

from auscult.errors import AuscultError
from auscult.runtime.runner import Runner
from auscult.traces.records import Record, Trace
from auscult.weights import Array

FLOOR_FACTOR = 8.0
"""A layer differs when its error is above this multiple of the floor.

Chosen, not measured.
"""
UNIT_ROUNDOFF = {"float64": 2.0**-53, "float32": 2.0**-24, "float16": 2.0**-11, "bfloat16": 2.0**-8}
FINER_DTYPE = {
    "float32": "float64",
    "float16": "float32",
    "bfloat16": "float32",
    "float64": "float32",
}
COARSER_DTYPE = "float16"
"""The second precision of a runtime that has no finer one."""
MIN_ROUNDINGS = 2.0
"""The floor is never taken below so many roundings: a layer may be exact by luck.

Chosen, not measured.
"""
MAX_FLOOR_LIMIT = 0.5
"""A larger error always counts as a difference, also where the reference at a second precision is
as far from itself: that is chaos, and for the steps to judge, not agreement.

Chosen, not measured.
"""
SIZE_SPREAD = 4.0
"""The limit of a tensor of n elements is raised by the factor 1 + SIZE_SPREAD / √n: the rms of few
roundings varies more than that of many.

Chosen, not measured.
"""
ROUNDINGS_PER_LAYER = 4.0
"""Estimated floors: so many roundings times the root of the number of layers so far.

Chosen, not measured.
"""

FloorBasis = Literal["measured", "estimated", "given"]


@dataclass(frozen=True)
class NoiseFloor:
    """Relative errors by record key.

    Attributes:
        how: From a second run, from number format and depth, or as the user said.
        what: The same in words, for the report.
        least: Lower bound.
        usual: For records that the second run does not have.
        held: Modules that were held at what they gave, since they compute something else in the
            second precision.
        kernel_errors: Norms of the reference whose partner's kernel rounds more than the formula, with
            that error.
        doubt: Why the floor is not to be trusted; empty where nothing speaks against it.
    """

    how: FloorBasis
    what: str
    errors: Mapping[str, float] = field(default_factory=dict)
    least: float = 0.0
    usual: float = 0.0
    factor: float = FLOOR_FACTOR
    held: frozenset[str] = frozenset()
    kernel_errors: Mapping[str, float] = field(default_factory=dict)
    doubt: str = ""

    def at(self, record: Record) -> float:
        """The floor of a record of the reference."""
        error = self.errors.get(record.key, self.usual)
        if not np.isfinite(error):
            error = self.usual
        return max(error, self.least)

    def limit(self, record: Record) -> float:
        """The error above which that record differs; what the user gave is taken as it is."""
        if self.how == "given":
            return self.usual
        return min(self.factor * self.at(record) * _spread_for_size(record), MAX_FLOOR_LIMIT)


def _spread_for_size(record: Record) -> float:
    """The factor by which the limit of a small tensor is raised; see `SIZE_SPREAD`."""
    size = math.prod(record.shape)
    if size:
        return 1.0 + SIZE_SPREAD / math.sqrt(size)
    return 1.0


def choose_second_precision(reference: str, candidate: str) -> str:
    """In which type to run the reference for the floor: the candidate's if it is coarser, else one
    finer than the reference's.
    """
    if UNIT_ROUNDOFF.get(candidate, 0.0) > UNIT_ROUNDOFF.get(reference, UNIT_ROUNDOFF["float32"]):
        return candidate
    return FINER_DTYPE.get(reference, "float64")


def find_coarsest_dtype(trace: Trace) -> str:
    """The coarsest floating type in which a run computed."""
    if trace.manifest.dtype in UNIT_ROUNDOFF:
        return trace.manifest.dtype
    float_dtypes = {
        record.dtype
        for record in trace.records
        if record.dtype in UNIT_ROUNDOFF and record.role != "noise"
    }
    return max(float_dtypes, key=lambda name: UNIT_ROUNDOFF[name], default="float32")


def compute_least_floor(reference: Trace, candidate: Trace) -> float:
    """What a few roundings in the coarser type of the two make."""
    return MIN_ROUNDINGS * max(
        UNIT_ROUNDOFF[find_coarsest_dtype(reference)], UNIT_ROUNDOFF[find_coarsest_dtype(candidate)]
    )


def floor_from_second_run(
    reference: Trace,
    second_run: Trace,
    bottom: float,
    description: str,
    *,
    own_outputs: bool = False,
) -> NoiseFloor:
    """The floor from a second run of the reference.

    Args:
        own_outputs: Take from the second run what its modules gave themselves where they were replaced.
    """
    from auscult.comparison.measure.distance import measure_distance

    second_record_by_key = {record.key: record for record in second_run.records}
    errors: dict[str, float] = {}
    for record in reference.records:
        if record.role == "noise" or record.dtype not in UNIT_ROUNDOFF:
            continue
        if own_outputs:
            second_record = second_record_by_key.get(record.key.replace(":output", ":own"))
        else:
            second_record = None
        second_record = second_record or second_record_by_key.get(record.key)
        if second_record is not None and second_record.shape == record.shape:
            errors[record.key] = measure_distance(
                reference, record, second_run, second_record, {}
            ).error
    finite_errors = [error for error in errors.values() if np.isfinite(error)]
    usual = bottom
    if finite_errors:
        usual = float(np.median(finite_errors))
    return NoiseFloor("measured", description, errors, bottom, usual)


def measure_floor(
    reference: Trace,
    candidate: Trace,
    runner: Runner,
    inputs: Mapping[str, Array],
    dtype: str | None = None,
) -> NoiseFloor:
    """Run the reference at a second precision, with the same inputs and noise.

    Args:
        reference: The reference's run at its own precision.
        dtype: The second precision; chosen from the two runs where it is not given.

    Raises:
        UsageError: If the runtime cannot compute in that type.
        TargetError: If the model's code raises there.
    """
    dtype = dtype or choose_second_precision(runner.dtype, find_coarsest_dtype(candidate))
    second_run = runner.at(dtype).run(inputs, replay=reference)
    return floor_from_second_run(
        reference,
        second_run,
        compute_least_floor(reference, candidate),
        f"the reference in {dtype} against {runner.dtype}",
    )


def estimate_floor(reference: Trace, candidate: Trace) -> NoiseFloor:
    """An estimate where the reference cannot be run again."""
    bottom = compute_least_floor(reference, candidate)
    errors: dict[str, float] = {}
    depth = 0
    for record in reference.records:
        errors[record.key] = bottom / MIN_ROUNDINGS * ROUNDINGS_PER_LAYER * (1 + depth) ** 0.5
        depth += record.role == "output"
    coarser = max(
        (find_coarsest_dtype(reference), find_coarsest_dtype(candidate)),
        key=lambda name: UNIT_ROUNDOFF[name],
    )
    description = (
        f"estimated from {coarser} and depth, since the reference cannot be run at another"
        " precision"
    )
    return NoiseFloor("estimated", description, errors, bottom, bottom)


def floor_from_error(error: float) -> NoiseFloor:
    """One relative error for all layers, as the user said: taken as the limit itself."""
    return NoiseFloor(
        "given", f"relative error {error:g} for every layer, as given", {}, error, error, factor=1.0
    )


def measure_scaled_floor(
    reference: Trace, candidate: Trace, runner: Runner, inputs: Mapping[str, Array]
) -> NoiseFloor:
    """The floor from a coarser second precision, for a runtime that has no finer one: rounding
    errors grow with the unit.

    MLX, for one, has no convolution in float64. What float16 does to a layer, divided by 8192, is
    what float32 does to it.

    Raises:
        UsageError, TargetError: If the model cannot be run so, or is no finer than that itself.
    """
    coarse_floor = measure_floor(reference, candidate, runner, inputs, COARSER_DTYPE)
    ratio = UNIT_ROUNDOFF[find_coarsest_dtype(reference)] / UNIT_ROUNDOFF[COARSER_DTYPE]
    errors = {key: error * ratio for key, error in coarse_floor.errors.items()}
    description = (
        f"the reference in {COARSER_DTYPE} against {runner.dtype}, scaled to the rounding of"
        f" {find_coarsest_dtype(reference)}"
    )
    return replace(coarse_floor, what=description, errors=errors, usual=coarse_floor.usual * ratio)


def find_best_floor(
    reference: Trace, candidate: Trace, runner: Runner | None, inputs: Mapping[str, Array] | None
) -> tuple[NoiseFloor, str]:
    """Measured where the reference can be run, at a finer precision or else scaled from a coarser
    one, estimated where not.

    Returns:
        The floor, and why it is not the measured one.
    """
    if runner is None or inputs is None:
        return estimate_floor(reference, candidate), "no live reference"
    try:
        return measure_floor(reference, candidate, runner, inputs), ""
    except AuscultError as error:
        reason = str(error)
    if (
        UNIT_ROUNDOFF[find_coarsest_dtype(reference)] < UNIT_ROUNDOFF[COARSER_DTYPE]
        and UNIT_ROUNDOFF[find_coarsest_dtype(candidate)] < UNIT_ROUNDOFF[COARSER_DTYPE]
    ):
        with suppress(AuscultError):
            return measure_scaled_floor(reference, candidate, runner, inputs), reason
    return estimate_floor(reference, candidate), reason
