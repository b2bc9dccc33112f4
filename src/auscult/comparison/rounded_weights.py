"""A candidate that computes with the reference's weights, rounded: float16 weights of a release,
read back and computed with in float32.

In: two runs with live models, aligned. Out: the same runs with a reference that computes with the
rounded weights, so that what is left between the two is the candidate's own, and how far rounding
the weights moves the output.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import permutations

import numpy as np

from auscult.comparison.align.pairs import LayerAlignment
from auscult.comparison.locate.aligned_sides import ComparedRuns
from auscult.comparison.locate.forced import run_replaying_noise
from auscult.comparison.measure.floor import UNIT_ROUNDOFF, find_coarsest_dtype
from auscult.comparison.measure.output_error import measure_output_error
from auscult.comparison.measure.rounding_formats import (
    CAST_FORMATS,
    MAX_ROUNDING_ERROR,
    cast_to_format,
    name_rounding_format,
)
from auscult.comparison.rounded_recurrent import INPUT_BIAS, iter_rounded_recurrent_weights
from auscult.errors import AuscultError
from auscult.explain.algebra.nearness import relative_error
from auscult.runtime.module_runner import ModuleRunner
from auscult.runtime.runner import Runner
from auscult.traces.fingerprint import fingerprint_content, is_same_content
from auscult.weights import Array

WeightsByPath = dict[str, dict[str, Array]]
MAX_SHOWN_FORMATS = 3
"""Formats that are named; of more, the commonest.

