"""What a diagnosis concludes from its evidence: the verdict, the next run, and the cause first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from auscult.finding import Finding
from auscult.verbs.diagnose.chain import CausalChain
from auscult.verbs.diagnose.evidence import DiagnosisCase
from auscult.verbs.diagnose.next_run import GivenOptions, suggest_next_run, suggest_traces_run
from auscult.verdict import Verdict


def decide_verdict(case: DiagnosisCase, causal_chain: CausalChain) -> Verdict:
    """DIVERGENT with a cause; INCONCLUSIVE with a symptom that no evidence explains, or where
    nothing was settled.
    """
    if causal_chain.cause is not None:
        return Verdict.DIVERGENT
    is_unsettled = case.settled is not None and not case.settled.works
    if causal_chain.symptoms or case.unlike or is_unsettled:
        return Verdict.INCONCLUSIVE
    if Verdict.DIVERGENT in case.verdicts or Verdict.ERROR in case.verdicts:
        return Verdict.INCONCLUSIVE
    if case.settled is not None:
        return Verdict.PASS
    order = (Verdict.INCONCLUSIVE, Verdict.EQUIVALENT, Verdict.PASS)
    if not case.verdicts:
        if any(line["kind"] == "sound" for line in case.lines):
            return Verdict.PASS
        return Verdict.INCONCLUSIVE
    return next(verdict for verdict in order if verdict in case.verdicts)


def suggest_next(case: DiagnosisCase, verdict: Verdict, given_options: GivenOptions) -> str | None:
    """The one run that would settle what is open; where nothing is, what could still be heard."""
    trace_verdicts = [line["verdict"] for line in case.lines if line["kind"] == "layers"]
    if verdict is Verdict.INCONCLUSIVE and any(
        trace_verdict not in (Verdict.PASS, Verdict.EQUIVALENT) for trace_verdict in trace_verdicts
    ):
        command = suggest_traces_run(
            given_options, inputs_differ=any(skip.where == "inputs" for skip in case.skips)
        )
        if command is not None:
            return command
    command = suggest_next_run(frozenset(case.kinds), given_options)
    if command is None or verdict is Verdict.INCONCLUSIVE:
        return command
    return f"if it still sounds wrong: {command}"


def put_cause_first(findings: Sequence[Finding], causal_chain: CausalChain) -> tuple[Finding, ...]:
    """The cause before its equals: a report sorts by severity, then by rank."""
    ordered_findings = list(findings)
    for index, finding in enumerate(findings):
        if finding is causal_chain.cause:
            ordered_findings[index] = replace(finding, rank=-1)
    return tuple(ordered_findings)
