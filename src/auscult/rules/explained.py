"""Findings of a comparison by cause: the layers whose own error a known mistake reproduces, or at least describes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from auscult.comparison.results import LayerResult
from auscult.explain.case import Explanation
from auscult.finding import Finding, Fix, Severity
from auscult.rules.parity.subject import CompareSubject
from auscult.rules.wording import counted

SURE, AMBIGUOUS, DESCRIBED = 0.99, 0.5, 0.6


def explained(subject: CompareSubject, cause: str) -> tuple[tuple[LayerResult, Explanation], ...]:
    """Layers whose first explanation has that cause, in order of execution."""
    return tuple(
        (layer, layer.explanations[0])
        for layer in subject.layers
        if layer.explanations and layer.explanations[0].cause == cause
    )


def parity_findings(
    subject: CompareSubject,
    code: str,
    cause: str,
    *,
    severity: Severity = Severity.ERROR,
    rank: int = 30,
) -> Iterator[Finding]:
    """One finding for all places of the cause; the message tells of the first."""
    places = explained(subject, cause)
    if not places:
        return
    layer, first = places[0]
    yield Finding(
        code,
        cause,
        severity,
        tuple(dict.fromkeys(where(one) for one, _ in places)),
        _message(places),
        confidence=_confidence(first),
        evidence=_evidence(layer, first),
        fix=_fix(first),
        settled_by=_settled(first),
        rank=rank,
    )


def where(layer: LayerResult) -> str:
    """The layer's name for a finding, where several are one on the other side the one at fault: the whole model has none."""
    return (layer.path_ref if layer.case is None else layer.case.path) or "(model)"


def _message(places: Iterable[tuple[LayerResult, Explanation]]) -> str:
    listed = list(places)
    layer, first = listed[0]
    place = "what reaches " if layer.case is not None and layer.case.role != "output" else ""
    more = f" (and {counted(len(listed) - 1, 'place')} more)" if len(listed) > 1 else ""
    return f"{place}{where(layer)}: {first.says}{more}"


def _confidence(explanation: Explanation) -> float:
    if not explanation.reproduced:
        return DESCRIBED
    return AMBIGUOUS if explanation.rivals else SURE


def _evidence(layer: LayerResult, explanation: Explanation) -> dict[str, Any]:
    case = layer.case
    found: dict[str, Any] = {
        "error": layer.error,
        "floor": layer.floor,
        **explanation.parameters,
        **explanation.evidence,
    }
    if explanation.reproduced:
        found["residual"] = explanation.residual
    if case is not None:
        found |= {"role": case.role, "call": case.call, "candidate": case.candidate_path}
    if explanation.rivals:
        found["rivals"] = list(explanation.rivals)
    return found


def _fix(explanation: Explanation) -> Fix | None:
    if explanation.fix is None:
        return None
    return Fix(
        "lossy" if explanation.reproduced else "guess", explanation.fix, code=explanation.fix
    )


def _settled(explanation: Explanation) -> str | None:
    if not explanation.rivals:
        return None
    return f"compare on other inputs: on these, {', '.join(explanation.rivals)} gives the same"
