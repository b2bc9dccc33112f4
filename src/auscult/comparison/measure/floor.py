"""The noise floor: the error that a correct implementation has at each layer, because numbers are rounded.

Measured by running the reference at a second precision: at the candidate's where that is the coarser one, otherwise at the next
finer one, so that the two runs differ by the rounding of the coarser. Two implementations round in different orders, so that
their difference is of this size but not below it; see `FACTOR`. Where there are only files, the floor is estimated from the
number format and the depth.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np

from auscult.errors import AuscultError
from auscult.runtime.runner import Runner
from auscult.traces.records import Record, Trace
from auscult.weights import Array

FACTOR = 8.0
"""A layer differs when its error is above this multiple of the floor."""
ROUNDING = {"float64": 2.0**-53, "float32": 2.0**-24, "float16": 2.0**-11, "bfloat16": 2.0**-8}
FINER = {"float32": "float64", "float16": "float32", "bfloat16": "float32", "float64": "float32"}
COARSER = "float16"
"""The second precision of a runtime that has no finer one."""
LEAST = 2.0
"""The floor is never taken below so many roundings: a layer may be exact by luck."""
MOST = 0.5
"""A larger error always counts as a difference, also where the reference at a second precision is as far from itself: that is
chaos, and for the steps to judge, not agreement."""
GROWTH = 4.0
"""Estimated floors: so many roundings times the root of the number of layers so far."""

How = Literal["measured", "estimated", "given"]


@dataclass(frozen=True)
class Floor:
    """Relative errors by record key.

    Attributes:
        how: From a second run, from number format and depth, or as the user said.
        what: The same in words, for the report.
        least: Lower bound.
        usual: For records that the second run does not have.
    """

    how: How
    what: str
    errors: Mapping[str, float] = field(default_factory=dict)
    least: float = 0.0
    usual: float = 0.0
    factor: float = FACTOR

    def at(self, record: Record) -> float:
        """The floor of a record of the reference."""
        found = self.errors.get(record.key, self.usual)
        return max(found if np.isfinite(found) else self.usual, self.least)

    def limit(self, record: Record) -> float:
        """The error above which that record differs; what the user gave is taken as it is."""
        if self.how == "given":
            return self.usual
        return min(self.factor * self.at(record) * _spread(record), MOST)


def _spread(record: Record) -> float:
    """The rms of few roundings varies more than that of many."""
    size = int(np.prod(record.shape))
    return 1.0 + 4.0 / size**0.5 if size else 1.0


def second_precision(ref: str, cand: str) -> str:
    """In which type to run the reference for the floor: the candidate's if it is coarser, else one finer than the reference's."""
    if ROUNDING.get(cand, 0.0) > ROUNDING.get(ref, ROUNDING["float32"]):
        return cand
    return FINER.get(ref, "float64")


def dtype_of(trace: Trace) -> str:
    """The coarsest floating type in which a run computed."""
    if trace.manifest.dtype in ROUNDING:
        return trace.manifest.dtype
    seen = {
        record.dtype
        for record in trace.records
        if record.dtype in ROUNDING and record.role != "noise"
    }
    return max(seen, key=lambda name: ROUNDING[name], default="float32")


def least(ref: Trace, cand: Trace) -> float:
    """What a few roundings in the coarser type of the two make."""
    return LEAST * max(ROUNDING[dtype_of(ref)], ROUNDING[dtype_of(cand)])


def measured(ref: Trace, second: Trace, bottom: float, what: str, *, own: bool = False) -> Floor:
    """The floor from a second run of the reference.

    Args:
        own: Take from the second run what its modules gave themselves where they were replaced.
    """
    from auscult.comparison.measure.distance import distance

    known = {record.key: record for record in second.records}
    errors: dict[str, float] = {}
    for record in ref.records:
        if record.role == "noise" or record.dtype not in ROUNDING:
            continue
        other = known.get(record.key.replace(":output", ":own")) if own else None
        other = other or known.get(record.key)
        if other is not None and other.shape == record.shape:
            errors[record.key] = distance(ref, record, second, other, {}).error
    finite = [error for error in errors.values() if np.isfinite(error)]
    return Floor("measured", what, errors, bottom, float(np.median(finite)) if finite else bottom)


def measure_floor(
    ref: Trace, cand: Trace, runner: Runner, inputs: Mapping[str, Array], dtype: str | None = None
) -> Floor:
    """Run the reference at a second precision, with the same inputs and noise.

    Args:
        ref: The reference's run at its own precision.
        dtype: The second precision; chosen from the two runs where it is not given.

    Raises:
        UsageError: If the runtime cannot compute in that type.
        TargetError: If the model's code raises there.
    """
    dtype = dtype or second_precision(runner.dtype, dtype_of(cand))
    second = runner.at(dtype).run(inputs, replay=ref)
    return measured(
        ref, second, least(ref, cand), f"the reference in {dtype} against {runner.dtype}"
    )


def estimated_floor(ref: Trace, cand: Trace) -> Floor:
    """An estimate where the reference cannot be run again."""
    bottom = least(ref, cand)
    errors: dict[str, float] = {}
    depth = 0
    for record in ref.records:
        errors[record.key] = bottom / LEAST * GROWTH * (1 + depth) ** 0.5
        depth += record.role == "output"
    coarser = max((dtype_of(ref), dtype_of(cand)), key=lambda name: ROUNDING[name])
    what = f"estimated from {coarser} and depth, since the reference cannot be run at another precision"
    return Floor("estimated", what, errors, bottom, bottom)


def given_floor(error: float) -> Floor:
    """One relative error for all layers, as the user said: taken as the limit itself."""
    return Floor(
        "given", f"relative error {error:g} for every layer, as given", {}, error, error, factor=1.0
    )


def scaled_floor(ref: Trace, cand: Trace, runner: Runner, inputs: Mapping[str, Array]) -> Floor:
    """The floor from a coarser second precision, for a runtime that has no finer one: rounding errors grow with the unit.

    MLX, for one, has no convolution in float64. What float16 does to a layer, divided by 8192, is what float32 does to it.

    Raises:
        UsageError, TargetError: If the model cannot be run so, or is no finer than that itself.
    """
    coarse = measure_floor(ref, cand, runner, inputs, COARSER)
    ratio = ROUNDING[dtype_of(ref)] / ROUNDING[COARSER]
    errors = {key: error * ratio for key, error in coarse.errors.items()}
    what = f"the reference in {COARSER} against {runner.dtype}, scaled to the rounding of {dtype_of(ref)}"
    return replace(coarse, what=what, errors=errors, usual=coarse.usual * ratio)


def best_floor(
    ref: Trace, cand: Trace, runner: Runner | None, inputs: Mapping[str, Array] | None
) -> tuple[Floor, str]:
    """Measured where the reference can be run, at a finer precision or else scaled from a coarser one, estimated where not.

    Returns:
        The floor, and why it is not the measured one.
    """
    if runner is None or inputs is None:
        return estimated_floor(ref, cand), "no live reference"
    try:
        return measure_floor(ref, cand, runner, inputs), ""
    except AuscultError as error:
        why = str(error)
    if ROUNDING[dtype_of(ref)] < ROUNDING[COARSER] and ROUNDING[dtype_of(cand)] < ROUNDING[COARSER]:
        with suppress(AuscultError):
            return scaled_floor(ref, cand, runner, inputs), why
    return estimated_floor(ref, cand), why
