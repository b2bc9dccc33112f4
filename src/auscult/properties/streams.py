"""Runs a model chunk by chunk, in one of the ways in which models stream.

In: how the user streams. Out: what each chunk gave, and everything that was recorded meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from auscult.errors import TargetError, UsageError
from auscult.properties.layout import resize_inputs
from auscult.properties.model import CheckedModel, reset_model
from auscult.runtime.module_runner import ModuleRunner
from auscult.traces.records import Record, Trace
from auscult.weights import Array

STREAM_NAMES = ("stream", "streaming_forward", "forward_chunk", "stream_step", "step")
"""Methods that take one chunk and give its part of the output."""
FLUSH_NAMES = ("flush", "finish", "finalize", "end_stream")
"""Methods that give what is still inside after the last chunk."""
STATE_NAMES = ("state", "states", "cache", "caches", "hidden", "hx", "h", "past_key_values")
"""Parameters of a forward that take what the call before gave beside its output."""

Way = Literal["method", "state", "windows"]


@dataclass(frozen=True)
class StreamChunk:
    """Frames of the input that one call speaks for, from `start` to `stop`, and its output [.., frames, ..]."""

    start: int
    stop: int
    output: Array


@dataclass(frozen=True, eq=False)
class StreamedRun:
    """What streaming gave.

    Attributes:
        way: A method of the model; its forward, handed its own state; or its forward on windows that overlap.
        chunks: In order; of windows, without what overlaps.
        tail: What came behind the last chunk, when the model was told that nothing follows.
        trace: All modules over all calls, where the model was recorded.
    """

    way: Way
    chunks: tuple[StreamChunk, ...]
    tail: Array | None
    trace: Trace | None
    axis: int

    @property
    def whole(self) -> Array:
        """All outputs in a row, as they are played."""
        parts = [chunk.output for chunk in self.chunks]
        if self.tail is not None:
            parts.append(self.tail)
        return np.concatenate(parts, axis=self.axis)


def find_stream_method(model: CheckedModel) -> str | None:
    """The model's own method for one chunk."""
    return next(
        (name for name in STREAM_NAMES if callable(getattr(model.runner.model, name, None))), None
    )


def find_state_parameter(model: CheckedModel) -> str | None:
    """The parameter of the forward that takes the state, if the model gives one beside its output."""
    name = next((name for name in STATE_NAMES if name in model.signature), None)
    return name if name is not None and len(model.base.outputs) > 1 else None


def iter_spans(frames: int, chunk: int) -> Iterator[tuple[int, int]]:
    """Start and stop of each chunk."""
    for start in range(0, frames, chunk):
        yield start, min(start + chunk, frames)


def run_stream(model: CheckedModel, chunk: int, *, is_full: bool = False) -> StreamedRun:
    """Stream the inputs in chunks of so many frames.

    Raises:
        UsageError: If there is no such method, or a chunk gives nothing that has time.
        TargetError: If the model's code raises.
    """
    options = model.options
    if options.stream is not None or (
        not options.overlap and not options.lookahead and find_stream_method(model)
    ):
        return _stream_by_method(model, chunk, is_full=is_full)
    if not options.overlap and not options.lookahead and find_state_parameter(model):
        return _stream_by_state(model, chunk, is_full=is_full)
    return _stream_by_windows(model, chunk, is_full=is_full)


def _stream_by_method(model: CheckedModel, chunk: int, *, is_full: bool) -> StreamedRun:
    named = model.options.stream or find_stream_method(model)

    def call(runner: ModuleRunner, pieces: list[Array]) -> Iterator[Any]:
        function = _find_function(runner, named)
        for piece in pieces:
            yield runner.call_function(function, [piece])
        owner = getattr(function, "__self__", runner.model)
        flush = next((getattr(owner, name) for name in FLUSH_NAMES if hasattr(owner, name)), None)
        if flush is not None:
            yield runner.call_function(flush, [])

    return _record_stream(model, chunk, call, "method", is_full=is_full)


def _find_function(runner: ModuleRunner, named: Any) -> Callable[..., Any]:
    if callable(named):
        return named  # type: ignore[no-any-return]
    function = getattr(runner.model, str(named), None)
    if not callable(function):
        raise UsageError("has no such method to stream with", where=runner.name, found=str(named))
    return function  # type: ignore[no-any-return]


def _stream_by_state(model: CheckedModel, chunk: int, *, is_full: bool) -> StreamedRun:
    parameter = find_state_parameter(model)
    assert parameter is not None

    def call(runner: ModuleRunner, pieces: list[Array]) -> Iterator[Any]:
        values: dict[str, Any] = {}
        for piece in pieces:
            given = runner.call_function(runner.model, [piece], **values)
            yield given
            if not isinstance(given, tuple | list) or len(given) < 2:
                raise TargetError("gives no state beside its output", where=runner.name)
            values = {parameter: given[1]}

    return _record_stream(model, chunk, call, "state", is_full=is_full)


