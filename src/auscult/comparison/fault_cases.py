"""Make a case of a place where two traces part: what both knew there, in the reference's terms."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from auscult.comparison.align.axes import AxisOrder, to_reference_order
from auscult.errors import AuscultError
from auscult.explain.case import IteratedCalls, LayerCase, Rerun
from auscult.runtime.runner import Runner
from auscult.traces.records import Record, Trace
from auscult.weights import Array, ModuleInfo

MIN_LOOP_CALLS = (
    3  # a module that is called so often within one call of its parent is a loop's body
)
MAX_CONTEXT_TENSORS = 48
MAX_TIME_ELEMENTS = 8  # elements of what says where a sampler stands


def build_layer_case(  # noqa: PLR0917 - the place, then what is known beside the traces
    ref: Trace,
    cand: Trace,
    path_ref: str,
    path_cand: str,
    role: str = "output",
    call: int = 0,
    pairs: Mapping[str, str] | None = None,
    runner: Runner | None = None,
    *,
    role_cand: str | None = None,
    call_cand: int | None = None,
    usual: Mapping[int, AxisOrder] | None = None,
) -> LayerCase | None:
    """The case of one place, from traces in which everything that comes before it agrees.

    Args:
        cand: The candidate's run on the reference's inputs and noise, best with every module before
            the place replaced by the reference's output; the record at the place is the candidate's
            own.
        role: "output" for what the module gives, "input", "input.1", ... for what reaches it.
        pairs: Candidate path by reference path.
        runner: The live reference, for weights and for running the module with other attributes.
        role_cand: The candidate's name for the role, where it differs.
        call_cand: The candidate's call, where it makes the same calls in another order.
        usual: Per number of axes, the candidate's order in the reference's terms.

    Returns:
        None where either side has no tensor there.
    """
    reference_record = ref.find(path_ref, role, call)
    candidate_record = cand.find(
        path_cand, role_cand or role, call if call_cand is None else call_cand
    )
    if (
        reference_record is None
        or candidate_record is None
        or reference_record.stored != "full"
        or candidate_record.stored != "full"
    ):
        return None
    pairs = pairs or {}
    scope = _find_call_scope(ref, reference_record)
    children = dict.fromkeys(record.path for record in scope.before if record.path != scope.path)
    all_paths = dict.fromkeys((*children, *(r.path for r in scope.records if r.path != scope.path)))
    modules = {
        path: info
        for path in (scope.path, *all_paths)
        if (info := ref.manifest.modules.get(path)) is not None
    }
    reference = ref.tensor(reference_record)
    loop_calls = _collect_loop_calls(ref, cand, scope, path_ref, pairs)
    input_record = ref.find(path_ref, "input", call)
    if loop_calls is None and input_record is not None:
        loop_calls = _collect_loop_calls(
            ref, cand, _find_call_scope(ref, input_record), path_ref, pairs
        )
    return LayerCase(
        path_ref,
        ref.manifest.modules.get(path_ref, ModuleInfo(path_ref, reference_record.type)),
        reference,
        to_reference_order(reference, cand.tensor(candidate_record), usual or {}),
        role,
        inputs={
            record.role: ref.tensor(record) for record in scope.inputs if record.stored == "full"
        },
        weights={} if runner is None else runner.weights(path_ref),
        context=_collect_context(ref, scope),
        attributes=modules,
        relatives=(
            {}
            if runner is None
            else {path: runner.weights(path) for path in (scope.path, *all_paths)}
        ),
        candidate_calls=_order_candidate_calls(cand, pairs, all_paths),
        parent=scope.path,
        candidate_path=path_cand,
        candidate_module=cand.manifest.modules.get(path_cand),
        rerun=(
            None
            if runner is None or role != "output"
            else _make_rerun(runner, path_ref, call, ref, scope.inputs)
        ),
        call=call,
        reference_steps=None if loop_calls is None else loop_calls[0],
        candidate_steps=None if loop_calls is None else loop_calls[1],
    )


@dataclass(frozen=True)
class _CallScope:
    """The call in whose code the place lies.

    Attributes:
        inputs: What that call took.
        before: What its children took and gave before the place, oldest first.
        records: The same for the whole call.
    """

    path: str
    call: int
    inputs: tuple[Record, ...]
    before: tuple[Record, ...]
    records: tuple[Record, ...]


def _find_call_scope(trace: Trace, place_record: Record) -> _CallScope:
    called_paths = {record.path for record in trace.records if record.role.startswith("output")}
    if place_record.role.startswith("output"):
        path = place_record.path
    else:
        path = _find_handing_module(trace, place_record, called_paths)
    windows = _find_call_windows(trace, path)
    containing_calls = [
        number for number, (start, end) in windows.items() if start <= place_record.order <= end
    ]
    call = containing_calls[0] if containing_calls else 0
    start, end = windows.get(call, (0, len(trace.records)))
    scope_records = tuple(
        record
        for record in trace.records
        if start <= record.order <= end
        and record.path != path
        and _find_called_parent(record.path, called_paths) == path
        and record.role != "noise"
    )
    inputs = tuple(
        r for r in trace.records if (r.path, r.call) == (path, call) and r.role.startswith("input")
    )
    tensor_key = place_record.same_as or place_record.key
    before = tuple(
        r
        for r in scope_records
        if r.order < place_record.order and (r.same_as or r.key) != tensor_key
    )
    return _CallScope(path, call, inputs, before, scope_records)


def _find_handing_module(trace: Trace, place_record: Record, called_paths: Iterable[str]) -> str:
    """The module whose code made what reaches a place: not one that only hands on what it was
    handed, as a Sequential does.
    """
    tensor_key = place_record.same_as or place_record.key
    takers = {
        r.path
        for r in trace.records
        if r.role.startswith("input") and (r.same_as or r.key) == tensor_key
    }
    path = _find_called_parent(place_record.path, called_paths)
    while path and path in takers:
        path = _find_called_parent(path, called_paths)
    return path


def _find_call_windows(trace: Trace, path: str) -> dict[int, tuple[int, int]]:
    """Per call of a module, the order of its first and of its last record."""
    windows: dict[int, tuple[int, int]] = {}
    for record in trace.records:
        if record.path == path and record.role != "noise":
            first, last = windows.get(record.call, (record.order, record.order))
            windows[record.call] = (min(first, record.order), max(last, record.order))
    return windows


def _find_called_parent(path: str, called_paths: Iterable[str]) -> str:
    """The nearest module above that was called."""
    while path:
        path = path.rpartition(".")[0]
        if path in called_paths:
            return path
    return ""


def _collect_context(trace: Trace, scope: _CallScope) -> dict[str, Array]:
    """Tensors known before the place by `path:role`; of a module called again, earlier calls as
    `path#call:role`.
    """
    latest = {(r.path, r.role): r.call for r in scope.before}
    result = {f"{r.path}:{r.role}": trace.tensor(r) for r in scope.inputs if r.stored == "full"}
    recorded_keys = {r.same_as or r.key for r in scope.inputs}
    for record in scope.before[-MAX_CONTEXT_TENSORS:]:
        is_new = (
            record.role.startswith("output") or (record.same_as or record.key) not in recorded_keys
        )
        recorded_keys.add(record.same_as or record.key)
        if record.stored == "full" and is_new:
            if latest[record.path, record.role] == record.call:
                call_suffix = ""
            else:
                call_suffix = f"#{record.call}"
            result[f"{record.path}{call_suffix}:{record.role}"] = trace.tensor(record)
    return result


def _order_candidate_calls(
    cand: Trace, pairs: Mapping[str, str], paths: Iterable[str]
) -> tuple[str, ...]:
    reference_by_candidate = {pairs.get(path, path): path for path in paths}
    order = dict.fromkeys(
        record.path for record in cand.records if record.role.startswith("output")
    )
    return tuple(reference_by_candidate[path] for path in order if path in reference_by_candidate)


def _make_rerun(
    runner: Runner, path: str, call: int, trace: Trace, inputs: tuple[Record, ...]
) -> Rerun:
    def rerun_changed(changes: Mapping[str, object]) -> Array | None:
        input_by_role = {record.role: trace.tensor(record) for record in inputs}
        try:
            return runner.call(path, input_by_role, call=call, changes=changes).get("output")
        except AuscultError:
            return None  # the module has no such attribute, or cannot run with that value: this mistake is not it

    return rerun_changed


def _collect_loop_calls(
    ref: Trace, cand: Trace, scope: _CallScope, path: str, pairs: Mapping[str, str]
) -> tuple[IteratedCalls, IteratedCalls] | None:
    """The calls of a loop's body on both sides, where the place lies in the code of that loop."""
    counts: dict[str, set[int]] = {}
    for record in scope.records:
        counts.setdefault(record.path, set()).add(record.call)
    bodies = [child for child, calls in counts.items() if len(calls) >= MIN_LOOP_CALLS]
    if not bodies or (path != scope.path and path not in bodies):
        return None
    body = path if path in bodies else max(bodies, key=lambda child: len(counts[child]))
    reference_calls = _collect_iterated_calls(ref, body, scope.path, scope.call)
    candidate_calls = _collect_iterated_calls(
        cand, pairs.get(body, body), pairs.get(scope.path, scope.path), scope.call
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
    filled_inputs = (
        {
            **{
                role: array
                for role, array in other_inputs.items()
                if array.size <= MAX_TIME_ELEMENTS
            },
            **own_inputs,
        }
        for own_inputs, other_inputs in zip(iterated_calls.inputs, other_calls.inputs, strict=True)
    )
    return replace(iterated_calls, inputs=tuple(filled_inputs))


def _collect_iterated_calls(trace: Trace, body: str, owner: str, call: int) -> IteratedCalls | None:
    window = _find_call_windows(trace, owner).get(call)
    if window is None:
        return None
    grouped: dict[int, dict[str, Array]] = {}
    outputs: dict[int, Array] = {}
    for record in trace.records:
        if (
            record.path != body
            or record.stored != "full"
            or not window[0] <= record.order <= window[1]
        ):
            continue
        if record.role.startswith("input"):
            grouped.setdefault(record.call, {})[record.role] = trace.tensor(record)
        elif record.role == "output":
            outputs[record.call] = trace.tensor(record)
    calls = [number for number in outputs if number in grouped]
    owner_output = trace.find(owner, "output", call)
    noise = tuple(
        trace.tensor(r)
        for r in trace.records
        if r.role == "noise" and window[0] <= r.order <= window[1]
    )
    if not calls:
        return None
    if owner_output is not None and owner_output.stored == "full":
        result = trace.tensor(owner_output)
    else:
        result = None
    return IteratedCalls(
        body, tuple(grouped[n] for n in calls), tuple(outputs[n] for n in calls), result, noise
    )
