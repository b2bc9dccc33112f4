"""`compare`: which layer is the first that is wrong, rather than merely further from the
reference?
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from auscult.checkpoint.target import is_code
from auscult.comparison.compare_runs import RunComparison, compare_runs
from auscult.comparison.explained_places import MAX_DOUBTFUL_LIMITS
from auscult.comparison.locate.aligned_sides import ComparedRuns
from auscult.comparison.locate.trusted_floor import MAX_TRUSTED_FLOOR
from auscult.comparison.measure.floor import NoiseFloor, floor_from_error
from auscult.comparison.results import LayerResult
from auscult.errors import UsageError
from auscult.explain.mistakes.par002_noise_differs import NAME as NOISE_DIFFERS
from auscult.facts.progress import Progress
from auscult.finding import Skip
from auscult.rules import require_known_codes
from auscult.rules.parity import DIFF_IN_PYTHON, CompareSubject, iter_findings
from auscult.runtime.device import DeviceName
from auscult.traces.records import Trace
from auscult.verbs.compare.run_findings import iter_run_findings
from auscult.verbs.compare.sides import RunPair, open_runs
from auscult.verbs.compare.to_json import describe_comparison
from auscult.verdict import Coverage, Report, Verdict

TraceLike = Any
"""A trace or its file; code, a model file, a live module or a runner."""
GRAPH_SUFFIXES = frozenset((".onnx", ".tflite", ".ort"))
"""Model files that `diff` reads as well."""
InputSource = Any
"""Arrays or tensors by name, one of them, several in order; or a file or files of them."""


def compare(
    ref: TraceLike,
    cand: TraceLike,
    *,
    ref_model: TraceLike | None = None,
    cand_model: TraceLike | None = None,
    inputs: InputSource = None,
    inputs_cand: InputSource = None,
    substitute: bool = True,
    stages: Sequence[str] = (),
    map: Mapping[str, str] | None = None,
    floor: float | str | os.PathLike[str] | Trace | None = None,
    kwargs: Mapping[str, Any] | None = None,
    device: DeviceName | None = None,
    select: tuple[str, ...] = (),
    ignore: tuple[str, ...] = (),
    progress: Progress | None = None,
) -> Report:
    """Compare what two implementations compute, layer by layer.

    Args:
        ref: The reference: a trace, or a model that can be run (`package.module:callable`, a live
            module, an `.onnx` or `.tflite` file).
        cand: The candidate, in the same forms.
        ref_model: The model that made the trace `ref`, so that its layers can be run on the
            candidate's tensors.
        cand_model: The model that made the trace `cand`.
        inputs: Arrays or tensors by name, one of them, or files of them. A trace on the other side that holds the model's
            inputs will do.
        inputs_cand: Inputs for the candidate, if it takes them in another form.
        substitute: Run the layers of one side on the other side's tensors, if there is a live model.
            This tells a layer in which an error is born from layers that only pass it on (grown).
        stages: Names of modules to judge first, such as encoder, decoder, vocoder. Only layers of the
            wrong ones are then looked into.
        map: Reference path to candidate path, for layers that belong together.
        floor: The relative error above which a layer differs, or a trace of the reference at a
            second precision.
        kwargs: Arguments for code given as a target.
        device: Where live models run; None is where their code puts them.
        select: Beginnings of rule codes: only these findings are shown. The others are in `hidden`,
            and still count.
        ignore: Beginnings of rule codes that are not shown.

    Returns:
        PASS if every layer agrees within the noise floor, EQUIVALENT if they do in another order of
        axes or granularity, or with weights that were rounded, or the outputs do, DIVERGENT if an error is born anywhere, INCONCLUSIVE
        if too little could be compared, or the outputs are no further off than rounding may take them.

    Raises:
        UsageError: If there is nothing to run a live model on, or no rule's code begins as
            `select` or `ignore` says.
        TargetError: If a model cannot be opened or run.
        TraceError: If a trace file cannot be read.
    """
    require_known_codes((*select, *ignore), "select or ignore")
    run_pair = open_runs(
        ref,
        cand,
        ref_model=ref_model,
        cand_model=cand_model,
        inputs=inputs,
        inputs_cand=inputs_cand,
        kwargs=kwargs or {},
        device=device,
    )
    comparison = compare_runs(
        run_pair.runs,
        overrides=map,
        floor=_resolve_floor(floor, run_pair.runs),
        substitute=substitute,
        stages=stages,
        progress=progress,
    )
    return build_report(run_pair, comparison).narrowed(select, ignore)


def _resolve_floor(
    floor: float | str | os.PathLike[str] | Trace | None, runs: ComparedRuns
) -> NoiseFloor | None:
    if floor is None:
        return None
    if isinstance(floor, str | os.PathLike):
        floor = _parse_floor(os.fspath(floor))
    if isinstance(floor, Trace):
        from auscult.comparison.measure.floor import compute_least_floor, floor_from_second_run

        return floor_from_second_run(
            runs.reference,
            floor,
            compute_least_floor(runs.reference, runs.candidate),
            f"the reference against {floor.path}",
        )
    if not 0 < floor < 1:
        raise UsageError(
            "is no relative error", where="--floor", expected="between 0 and 1", found=floor
        )
    return floor_from_error(floor)


def _parse_floor(text: str) -> float | Trace:
    try:
        return float(text)
    except ValueError:
        from auscult.traces.file import read_trace

        return read_trace(text)


def build_report(run_pair: RunPair, comparison: RunComparison) -> Report:
    """The report of a comparison."""
    subject = CompareSubject(
        comparison.runs.reference,
        comparison.runs.candidate,
        comparison.results,
        _write_weights_command(run_pair.names),
    )
    findings = (*iter_findings(subject), *iter_run_findings(comparison))
    coverage = build_coverage(comparison)
    return Report(
        "compare",
        run_pair.names,
        decide_verdict(comparison, coverage),
        coverage,
        findings,
        (*run_pair.skips, *comparison.skips, *_list_open_points(comparison)),
        section=describe_comparison(comparison),
    )


def _write_weights_command(names: tuple[str, str]) -> str:
    """What compares the weights of the two sides: a command, where both are named as a command takes them."""
    if all(is_code(name) or Path(name).suffix in GRAPH_SUFFIXES for name in names):
        return f"auscult diff {shlex.join(names)}"
    return DIFF_IN_PYTHON


def build_coverage(comparison: RunComparison) -> Coverage:
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
    counted_paths = set()
    for result in comparison.results:
        if result.path_ref not in counted_paths:
            counted_paths.add(result.path_ref)
            buckets[choose_bucket(comparison, result)] += 1
    buckets["skipped"] = len(comparison.alignment.pairs) - len(counted_paths)
    buckets["only_in_a"] = len(comparison.alignment.only_in_ref)
    buckets["only_in_b"] = len(comparison.alignment.only_in_cand)
    return Coverage("layers", buckets)


def choose_bucket(comparison: RunComparison, result: LayerResult) -> str:
    """In which bucket of the coverage a layer is."""
    if result.born:
        return "born"
    if result.grown:
        return "grown"
    worst_output = comparison.comparisons.worst_output(result.path_ref)
    if worst_output is not None and worst_output.differs:
        return "different"
    if result.error == 0:
        return "identical"
    return "close"


def decide_verdict(comparison: RunComparison, coverage: Coverage) -> Verdict:
    """See `compare`."""
    compared_count = sum(
        coverage.buckets[name] for name in ("identical", "close", "born", "grown", "different")
    )
    if not compared_count or comparison.outputs_agree is None or comparison.inputs_differ:
        return Verdict.INCONCLUSIVE
    if comparison.outputs_agree and not any(result.born for result in comparison.results):
        return _decide_agreeing_verdict(comparison, coverage)
    if all(_is_other_noise(result) for result in comparison.results if result.born) and any(
        r.born for r in comparison.results
    ):
        return Verdict.INCONCLUSIVE
    if comparison.is_chaotic:
        if comparison.separated:
            return Verdict.EQUIVALENT
        return Verdict.INCONCLUSIVE
    if _is_output_in_doubt(comparison):
        return Verdict.INCONCLUSIVE
    return Verdict.DIVERGENT


def _is_output_in_doubt(comparison: RunComparison) -> bool:
    """Whether no error is born anywhere, and the outputs are only as far off as rounding in another order may take them."""
    outputs = [
        output
        for output in comparison.comparisons.all
        if output.is_output and output.pair.by == "root" and output.differs
    ]
    return (
        comparison.separated
        and bool(outputs)
        and not any(result.born for result in comparison.results)
        and all(output.error <= MAX_DOUBTFUL_LIMITS * output.limit for output in outputs)
    )


def _decide_agreeing_verdict(comparison: RunComparison, coverage: Coverage) -> Verdict:
    """The verdict where the outputs agree within the floor, and no error is born."""
    if comparison.floor.doubt and _is_output_off(comparison):
        return Verdict.INCONCLUSIVE
    inner_count = coverage.buckets["different"] + coverage.buckets["grown"]
    same_form = (
        all(pair.is_single for pair in comparison.alignment.pairs)
        and not comparison.is_permuted
        and comparison.rounding is None
        and comparison.quantisation is None
    )
    if same_form and not inner_count:
        return Verdict.PASS
    return Verdict.EQUIVALENT


def _is_output_off(comparison: RunComparison) -> bool:
    """Whether the whole model's output is further off than the rounding of float32 is taken to move it."""
    return any(
        output.error > MAX_TRUSTED_FLOOR
        for output in comparison.comparisons.all
        if output.is_output and output.pair.by == "root"
    )


