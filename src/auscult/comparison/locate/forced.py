"""Run one side with every layer replaced by what the other side computed there.

Each layer then works on exactly the other side's tensors, so that what differs was born where it is
seen: in the module if its own output differs, in the code around it if its input does. One run
shows all faults at once, however many follow each other, and in a loop (a sampler, a decoder) every
step starts from the other side's state.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import ExitStack, suppress
from dataclasses import replace

from auscult.comparison.align.axes import (
    AxisOrder,
    find_axis_order,
    find_fitting_orders,
    fit_shape_to_rank,
    to_candidate_order,
    to_reference_order,
)
from auscult.comparison.align.boundaries import concatenate_parts
from auscult.comparison.align.directions import is_bidirectional
from auscult.comparison.align.pairs import LayerAlignment, LayerPair
from auscult.comparison.measure.directions import DirectionMatcher, list_partners
from auscult.comparison.modules import ModuleTree, get_base_role, match_calls
from auscult.errors import TraceError, UsageError
from auscult.runtime.runner import Runner
from auscult.traces.records import Record, Trace
from auscult.weights import Array

GIVEN_SUFFIX = "~given"
"""Ends the key of an output that was put in place of what the module itself gave."""
OWN_NOISE_NOTE = "own_noise"
"""In the notes of a manifest: why the run could not draw the other side's noise."""


def run_replaying_noise(runner: Runner, inputs: Mapping[str, Array], noise: Trace) -> Trace:
    """A run with another run's noise; with its own where it draws other noise than that holds,
    which its manifest then notes.

    Raises:
        TargetError: If the model's code raises.
    """
    try:
        return runner.run(inputs, replay=noise)
    except TraceError as error:
        trace = runner.run(inputs)
        notes = {**trace.manifest.notes, OWN_NOISE_NOTE: str(error)}
        return replace(trace, manifest=replace(trace.manifest, notes=notes))


class SubstituteOutputs(Mapping[str, Array]):
    """One call's outputs in the other side's order of axes, read when they are asked for."""

    def __init__(
        self,
        trace: Trace,
        pairs: Mapping[str, tuple[Record, Record]],
        orders: Mapping[int, AxisOrder],
        *,
        back: bool,
        target: Trace | None = None,
    ) -> None:
        self._trace, self._pairs, self._orders, self._back = trace, pairs, orders, back
        self._target = target

    def __getitem__(self, role: str) -> Array:
        source_record, target_record = self._pairs[role]
        array = self._trace.tensor(source_record)
        if self._back:
            orders = self._learn_orders(array, target_record)
            return to_candidate_order(array, target_record.shape, orders)
        return to_record_order(array, target_record, self._orders)

    def _learn_orders(self, array: Array, target_record: Record) -> Mapping[int, AxisOrder]:
        """The orders, with the one that the candidate's own tensor shows where lengths leave it open:
        [batch, 32, 32] may be turned or not.
        """
        if self._target is None or target_record.stored != "full":
            return self._orders
        shape = fit_shape_to_rank(array.shape, target_record.shape)
        if shape is None or len(find_fitting_orders(array.shape, shape)) < 2:
            return self._orders
        own = self._target.tensor(target_record).reshape(shape)
        order, is_established = find_axis_order(array, own, self._orders)
        if not is_established:
            return self._orders
        return {**self._orders, array.ndim: order}

    def __iter__(self) -> Iterator[str]:
        return iter(self._pairs)

    def __len__(self) -> int:
        return len(self._pairs)


def to_record_order(array: Array, target_record: Record, orders: Mapping[int, AxisOrder]) -> Array:
    """A tensor of the candidate in the reference's order of axes, where the reference's own is
    `target_record`.
    """
    import numpy as np

    return to_reference_order(
        np.broadcast_to(np.zeros((), np.float32), target_record.shape), array, orders
    )


