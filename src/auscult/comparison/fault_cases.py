"""Make a case of a place where two traces part: what both knew there, in the reference's terms.

In: two traces in which everything that comes before the place agrees, and what is known beside
them. Out: a `LayerCase`, which `auscult.explain` tries the known mistakes on.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from auscult.comparison.align.axes import AxisOrder, to_reference_order
from auscult.comparison.call_scopes import CallScope, find_call_scope
from auscult.comparison.code_reruns import make_code_rerun
from auscult.comparison.loop_calls import collect_loop_calls
from auscult.explain.case import IteratedCalls, LayerCase
from auscult.runtime.runner import Runner
from auscult.traces.records import Record, Trace
from auscult.weights import Array, ModuleInfo

MAX_CONTEXT_TENSORS = 48
"""Tensors known before the place that a case holds, the latest ones.

Chosen, not measured.
"""


@dataclass(frozen=True)
class TensorPlace:
    """Where one tensor is in both runs.

    Attributes:
        role: "output" for what the module gives, "input", "input.1", ... for what reaches it.
        candidate_role: The candidate's name for the role.
        candidate_call: The candidate's call: it may make the same calls in another order.
    """

    path_ref: str
    path_cand: str
    role: str
    call: int
    candidate_role: str
    candidate_call: int


@dataclass(frozen=True, eq=False)
class CaseMaterial:
    """What cases are made from.

    Attributes:
        candidate: The candidate's run on the reference's inputs and noise, best with every module before
            the place replaced by the reference's output; the record at the place is the candidate's
            own.
        pairs: Candidate path by reference path.
        runner: The live reference, for weights and for running a module with other attributes.
        orders: Per number of axes, the candidate's order in the reference's terms.
    """

    reference: Trace
    candidate: Trace
    pairs: Mapping[str, str] = field(default_factory=dict)
    runner: Runner | None = None
    orders: Mapping[int, AxisOrder] = field(default_factory=dict)


def build_layer_case(material: CaseMaterial, place: TensorPlace) -> LayerCase | None:
    """The case of one place; None where either side has no tensor there."""
    reference, candidate = material.reference, material.candidate
    reference_record = reference.find(place.path_ref, place.role, place.call)
    candidate_record = candidate.find(place.path_cand, place.candidate_role, place.candidate_call)
    if reference_record is None or reference_record.stored != "full":
        return None
    if candidate_record is None or candidate_record.stored != "full":
        return None
    made_in = _find_changing_parent(material, place, (reference_record, candidate_record))
    scope = find_call_scope(reference, reference_record, made_in)
    child_paths = scope.list_child_paths()
    reference_array = reference.tensor(reference_record)
    reference_steps, candidate_steps = _find_loop_calls(material, place, scope)
    modules = reference.manifest.modules
    return LayerCase(
        place.path_ref,
        modules.get(place.path_ref, ModuleInfo(place.path_ref, reference_record.type)),
        reference_array,
        to_reference_order(reference_array, candidate.tensor(candidate_record), material.orders),
        place.role,
        inputs={
            record.role: reference.tensor(record) for record in scope.inputs if _is_full(record)
        },
        weights=_read_weights(material.runner, [place.path_ref]).get(place.path_ref, {}),
        context=_collect_context(reference, scope),
        attributes={path: modules[path] for path in (scope.path, *child_paths) if path in modules},
        relatives=_read_weights(material.runner, [scope.path, *child_paths]),
        candidate_calls=_order_candidate_calls(candidate, material.pairs, child_paths),
        parent=scope.path,
        candidate_path=place.path_cand,
        candidate_module=candidate.manifest.modules.get(place.path_cand),
        rerun=make_code_rerun(material.runner, reference, scope, reference_record),
        call=place.call,
        reference_steps=reference_steps,
        candidate_steps=candidate_steps,
        later=_collect_later_outputs(reference, scope, reference_record),
        draws_noise=_may_draw_noise(material),
    )


def _may_draw_noise(material: CaseMaterial) -> bool:
    """Whether a side drew random numbers. A live reference records its draws; what it is handed as inputs, both are handed."""
    draws = material.reference.manifest.noise or material.candidate.manifest.noise
    return bool(draws) or material.runner is None


def _find_changing_parent(
    material: CaseMaterial, place: TensorPlace, records: tuple[Record, Record]
) -> str | None:
    """The parent, where the reference's hands on to its child what it took itself and the candidate's hands on something else.

    None where the candidate's does so too, or the reference's makes the tensor.
    """
    if place.role.startswith("output"):
        return None
    parent, candidate_parent = _find_nearest_pair(material, place.path_ref)
    if not parent or candidate_parent is None:
        return None
    taken = _list_taken_tensors(material.reference, parent)
    candidate_taken = _list_taken_tensors(material.candidate, candidate_parent)
    reference_key, candidate_key = (record.same_as or record.key for record in records)
    if reference_key in taken and candidate_taken and candidate_key not in candidate_taken:
        return parent
    return None


def _find_nearest_pair(material: CaseMaterial, path: str) -> tuple[str, str | None]:
    """The nearest paired module above, and its partner."""
    parent = path.rpartition(".")[0]
    while parent and parent not in material.pairs:
        parent = parent.rpartition(".")[0]
    return parent, material.pairs.get(parent)


def _list_taken_tensors(trace: Trace, path: str) -> set[str]:
    return {
        record.same_as or record.key
        for record in trace.records
        if record.path == path and record.role.startswith("input")
    }


def _is_full(record: Record) -> bool:
    return record.stored == "full"


def _find_loop_calls(
    material: CaseMaterial, place: TensorPlace, scope: CallScope
) -> tuple[IteratedCalls, IteratedCalls] | tuple[None, None]:
    """The steps of both sides, if the place lies in the code of a loop, or what reaches it does."""
    reference, candidate, pairs = material.reference, material.candidate, material.pairs
    loop_calls = collect_loop_calls(reference, candidate, scope, place.path_ref, pairs)
    input_record = reference.find(place.path_ref, "input", place.call)
    if loop_calls is None and input_record is not None:
        input_scope = find_call_scope(reference, input_record)
        loop_calls = collect_loop_calls(reference, candidate, input_scope, place.path_ref, pairs)
    return loop_calls or (None, None)


def _read_weights(runner: Runner | None, paths: Iterable[str]) -> dict[str, Mapping[str, Array]]:
    """What these modules own; nothing without a live model."""
    if runner is None:
        return {}
    return {path: runner.weights(path) for path in paths}


def _collect_context(trace: Trace, scope: CallScope) -> dict[str, Array]:
    """Tensors known before the place by `path:role`; of a module called again, earlier calls as
    `path#call:role`.
    """
    latest_call = {(record.path, record.role): record.call for record in scope.before}
    context = {
        f"{record.path}:{record.role}": trace.tensor(record)
        for record in scope.inputs
        if _is_full(record)
    }
    known_tensors = {record.same_as or record.key for record in scope.inputs}
    for record in scope.before[-MAX_CONTEXT_TENSORS:]:
        tensor_key = record.same_as or record.key
        is_new = record.role.startswith("output") or tensor_key not in known_tensors
        known_tensors.add(tensor_key)
        if not is_new or not _is_full(record):
            continue
        if latest_call[record.path, record.role] == record.call:
            name = f"{record.path}:{record.role}"
        else:
            name = f"{record.path}#{record.call}:{record.role}"
        context[name] = trace.tensor(record)
    return context


def _collect_later_outputs(
    trace: Trace, scope: CallScope, place_record: Record
) -> dict[str, Array]:
    """First outputs of the parent's children that are called behind the place and not before it, by `path:role`."""
    called_before = {record.path for record in scope.before}
    later_records = [
        record
        for record in scope.records
        if record.order > place_record.order
        and record.role == "output"
        and record.path not in called_before
        and record.path != place_record.path
        and _is_full(record)
    ]
    return {
        f"{record.path}:{record.role}": trace.tensor(record)
        for record in later_records[:MAX_CONTEXT_TENSORS]
    }


def _order_candidate_calls(
    candidate: Trace, pairs: Mapping[str, str], paths: Iterable[str]
) -> tuple[str, ...]:
    reference_by_candidate = {pairs.get(path, path): path for path in paths}
    order = dict.fromkeys(
        record.path for record in candidate.records if record.role.startswith("output")
    )
    return tuple(reference_by_candidate[path] for path in order if path in reference_by_candidate)
