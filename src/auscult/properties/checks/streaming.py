"""Whether the model chunk by chunk gives what it gives at once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from auscult.facts.words import format_count
from auscult.finding import Json
from auscult.properties.change import find_differing_frames, measure_change
from auscult.properties.model import CheckedModel
from auscult.properties.place import find_broken_place
from auscult.properties.reach import Reach, find_reach
from auscult.properties.records import BrokenPlace, Observation
from auscult.properties.streams import (
    StreamedRun,
    can_stream,
    find_stream_method,
    join_chunks,
    run_stream,
)
from auscult.weights import Array

QUESTION = "Chunk by chunk the model gives what it gives at once."
MIN_CHUNKS = 2
"""Chunks without which there is no boundary. Defined by the question."""
MAX_DELAY_SHARE = 0.5
"""Share of the output by which a stream may be late. Chosen, not measured."""
WAYS = {
    "method": "its own method",
    "state": "its forward and the state that it gave",
    "windows": "its forward on each chunk",
}


@dataclass(frozen=True, eq=False)
class StreamComparison:
    """A stream against the whole.

    Attributes:
        lost: Output frames that each boundary loses; below 0 they are added.
        delay: Output frames by which the stream is late.
        error: Of the common part.
        first_chunk: Index of the first chunk that differs; None where none does.
        differing: Output frames that differ.
    """

    lost: float
    delay: int
    error: float
    first_chunk: int | None
    differing: int
    compared: int


def is_demanded(model: CheckedModel) -> bool:
    """Whoever says how to stream wants it to be right."""
    return model.options.chunk is not None


def measure_property(model: CheckedModel) -> Iterator[Observation | str]:
    """Stream it as the user said; without that, say what a stream would need."""
    reason = can_stream(model)
    if reason:
        yield reason
        return
    chunk = model.options.chunk
    if chunk is None:
        yield from _describe_needs(model)
        return
    if model.layout.frames < MIN_CHUNKS * chunk:
        yield f"the input has {model.layout.frames} frames, too few for two chunks of {chunk}"
        return
    streamed = run_stream(model, chunk)
    compared = compare_stream(model, streamed)
    if _is_right(model, streamed, compared, chunk):
        yield _describe_agreement(model, streamed, compared)
        return
    yield _describe_difference(model, compared, run_stream(model, chunk, is_full=True))


def _is_right(
    model: CheckedModel, streamed: StreamedRun, compared: StreamComparison, chunk: int
) -> bool:
    if compared.lost or streamed.whole.shape[streamed.axis] == 0:
        return False
    return model.is_only_rounding(
        compared.error, lambda fine: compare_stream(fine, run_stream(fine, chunk)).error
    )


def _describe_needs(model: CheckedModel) -> Iterator[Observation | str]:
    reach = find_reach(model)
    method = find_stream_method(model)
    if method is not None:
        yield f"the model has a method {method}: --chunk FRAMES checks it against the whole"
    if reach is not None:
        yield Observation("measured", describe_reach(reach), evidence=reach_to_json(reach))


def describe_reach(reach: Reach) -> str:
    """How far the model looks, in frames of the input."""
    words = []
    for frames, where in ((reach.past, "before"), (reach.future, "behind")):
        if np.isinf(frames):
            words.append(f"all frames {where} its own")
        else:
            words.append(f"{format_count(int(frames), 'frame')} {where} its own")
    return f"each output frame depends on {' and '.join(words)}"


def reach_to_json(reach: Reach) -> dict[str, float | None]:
    """Frames; None where there is no end."""
    return {
        "past": None if np.isinf(reach.past) else reach.past,
        "future": None if np.isinf(reach.future) else reach.future,
    }


def compare_stream(model: CheckedModel, streamed: StreamedRun) -> StreamComparison:
    """Hold the chunks against the whole output."""
    axis, ratio = streamed.axis, model.layout.ratio
    whole, played = model.base.outputs[model.layout.main_output], streamed.whole
    lost = _measure_lost(streamed, whole, ratio)
    if lost:
        return _compare_places(model, streamed, whole, lost)
    delay = _find_delay(model, whole, played, axis)
    length = min(whole.shape[axis], played.shape[axis] - delay)
    reference = np.take(whole, range(length), axis)
    candidate = np.take(played, range(delay, delay + length), axis)
    error = measure_change(reference, candidate)
    frames = find_differing_frames(reference, candidate, axis, model.limit)
    first = None
    if frames.size:
        first = _find_chunk(streamed, int(frames[0]) + delay)
    return StreamComparison(0, delay, error, first, int(frames.size), length)


def _measure_lost(streamed: StreamedRun, whole: Array, ratio: float) -> float:
    """Output frames that an inner chunk gives too few; where there is no inner chunk, the whole lacks at the boundary."""
    axis = streamed.axis
    missing = whole.shape[axis] - streamed.whole.shape[axis]
    inner = streamed.chunks[1:-1]
    if inner:
        short = [(chunk.stop - chunk.start) * ratio - chunk.output.shape[axis] for chunk in inner]
        typical = float(np.median(short))
        return typical if abs(typical) >= 1 else 0.0
    return float(missing) if abs(missing) >= 1 else 0.0


def _compare_places(
    model: CheckedModel, streamed: StreamedRun, whole: Array, lost: float
) -> StreamComparison:
    """Each chunk where it should stand, as far as it goes."""
    axis = streamed.axis
    errors, differing, compared, first = [], 0, 0, None
    for number, chunk in enumerate(streamed.chunks):
        begin = round(chunk.start * model.layout.ratio)
        length = max(0, min(chunk.output.shape[axis], whole.shape[axis] - begin))
        reference = np.take(whole, range(begin, begin + length), axis)
        candidate = np.take(chunk.output, range(length), axis)
        frames = find_differing_frames(reference, candidate, axis, model.limit)
        errors.append(measure_change(reference, candidate))
        differing, compared = differing + int(frames.size), compared + length
        if first is None and (
            frames.size or length < (chunk.stop - chunk.start) * model.layout.ratio
        ):
            first = number
    return StreamComparison(lost, 0, max(errors), first, differing, compared)


def _find_delay(model: CheckedModel, whole: Array, played: Array, axis: int) -> int:
    """By how many frames the stream is late, where a delay makes it agree; 0 where none does."""
    length = min(whole.shape[axis], played.shape[axis])
    tested = max(1, length // 4)
    if measure_change(
        np.take(whole, range(tested), axis), np.take(played, range(tested), axis)
    ) <= (model.limit):
        return 0
    other_axes = tuple(index for index in range(whole.ndim) if index != axis)
    left = np.asarray(whole, np.float64).mean(axis=other_axes)[:length]
    right = np.asarray(played, np.float64).mean(axis=other_axes)[:length]
    size = 2 * length
    correlation = np.fft.irfft(np.conj(np.fft.rfft(left, size)) * np.fft.rfft(right, size), size)
    delay = int(np.argmax(np.abs(correlation[: max(1, int(length * MAX_DELAY_SHARE))])))
    common = length - delay
    late = measure_change(
        np.take(whole, range(common), axis), np.take(played, range(delay, delay + common), axis)
    )
    return delay if late <= model.limit else 0


def _find_chunk(streamed: StreamedRun, frame: int) -> int:
    position = 0
    for number, chunk in enumerate(streamed.chunks):
        position += chunk.output.shape[streamed.axis]
        if frame < position:
            return number
    return len(streamed.chunks) - 1


def _describe_agreement(
    model: CheckedModel, streamed: StreamedRun, compared: StreamComparison
) -> Observation:
    late = f", {format_count(compared.delay, 'output frame')} late" if compared.delay else ""
    message = f"{len(streamed.chunks)} chunks through {WAYS[streamed.way]} give what the whole gives{late}"
    missing = model.base.outputs[model.layout.main_output].shape[streamed.axis] - (
        streamed.whole.shape[streamed.axis] - compared.delay
    )
    if missing > 0:
        message += f"; the last {missing} stay inside"
    return Observation("holds", message, evidence={"delay": compared.delay, "missing": missing})


def _describe_difference(
    model: CheckedModel, compared: StreamComparison, streamed: StreamedRun
) -> Observation:
    evidence: Json = {
        "way": streamed.way,
        "error": compared.error if np.isfinite(compared.error) else None,
        "first_chunk": compared.first_chunk,
        "differing_frames": compared.differing,
        "lost_per_boundary": compared.lost,
        "chunks": len(streamed.chunks),
    }
    reach = find_reach(model)
    if reach is not None:
        evidence |= reach_to_json(reach)
    place = _find_stream_place(model, streamed)
    places = ((place.path or "(model)") if place is not None else "(model)",)
    if compared.lost:
        return _describe_lost(compared, places, evidence, reach)
    chunk_words = f"chunk {(compared.first_chunk or 0) + 1} of {len(streamed.chunks)} is the first that differs"
    if streamed.way == "windows" and reach is not None and reach.is_finite:
        return _describe_overlap(model, reach, chunk_words, evidence, places)
    where = str(place) if place is not None else "the model"
    return Observation(
        "broken",
        f"{chunk_words} from the whole ({compared.error:.2g} off, {compared.differing} of {compared.compared} output frames):"
        f" {where} does not know what came before",
        "state-not-carried",
        places,
        evidence,
        "keep what the module needs of the last chunk (a recurrent state, the last kernel_size - 1 inputs, keys and values) and"
        " start the next one with it",
    )


def _describe_lost(
    compared: StreamComparison,
    places: tuple[str, ...],
    evidence: Json,
    reach: Reach | None,
) -> Observation:
    verb = "loses" if compared.lost > 0 else "adds"
    amount = format_count(round(abs(compared.lost)), "output frame")
    needs = f"; {describe_reach(reach)}" if reach is not None else ""
    return Observation(
        "broken",
        f"each boundary of chunks {verb} {amount}: the stream is not as long as the whole{needs}",
        "boundary-samples",
        places,
        evidence,
        "hand each chunk what its convolutions need of its neighbours, and overlap and add the ends of transposed ones",
    )


def _describe_overlap(
    model: CheckedModel,
    reach: Reach,
    chunk_words: str,
    evidence: Json,
    places: tuple[str, ...],
) -> Observation:
    options = model.options
    short = [
        f"{name} {given} of {int(needed)}"
        for name, given, needed in (
            ("overlap", options.overlap, reach.past),
            ("lookahead", options.lookahead, reach.future),
        )
        if given < needed
    ]
    words = " and ".join(short) or "with windows as wide as the model looks"
    return Observation(
        "broken",
        f"{chunk_words} from the whole: {words}; {describe_reach(reach)}",
        "overlap-short",
        places,
        {**evidence, "overlap": options.overlap, "lookahead": options.lookahead},
        f"--overlap {int(reach.past)} --lookahead {int(reach.future)}: let each chunk see so many frames, and cut off what they give",
    )


def _find_stream_place(model: CheckedModel, streamed: StreamedRun) -> BrokenPlace | None:
    if streamed.trace is None:
        return None
    joined = join_chunks(model.base.trace, streamed.trace, len(streamed.chunks))
    return find_broken_place(model.base.trace, joined, model.limit)