def run_candidate(
    runner: Runner,
    inputs: Mapping[str, Array],
    reference: ModuleTree,
    candidate: ModuleTree,
    alignment: LayerAlignment,
) -> Trace:
    """Run the candidate with each aligned module replaced by the reference's output; what it gave
    itself is role `own`.

    Args:
        inputs: In the candidate's terms.
        candidate: Its own run, which shows shapes and calls.

    Raises:
        UsageError, TargetError: If the runtime cannot, or the model's code raises on these tensors.
    """
    with ReplacementContext(runner) as replacements:
        partners = list_partners(alignment.pairs)
        matcher = DirectionMatcher(reference, candidate, alignment.orders, partners)
        for pair in alignment.pairs:
            if pair.join == "directions":
                outputs_by_call = _iter_joined_directions(pair, matcher)
            else:
                outputs_by_call = _iter_candidate_outputs(
                    pair, reference, candidate, alignment.orders
                )
            for call, outputs in outputs_by_call:
                replacements.add(pair.b, call, outputs)
        return replacements.run(inputs, reference.trace)


def run_reference(
    runner: Runner,
    inputs: Mapping[str, Array],
    reference: ModuleTree,
    candidate: ModuleTree,
    alignment: LayerAlignment,
) -> Trace:
    """The reverse: run the reference with each aligned module replaced by the candidate's
    output.
    """
    with ReplacementContext(runner) as replacements:
        for pair in alignment.pairs:
            for call, outputs in _iter_reference_outputs(
                pair, reference, candidate, alignment.orders
            ):
                replacements.add(pair.a, call, outputs)
        return replacements.run(inputs, candidate.trace)


def run_again(
    runner: Runner,
    inputs: Mapping[str, Array],
    trace: Trace,
    paths: Collection[str] | None = None,
) -> Trace:
    """Run the same model, perhaps in another precision, with each module replaced by what this
    trace has of it.

    Args:
        paths: Only these modules; all where it is not given.
    """
    side = ModuleTree.of(trace)
    with ReplacementContext(runner) as replacements:
        for path, module in side.modules.items():
            if paths is not None and path not in paths:
                continue
            for call in range(module.calls):
                outputs = {
                    record.role: (record, record)
                    for record in module.roles("output", call)
                    if record.stored == "full"
                }
                if outputs:
                    replacements.add(path, call, SubstituteOutputs(trace, outputs, {}, back=False))
        return replacements.run(inputs, trace)


class ReplacementContext(ExitStack):
    """Modules that are replaced until the context is left."""

    def __init__(self, runner: Runner) -> None:
        super().__init__()
        self.runner = runner
        self.places: list[tuple[str, int]] = []

    def add(self, path: str, call: int, outputs: Mapping[str, Array]) -> None:
        """Replace one more; a module that cannot be (the whole of a graph) goes on to compute by
        itself.
        """
        with suppress(UsageError):
            self.enter_context(self.runner.replace(path, outputs, call=call))
            self.places.append((path, call))

    def run(self, inputs: Mapping[str, Array], noise: Trace) -> Trace:
        """Run it.

        Raises:
            UsageError: If the runtime does not show what the replaced modules gave themselves: a
                substitute held against what it was taken from would agree whatever the module does.
        """
        trace = run_replaying_noise(self.runner, inputs, noise)
        shown_calls = {
            (record.path, record.call) for record in trace.records if record.role == "own"
        }
        ran_calls = {
            (record.path, record.call) for record in trace.records if record.role == "output"
        }
        hidden_calls = [
            place for place in self.places if place in ran_calls and place not in shown_calls
        ]
        if hidden_calls:
            path, call = hidden_calls[0]
            raise UsageError(
                "is replaced without a record of what it gave itself",
                where=f"{self.runner.name} {path}#{call}",
                found=f"{len(hidden_calls)} such layers",
            )
        return trace


def _iter_candidate_outputs(
    pair: LayerPair, reference: ModuleTree, candidate: ModuleTree, orders: Mapping[int, AxisOrder]
) -> Iterator[tuple[int, Mapping[str, Array]]]:
    a, b = reference.modules[pair.a], candidate.modules[pair.b]
    for call, candidate_call in match_calls(a, b):
        if pair.join == "concat":
            output = _join_outputs(pair, reference, candidate, (call, candidate_call), orders)
            if output is not None:
                yield candidate_call, {"output": output}
            continue
        record_pairs = _pair_by_role(a.roles("output", call), b.roles("output", candidate_call))
        if record_pairs:
            yield (
                candidate_call,
                SubstituteOutputs(
                    reference.trace, record_pairs, orders, back=True, target=candidate.trace
                ),
            )


