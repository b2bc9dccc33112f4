"""A floor that is too large to be rounding: the reference computes something else in the second precision.

An eps that is the number format's own, a constant that code takes from the type: then the two runs of the reference differ by
percents, and a fault of that size would pass. Modules that do so, although a change of their inputs by one rounding moves them
little, are held at what they gave in the first run.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from auscult.comparison.locate.forced import (
    ReplacementContext,
    SubstituteOutputs,
    run_again,
    view_own_outputs,
)
from auscult.comparison.measure.distance import measure_array_distance
from auscult.comparison.measure.floor import (
    UNIT_ROUNDOFF,
    NoiseFloor,
    choose_second_precision,
    compute_least_floor,
    find_coarsest_dtype,
    floor_from_second_run,
)
from auscult.errors import AuscultError
from auscult.finding import Skip
from auscult.runtime.runner import Runner
from auscult.traces.records import Record, Trace
from auscult.weights import Array

MAX_TRUSTED_FLOOR = 1e-3
"""The largest relative error that is taken for the rounding of float32 within one module.

Chosen, not measured.
"""
MIN_CHANGE_RATIO = 30.0
"""How many times as far as by one rounding of its inputs a module moves that computes something else.

Chosen, not measured.
"""
MAX_TRIED_MODULES = 32
"""Modules that are run on inputs off by one rounding.

Chosen, not measured.
"""


@dataclass(frozen=True)
class TypeChange:
    """A module that computes something else in the second precision.

    Attributes:
        error: Relative error of its output between the precisions, on the same inputs.
        moved: The same for inputs that are off by one rounding, in one precision.
    """

    path: str
    error: float
    moved: float


def distrust_large_floor(
    reference: Trace,
    candidate: Trace,
    runner: Runner,
    inputs: Mapping[str, Array],
    floor: NoiseFloor,
) -> tuple[NoiseFloor, tuple[Skip, ...]]:
    """The floor with the modules held that change with the number format, and what is to be said of it."""
    coarsest = max(
        find_coarsest_dtype(reference), find_coarsest_dtype(candidate), key=_get_roundoff
    )
    errors = [error for error in floor.errors.values() if np.isfinite(error)]
    if floor.how != "measured" or _get_roundoff(coarsest) > UNIT_ROUNDOFF["float32"]:
        return floor, ()
    if max(errors, default=0.0) <= MAX_TRUSTED_FLOOR:
        return floor, ()
    second = choose_second_precision(runner.dtype, find_coarsest_dtype(candidate))
    try:
        local = _measure_local_errors(reference, runner.at(second), inputs)
        changes = _find_type_changes(reference, runner, local)
        if not changes:
            return floor, ()
        held = _measure_held_floor(reference, candidate, runner.at(second), inputs, changes)
    except AuscultError as error:
        reason = (
            f"is {max(errors):.1e} in {coarsest}, and what makes it so could not be found: {error}"
        )
        return replace(floor, doubt=reason), (Skip("noise floor", reason),)
    return replace(held, what=floor.what), tuple(_describe_change(c, second) for c in changes)


def _get_roundoff(dtype: str) -> float:
    return UNIT_ROUNDOFF.get(dtype, 0.0)


def _describe_change(change: TypeChange, second: str) -> Skip:
    return Skip(
        change.path,
        f"computes something else in {second} ({change.error:.1e} off on the same inputs, where one rounding of these moves it"
        f" by {change.moved:.1e}), such as an eps of the number format: for the noise floor it is held at what it gave",
    )


def _measure_local_errors(
    reference: Trace, second: Runner, inputs: Mapping[str, Array]
) -> dict[str, float]:
    """Per output, how far it moves with the precision when the module takes the reference's own inputs."""
    second_run = view_own_outputs(run_again(second, inputs, reference))
    return dict(floor_from_second_run(reference, second_run, 0.0, "").errors)


def _find_type_changes(
    reference: Trace, runner: Runner, local_errors: Mapping[str, float]
) -> list[TypeChange]:
    """The modules whose own output moves too far, each once."""
    changes: dict[str, TypeChange] = {}
    suspects = [
        record
        for record in reference.records
        if record.role == "output"
        and record.path
        and local_errors.get(record.key, 0.0) > MAX_TRUSTED_FLOOR
    ]
    for record in suspects[:MAX_TRIED_MODULES]:
        if record.path in changes or record.stored != "full":
            continue
        moved = _measure_sensitivity(reference, runner, record)
        error = local_errors[record.key]
        if moved is not None and moved * MIN_CHANGE_RATIO < error:
            changes[record.path] = TypeChange(record.path, error, moved)
    return list(changes.values())


def _measure_sensitivity(reference: Trace, runner: Runner, record: Record) -> float | None:
    """How far one rounding of its inputs moves an output; None where the module cannot be run alone."""
    generator = np.random.default_rng(0)
    input_by_role: dict[str, Array] = {}
    for other in reference.records:
        if (other.path, other.call) == (record.path, record.call) and other.role.startswith(
            "input"
        ):
            if other.stored != "full":
                return None
            array = reference.tensor(other)
            if array.dtype.kind == "f":
                step = 2 * UNIT_ROUNDOFF.get(array.dtype.name, 0.0)
                signs = generator.choice((-step, step), array.shape)
                array = (array * (1 + signs)).astype(array.dtype)
            input_by_role[other.role] = array
    try:
        output = runner.call(record.path, input_by_role, call=record.call).get("output")
    except AuscultError:
        return None
    if output is None:
        return None
    return measure_array_distance(reference.tensor(record), output, {}).error


def _measure_held_floor(
    reference: Trace,
    candidate: Trace,
    second: Runner,
    inputs: Mapping[str, Array],
    changes: list[TypeChange],
) -> NoiseFloor:
    """The floor of a second run in which these modules give what they gave in the first."""
    moved_by_path = {change.path: change.moved for change in changes}
    least = compute_least_floor(reference, candidate)
    with ReplacementContext(second) as replacements:
        for record in reference.records:
            if record.path in moved_by_path and record.role == "output" and record.stored == "full":
                outputs = SubstituteOutputs(reference, {"output": (record, record)}, {}, back=False)
                replacements.add(record.path, record.call, outputs)
        second_run = replacements.run(inputs, reference)
    floor = floor_from_second_run(reference, second_run, least, "")
    errors = dict(floor.errors)
    for record in reference.records:
        if record.path in moved_by_path and record.role.startswith("output"):
            errors[record.key] = max(errors.get(record.key, 0.0), moved_by_path[record.path])
    return replace(floor, errors=errors, held=frozenset(moved_by_path))
