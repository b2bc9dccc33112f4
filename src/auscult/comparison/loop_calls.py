"""The calls of a loop's body on both sides: from two traces and a place in the code of a loop, what
each step took and gave.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from auscult.comparison.call_scopes import CallScope, find_call_windows
from auscult.explain.case import IteratedCalls
from auscult.traces.records import Trace
from auscult.weights import Array

MIN_LOOP_CALLS = 3
"""A module that is called so often within one call of its parent is the body of a loop.

Chosen, not measured.
"""
MAX_TIME_ELEMENTS = 8
"""A tensor of at most so many elements may say where a sampler stands: a time, a step, a noise
level for each row.

Chosen, not measured.
"""


def collect_loop_calls(
    reference: Trace, candidate: Trace, scope: CallScope, path: str, pairs: Mapping[str, str]
) -> tuple[IteratedCalls, IteratedCalls] | None:
    """The calls of a loop's body on both sides, where the place lies in the code of that loop."""
    counts: dict[str, set[int]] = {}
    for record in scope.records:
        counts.setdefault(record.path, set()).add(record.call)
    bodies = [child for child, calls in counts.items() if len(calls) >= MIN_LOOP_CALLS]
    if not bodies or (path != scope.path and path not in bodies):
        return None
    body = path if path in bodies else max(bodies, key=lambda child: len(counts[child]))
    reference_calls = _collect_iterated_calls(reference, body, scope.path, scope.call)
    candidate_calls = _collect_iterated_calls(
        candidate, pairs.get(body, body), pairs.get(scope.path, scope.path), scope.call
    )
    if reference_calls is None or candidate_calls is None:
        return None
    return (reference_calls, _fill_in_constants(candidate_calls, reference_calls))


def _fill_in_constants(iterated_calls: IteratedCalls, other_calls: IteratedCalls) -> IteratedCalls:
    """With the times of the other side, where a graph has them as constants inside; the steps show
    whether it keeps to them.
    """
    if len(iterated_calls.inputs) != len(other_calls.inputs):
        return iterated_calls
    filled_inputs = tuple(
        {**_keep_times(other_inputs), **own_inputs}
        for own_inputs, other_inputs in zip(iterated_calls.inputs, other_calls.inputs, strict=True)
    )
    return replace(iterated_calls, inputs=filled_inputs)


def _keep_times(inputs: Mapping[str, Array]) -> dict[str, Array]:
    return {role: array for role, array in inputs.items() if array.size <= MAX_TIME_ELEMENTS}


def _collect_iterated_calls(trace: Trace, body: str, owner: str, call: int) -> IteratedCalls | None:
    """The calls of `body` within one call of the module that owns the loop; None without any."""
    window = find_call_windows(trace, owner).get(call)
    if window is None:
        return None
    start, end = window
    inputs_by_call: dict[int, dict[str, Array]] = {}
    output_by_call: dict[int, Array] = {}
    noise = []
    for record in trace.records:
        if not start <= record.order <= end:
            continue
        if record.role == "noise":
            noise.append(trace.tensor(record))
        elif record.path != body or record.stored != "full":
            continue
        elif record.role.startswith("input"):
            inputs_by_call.setdefault(record.call, {})[record.role] = trace.tensor(record)
        elif record.role == "output":
            output_by_call[record.call] = trace.tensor(record)
    calls = [number for number in output_by_call if number in inputs_by_call]
    if not calls:
        return None
    owner_output = trace.find(owner, "output", call)
    result = None
    if owner_output is not None and owner_output.stored == "full":
        result = trace.tensor(owner_output)
    return IteratedCalls(
        body,
        tuple(inputs_by_call[number] for number in calls),
        tuple(output_by_call[number] for number in calls),
        result,
        tuple(noise),
    )
