"""`compare`: where is the first layer that is wrong, rather than merely further from the reference?"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

from auscult.comparison.compare_runs import Comparison, compare_runs
from auscult.comparison.locate.runs import Progress, Runs
from auscult.comparison.measure.floor import Floor, given_floor
from auscult.comparison.results import LayerResult
from auscult.errors import UsageError
from auscult.finding import Skip
from auscult.rules.parity.subject import CompareSubject
from auscult.traces.records import Trace
from auscult.verbs.compare.sides import Opened, open_runs
from auscult.verbs.compare.to_json import extra_of
from auscult.verdict import Coverage, Report, Verdict, selected
from auscult.weights import Array

Given = Any
"""A trace or its file; code, a model file, a live module or a runner."""
Inputs = (
    Array | Mapping[str, Any] | str | os.PathLike[str] | Sequence[str | os.PathLike[str]] | None
)


def compare(
    ref: Given,
    cand: Given,
    *,
    ref_model: Given | None = None,
    cand_model: Given | None = None,
    inputs: Inputs = None,
    inputs_cand: Inputs = None,
    substitute: bool = True,
    stages: Sequence[str] = (),
    map: Mapping[str, str] | None = None,
    floor: float | str | os.PathLike[str] | Trace | None = None,
    kwargs: Mapping[str, Any] | None = None,
    select: tuple[str, ...] = (),
    ignore: tuple[str, ...] = (),
    progress: Progress | None = None,
) -> Report:
    """Compare what two implementations compute, layer by layer.

    Args:
        ref, cand: Traces, or what can be run: `package.module:callable`, a live module, an `.onnx` or `.tflite` file.
        ref_model, cand_model: The live model behind a trace, so that layers can be run on the other side's tensors.
        inputs: Arrays by name, or files of them. A trace on the other side that holds the model's inputs will do.
        inputs_cand: The candidate's, where it takes them in another form.
        substitute: Run one side on the other's tensors, where there is a live model, to tell born from grown.
        stages: Names of modules, such as encoder, decoder, vocoder: these are judged first, and layers in the guilty ones alone.
        map: Reference path to candidate path, for pairs that hold in any case.
        floor: The relative error above which a layer differs, or a trace of the reference at a second precision.
        kwargs: Arguments for code given as a target.
        select, ignore: Prefixes of rule codes; they choose what is reported and do not change the verdict.

    Returns:
        PASS if every layer agrees within the noise floor, EQUIVALENT if they do in another order of axes or granularity or the
        outputs do, DIVERGENT if an error is born anywhere, INCONCLUSIVE if too little could be compared.

    Raises:
        UsageError: If there is nothing to run a live model on.
        TargetError: If a model cannot be opened or run.
        TraceError: If a trace file cannot be read.
    """
    opened = open_runs(
        ref,
        cand,
        ref_model=ref_model,
        cand_model=cand_model,
        inputs=inputs,
        inputs_cand=inputs_cand,
        kwargs=kwargs or {},
    )
    found = compare_runs(
        opened.runs,
        overrides=map,
        floor=_floor(floor, opened.runs),
        substitute=substitute,
        stages=stages,
        progress=progress,
    )
    return report_of(opened, found, select=select, ignore=ignore)


def _floor(floor: float | str | os.PathLike[str] | Trace | None, runs: Runs) -> Floor | None:
    if floor is None:
        return None
    if isinstance(floor, str | os.PathLike):
        floor = _parsed_floor(os.fspath(floor))
    if isinstance(floor, Trace):
        from auscult.comparison.measure.floor import least, measured

        return measured(
            runs.ref, floor, least(runs.ref, runs.cand), f"the reference against {floor.path}"
        )
    if not 0 < floor < 1:
        raise UsageError(
            "is no relative error", where="--floor", expected="between 0 and 1", found=floor
        )
    return given_floor(floor)


def _parsed_floor(text: str) -> float | Trace:
    try:
        return float(text)
    except ValueError:
        from auscult.traces.file import read_trace

        return read_trace(text)


def report_of(
    opened: Opened, found: Comparison, *, select: tuple[str, ...] = (), ignore: tuple[str, ...] = ()
) -> Report:
    """The report of a comparison."""
    from auscult import rules

    subject = CompareSubject(found.runs.ref, found.runs.cand, found.results)
    findings, skips = rules.run_rules(subject, "parity")
    coverage = coverage_of(found)
    return Report(
        "compare",
        opened.names,
        verdict_of(found, coverage),
        coverage,
        selected(findings, select, ignore),
        (*opened.skips, *found.skips, *skips, *_left_open(found)),
        extra=extra_of(found),
    )


def coverage_of(found: Comparison) -> Coverage:
    """Layers of both sides, each once: a pair counts as one."""
    names = (
        "identical",
        "close",
        "born",
        "grown",
        "different",
        "only_in_a",
        "only_in_b",
        "skipped",
    )
    buckets = dict.fromkeys(names, 0)
    seen = set()
    for result in found.results:
        if result.path_ref not in seen:
            seen.add(result.path_ref)
            buckets[bucket_of(found, result)] += 1
    buckets["skipped"] = len(found.alignment.pairs) - len(seen)
    buckets["only_in_a"] = len(found.alignment.only_in_ref)
    buckets["only_in_b"] = len(found.alignment.only_in_cand)
    return Coverage("layers", buckets)


def bucket_of(found: Comparison, result: LayerResult) -> str:
    """In which bucket of the coverage a layer is."""
    if result.born:
        return "born"
    if result.grown:
        return "grown"
    worst = found.readings.worst_output(result.path_ref)
    if worst is not None and worst.differs:
        return "different"
    return "identical" if result.error == 0 else "close"


def verdict_of(found: Comparison, coverage: Coverage) -> Verdict:
    """See `compare`."""
    compared = sum(
        coverage.buckets[name] for name in ("identical", "close", "born", "grown", "different")
    )
    if not compared or found.outputs_agree is None or found.inputs_differ:
        return Verdict.INCONCLUSIVE
    if found.outputs_agree and not any(result.born for result in found.results):
        inside = coverage.buckets["different"] + coverage.buckets["grown"]
        same_form = all(pair.is_single for pair in found.alignment.pairs) and not found.is_permuted
        return Verdict.PASS if same_form and not inside else Verdict.EQUIVALENT
    if all(_is_chance(result) for result in found.results if result.born) and any(
        r.born for r in found.results
    ):
        return Verdict.INCONCLUSIVE
    if found.is_chaotic:
        return Verdict.EQUIVALENT if found.separated else Verdict.INCONCLUSIVE
    return Verdict.DIVERGENT


def _is_chance(result: LayerResult) -> bool:
    """Whether what is born there is other noise, behind which nothing can be compared."""
    return bool(result.explanations) and result.explanations[0].cause == "noise-differs"


def _left_open(found: Comparison) -> tuple[Skip, ...]:
    skips = []
    if (
        found.separated
        and found.outputs_agree is False
        and not any(r.born for r in found.results)
        and not found.is_chaotic
    ):
        reason = "the outputs differ although no aligned layer has an error of its own: look at what has no partner (--map)"
        skips.append(Skip("(the whole model)", reason))
    if found.inputs_differ:
        skips.append(
            Skip(
                "inputs",
                "the two runs did not get the same inputs: what follows cannot be held against each other",
            )
        )
    skips += [
        Skip(pair.a, f"aligned with {pair.b} by {pair.by}, in doubt: {pair.doubt}")
        for pair in found.alignment.doubts
    ]
    open_ones = [r.path_ref for r in found.results if bucket_of(found, r) == "different"]
    if open_ones and not found.outputs_agree:
        reason = "differs, and so does what came in: its own error cannot be told from what it was handed without a live model"
        skips += [Skip(path, reason) for path in open_ones]
    elif open_ones:
        skips += [Skip(path, "differs inside, but the model's output agrees") for path in open_ones]
    return tuple(skips)
