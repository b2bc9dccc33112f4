"""Findings about two runs as wholes, beside those of single layers: coarse rounding, calls that one side does not make."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from auscult.comparison.compare_runs import RunComparison
from auscult.explain.mistakes import find_mistake
from auscult.explain.mistakes.par080_coarse_rounding import NAME as COARSE_ROUNDING
from auscult.explain.mistakes.par081_calls_differ import NAME as CALLS_DIFFER
from auscult.facts.words import format_count
from auscult.finding import Finding, Fix, Severity

MAX_ROUNDING_ERROR = 0.05
"""Relative error of the output, from rounding alone, above which a user is warned: -26 dB below the sound.

Right int8 exports of small speech nets gave 0.005 to 0.02, four bits with one scale for a weight about 0.11.

Chosen, not measured.
"""


def iter_run_findings(comparison: RunComparison) -> Iterator[Finding]:
    """The findings, the one about rounding first."""
    error = comparison.rounded_output_error
    if error is not None and error > MAX_ROUNDING_ERROR:
        yield _build_rounding_finding(comparison, error)
    finding = _build_calls_finding(comparison)
    if finding is not None:
        yield finding


def _build_rounding_finding(comparison: RunComparison, error: float) -> Finding:
    mistake = find_mistake(COARSE_ROUNDING, found_by="the whole run")
    evidence: dict[str, Any] = {"error": error}
    message = (
        f"the candidate as it runs is {error:.2g} off at the output because its numbers are rounded"
    )
    where: tuple[str, ...] = ("(model)",)
    advice = "keep the layers that lose most in a finer format, or give each channel a scale"
    quantisation = comparison.quantisation
    if comparison.rounding is not None:
        evidence["formats"] = dict(comparison.rounding.formats)
    if quantisation is not None:
        evidence["weights"] = quantisation.weight_error
        evidence["activations"] = quantisation.activation_error
        if quantisation.product_errors:
            evidence["products"] = dict(quantisation.product_errors)
            where = tuple(quantisation.product_errors)
            worst = max(quantisation.product_errors.values())
            message += (
                f"; {format_count(len(where), 'product')} of integers are not what their integers give (up to {worst:.2g} off):"
                " the int8 kernel on this processor probably saturates in 16 bits"
            )
            advice = "quantise with reduce_range=True, or run it on a processor with VNNI"
    return Finding(
        mistake.code,
        mistake.name,
        mistake.severity,
        where,
        message,
        evidence=evidence,
        fix=Fix("guess", advice),
        rank=mistake.rank,
    )


def _build_calls_finding(comparison: RunComparison) -> Finding | None:
    """One finding for all pairs whose calls are not equally many."""
    mistake = find_mistake(CALLS_DIFFER, found_by="the whole run")
    calls = comparison.calls_that_differ
    if not calls:
        return None
    path, (reference_count, candidate_count) = next(iter(calls.items()))
    message = (
        f"{path} is called {format_count(reference_count, 'time')} by the reference and"
        f" {format_count(candidate_count, 'time')} by the candidate"
    )
    severity = mistake.severity
    if comparison.outputs_agree:
        severity = Severity.INFO
        message += "; the outputs agree all the same"
    if len(calls) > 1:
        message += f" (and {format_count(len(calls) - 1, 'more layer')})"
    return Finding(
        mistake.code,
        mistake.name,
        severity,
        tuple(calls),
        message,
        evidence={"calls": {name: list(counts) for name, counts in calls.items()}},
        rank=mistake.rank,
    )
