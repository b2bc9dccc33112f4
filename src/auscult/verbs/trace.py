"""`trace`: record what every layer computes."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from auscult.errors import UsageError
from auscult.finding import Skip
from auscult.report.sections.trace import TraceSection
from auscult.runtime.capture_run import capture
from auscult.runtime.device import DeviceName
from auscult.runtime.options import DETAILS
from auscult.traces.file import read_trace, write_trace
from auscult.traces.npy_folder import read_npy_folder
from auscult.traces.records import Trace
from auscult.verdict import Coverage, Report, Verdict
from auscult.weights import Array

MAX_LISTED = 8


def record_trace(
    target: Any = None,
    inputs: Mapping[str, Array] | str | list[str] | None = None,
    *,
    output: str | os.PathLike[str],
    from_npy: str | os.PathLike[str] | None = None,
    kwargs: Mapping[str, Any] | None = None,
    replay_noise: str | os.PathLike[str] | None = None,
    force: bool = False,
    device: DeviceName | None = None,
    **options: Any,
) -> Report:
    """Record a run of a model in a trace file.

    Args:
        target: A live torch or MLX module, code (`package.module:callable`), or a model file
            (.onnx, .tflite).
        inputs: Arrays by parameter name or position, or files that hold them
            (`auscult.runtime.inputs.read_inputs`).
        output: The trace to write.
        from_npy: Make the trace of a folder of .npy files instead of running anything
            (`auscult.traces.npy_folder`).
        replay_noise: Draw the noise of this trace instead of fresh noise.
        device: Where the model runs; None is where its code puts it. The trace records it.
        options: See `auscult.runtime.options.Options`.

    Returns:
        PASS; `section.trace` describes the file. What a limit kept from being stored in full is a
        skip.

    Raises:
        TargetError: If the target cannot be run.
        TraceError: If the noise of the other trace does not fit the run.
        UsageError: If arguments do not fit together.
    """
    if (target is None) == (from_npy is None):
        raise UsageError(
            "needs either a target to run or a folder of .npy files",
            hint="auscult trace TARGET --inputs FILE -o OUT",
        )
    if from_npy is not None:
        return build_report(
            write_trace(read_npy_folder(from_npy), output, force=force), str(from_npy)
        )
    if inputs is None:
        raise UsageError(
            "needs inputs to run on",
            where=str(target),
            hint="--inputs FILE.npz with one array per parameter",
        )
    if replay_noise is not None:
        options["replay"] = read_trace(replay_noise)
    recorded_trace = capture(
        target, inputs, output, kwargs=kwargs, force=force, device=device, **options
    )
    return build_report(
        recorded_trace, target if isinstance(target, str) else type(target).__qualname__
    )


def build_report(recorded_trace: Trace, subject: str) -> Report:
    """The report on a trace that was written."""
    counts = Counter(
        "same" if record.same_as is not None else record.stored for record in recorded_trace
    )
    skips = tuple(Skip(key, reason) for key, reason in recorded_trace.left_out.items())
    coverage = Coverage("records", {name: counts.get(name, 0) for name in (*DETAILS, "same")})
    return Report(
        "trace",
        (subject,),
        Verdict.PASS,
        coverage,
        skips=skips,
        section=TraceSection(describe_trace(recorded_trace)),
    )


def describe_trace(recorded_trace: Trace) -> dict[str, Any]:
    """What a trace is, as JSON."""
    manifest, size = (
        recorded_trace.manifest,
        Path(recorded_trace.path).stat().st_size if recorded_trace.path != "memory" else 0,
    )
    non_finite_keys = [record.key for record in recorded_trace if record.statistics.non_finite]
    return {
        "path": recorded_trace.path,
        "bytes": size,
        "framework": manifest.framework,
        "version": manifest.version,
        "dtype": manifest.dtype,
        "device": manifest.device,
        "modules": len({record.path for record in recorded_trace}),
        "records": len(recorded_trace),
        "noise": len(manifest.noise),
        "training": bool(manifest.notes.get("training", False)),
        "non_finite": non_finite_keys[:MAX_LISTED],
        "non_finite_records": len(non_finite_keys),
        "notes": {key: value for key, value in manifest.notes.items() if key != "training"},
    }
