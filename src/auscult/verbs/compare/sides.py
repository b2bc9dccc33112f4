"""Open the two sides that `compare` is given, and run what has to be run.

In: traces, code, model files or live modules. Out: two runs with the live models behind them.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from auscult.checkpoint.target import is_code
from auscult.comparison.locate.aligned_sides import ComparedRuns
from auscult.comparison.locate.forced import OWN_NOISE_NOTE, run_replaying_noise
from auscult.comparison.modules import get_base_role
from auscult.errors import TargetError, UsageError
from auscult.finding import Skip
from auscult.runtime.device import DeviceName
from auscult.runtime.inputs import collect_inputs
from auscult.runtime.runner import Runner, make_runner
from auscult.traces.manifest import MANIFEST_KEY
from auscult.traces.records import Trace
from auscult.weights import Array

MODULE_FRAMEWORKS = frozenset(("torch", "mlx"))
CHANNELS_LAST_ORDERS = {3: (0, 2, 1), 4: (0, 2, 3, 1)}
"""From channels first to channels last."""


@dataclass(frozen=True, eq=False)
class RunPair:
    """Two runs, how the user named them, and what could not be done."""

    runs: ComparedRuns
    names: tuple[str, str]
    skips: tuple[Skip, ...] = ()


@dataclass(frozen=True, eq=False)
class _CompareSide:
    """What the user gave for one side: a trace, a model that can be run, or both."""

    name: str
    trace: Trace | None
    runner: Runner | None

    @property
    def framework(self) -> str:
        if self.trace is not None:
            return self.trace.manifest.framework
        if self.runner is not None:
            return self.runner.framework
        return ""

    def find_inputs(self) -> Mapping[str, Array] | None:
        """What the whole model took in the recorded run; None where that is not known."""
        if self.trace is None:
            return None
        return find_recorded_inputs(self.trace) or None


def _convert_to_modules(side: _CompareSide, other: _CompareSide) -> _CompareSide:
    """A live graph as the modules that it was exported from, where the other side consists of
    modules.
    """
    as_modules = getattr(side.runner, "as_modules", None)
    if as_modules is None or side.trace is not None or other.framework not in MODULE_FRAMEWORKS:
        return side
    return replace(side, runner=as_modules())


def open_runs(
    ref: Any,
    cand: Any,
    *,
    ref_model: Any,
    cand_model: Any,
    inputs: Any,
    inputs_cand: Any,
    kwargs: Mapping[str, Any],
    device: DeviceName | None = None,
) -> RunPair:
    """Run what has to be run.

    Raises:
        UsageError: If a live model has no inputs.
        TargetError: If a model cannot be opened or run.
        TraceError: If a trace cannot be read.
    """
    reference_side = _open_compare_side(ref, ref_model, kwargs, device)
    candidate_side = _open_compare_side(cand, cand_model, kwargs, device)
    reference_side, candidate_side = (
        _convert_to_modules(reference_side, candidate_side),
        _convert_to_modules(candidate_side, reference_side),
    )
    shared_inputs = _find_shared_inputs(inputs, reference_side, candidate_side)
    reference_inputs = reference_side.find_inputs() or shared_inputs
    reference_trace = reference_side.trace or _run_side(reference_side, reference_inputs)
    candidate_inputs = _collect_given(inputs_cand) or candidate_side.find_inputs() or shared_inputs
    candidate_trace = candidate_side.trace
    if candidate_trace is None:
        candidate_trace, candidate_inputs = _run_candidate(
            candidate_side, candidate_inputs, reference_trace
        )
    skips: tuple[Skip, ...] = ()
    noise_problem = candidate_trace.manifest.notes.get(OWN_NOISE_NOTE)
    if noise_problem:
        skips = (Skip("noise", f"the candidate drew its own noise: {noise_problem}"),)
    runs = ComparedRuns(
        reference_trace,
        candidate_trace,
        reference_side.runner,
        candidate_side.runner,
        reference_inputs,
        candidate_inputs,
    )
    return RunPair(runs, (reference_side.name, candidate_side.name), skips)


def _find_shared_inputs(inputs: Any, *sides: _CompareSide) -> Mapping[str, Array] | None:
    """What both sides are run on: as it is given, or as a trace shows it.

    Raises:
        UsageError: If there is nothing to run a side on that has to be run.
    """
    arrays = _collect_given(inputs)
    if arrays is not None:
        return arrays
    for side in sides:
        recorded_inputs = side.find_inputs()
        if recorded_inputs is not None:
            return recorded_inputs
    for side in sides:
        if side.trace is None:
            raise UsageError(
                "has no inputs to run on",
                where=side.name,
                hint="give --inputs FILE (.npz, .npy, .safetensors or a trace)",
            )
    return None


def _open_compare_side(
    target: Any, model: Any, kwargs: Mapping[str, Any], device: DeviceName | None
) -> _CompareSide:
    runner = None
    if model is not None:
        runner = _open_runner(model, kwargs, device)
    if isinstance(target, Trace):
        return _CompareSide(target.path, target, runner)
    if isinstance(target, str | os.PathLike) and is_trace_file(os.fspath(target)):
        from auscult.traces.file import read_trace

        return _CompareSide(os.fspath(target), read_trace(target), runner)
    if model is not None:
        raise UsageError(
            "is no trace, so no model stands behind it",
            where=str(target),
            hint="give the model in its place",
        )
    runner = _open_runner(target, kwargs, device)
    return _CompareSide(runner.name, None, runner)


def is_trace_file(path: str) -> bool:
    """Whether a file is a trace, from its header alone."""
    from auscult.checkpoint.formats import safetensors
    from auscult.checkpoint.source import Source

    file = Path(path)
    return (
        file.suffix == ".safetensors"
        and file.is_file()
        and MANIFEST_KEY in safetensors.read_metadata(Source(file))
    )


def find_recorded_inputs(trace: Trace) -> dict[str, Array]:
    """What the whole model took in that run, by role; empty where it was not recorded in full."""
    records = [
        r
        for r in trace.records
        if r.path == "" and r.call == 0 and get_base_role(r.role) == "input"
    ]
    if any(record.stored != "full" for record in records):
        return {}
    return {record.role: np.asarray(trace.tensor(record)) for record in records}


def _open_runner(target: Any, kwargs: Mapping[str, Any], device: DeviceName | None) -> Runner:
    if all(hasattr(target, name) for name in ("run", "call", "replace", "at")):
        return target  # type: ignore[no-any-return]
    if isinstance(target, os.PathLike):
        target = os.fspath(target)
    if isinstance(target, str) and is_code(target):
        return make_runner(target, kwargs, device)
    return make_runner(target, device=device)


def _collect_given(inputs: Any) -> Mapping[str, Array] | None:
    """What was given to run a side on; None where nothing was."""
    if inputs is None:
        return None
    return collect_inputs(inputs)


def _run_side(side: _CompareSide, inputs: Mapping[str, Array] | None) -> Trace:
    if side.runner is None or inputs is None:
        raise UsageError("cannot be run", where=side.name)
    return side.runner.run(inputs)


def _run_candidate(
    side: _CompareSide, inputs: Mapping[str, Array] | None, reference_trace: Trace
) -> tuple[Trace, Mapping[str, Array]]:
    """With the reference's noise; where the candidate does not take the inputs as they are, with
    channels last.
    """
    if side.runner is None or inputs is None:
        raise UsageError("cannot be run", where=side.name)
    try:
        return run_replaying_noise(side.runner, inputs, reference_trace), inputs
    except TargetError as error:
        channels_last_inputs = {name: _to_channels_last(array) for name, array in inputs.items()}
        try:
            return (
                run_replaying_noise(side.runner, channels_last_inputs, reference_trace),
                channels_last_inputs,
            )
        except TargetError:
            raise error from None


def _to_channels_last(array: Array) -> Array:
    order = CHANNELS_LAST_ORDERS.get(np.ndim(array))
    if order is None:
        return array
    return np.ascontiguousarray(np.transpose(array, order))