Chosen, not measured.
"""


@dataclass(frozen=True)
class WeightRounding:
    """What is known of a candidate's rounded weights.

    Attributes:
        formats: How many tensors went through each format, by its name.
        output_error: Relative error that rounding them makes at the model's output; None where that
            could not be compared.
    """

    formats: Mapping[str, int]
    output_error: float | None

    @property
    def says(self) -> str:
        """What a report says of it."""
        names = [name for name, _ in Counter(self.formats).most_common(MAX_SHOWN_FORMATS)]
        sentence = f"weights rounded to {', '.join(names)}"
        if self.output_error is not None:
            sentence += f": expected error {self.output_error:.1e} at the output"
        return f"{sentence}, against a reference with the same weights"


def take_over_rounded_weights(
    runs: ComparedRuns, alignment: LayerAlignment
) -> tuple[ComparedRuns, WeightRounding | None]:
    """The runs with a reference that has the candidate's weights wherever they are its own,
    rounded more coarsely than the candidate computes; the runs as they are where none are.
    """
    reference_runner = runs.reference_runner
    if not isinstance(reference_runner, ModuleRunner) or runs.inputs is None:
        return runs, None
    computed_with = find_coarsest_dtype(runs.candidate)
    rounded: WeightsByPath = {}
    formats: Counter[str] = Counter()
    for path, name, format_name, values in _iter_rounded_weights(runs, alignment):
        if UNIT_ROUNDOFF.get(format_name, 1.0) > UNIT_ROUNDOFF[computed_with]:
            rounded.setdefault(path, {})[name] = values
            formats[format_name] += 1
    if not rounded:
        return runs, None
    try:
        runner = reference_runner.with_weights(rounded)
        trace = run_replaying_noise(runner, runs.inputs, runs.reference)
    except AuscultError:
        return runs, None  # the model cannot take other weights: what differs is compared as it is
    rounding = WeightRounding(dict(formats), measure_output_error(runs.reference, trace))
    return replace(runs, reference=trace, reference_runner=runner), rounding


def _iter_rounded_weights(
    runs: ComparedRuns, alignment: LayerAlignment
) -> Iterator[tuple[str, str, str, Array]]:
    """Path, name, format and values, in the reference's terms, of weights that the candidate has
    rounded.
    """
    reference_runner = runs.reference_runner
    if reference_runner is None:
        return
    for path, candidate_path in _iter_weight_owners(runs, alignment):
        own = _read_floats(reference_runner, path)
        for name, format_name, values in _iter_rounded_in_pair(runs, candidate_path, own):
            yield path, name, format_name, values
    yield from _iter_rounded_recurrent(runs, alignment)


def _iter_rounded_recurrent(
    runs: ComparedRuns, alignment: LayerAlignment
) -> Iterator[tuple[str, str, str, Array]]:
    """The same of recurrent layers with two biases, of which the candidate has the sum."""
    reference_runner, candidate_runner = runs.reference_runner, runs.candidate_runner
    if reference_runner is None or candidate_runner is None:
        return
    for pair in alignment.pairs:
        own = _read_floats(reference_runner, pair.a)
        if len(pair.reference) > 1 or not any(name.startswith(INPUT_BIAS) for name in own):
            continue
        candidate_weights = [_read_floats(candidate_runner, path) for path in pair.candidate]
        for name, format_name, values in iter_rounded_recurrent_weights(
            own, candidate_weights, _find_exact_weight
        ):
            yield pair.a, name, format_name, values


def _iter_weight_owners(runs: ComparedRuns, alignment: LayerAlignment) -> Iterator[tuple[str, str]]:
    """Modules that are each other's, of the reference and of the candidate: the paired ones, and those below them that
    nothing called, since the code around takes their weights as they are.
    """
    names = {pair.a: pair.b for pair in alignment.pairs if pair.is_single and pair.by != "derived"}
    yield from names.items()
    if runs.reference_runner is None or runs.candidate_runner is None:
        return
    traced = {record.path for record in runs.reference.records}
    candidate_paths = frozenset(runs.candidate_runner.paths())
    for path in runs.reference_runner.paths():
        if path in traced:
            continue
        above = path
        while above and above not in names:
            above = above.rpartition(".")[0]
        below = path.removeprefix(above).lstrip(".")
        candidate_path = ".".join(part for part in (names.get(above, ""), below) if part)
        if candidate_path in candidate_paths:
            yield path, candidate_path


def _iter_rounded_in_pair(
    runs: ComparedRuns, candidate_path: str, own: Mapping[str, Array]
) -> Iterator[tuple[str, str, Array]]:
    if runs.candidate_runner is None:
        texts = runs.candidate.manifest.weights.get(candidate_path, {})
        yield from _iter_rounded_by_fingerprint(own, texts)
        return
    for candidate_name, array in _read_floats(runs.candidate_runner, candidate_path).items():
        match = _find_exact_weight(own, candidate_name, array)
        if match is None:
            continue
        name, values = match
        format_name = name_rounding_format(own[name], values)
        if format_name is None and name_rounding_format(values, own[name]) is not None:
            format_name = name_rounding_format(values, own[name])
        if format_name is not None:
            yield name, format_name, values


def _read_floats(runner: Runner, path: str) -> dict[str, Array]:
    return {
        name: array
        for name, array in runner.weights(path).items()
        if array.dtype.name in UNIT_ROUNDOFF
    }


def _find_exact_weight(
    own: Mapping[str, Array], candidate_name: str, array: Array
) -> tuple[str, Array] | None:
    """The reference's weight that this is within rounding, with the candidate's values in its order
    of axes; None where there is none, or where the two are the same.
    """
    best: tuple[float, bool, str, Array] | None = None
    for name, exact in own.items():
        for turned in _iter_turned(array, exact.shape):
            error = relative_error(turned.astype(np.float32), exact.astype(np.float32))
            if best is None or (error, name != candidate_name) < best[:2]:
                best = (error, name != candidate_name, name, turned)
    if best is None or not 0 < best[0] <= MAX_ROUNDING_ERROR:
        return None
    return best[2], best[3].astype(own[best[2]].dtype)


def _iter_turned(array: Array, shape: tuple[int, ...]) -> Iterator[Array]:
    """The tensor in every order of axes that has this shape; axes of length one come and go."""
    if array.size != int(np.prod(shape)):
        return
    long_axes = [length for length in shape if length != 1]
    squeezed = array.reshape([length for length in array.shape if length != 1])
    if squeezed.ndim != len(long_axes):
        return
    for order in permutations(range(squeezed.ndim)):
        turned = squeezed.transpose(order)
        if list(turned.shape) == long_axes:
            yield turned.reshape(shape)


def _iter_rounded_by_fingerprint(
    own: Mapping[str, Array], texts: Mapping[str, str]
) -> Iterator[tuple[str, str, Array]]:
    """The same from the candidate's manifest alone: the reference's weights, rounded to a floating
    format, have the candidate's fingerprint.
    """
    for name, exact in own.items():
        if any(is_same_content(fingerprint_content(exact), text) for text in texts.values()):
            continue
        for format_name in CAST_FORMATS:
            values = cast_to_format(exact, format_name).astype(exact.dtype)
            fingerprint = fingerprint_content(values)
            if any(is_same_content(fingerprint, text) for text in texts.values()):
                yield name, format_name, values
                break
