"""What `compare` is given, as two runs with the live models behind them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from auscult.checkpoint.target import is_code
from auscult.comparison.locate.forced import OWN_NOISE, replayed
from auscult.comparison.locate.runs import Runs
from auscult.comparison.modules import base_role
from auscult.errors import TargetError, UsageError
from auscult.finding import Skip
from auscult.runtime.inputs import read_inputs
from auscult.runtime.runner import Runner, runner_of
from auscult.traces.manifest import KEY
from auscult.traces.records import Trace
from auscult.weights import Array

MODULES = frozenset(("torch", "mlx"))
ORDERS = {3: (0, 2, 1), 4: (0, 2, 3, 1)}
"""From channels first to channels last."""


@dataclass(frozen=True, eq=False)
class Opened:
    """Two runs, how the user named them, and what could not be done."""

    runs: Runs
    names: tuple[str, str]
    skips: tuple[Skip, ...] = ()


@dataclass(frozen=True, eq=False)
class _Side:
    name: str
    trace: Trace | None
    runner: Runner | None

    @property
    def framework(self) -> str:
        return (
            self.trace.manifest.framework
            if self.trace is not None
            else self.runner.framework
            if self.runner
            else ""
        )


def _as_modules(side: _Side, other: _Side) -> _Side:
    """A live graph as the modules that it was exported from, where the other side consists of modules."""
    seen = getattr(side.runner, "as_modules", None)
    if seen is None or side.trace is not None or other.framework not in MODULES:
        return side
    return replace(side, runner=seen())


def open_runs(
    ref: Any,
    cand: Any,
    *,
    ref_model: Any,
    cand_model: Any,
    inputs: Any,
    inputs_cand: Any,
    kwargs: Mapping[str, Any],
) -> Opened:
    """Run what has to be run.

    Raises:
        UsageError: If a live model has no inputs.
        TargetError: If a model cannot be opened or run.
        TraceError: If a trace cannot be read.
    """
    one, two = _side(ref, ref_model, kwargs), _side(cand, cand_model, kwargs)
    one, two = _as_modules(one, two), _as_modules(two, one)
    given = _arrays(inputs)
    if given is None:
        given = next(
            (
                found
                for side in (one, two)
                if side.trace is not None and (found := inputs_of(side.trace))
            ),
            None,
        )
    if given is None and (one.trace is None or two.trace is None):
        where = one.name if one.trace is None else two.name
        raise UsageError(
            "has no inputs to run on",
            where=where,
            hint="give --inputs FILE (.npz, .npy, .safetensors or a trace)",
        )
    ref_inputs = given if one.trace is None else inputs_of(one.trace) or given
    ref_trace = one.trace or _run(one, ref_inputs)
    for_cand = (
        _arrays(inputs_cand) or (inputs_of(two.trace) if two.trace is not None else None) or given
    )
    cand_trace, for_cand = (
        (two.trace, for_cand) if two.trace is not None else _run_candidate(two, for_cand, ref_trace)
    )
    why = cand_trace.manifest.notes.get(OWN_NOISE)
    skips = (Skip("noise", f"the candidate drew its own noise: {why}"),) if why else ()
    runs = Runs(ref_trace, cand_trace, one.runner, two.runner, ref_inputs, for_cand)
    return Opened(runs, (one.name, two.name), skips)


def _side(given: Any, model: Any, kwargs: Mapping[str, Any]) -> _Side:
    runner = None if model is None else _runner(model, kwargs)
    if isinstance(given, Trace):
        return _Side(given.path, given, runner)
    if isinstance(given, str | os.PathLike) and is_trace(os.fspath(given)):
        from auscult.traces.file import read_trace

        return _Side(os.fspath(given), read_trace(given), runner)
    if model is not None:
        raise UsageError(
            "is no trace, so no model stands behind it",
            where=str(given),
            hint="give the model in its place",
        )
    runner = _runner(given, kwargs)
    return _Side(runner.name, None, runner)


def is_trace(path: str) -> bool:
    """Whether a file is a trace, from its header alone."""
    from auscult.checkpoint.formats import safetensors

    file = Path(path)
    return (
        file.suffix == ".safetensors" and file.is_file() and KEY in safetensors.read_metadata(file)
    )


def inputs_of(trace: Trace) -> dict[str, Array]:
    """What the whole model took in that run, by role; empty where it was not recorded in full."""
    records = [
        r for r in trace.records if r.path == "" and r.call == 0 and base_role(r.role) == "input"
    ]
    if any(record.stored != "full" for record in records):
        return {}
    return {record.role: np.asarray(trace.tensor(record)) for record in records}


def _runner(given: Any, kwargs: Mapping[str, Any]) -> Runner:
    if all(hasattr(given, name) for name in ("run", "call", "replace", "at")):
        return given  # type: ignore[no-any-return]
    if isinstance(given, os.PathLike):
        given = os.fspath(given)
    return runner_of(given, kwargs if isinstance(given, str) and is_code(given) else None)


def _arrays(inputs: Any) -> Mapping[str, Array] | None:
    if isinstance(inputs, os.PathLike):
        inputs = os.fspath(inputs)
    if inputs is None or isinstance(inputs, Mapping):
        return inputs
    if isinstance(inputs, np.ndarray):
        return {"input": inputs}
    return read_inputs(
        [inputs] if isinstance(inputs, str) else [os.fspath(file) for file in inputs]
    )


def _run(side: _Side, inputs: Mapping[str, Array] | None) -> Trace:
    if side.runner is None or inputs is None:
        raise UsageError("cannot be run", where=side.name)
    return side.runner.run(inputs)


def _run_candidate(
    side: _Side, inputs: Mapping[str, Array] | None, ref: Trace
) -> tuple[Trace, Mapping[str, Array]]:
    """With the reference's noise; where the candidate does not take the inputs as they are, with channels last."""
    if side.runner is None or inputs is None:
        raise UsageError("cannot be run", where=side.name)
    try:
        return replayed(side.runner, inputs, ref), inputs
    except TargetError as error:
        turned = {name: _channels_last(array) for name, array in inputs.items()}
        try:
            return replayed(side.runner, turned, ref), turned
        except TargetError:
            raise error from None


def _channels_last(array: Array) -> Array:
    order = ORDERS.get(np.ndim(array))
    return array if order is None else np.ascontiguousarray(np.transpose(array, order))