def _is_other_noise(result: LayerResult) -> bool:
    """Whether what is born there is other noise, behind which nothing can be compared."""
    return bool(result.explanations) and result.explanations[0].cause == NOISE_DIFFERS


def _list_open_points(comparison: RunComparison) -> tuple[Skip, ...]:
    skips = list(_iter_whole_model_skips(comparison))
    skips += [
        Skip(pair.a, f"aligned with {pair.b} by {pair.by}, in doubt: {pair.doubt}")
        for pair in comparison.alignment.doubts
    ]
    described_paths = {skip.where for skip in comparison.skips}
    undecided_paths = [
        result.path_ref
        for result in comparison.results
        if choose_bucket(comparison, result) == "different"
        and result.path_ref not in described_paths
    ]
    if comparison.outputs_agree:
        reason = "differs inside, but the model's output agrees"
    else:
        reason = (
            "differs, and so does what came in: its own error cannot be told from what it was"
            " handed without a live model"
        )
    return (*skips, *(Skip(path, reason) for path in undecided_paths))


def _iter_whole_model_skips(comparison: RunComparison) -> Iterator[Skip]:
    """What stays open of the model as a whole."""
    is_anything_born = any(result.born for result in comparison.results)
    has_unlocated_error = (
        comparison.separated
        and comparison.outputs_agree is False
        and not is_anything_born
        and not comparison.is_chaotic
    )
    if has_unlocated_error:
        reason = (
            "the outputs differ although no aligned layer has an error of its own: look at what has"
            " no partner (--map)"
        )
        yield Skip("(the whole model)", reason)
    if comparison.inputs_differ:
        reason = (
            "the two runs did not get the same inputs: what follows cannot be held against each"
            " other"
        )
        yield Skip("inputs", reason)