def _iter_joined_directions(
    pair: LayerPair, matcher: DirectionMatcher
) -> Iterator[tuple[int, Mapping[str, Array]]]:
    """What the reference hands on behind its one-way modules, as the output of the candidate's layer of two directions.

    Of a layer that the candidate has as one-way modules nothing is replaced: the code around them is to be judged.
    """
    if is_bidirectional(matcher.reference, pair.a):
        return
    trace = matcher.reference.trace
    for call in range(matcher.candidate.modules[pair.b].calls):
        output = matcher.candidate.modules[pair.b].output(call)
        handed_on = output and matcher.find_handed_on(pair, output)
        if output is not None and handed_on is not None and handed_on.stored == "full":
            array = trace.tensor(handed_on)
            yield call, {"output": to_candidate_order(array, output.shape, matcher.orders)}


def _join_outputs(
    pair: LayerPair,
    reference: ModuleTree,
    candidate: ModuleTree,
    calls: tuple[int, int],
    orders: Mapping[int, AxisOrder],
) -> Array | None:
    """The outputs of several modules of the reference as the one that the candidate's module gives;
    None where they cannot be put together.
    """
    call, candidate_call = calls
    whole = candidate.modules[pair.b].output(candidate_call)
    if len(pair.candidate) != 1 or whole is None:
        return None
    parts = []
    for path in pair.reference:
        record = reference.modules[path].output(call)
        if record is None or record.stored != "full":
            return None
        parts.append(reference.trace.tensor(record))
    joined_arrays = concatenate_parts(parts, candidate.trace.tensor(whole), orders)
    if joined_arrays is None:
        return None
    return to_candidate_order(joined_arrays[0], whole.shape, orders)


def _pair_by_role(
    sources: Iterable[Record], targets: Iterable[Record]
) -> dict[str, tuple[Record, Record]]:
    """Records that are there in full, each with the other side's of the same role."""
    target_by_role = {record.role: record for record in targets}
    return {
        record.role: (record, target_by_role[record.role])
        for record in sources
        if record.stored == "full" and record.role in target_by_role
    }


def _iter_reference_outputs(
    pair: LayerPair, reference: ModuleTree, candidate: ModuleTree, orders: Mapping[int, AxisOrder]
) -> Iterator[tuple[int, Mapping[str, Array]]]:
    if pair.join != "last":
        return
    a, b = reference.modules[pair.a], candidate.modules[pair.b]
    for call, candidate_call in match_calls(a, b):
        record_pairs = _pair_by_role(b.roles("output", candidate_call), a.roles("output", call))
        if record_pairs:
            yield call, SubstituteOutputs(candidate.trace, record_pairs, orders, back=False)


def view_own_outputs(trace: Trace, path: str | None = None, call: int = 0) -> Trace:
    """The same trace, in which outputs are what the modules gave themselves: of that call, or of
    all.
    """
    own_records = {}
    for record in trace.records:
        is_asked_for = path is None or (record.path, record.call) == (path, call)
        if is_asked_for and get_base_role(record.role) == "own":
            role = record.role.replace("own", "output", 1)
            own_records[f"{record.path}#{record.call}:{role}"] = record
    source = {key: record.same_as or record.key for key, record in own_records.items()}
    records = []
    for record in trace.records:
        if record.key in own_records:
            own_record = own_records[record.key]
            records.append(replace(own_record, role=record.role, order=record.order, same_as=None))
        elif get_base_role(record.role) == "own":
            continue
        elif record.same_as in own_records:
            # What was the same as an output that is now another tensor stays what it was.
            records.append(replace(record, same_as=f"{record.same_as}{GIVEN_SUFFIX}"))
        else:
            records.append(record)

    def load_tensor(key: str, /) -> Array:
        return trace.values(source.get(key, key.removesuffix(GIVEN_SUFFIX)))

    return Trace(trace.manifest, tuple(records), load_tensor, trace.path, trace.left_out)
