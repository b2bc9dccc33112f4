"""What the model loses in fewer bits: which layers lose most, and which have to stay in float32."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping
from typing import Any

from auscult.errors import AuscultError
from auscult.facts.words import format_count, list_first_names
from auscult.properties.change import describe_error, measure_change
from auscult.properties.headroom import LARGEST_FLOAT16, get_peak
from auscult.properties.model import CheckedModel
from auscult.properties.model_run import ModelRun, collect_outputs
from auscult.properties.place import describe_place, is_compared
from auscult.properties.records import Observation, Outcome
from auscult.properties.rounding import (
    LayerLoss,
    choose_kept_layers,
    collect_weights,
    round_weights,
)
from auscult.runtime.module_runner import ModuleRunner
from auscult.traces.records import Record, Trace
from auscult.weights import Array

QUESTION = "In float16, bfloat16 and with weights of eight bits the output stays within the error that is allowed."
COMPUTED_FORMATS = ("float16", "bfloat16")
"""Formats in which the whole model can be run, beside having its weights rounded."""
MAX_SECONDS = 8.0
"""For the layers of one format, one by one. Chosen, not measured."""
OVERFLOW_WORDS = "without overflow"
"""In what torch says of a constant that the format cannot hold, such as -1e9 for masked scores in float16."""
MAX_LAYERS = 64
"""Layers that are rounded one by one: those with the most weights. Chosen, not measured."""
MAX_SHOWN_LAYERS = 3
"""Layers named in one sentence. Chosen, not measured."""

Weights = Mapping[str, Mapping[str, Array]]


def is_demanded(model: CheckedModel) -> bool:
    """Whoever names a format wants the model to work in it."""
    return bool(model.options.expect_formats)


def measure_property(model: CheckedModel) -> Iterator[Observation | str]:
    """Round the weights, and compute, in each format."""
    if model.runner.dtype != "float32":
        yield f"the model is in {model.runner.dtype} already"
        return
    weights = collect_weights(model.runner)
    formats = model.options.expect_formats or model.options.formats
    for number_format in formats:
        if weights:
            try:
                yield from _measure_rounding(model, weights, number_format)
            except AuscultError as failure:
                yield f"weights rounded to {number_format}: {failure.what}"
        if number_format in COMPUTED_FORMATS:
            yield from _measure_computation(model, number_format)


def _outcome(model: CheckedModel, number_format: str) -> Outcome:
    """A format that nobody asked for is information."""
    return "broken" if number_format in model.options.expect_formats else "changed"


def _measure_rounding(
    model: CheckedModel, weights: Weights, number_format: str
) -> Iterator[Observation | str]:
    scratch = model.take_fresh_runner().copy()
    error = _run_rounded(model, scratch, weights, number_format, list(weights))
    losses, left_out = _measure_layers(model, scratch, weights, number_format)
    if left_out:
        yield f"{number_format}: {format_count(left_out, 'layer')} not rounded one by one, for want of time"
    kept, kept_error = _choose_kept(model, scratch, weights, number_format, losses, error=error)
    row = _describe_row(number_format, error, losses, kept, kept_error)
    model.precision.append(row)
    if error <= model.options.max_error:
        yield Observation(
            "measured",
            f"weights rounded to {number_format}: {describe_error(error)} at the output",
            evidence=row,
        )
        return
    worst = list_first_names([loss.path for loss in _sort_losses(losses)], MAX_SHOWN_LAYERS)
    yield Observation(
        _outcome(model, number_format),
        f"weights rounded to {number_format} make an output that is {describe_error(error)} (allowed {model.options.max_error:.2g});"
        f" {worst} lose most; with {format_count(len(kept), 'layer')} of {len(weights)} kept it is {describe_error(kept_error)}",
        "rounding-heard",
        tuple(kept) or ("(model)",),
        row,
        "keep these layers in float32: --save-recipe FILE writes what `auscult convert --recipe FILE` does",
    )


def _choose_kept(
    model: CheckedModel,
    scratch: ModuleRunner,
    weights: Weights,
    number_format: str,
    losses: list[LayerLoss],
    *,
    error: float,
) -> tuple[list[str], float]:
    """The layers to keep, and the error with them kept; none where all may be rounded."""
    bound = model.options.max_error
    if error <= bound:
        return [], error

    def measure(names: list[str]) -> float:
        rounded = [path for path in weights if path not in names]
        return _run_rounded(model, scratch, weights, number_format, rounded)

    return choose_kept_layers(losses, bound, measure)


def _describe_row(
    number_format: str,
    error: float,
    losses: list[LayerLoss],
    kept: list[str],
    kept_error: float,
) -> dict[str, Any]:
    return {
        "format": number_format,
        "error": _to_number(error),
        "kept": kept,
        "error_with_kept": _to_number(kept_error),
        "layers": [
            {"path": loss.path or "(model)", "error": _to_number(loss.error)}
            for loss in _sort_losses(losses)
        ],
    }


def _sort_losses(losses: list[LayerLoss]) -> list[LayerLoss]:
    return sorted(losses, key=lambda loss: -loss.error)


def _to_number(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _measure_layers(
    model: CheckedModel, scratch: ModuleRunner, weights: Weights, number_format: str
) -> tuple[list[LayerLoss], int]:
    """The loss of each layer alone, and how many were left out."""
    by_size = sorted(weights, key=lambda path: -sum(array.size for array in weights[path].values()))
    started = time.perf_counter()
    losses: dict[str, LayerLoss] = {}
    for path in by_size[:MAX_LAYERS]:
        if time.perf_counter() - started > MAX_SECONDS:
            break
        error = _run_rounded(model, scratch, weights, number_format, [path])
        losses[path] = LayerLoss(path, error)
    return [losses[path] for path in weights if path in losses], len(weights) - len(losses)


def _run_rounded(
    model: CheckedModel,
    scratch: ModuleRunner,
    weights: Weights,
    number_format: str,
    paths: list[str],
) -> float:
    """The output's error with the weights of those modules rounded; they are put back afterwards."""
    rounded = round_weights(weights, number_format, paths)
    try:
        for path, arrays in rounded.items():
            scratch.put_weights(path, arrays)
        outputs = _run_outputs(model, scratch)
    finally:
        for path in rounded:
            scratch.put_weights(path, weights[path])
    return _measure_output(model.base, outputs)