def _record_stream(
    model: CheckedModel,
    chunk: int,
    call: Callable[[ModuleRunner, list[Array]], Iterator[Any]],
    way: Way,
    *,
    is_full: bool,
) -> StreamedRun:
    layout = model.layout
    assert layout.time_axis is not None
    axis = layout.output_axes[layout.main_output]
    main = model.inputs[layout.main]
    spans = list(iter_spans(layout.frames, chunk))
    pieces = [np.take(main, range(start, stop), layout.time_axis) for start, stop in spans]
    runner = model.take_fresh_runner()
    include: tuple[str, ...] = () if is_full else ("",)
    with runner.record(
        include=include, with_inputs=is_full, noise=False, fingerprints=False
    ) as finish:
        outputs = [_read_output(model, given, axis) for given in call(runner, pieces)]
        trace = finish()
    reset_model(runner.model)
    chunks = tuple(
        StreamChunk(start, stop, output)
        for (start, stop), output in zip(spans, outputs, strict=False)
        if output is not None
    )
    if len(chunks) < len(spans):
        raise UsageError("gives chunks without output", where=model.runner.name)
    tail = outputs[-1] if len(outputs) > len(spans) else None
    return StreamedRun(way, chunks, tail, trace, axis)


def _read_output(model: CheckedModel, given: Any, axis: int) -> Array | None:
    tensors = model.runner.read_tensors(given)
    output = tensors.get(model.layout.main_output)
    if output is None and tensors:
        output = next(iter(tensors.values()))
    if output is not None and output.ndim <= axis:
        raise UsageError(
            "gives chunks of another number of axes than the whole", where=model.runner.name
        )
    return output


def _stream_by_windows(model: CheckedModel, chunk: int, *, is_full: bool) -> StreamedRun:
    """The forward on windows, of whose output the part of the chunk is kept."""
    layout, options = model.layout, model.options
    axis, ratio = layout.output_axes[layout.main_output], layout.ratio
    chunks = []
    traces = []
    for start, stop in iter_spans(layout.frames, chunk):
        first, last = max(0, start - options.overlap), min(layout.frames, stop + options.lookahead)
        window = resize_inputs(model.inputs, layout, last - first, first)
        run = model.run(window, is_full=is_full)
        traces.append(run.trace)
        output = run.outputs.get(layout.main_output)
        if output is None or output.ndim <= axis:
            raise UsageError("gives a window no output with time", where=model.runner.name)
        begin = round((start - first) * ratio)
        end = output.shape[axis]
        if last != layout.frames or stop != layout.frames:
            end = min(end, begin + round((stop - start) * ratio))
        kept = np.take(output, range(begin, max(begin, end)), axis)
        chunks.append(StreamChunk(start, stop, kept))
    trace = join_runs(traces) if is_full and not options.overlap and not options.lookahead else None
    return StreamedRun("windows", tuple(chunks), None, trace, axis)


def join_runs(traces: list[Trace]) -> Trace:
    """Runs in a row as one trace: the calls of the second follow those of the first."""
    records: list[Record] = []
    arrays: dict[str, Array] = {}
    calls: dict[str, int] = {}
    for trace in traces:
        counts: dict[str, int] = {}
        for record in trace.records:
            counts[record.path] = max(counts.get(record.path, 0), record.call + 1)
            moved = replace(record, call=calls.get(record.path, 0) + record.call, same_as=None)
            if record.stored == "full":
                arrays[moved.key] = trace.tensor(record)
            records.append(moved)
        for path, count in counts.items():
            calls[path] = calls.get(path, 0) + count
    return Trace(traces[0].manifest, tuple(records), arrays.__getitem__)


def join_chunks(whole: Trace, streamed: Trace, chunk_count: int) -> Trace:
    """The records of a streamed run as one run of the whole: what the chunks gave, joined along the axis in which they add up.

    A record whose chunks do not add up to the whole's is left out.
    """
    streamed_records: Mapping[str, Record] = {record.key: record for record in streamed.records}
    call_counts: dict[str, int] = {}
    for record in whole.records:
        call_counts[record.path] = max(call_counts.get(record.path, 0), record.call + 1)
    records: list[Record] = []
    arrays: dict[str, Array] = {}
    for record in whole.records:
        if record.stored != "full" or record.role == "noise":
            continue
        step = call_counts[record.path]
        keys = [
            f"{record.path}#{record.call + number * step}:{record.role}"
            for number in range(chunk_count)
        ]
        if any(key not in streamed_records for key in keys):
            continue
        pieces = [streamed.tensor(streamed_records[key]) for key in keys]
        joined = _join_pieces(pieces, record.shape)
        if joined is not None:
            records.append(replace(record, same_as=None))
            arrays[record.key] = joined
    return Trace(streamed.manifest, tuple(records), arrays.__getitem__)


def _join_pieces(pieces: list[Array], shape: tuple[int, ...]) -> Array | None:
    for axis in range(len(shape)):
        if any(piece.ndim != len(shape) for piece in pieces):
            return None
        lengths = sum(piece.shape[axis] for piece in pieces)
        expected = shape[:axis] + shape[axis + 1 :]
        are_alike = all(
            piece.shape[:axis] + piece.shape[axis + 1 :] == expected for piece in pieces
        )
        if are_alike and lengths == shape[axis]:
            return np.concatenate(pieces, axis=axis)
    return None


def can_stream(model: CheckedModel) -> str:
    """Why the model cannot be streamed here; empty if it can."""
    if model.layout.time_axis is None or model.layout.output_axis is None:
        return "input and output have no common time"
    if model.draws:
        return "the model draws noise, which chunks draw otherwise"
    return ""
