"""Make a case of a place where two traces part: what both knew there, in the reference's terms."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from auscult.comparison.align.axes import Order, turned
from auscult.errors import AuscultError
from auscult.explain.case import LayerCase, Rerun, Steps
from auscult.runtime.runner import Runner
from auscult.traces.records import Record, Trace
from auscult.weights import Array, ModuleInfo

MIN_CALLS = 3  # a module that is called so often within one call of its parent is a loop's body
MAX_CONTEXT = 48
MAX_TIMES = 8  # elements of what says where a sampler stands


def case_at(  # noqa: PLR0917 - the place, then what is known beside the traces
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
    usual: Mapping[int, Order] | None = None,
) -> LayerCase | None:
    """The case of one place, from traces in which everything that comes before it agrees.

    Args:
        cand: The candidate's run on the reference's inputs and noise, best with every module before the place replaced by the
            reference's output; the record at the place is the candidate's own.
        role: "output" for what the module gives, "input", "input.1", ... for what reaches it.
        pairs: Candidate path by reference path.
        runner: The live reference, for weights and for running the module with other attributes.
        role_cand: The candidate's name for the role, where it differs.
        call_cand: The candidate's call, where it makes the same calls in another order.
        usual: Per number of axes, the candidate's order in the reference's terms.

    Returns:
        None where either side has no tensor there.
    """
    right = ref.find(path_ref, role, call)
    got = cand.find(path_cand, role_cand or role, call if call_cand is None else call_cand)
    if right is None or got is None or right.stored != "full" or got.stored != "full":
        return None
    pairs = pairs or {}
    scope = _scope(ref, right)
    children = dict.fromkeys(record.path for record in scope.before if record.path != scope.path)
    everyone = dict.fromkeys((*children, *(r.path for r in scope.records if r.path != scope.path)))
    modules = {
        path: info
        for path in (scope.path, *everyone)
        if (info := ref.manifest.modules.get(path)) is not None
    }
    reference = ref.tensor(right)
    steps = _loop(ref, cand, scope, path_ref, pairs)
    taken = ref.find(path_ref, "input", call)
    if steps is None and taken is not None:
        steps = _loop(ref, cand, _scope(ref, taken), path_ref, pairs)
    return LayerCase(
        path_ref,
        ref.manifest.modules.get(path_ref, ModuleInfo(path_ref, right.type)),
        reference,
        turned(reference, cand.tensor(got), usual or {}),
        role,
        inputs={
            record.role: ref.tensor(record) for record in scope.inputs if record.stored == "full"
        },
        weights={} if runner is None else runner.weights(path_ref),
        context=_context(ref, scope),
        attributes=modules,
        relatives={}
        if runner is None
        else {path: runner.weights(path) for path in (scope.path, *everyone)},
        candidate_calls=_called(cand, pairs, everyone),
        parent=scope.path,
        candidate_path=path_cand,
        candidate_module=cand.manifest.modules.get(path_cand),
        rerun=None
        if runner is None or role != "output"
        else _rerun(runner, path_ref, call, ref, scope.inputs),
        call=call,
        reference_steps=None if steps is None else steps[0],
        candidate_steps=None if steps is None else steps[1],
    )


@dataclass(frozen=True)
class _Scope:
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


def _scope(trace: Trace, place: Record) -> _Scope:
    called = {record.path for record in trace.records if record.role.startswith("output")}
    path = place.path if place.role.startswith("output") else _hander(trace, place, called)
    windows = _windows(trace, path)
    inside = [number for number, (start, end) in windows.items() if start <= place.order <= end]
    call = inside[0] if inside else 0
    start, end = windows.get(call, (0, len(trace.records)))
    mine = tuple(
        record
        for record in trace.records
        if start <= record.order <= end
        and record.path != path
        and _parent(record.path, called) == path
        and record.role != "noise"
    )
    inputs = tuple(
        r for r in trace.records if (r.path, r.call) == (path, call) and r.role.startswith("input")
    )
    tensor = place.same_as or place.key
    before = tuple(r for r in mine if r.order < place.order and (r.same_as or r.key) != tensor)
    return _Scope(path, call, inputs, before, mine)


def _hander(trace: Trace, place: Record, called: Iterable[str]) -> str:
    """The module whose code made what reaches a place: not one that only hands on what it was handed, as a Sequential does."""
    tensor = place.same_as or place.key
    takers = {
        r.path
        for r in trace.records
        if r.role.startswith("input") and (r.same_as or r.key) == tensor
    }
    path = _parent(place.path, called)
    while path and path in takers:
        path = _parent(path, called)
    return path


def _windows(trace: Trace, path: str) -> dict[int, tuple[int, int]]:
    """Per call of a module, the order of its first and of its last record."""
    found: dict[int, tuple[int, int]] = {}
    for record in trace.records:
        if record.path == path and record.role != "noise":
            first, last = found.get(record.call, (record.order, record.order))
            found[record.call] = (min(first, record.order), max(last, record.order))
    return found


def _parent(path: str, called: Iterable[str]) -> str:
    """The nearest module above that was called."""
    while path:
        path = path.rpartition(".")[0]
        if path in called:
            return path
    return ""


def _context(trace: Trace, scope: _Scope) -> dict[str, Array]:
    """Tensors known before the place by `path:role`; of a module called again, earlier calls as `path#call:role`."""
    latest = {(r.path, r.role): r.call for r in scope.before}
    result = {f"{r.path}:{r.role}": trace.tensor(r) for r in scope.inputs if r.stored == "full"}
    known = {r.same_as or r.key for r in scope.inputs}
    for record in scope.before[-MAX_CONTEXT:]:
        first = record.role.startswith("output") or (record.same_as or record.key) not in known
        known.add(record.same_as or record.key)
        if record.stored == "full" and first:
            again = "" if latest[record.path, record.role] == record.call else f"#{record.call}"
            result[f"{record.path}{again}:{record.role}"] = trace.tensor(record)
    return result


def _called(cand: Trace, pairs: Mapping[str, str], paths: Iterable[str]) -> tuple[str, ...]:
    back = {pairs.get(path, path): path for path in paths}
    order = dict.fromkeys(
        record.path for record in cand.records if record.role.startswith("output")
    )
    return tuple(back[path] for path in order if path in back)


def _rerun(runner: Runner, path: str, call: int, trace: Trace, inputs: tuple[Record, ...]) -> Rerun:
    def rerun(changes: Mapping[str, object]) -> Array | None:
        given = {record.role: trace.tensor(record) for record in inputs}
        try:
            return runner.call(path, given, call=call, changes=changes).get("output")
        except AuscultError:
            return None  # the module has no such attribute, or cannot run with that value: this mistake is not it

    return rerun


def _loop(
    ref: Trace, cand: Trace, scope: _Scope, path: str, pairs: Mapping[str, str]
) -> tuple[Steps, Steps] | None:
    """The calls of a loop's body on both sides, where the place lies in the code of that loop."""
    counts: dict[str, set[int]] = {}
    for record in scope.records:
        counts.setdefault(record.path, set()).add(record.call)
    bodies = [child for child, calls in counts.items() if len(calls) >= MIN_CALLS]
    if not bodies or (path != scope.path and path not in bodies):
        return None
    body = path if path in bodies else max(bodies, key=lambda child: len(counts[child]))
    one = _steps(ref, body, scope.path, scope.call)
    two = _steps(cand, pairs.get(body, body), pairs.get(scope.path, scope.path), scope.call)
    return None if one is None or two is None else (one, _with_constants(two, one))


def _with_constants(steps: Steps, other: Steps) -> Steps:
    """With the times of the other side, where a graph has them as constants inside; the steps show whether it keeps to them."""
    if len(steps.inputs) != len(other.inputs):
        return steps
    filled = (
        {**{role: array for role, array in theirs.items() if array.size <= MAX_TIMES}, **mine}
        for mine, theirs in zip(steps.inputs, other.inputs, strict=True)
    )
    return replace(steps, inputs=tuple(filled))


def _steps(trace: Trace, body: str, owner: str, call: int) -> Steps | None:
    window = _windows(trace, owner).get(call)
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
    given = trace.find(owner, "output", call)
    noise = tuple(
        trace.tensor(r)
        for r in trace.records
        if r.role == "noise" and window[0] <= r.order <= window[1]
    )
    if not calls:
        return None
    result = trace.tensor(given) if given is not None and given.stored == "full" else None
    return Steps(
        body, tuple(grouped[n] for n in calls), tuple(outputs[n] for n in calls), result, noise
    )