def _run_outputs(model: CheckedModel, runner: ModuleRunner) -> Mapping[str, Array]:
    """What the model gives on its inputs, with the noise of the first run."""
    if not model.draws:
        return runner.run_outputs(model.inputs)
    trace = runner.run(
        model.inputs,
        include=("",),
        with_inputs=False,
        fingerprints=False,
        replay=model.base.trace,
    )
    return collect_outputs(trace)


def _measure_output(base: ModelRun, outputs: Mapping[str, Array]) -> float:
    """The largest error of a floating output."""
    errors = []
    for role, array in base.outputs.items():
        if role not in outputs:
            return math.inf
        if array.dtype.kind in "fV":
            errors.append(measure_change(array, outputs[role]))
    return max(errors, default=0.0)


def _measure_computation(model: CheckedModel, number_format: str) -> Iterator[Observation | str]:
    """The whole model, inputs and all, in the format."""
    try:
        trace = (
            model.take_fresh_runner()
            .at(number_format)
            .run(
                model.inputs,
                fingerprints=False,
                replay=model.base.trace if model.draws else None,
            )
        )
    except (AuscultError, RuntimeError, TypeError, ValueError) as failure:
        if OVERFLOW_WORDS in str(failure):
            yield _describe_constant(model, number_format, str(failure))
            return
        yield f"computing in {number_format}: {' '.join(str(failure).split())[:160]}"
        return
    overflow = find_overflow(model.base.trace, trace)
    if overflow is not None:
        yield _describe_overflow(model, number_format, overflow)
        return
    error = _measure_output(model.base, collect_outputs(trace))
    message = f"computed in {number_format}: {describe_error(error)} at the output"
    evidence = {"format": number_format, "error": _to_number(error)}
    if error <= model.options.max_error or number_format not in model.options.expect_formats:
        yield Observation("measured", message, evidence=evidence)
        return
    yield Observation(
        "broken",
        f"{message} (allowed {model.options.max_error:.2g})",
        "rounding-heard",
        ("(model)",),
        evidence,
        "keep sums, norms and softmax in float32",
    )


def _describe_overflow(model: CheckedModel, number_format: str, record: Record) -> Observation:
    place = describe_place(model.base.trace, record, math.inf)
    name = place.path or "(model)"
    return Observation(
        _outcome(model, number_format),
        f"in {number_format} {place} gives values that are no numbers: {_explain_overflow(record)}",
        "half-overflow",
        (name,),
        {"format": number_format, "peak": get_peak(record)},
        f"compute {name} in float32, or scale its values; an eps below 6e-8 is 0 in float16",
        is_warning=True,
    )


def _explain_overflow(record: Record) -> str:
    peak = get_peak(record)
    if peak > LARGEST_FLOAT16:
        return f"in float32 they reach {peak:.3g}, and float16 ends at 65504"
    return f"in float32 they reach only {peak:.3g}, so that something in between overflows or is divided by 0"


def _describe_constant(model: CheckedModel, number_format: str, message: str) -> Observation:
    return Observation(
        _outcome(model, number_format),
        f"in {number_format} the model cannot run: a constant is too large for it ({' '.join(message.split())[:120]})",
        "half-overflow",
        ("(model)",),
        {"format": number_format},
        f"take torch.finfo(scores.dtype).min for masked scores in place of a number that {number_format} does not hold",
        is_warning=True,
    )


def find_overflow(base: Trace, trace: Trace) -> Record | None:
    """The base's first record that is no number in the other run; its own non-finite values do not count."""
    finite = {record.key: record for record in base.records if not record.statistics.non_finite}
    for record in trace.records:
        reference = finite.get(record.key)
        if reference is not None and record.statistics.non_finite and is_compared(record):
            return reference
    return None
